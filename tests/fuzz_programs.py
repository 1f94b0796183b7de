"""Random programs for the fuzzer: Python functions of a few lines, written as they run on the reference.

A program is a tree of statements. Each is tried on the reference's arrays as soon as it is written,
so that shapes, dtypes and values are known where the next one is chosen.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from fuzz_dual import Parts, UnsuitableError
from fuzz_lines import (
    ALONG,
    BINARY,
    COMPLEX,
    CUSTOM,
    FROM_COMPLEX,
    HOOKS,
    MATRIX_VIEWS,
    SQUARE,
    UNARY,
    VECTOR,
    VIEWS,
)
from fuzz_reference import Array, begin, fresh, recording, reference, state

SHAPES = [(3,), (3,), (2,), (2, 3), (3, 3), (2, 2), (), (4,), (2, 1, 2)]


@dataclass(frozen=True)
class Block:
    """A statement with statements in it."""

    head: str
    body: tuple[Any, ...]


Statement = str | Block


@dataclass(frozen=True)
class Program:
    """Inputs, and the statements of a function of them that computes `loss`."""

    seed: int
    inputs: tuple[Any, ...]
    body: tuple[Statement, ...] = field(default=())

    def text(self, *, watched: bool = False) -> str:
        names = ", ".join(f"x{i}" for i in range(len(self.inputs)))
        end = ["    watch(locals())"] if watched else []
        return "\n".join([f"def f({names}):", *rendered(self.body, 1), *end, "    return loss"])


def rendered(body: tuple[Statement, ...], depth: int) -> list[str]:
    lines = []
    for statement in body:
        if isinstance(statement, str):
            lines.append("    " * depth + statement)
        else:
            lines += ["    " * depth + statement.head, *rendered(statement.body, depth + 1)]
    return lines


# Shrinking ---------------------------------------------------------------------------------------

NAME = re.compile(r"\b[xvza]\d+\b")
MADE = re.compile(r"^([vz]\d+) = (.*)$")


def smaller(program: Program) -> list[Program]:
    """Programs with a statement less, or with one that is simpler."""
    found = [replace(program, body=body) for body in _smaller(program.body)]
    for statement in _lines(program.body):
        if made := MADE.match(statement):
            text = program.body
            for other in sorted(set(NAME.findall(made[2]))):
                renamed = _renamed(_without(text, statement), made[1], other)
                found.append(replace(program, body=renamed))
    return found


def _smaller(body: tuple[Statement, ...]) -> list[tuple[Statement, ...]]:
    found = []
    n = len(body)
    for size in (n // 2, n // 4):
        if size > 1:
            found += [body[:i] + body[i + size :] for i in range(0, n, size)]
    for i in range(n - 1, -1, -1):
        statement = body[i]
        before, after = body[:i], body[i + 1 :]
        if n > 1:
            found.append(before + after)
        if isinstance(statement, Block):
            if not statement.head.startswith(("def", "for")):
                found.append(before + statement.body + after)
            found += [(*before, replace(statement, body=b), *after) for b in _smaller(statement.body)]
    return found


def _lines(body: tuple[Statement, ...]) -> list[str]:
    return [line for s in body for line in ([s] if isinstance(s, str) else _lines(s.body))]


def _without(body: tuple[Statement, ...], line: str) -> tuple[Statement, ...]:
    return tuple(
        s if isinstance(s, str) else replace(s, body=_without(s.body, line)) for s in body if s != line
    )


def _renamed(body: tuple[Statement, ...], old: str, new: str) -> tuple[Statement, ...]:
    swap = re.compile(rf"\b{old}\b")
    return tuple(
        swap.sub(new, s) if isinstance(s, str) else Block(swap.sub(new, s.head), _renamed(s.body, old, new))
        for s in body
    )


# Writing programs --------------------------------------------------------------------------------


class Writer:
    """Writes one program."""

    def __init__(self, seed: int, length: int | None = None) -> None:
        self.rng = random.Random(seed)
        self.count = 0
        numbers = np.random.default_rng(seed)
        shapes = [self.rng.choice(SHAPES) for _ in range(self.rng.choice([1, 1, 2]))]
        self.inputs = tuple(numbers.uniform(-1.5, 1.5, shape).round(2) for shape in shapes)
        if self.rng.random() < 0.1:
            dtype = self.rng.choice(["float32", "complex128"])
            last = (
                self.inputs[-1] + 1j * self.inputs[-1][::-1]
                if shapes[-1] and dtype[0] == "c"
                else self.inputs[-1]
            )
            self.inputs = (*self.inputs[:-1], last.astype(dtype))
        self.env: dict[str, Any] = {
            "ut": reference,
            "np": np,
            "HERE": "here",
            "OTHER": "there",
            "keep": lambda g: None,
        }
        for i, a in enumerate(self.inputs):
            x = fresh(Parts({0: a, 1: np.ones(a.shape), 2: np.ones(a.shape)}))
            x.memory.argument = True
            self.env[f"x{i}"] = x
        self.body: list[Statement] = []
        self.later: list[str] = []
        self.functions = 0
        begin()
        self.seed = seed
        self.length = length or self.rng.randint(3, 12)

    def program(self) -> Program:
        try:
            with np.errstate(all="ignore"):
                for _ in range(self.length):
                    self.step()
                for line in self.later:
                    self.emit(line)
        except (UnsuitableError, ArithmeticError, ValueError, NameError, TypeError, np.linalg.LinAlgError):
            pass
        begin()
        body = [*self.body, *self.losses()]
        return Program(self.seed, self.inputs, tuple(body))

    def losses(self) -> list[str]:
        made = {m[1] for s in _lines(tuple(self.body)) if (m := MADE.match(s))}
        live = [
            n for n, x in self.env.items() if isinstance(x, Array) and (n in made or n[0] == "x") and x.size
        ]
        terms = []
        for name in [*live[-1:], *self.rng.sample(live, min(len(live), 3))]:
            kind = self.env[name].dtype.kind
            if kind == "c":
                terms.append(
                    self.rng.choice(
                        ["ut.sum(ut.real({0} * {0}))", "ut.sum({0}.real - 2.0 * {0}.imag)"]
                    ).format(name)
                )
            elif kind == "f":
                terms.append(
                    self.rng.choice(["ut.sum({0})", "ut.sum({0} * {0})", "ut.sum(ut.sin({0}))"]).format(name)
                )
        first = "ut.real(x0)" if self.inputs[0].dtype.kind == "c" else "x0"
        return [f"loss = ut.sum({first})", *(f"loss = loss + {t}" for t in dict.fromkeys(terms))]

    # Choosing ------------------------------------------------------------------------------------

    def some(self, wanted: Callable[[Array], Any] = lambda x: True, kind: str = "f") -> str:
        """The name of an array of some kind; later ones more often."""
        names = [
            n
            for n, x in self.env.items()
            if isinstance(x, Array) and x.dtype.kind in kind and wanted(x) and x.size
        ]
        if not names:
            raise LookupError
        return names[max(self.rng.randrange(len(names)), self.rng.randrange(len(names)))]

    def name(self, letter: str = "v") -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def emit(self, line: str) -> None:
        exec(line, self.env)
        self.body.append(line)

    def let(self, text: str, letter: str = "v") -> str:
        name = self.name(letter)
        self.emit(f"{name} = {text}")
        return name

    def axis(self, name: str) -> int:
        return self.rng.randrange(-1, max(self.env[name].ndim - 1, 0))

    def basic_key(self, shape: tuple[int, ...]) -> str:
        if not shape:
            return "..."
        first = self.rng.choice(
            [f"{self.rng.randrange(-shape[0], shape[0])}", "1:", ":-1", "::2", "::-1", ":", "0:1"]
        )
        more = self.rng.choice(["", "", ", ...", ", 0", ", 1:", ", ::-1", ", None"]) if len(shape) > 1 else ""
        return self.rng.choice([first + more] * 4 + ["...", "None", "..., -1"])

    def key(self, shape: tuple[int, ...]) -> str:
        """A basic key, or one with an index array or a mask."""
        if not shape or self.rng.random() < 0.6:
            return self.basic_key(shape)
        index = [self.rng.randrange(-shape[0], shape[0]) for _ in range(self.rng.randint(1, 4))]
        mask = [self.rng.random() < 0.5 for _ in range(shape[0])]
        return self.rng.choice(
            [
                f"np.array({index})",
                f"{index}",
                f"ut.asarray({index})",
                f"np.array({mask})",
                f"ut.asarray({mask})",
            ]
        )

    def fitting(self, shape: tuple[int, ...]) -> str:
        """What can be written into a shape."""
        if self.rng.random() < 0.15:
            return self.rng.choice(["0.5", "2", "np.float64(0.3)", "-1.5"])

        def fits(x: Array) -> bool:
            return len(x.shape) <= len(shape) and all(n in (1, m) for n, m in zip(x.shape[::-1], shape[::-1]))

        try:
            name = self.some(fits)
        except LookupError:
            name = f"ut.sum({self.some()})"
        return self.rng.choice(["{0}", "{0}", "{0} * 0.5", "ut.sin({0})", "{0} * {0}"]).format(name)

    def target(self, kind: str = "fc") -> str:
        """The name of an array that may be written."""

        def may(x: Array) -> bool:
            outside = x.memory.depth < state.depth or (
                x.memory.argument and (not state.recording or x.root is not x.memory.root)
            )
            return not outside and x.value.flags.writeable

        return self.some(may, kind)

    # Statements ----------------------------------------------------------------------------------

    def step(self) -> None:
        """One statement, or a few that belong together."""
        kinds = {
            self.compute: 10, self.look: 6, self.write: 8, self.index: 3, self.wave: 3, self.silent: 2, self.hook: 2,
            self.custom: 2, self.buffer: 3, self.loop: 1, self.branch: 1, self.callers: 2, self.cast: 1, self.draw: 1,
        }  # fmt: skip
        if self.functions < 3 and state.depth < 2:
            kinds |= {self.transform: 4, self.repeated: 3}
        if self.later and self.rng.random() < 0.3 and not state.depth:
            self.emit(self.later.pop(0))
        for _ in range(20):
            try:
                return self.rng.choices(list(kinds), list(kinds.values()))[0]()
            except LookupError:
                pass
        return None

    def compute(self) -> None:
        roll = self.rng.random()
        if roll < 0.35:
            self.let(self.rng.choice(UNARY).format(self.some()))
        elif roll < 0.65:
            a = self.some()
            shape = self.env[a].shape
            b = self.some(lambda x: x.shape == shape or not x.shape or x.shape == shape[-1:])
            self.let(self.rng.choice(BINARY).format(a, b))
        elif roll < 0.8:
            name = self.some(lambda x: x.ndim)
            self.let(self.rng.choice(ALONG).format(name, self.axis(name)))
        elif roll < 0.9:
            self.let(self.rng.choice(VECTOR).format(self.some(lambda x: x.ndim == 1 and 1 < x.size < 6)))
        else:
            name = self.some(lambda x: x.ndim == 2 and x.shape[0] == x.shape[1])
            self.let(self.rng.choice(SQUARE).format(name, self.env[name].shape[0]))

    def look(self) -> None:
        name = self.some(kind="fc")
        if self.rng.random() < 0.5:
            text = f"{name}[{self.basic_key(self.env[name].shape)}]"
        else:
            matrix = self.env[name].ndim == 2 and self.rng.random() < 0.3
            text = self.rng.choice(MATRIX_VIEWS if matrix else VIEWS).format(name)
        self.let(text, name[0] if name[0] != "x" and name[0] != "a" else "v")

    def index(self) -> None:
        name = self.some(lambda x: x.ndim)
        self.let(f"{name}[{self.key(self.env[name].shape)}]")

    def write(self) -> None:
        roll = self.rng.random()
        name = self.target()
        x = self.env[name]
        if roll < 0.25:
            self.emit(f"{name} {self.rng.choice(['+=', '*=', '-='])} {self.fitting(x.shape)}")
            return
        if roll < 0.35 and x.ndim and len(x) > 1:
            self.emit(
                self.rng.choice(
                    ["{0}[0], {0}[1] = {0}[1], {0}[0]", "{0}[...] = {0}[::-1]", "{0}[1:] = {0}[:-1]"]
                ).format(name)
            )
            return
        key = self.key(x.shape)
        try:
            selected = eval(f"v[{key}]", {**self.env, "v": x}).shape
        except IndexError:
            return
        value = self.fitting(selected)
        if roll < 0.65:
            self.emit(f"{name}[{key}] = {value}")
        elif roll < 0.8:
            self.emit(f"{name}[{key}] {self.rng.choice(['+=', '*=', '-='])} {value}")
        elif x.dtype.kind == "f":
            self.emit(
                f"ut.at({name}, {key if key[0] in '[nu' else f'np.s_[{key}]'}).{self.rng.choice(['add', 'add', 'multiply', 'max', 'min'])}({value})"
            )

    def wave(self) -> None:
        """Complex numbers."""
        try:
            name = self.some(kind="c")
        except LookupError:
            self.let(self.rng.choice(COMPLEX).format(self.some(lambda x: x.ndim)), "z")
            return
        roll = self.rng.random()
        if roll < 0.3:
            part = self.rng.choice(["real", "imag"])
            target = self.target("c")
            self.emit(f"{target}.{part}[{self.basic_key(self.env[target].shape)}] = {self.fitting(())}")
            return
        text = self.rng.choice(FROM_COMPLEX).format(name)
        value = eval(text, self.env)
        self.let(text, "z" if value.dtype.kind == "c" else "v")

    def silent(self) -> None:
        """Statements under no_grad, some of them under enable_grad in it."""
        if self.rng.random() < 0.15:
            body = self.within(2)
            self.body.append(Block("with ut.detect_anomaly():", body))
            return
        on = not state.recording
        with recording(on):
            body = self.within(self.rng.randint(1, 3))
        mode = self.rng.choice([f"{'enable' if on else 'no'}_grad()", f"set_grad_enabled({on})"])
        self.body.append(Block(f"with ut.{mode}:", body))

    def within(self, n: int) -> tuple[Statement, ...]:
        """Statements that belong into a block."""
        outer, self.body = self.body, []
        try:
            for _ in range(n):
                self.step()
            return tuple(self.body) or ("pass",)
        finally:
            self.body = outer

    def hook(self) -> None:
        if state.recording:
            name = self.let(f"ut.sin({self.some(lambda x: x.requires_grad)})")
            if self.env[name].requires_grad:
                self.emit(f"{name}.register_hook({self.rng.choice(HOOKS)})")

    def custom(self) -> None:
        self.let(self.rng.choice(CUSTOM).format(self.some()))

    def cast(self) -> None:
        x = self.some(lambda x: x.ndim == 1)
        name = self.let(
            f"ut.zeros({self.env[x].size}, dtype=ut.{self.rng.choice(['int64', 'bool', 'float32'])})", "n"
        )
        self.emit(f"{name}[...] = {x} * 3.0")
        self.let(f"{x} * {name}")

    def draw(self) -> None:
        """Dropout inside a checkpoint, and random numbers after it."""
        if state.depth or not state.recording:
            raise LookupError
        x = self.some()
        shape = self.env[x].shape
        self.emit(f"ut.random.seed({self.rng.randrange(9)})")
        name = self.name("g")
        self.define(
            f"def {name}(a):",
            (f"return ut.sin(a) * ut.random.bernoulli(0.6, {shape}) + ut.random.uniform({shape}) * a",),
        )
        self.let(f"ut.checkpoint({name}, {x})")
        self.let(f"ut.random.uniform({shape}) * {x}")

    def define(self, head: str, body: tuple[Statement, ...]) -> None:
        block = Block(head, body)
        exec("\n".join(rendered((block,), 0)), self.env)
        self.body.append(block)

    def buffer(self) -> None:
        """A recurrence in one buffer, or a constant that is stepped in place."""
        w = self.some(lambda x: x.ndim <= 1)
        width = self.env[w].size
        if self.rng.random() < 0.5:
            b = self.let(f"ut.{self.rng.choice(['ones', 'zeros'])}((3, {width}))")
            self.emit(f"{b}[0] = {w}")
            line = self.rng.choice(["{0}[i] * {0}[i] + {1}", "ut.sin({0}[i]) * {1}", "{0}[i] * {1}"]).format(
                b, w
            )
            block = Block("for i in range(2):", (f"{b}[i + 1] = {line}",))
        else:
            b = self.let(f"ut.ones({width})")
            u = self.let(f"ut.ones({width})")
            lines = [
                f"{b} *= {w}", f"{b} += ut.sin({b}) * {w}", f"{u} += 0.5 * {w} * {u}", f"{b} -= 0.1 * {w} * {u}", f"{u} += 0.1 * {b}",
            ]  # fmt: skip
            block = Block("for i in range(2):", tuple(self.rng.sample(lines, self.rng.randint(1, 3))))
        exec("\n".join(rendered((block,), 0)), self.env)
        self.body.append(block)

    def loop(self) -> None:
        self.env["i"] = 0
        block = Block("for i in range(2):", self.within(self.rng.randint(1, 3)))
        exec("\n".join(rendered(block.body, 0)), {**self.env, "i": 1})
        exec("\n".join(rendered(block.body, 0)), self.env)
        self.body.append(Block("for i in range(3):", block.body))

    def branch(self) -> None:
        text = f"ut.sum({self.some()})"
        sign = ">" if eval(text, self.env) > 0.2 else "<"
        self.body.append(Block(f"if {text} {sign} 0.2:", self.within(self.rng.randint(1, 2))))

    def callers(self) -> None:
        """Arguments that the caller changes after the call."""
        if state.depth:
            raise LookupError
        x = self.some(lambda x: x.ndim)
        n, k = self.env[x].shape[0], self.name("k")
        roll = self.rng.randrange(5)
        index = [self.rng.randrange(n) for _ in range(2)]
        if roll < 3:
            self.emit(f"{k} = {self.rng.choice(['np.array({0})', '{0}', 'ut.asarray({0})']).format(index)}")
            taken = isinstance(self.env[k], Array)
            if roll == 0:
                self.let(f"{x}[{k}]")
            elif roll == 1:
                b = self.let(f"ut.zeros({self.env[x].shape})")
                self.emit(
                    self.rng.choice(["{0}[{1}] = {2}[:2]", "ut.at({0}, {1}).add({2}[:2])"]).format(b, k, x)
                    if n > 1
                    else "pass"
                )
            else:
                self.let(f"ut.take({x}, {k}, axis=0)" if taken else f"{x}[{k}] * 2.0")
            self.later.append(f"{k}[0] = {self.rng.randrange(n)}")
        elif roll == 3:
            self.emit(f"{k} = [{x}, ut.sin({x})]")
            self.let(f"ut.{self.rng.choice(['concat', 'stack'])}({k})")
            self.later.append(f"{k}[0] = {x} * 3.0")
        else:
            axes = list(range(self.env[x].ndim))[::-1]
            self.emit(f"{k} = {axes}")
            self.let(f"ut.permute_dims({x}, {k}) * 2.0")
            self.later.append(f"{k}.sort()")

    # Functions -----------------------------------------------------------------------------------

    def function(self, values: list[Array], *, scalar: bool) -> str:
        """A function of some arguments, defined."""
        self.functions += 1
        name = self.name("g")
        args = [self.name("a") for _ in values]
        outer, self.env = self.env, dict(self.env)
        state.depth += 1
        try:
            for a, x in zip(args, values):
                self.env[a] = x
            body = self.within(self.rng.randint(1, 3))
            new = [
                n
                for n in self.env
                if n not in outer
                and isinstance(self.env[n], Array)
                and self.env[n].dtype.kind == "f"
                and self.env[n].size
            ]
            result = self.rng.choice(new[-3:])
            text = (
                f"ut.sum({result} * {result})"
                if scalar
                else self.rng.choice(["{0} * 2.0", "{0} * {0}", "ut.sin({0})"]).format(result)
            )
        finally:
            state.depth -= 1
            self.env = outer
        self.define(f"def {name}({', '.join(args)}):", (*body, f"return {text}"))
        return name

    def argument(self, name: str) -> Array:
        """A copy of an array as a transform gives it to its function."""
        state.depth += 1
        x = fresh(self.env[name].parts())
        state.depth -= 1
        x.memory.argument = True
        return x

    def repeated(self) -> None:
        """A checkpoint, of arguments and of what is around it."""
        x = self.some()
        g = self.function([self.env[x]], scalar=False)
        self.let(f"ut.checkpoint({g}, {x})")

    def transform(self) -> None:
        x = self.some(lambda x: x.size <= 4)
        kind = self.rng.choice(
            ["grad", "grad", "hessian", "hvp", "jacobian", "jacobian", "jvp", "vjp", "vjp", "linearize"]
        )
        g = self.function([self.argument(x)], scalar=kind in ("grad", "hessian", "hvp"))
        if kind == "grad" and self.rng.random() < 0.3:
            y = self.some(lambda x: x.size <= 4)
            g = self.function([self.argument(x), self.argument(y)], scalar=True)
            self.let(f"ut.grad({g}, {self.rng.randrange(2)})({x}, {y})")
        elif kind in ("grad", "hessian"):
            self.let(f"ut.{kind}({g})({x})")
        elif kind == "jacobian":
            mode = self.rng.choice(["auto", "forward", "reverse"])
            self.let(f"ut.jacobian({g}, mode='{mode}')({x})")
        elif kind == "hvp":
            self.let(f"ut.hvp({g})({x}, ut.cos({x}))")
        elif kind == "jvp":
            self.let(f"ut.jvp({g}, ({x},), (ut.cos({x}),))[{self.rng.randrange(2)}]")
        else:
            y, pull = self.name(), self.name("p")
            self.emit(f"{y}, {pull} = ut.{kind}({g}, {x})")
            if self.rng.random() < 0.5:
                self.step()
            given = f"ut.cos({x})" if kind == "linearize" else f"ut.cos({y})"
            text = f"{pull}({given})" + ("" if kind == "linearize" else "[0]")
            name = self.let(text)
            if self.rng.random() < 0.3:
                self.let(f"{name} + {text}")

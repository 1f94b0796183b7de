"""A fuzzer of programs: random programs of ops, views, writes, modes and transforms, each against a reference.

    python tests/fuzz.py --minutes 60 --seed 1 --engines numpy,torch,jax
    python tests/fuzz.py --replay 12345 --engines numpy

A program runs on an engine in several modes: its value, its gradient, forward mode, second derivatives in
several ways, in threads, and so on. What comes out is compared with `fuzz_reference.py`, in which NumPy's
own arrays are written and dual numbers are pushed forward. A `GradientError` is an answer, too, and is
counted by its message; a wrong number, a wrong value of any Tensor of the program, or any other error
is a fault. Faults shrink to a few lines and are printed with the seed and a program to run.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from fuzz_dual import Parts, UnsuitableError, limits
from fuzz_programs import Program, Writer, smaller
from fuzz_reference import Array, begin, fresh, reference
from together import in_threads

import unitensor as ut

OTHER = {"numpy": "torch", "torch": "numpy", "jax": "numpy"}


@dataclass(frozen=True)
class Fault:
    """What is wrong: where it was seen, the kind of it, and the particulars."""

    engine: str
    mode: str
    kind: str
    detail: str


class WrongError(Exception):
    """A number, a shape or a dtype that is not the reference's."""


# The reference -----------------------------------------------------------------------------------


@dataclass
class Answer:
    """What the reference says: value, slopes along two directions, curvature; and the values of all names."""

    value: float
    along: float
    across: float
    second: float
    names: dict[str, Any]
    t: list[Any]
    u: list[Any]
    loose: bool


def directions(program: Program) -> tuple[list[Any], list[Any]]:
    rng = np.random.default_rng(program.seed + 1)

    def along(a: Any, low: float) -> Any:
        v = rng.uniform(low, 1.5, a.shape).round(2)
        return np.asarray(v + 1j * v[..., ::-1] if v.ndim and a.dtype.kind == "c" else v, a.dtype)

    return [along(a, 0.5) for a in program.inputs], [along(a, -1.5) for a in program.inputs]


def compiled(text: str, **names: Any) -> Callable[..., Any]:
    env = {"np": np, **names}
    exec(compile(text, "<program>", "exec"), env)
    return env["f"]  # type: ignore[no-any-return]  # made by exec


def asked(program: Program, t: list[Any], u: list[Any], margin: float | None = None) -> Answer:
    """The reference's answer; `UnsuitableError` where there is none."""
    begin()
    text = program.text(watched=True)
    limits.kink = 1e-2 if "float32" in text or program.inputs[-1].dtype == "float32" else 1e-3
    names: dict[str, Any] = {}

    def watch(values: dict[str, Any]) -> None:
        names.update({k: x.value.copy() for k, x in values.items() if isinstance(x, Array)})

    f = compiled(text, ut=reference, HERE="here", OTHER="there", keep=lambda g: None, watch=watch)
    xs = []
    for a, p, q in zip(program.inputs, t, u):
        x = fresh(Parts({0: a, 1: p, 2: q}))
        x.memory.argument = True
        xs.append(x)
    try:
        with np.errstate(all="ignore"):
            loss = f(*xs).parts()
    except (
        ValueError,
        ArithmeticError,
        IndexError,
        NameError,
        AttributeError,
        TypeError,
        np.linalg.LinAlgError,
    ) as error:
        raise UnsuitableError(str(error)) from error
    if loss[0].size != 1 or loss[0].dtype.kind != "f":
        raise UnsuitableError("no loss")
    numbers = [float(loss.get(m, np.zeros(())).reshape(())) for m in range(4)]
    if not np.all(np.abs(numbers) < 1e5):
        raise UnsuitableError("huge")
    return Answer(
        *numbers, names, t, u, "float32" in text or any(a.dtype == "float32" for a in program.inputs)
    )


def gradient(program: Program) -> list[Any]:
    """The whole gradient, for people."""
    found = []
    nothing = [np.zeros(a.shape, a.dtype) for a in program.inputs]
    for i, a in enumerate(program.inputs):
        g = np.zeros(a.shape, a.dtype)
        for k in np.ndindex(a.shape):
            unit = [n.copy() for n in nothing]
            unit[i][k] = 1.0
            g[k] = asked(program, unit, nothing).along
            if a.dtype.kind == "c":
                unit[i][k] = 1j
                g[k] += 1j * asked(program, unit, nothing).along
        found.append(g)
    return found


# Modes -------------------------------------------------------------------------------------------


class Run:
    """A program on an engine: what its modes call, and how they compare."""

    def __init__(self, program: Program, answer: Answer, engine: str, *, watched: bool) -> None:
        self.program, self.answer, self.engine = program, answer, engine
        self.text = program.text(watched=watched)
        self.loose = answer.loose
        self.seen: list[tuple[Any, Any]] = []
        self.names: dict[str, Any] = {}
        self.f = compiled(
            self.text, ut=ut, HERE=engine, OTHER=OTHER[engine], keep=self.keep, watch=self.names.update
        )

    def keep(self, g: Any) -> None:
        self.seen.append((g, g.detach().to("numpy").numpy().copy()))

    def point(self) -> tuple[ut.Tensor, ...]:
        return tuple(ut.asarray(a.copy()) for a in self.program.inputs)

    def tensors(self, arrays: list[Any]) -> tuple[ut.Tensor, ...]:
        return tuple(ut.asarray(a.copy()) for a in arrays)

    def loss(self, xs: Any) -> Any:
        self.names.clear()
        return self.f(*xs)

    def check(self, what: str, found: Any, wanted: float, scale: float = 0.0) -> None:
        value = plain(found)
        tolerance = 2e-2 if self.loose else 1e-7
        if value.shape != () or not abs(value - wanted) <= tolerance * (1 + abs(wanted) + scale):
            raise WrongError(f"{what}: {np.round(value, 8)}, right: {wanted:.8g}")

    def slope(self, what: str, gs: Any, wanted: float, other: list[Any]) -> None:
        """Gradients along a direction; they look like what they are the gradients of."""
        total = 0.0
        scale = 0.0
        for g, a, v in zip(gs, self.program.inputs, other, strict=True):
            if g is None:
                g = ut.zeros_like(ut.asarray(a))
            if g.shape != a.shape or str(g.dtype) != str(a.dtype) or g.backend != self.engine:
                raise WrongError(
                    f"{what} of {a.dtype}{list(a.shape)} is {g.dtype}{list(g.shape)} on {g.backend}"
                )
            total += float(np.sum(np.real(np.conj(plain(g)) * v)))
            scale += float(np.sum(np.abs(plain(g) * v)))
        self.check(what, ut.asarray(total), wanted, scale)

    def look(self, what: str) -> None:
        """The values of all names, and what hooks kept, are as they should be."""
        for name, wanted in self.answer.names.items():
            if name in self.names and isinstance(self.names[name], ut.Tensor):
                found = plain(self.names[name])
                tolerance = 1e-3 if self.loose else 1e-8
                if found.shape != wanted.shape or not np.allclose(
                    found, wanted, rtol=tolerance, atol=tolerance
                ):
                    raise WrongError(
                        f"{what}: the value of {name}: {found.tolist()}, right: {wanted.tolist()}"
                    )
                if found.dtype != wanted.dtype:
                    raise WrongError(f"{what}: the dtype of {name}: {found.dtype}, right: {wanted.dtype}")
        for g, before in self.seen:
            if not np.array_equal(plain(g), before, equal_nan=True):
                raise WrongError(
                    f"{what}: a gradient that a hook kept: {plain(g).tolist()}, was: {before.tolist()}"
                )


def plain(x: Any) -> Any:
    return x.detach().to("numpy").numpy()


def value(run: Run) -> None:
    if "register_hook" not in run.text:
        run.check("value", run.loss(run.point()), run.answer.value)
        run.look("value")


def grad(run: Run) -> None:
    xs = run.point()
    v, gs = ut.value_and_grad(run.loss)(xs)
    run.check("value", v, run.answer.value)
    run.slope("gradient", gs, run.answer.along, run.answer.t)
    run.look("after the gradient")
    if "no_grad" not in run.text and "detach" not in run.text and "stop_gradient" not in run.text:
        for x, a in zip(xs, run.program.inputs):
            if not np.array_equal(plain(x), a):
                raise WrongError(f"an argument of grad is changed: {plain(x).tolist()}, was: {a.tolist()}")


def backward(run: Run, *, direct: bool = False, **options: bool) -> None:
    """`backward` from leaves; their copies are given, unless direct."""
    leaves = [x.requires_grad_() for x in run.point()]
    loss = run.loss(leaves if direct else [x * 1.0 for x in leaves])
    loss.backward(**options)
    run.slope("x.grad", [x.grad for x in leaves], run.answer.along, run.answer.t)
    run.look("after backward")
    if options.get("retain_graph"):
        loss.backward()
        run.slope("x.grad of two passes", [x.grad for x in leaves], 2 * run.answer.along, run.answer.t)
    if options.get("create_graph"):
        firsts = [x.grad for x in leaves]
        for x in leaves:
            x.grad = None
        total = along(run, [ut.asarray(0.0) if g is None else g for g in firsts])
        if total.requires_grad:
            total.backward()
            run.slope("second backward", [x.grad for x in leaves], run.answer.second, run.answer.u)
    if not options and not direct:
        handed = [x.grad for x in leaves if x.grad is not None]
        if handed:
            ut.optim.clip_grad_norm(leaves, 1e-3)
            ut.optim.SGD(leaves, lr=0.5).step()
            run.look("after clip_grad_norm and a step")


def watched_for_nans(run: Run) -> None:
    with ut.detect_anomaly():
        backward(run)


def steps(run: Run) -> None:
    """Two steps of gradient descent: the second gradient is that at the point which the first step wrote."""
    leaves = [x.requires_grad_() for x in run.point()]
    optimizer = ut.optim.SGD(leaves, lr=1e-3)
    run.loss(leaves).backward()
    optimizer.step()
    optimizer.zero_grad()
    now = replace(run.program, inputs=tuple(plain(x).copy() for x in leaves))
    try:
        answer = asked(now, run.answer.t, run.answer.u)
    except UnsuitableError:
        return
    run.loss(leaves).backward()
    run.slope("the gradient of the second step", [x.grad for x in leaves], answer.along, run.answer.t)


def vjp(run: Run) -> None:
    v, pull = ut.vjp(run.loss, run.point())
    run.check("value of vjp", v, run.answer.value)
    for factor in (1.0, -2.0):
        (gs,) = pull(ut.full((), factor))
        run.slope("vjp", gs, factor * run.answer.along, run.answer.t)
    run.look("after vjp")


def jvp(run: Run) -> None:
    v, s = ut.jvp(run.loss, (run.point(),), (run.tensors(run.answer.t),))
    run.check("value of jvp", v, run.answer.value)
    run.check("jvp", s, run.answer.along)
    run.look("after jvp")


def linearize(run: Run) -> None:
    v, push = ut.linearize(run.loss, run.point())
    run.check("value of linearize", v, run.answer.value)
    run.check("linearize", push(run.tensors(run.answer.t)), run.answer.along)
    run.check("linearize, again", push(run.tensors(run.answer.u)), run.answer.across)


def jacobians(run: Run) -> None:
    if any(a.dtype != float for a in run.program.inputs):
        return
    for mode in ("reverse", "forward"):
        run.slope(
            f"{mode} jacobian", ut.jacobian(run.loss, mode=mode)(run.point()), run.answer.across, run.answer.u
        )


def hessian(run: Run) -> None:
    if any(a.dtype.kind == "c" for a in run.program.inputs):
        return
    rows = ut.hessian(run.loss)(run.point())
    total = scale = 0.0
    for i, row in enumerate(rows):
        for j, block in enumerate(row):
            n = run.program.inputs[i].size
            h = plain(block).reshape(n, -1)
            mirror = plain(rows[j][i]).reshape(-1, n).T
            if not np.allclose(
                h,
                mirror,
                rtol=1e-2 if run.loose else 1e-7,
                atol=1e-2 if run.loose else 1e-7 * (1 + np.abs(h).max()),
            ):
                raise WrongError(f"the Hessian is not symmetric: {h.tolist()}")
            part = np.outer(run.answer.t[i].reshape(-1), run.answer.u[j].reshape(-1)) * h
            total, scale = total + part.sum(), scale + np.abs(part).sum()
    run.check("t H u", ut.asarray(float(total)), run.answer.second, scale)


def hvp(run: Run) -> None:
    gs = ut.hvp(run.loss)(run.point(), run.tensors(run.answer.t))
    run.slope("hvp", gs, run.answer.second, run.answer.u)


def along(run: Run, gs: Any) -> Any:
    return sum((inner(g, t) for g, t in zip(gs, run.tensors(run.answer.t))), ut.asarray(0.0))


def inner(g: Any, t: Any) -> Any:
    """The real inner product, in which gradients are directions of steepest ascent."""
    return ut.real(ut.sum(ut.conj(g) * t)) if "complex" in str(g.dtype) else ut.sum(g * t)


def grad_of_grad(run: Run) -> None:
    gs = ut.grad(lambda xs: along(run, ut.grad(run.loss)(xs)))(run.point())
    run.slope("grad of grad", gs, run.answer.second, run.answer.u)


def jvp_of_grad(run: Run) -> None:
    _, gs = ut.jvp(ut.grad(run.loss), (run.point(),), (run.tensors(run.answer.t),))
    run.slope("jvp of grad", gs, run.answer.second, run.answer.u)


def jvp_of_jvp(run: Run) -> None:
    inner = lambda xs: ut.jvp(run.loss, (xs,), (run.tensors(run.answer.t),))[1]  # noqa: E731 -- a formula of one line
    _, s = ut.jvp(inner, (run.point(),), (run.tensors(run.answer.u),))
    run.check("jvp of jvp", s, run.answer.second)


def linearize_of_grad(run: Run) -> None:
    _, push = ut.linearize(ut.grad(run.loss), run.point())
    run.slope("linearize of grad", push(run.tensors(run.answer.t)), run.answer.second, run.answer.u)


def vjp_of_vjp(run: Run) -> None:
    def inner(xs: Any) -> Any:
        _, pull = ut.vjp(run.loss, xs)
        return along(run, pull(ut.ones(()))[0])

    _, pull = ut.vjp(inner, run.point())
    run.slope("vjp of vjp", pull(ut.ones(()))[0], run.answer.second, run.answer.u)


def grad_of_checkpoint(run: Run) -> None:
    gs = ut.grad(lambda xs: ut.checkpoint(lambda *xs: run.loss([x * 1.0 for x in xs]), *xs))(run.point())
    run.slope("gradient of a checkpoint of all", gs, run.answer.along, run.answer.t)


def differences(run: Run) -> None:
    """The reference's slope is that of the engine's values, where nothing is held constant."""
    if re.search(
        "no_grad|set_grad|detach|stop_grad|int64|bool|float32|hook|floor|round|sign|> |< |custom|max|min|sort",
        run.text,
    ):
        return
    h = 1e-5
    ahead, behind = ([a + s * h * t for a, t in zip(run.program.inputs, run.answer.t)] for s in (1, -1))
    found = (plain(run.loss(run.tensors(ahead))) - plain(run.loss(run.tensors(behind)))) / (2 * h)
    scale = 1e3 * max(1.0, abs(run.answer.value), abs(run.answer.second))
    run.check("differences of values", ut.asarray(float(found)), run.answer.along, scale)


def peer(run: Run) -> None:
    """PyTorch's own gradient of the same program is the reference's, where PyTorch can run it."""
    elements = (
        r"\w\[-?\d+\]|\[0\], |[y\]]\]?\)?\] [-+*]?= |\[k\d+\] = |at\("  # views there; one place named twice
    )
    if run.engine != "torch" or "OTHER" in run.text or re.search(elements, run.text):
        return
    import torch
    from fuzz_peer import namespace

    names = {"keep": lambda g: None, "watch": lambda values: None}
    if "> 0, " in run.text:
        return  # PyTorch's gradient of what is not selected may be NaN
    xs = [torch.tensor(a, requires_grad=True) for a in run.program.inputs]
    try:
        compiled(run.text, ut=namespace(), **names)(*[x * 1.0 for x in xs]).backward()
    except Exception:
        return  # what PyTorch refuses, or spells in another way
    gs = [torch.zeros_like(x) if x.grad is None else x.grad for x in xs]
    run.slope("PyTorch's gradient", [ut.asarray(g) for g in gs], run.answer.along, run.answer.t)


def threads(run: Run) -> None:
    """The same in four threads at once, switching all the time."""
    if "random" in run.text or "watch" in run.text or "keep" in run.text:
        return

    def work() -> None:
        try:
            with ut.use_backend(run.engine):
                for mode in (backward, jvp):
                    mode(run)
        except ut.GradientError:
            pass

    in_threads(work)


MODES: dict[str, Callable[[Run], None]] = {
    "value": value,
    "grad": grad,
    "backward": backward,
    "backward of leaves": lambda run: backward(run, direct=True),
    "retain_graph": lambda run: backward(run, retain_graph=True),
    "create_graph": lambda run: backward(run, create_graph=True),
    "detect_anomaly": watched_for_nans,
    "steps": steps,
    "vjp": vjp,
    "jvp": jvp,
    "linearize": linearize,
    "jacobian": jacobians,
    "hessian": hessian,
    "hvp": hvp,
    "grad of grad": grad_of_grad,
    "jvp of grad": jvp_of_grad,
    "jvp of jvp": jvp_of_jvp,
    "linearize of grad": linearize_of_grad,
    "vjp of vjp": vjp_of_vjp,
    "grad of checkpoint": grad_of_checkpoint,
    "differences": differences,
    "peer": peer,
    "threads": threads,
}


#: Those in which no hook may be; a program with one would be refused.
FORWARD = {"jvp", "jvp of grad", "jvp of jvp", "hvp", "hessian", "jacobian", "threads"}


# Fuzzing -----------------------------------------------------------------------------------------


def tried(program: Program, answer: Answer, engine: str, mode: str, *, watched: bool) -> Fault | str | None:
    """A fault, the message of a refusal, or None where all is right."""
    try:
        with ut.use_backend(engine), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            MODES[mode](Run(program, answer, engine, watched=watched))
    except WrongError as error:
        what = str(error).split(":")[0]
        return Fault(engine, mode, f"wrong {re.sub(r'(float|complex)?[0-9]+', '#', what)}", str(error))
    except ut.GradientError as error:
        if "failed:" in str(error):  # detect_anomaly tells of another error
            return Fault(engine, mode, refusal(error), str(error))
        return refusal(error)
    except Exception as error:
        if "read-only" in str(error):
            return refusal(error)
        if isinstance(error, NameError) and "checkpoint" in program.text():
            return "checkpoint: the function took another branch when it was called again"
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{last.filename.rsplit('/', 1)[-1]}:{last.name}"
        return Fault(engine, mode, f"{type(error).__name__} in {where}", f"{type(error).__name__}: {error}")
    return None


def refusal(error: Exception) -> str:
    """The message of an error without its numbers and names."""
    return re.sub(r"<program>:\S+|[\w/.-]+\.py:\d+|\S*\d\S*|`\w+`", "#", str(error))[:110]


def shrunk(
    tried: Callable[..., Any], program: Program, fault: Fault, *, watched: bool, seconds: float = 3.0
) -> tuple[Program, Fault]:
    """The smallest program that is found to have the same kind of fault."""
    end = time.perf_counter() + seconds
    again = True
    while again and time.perf_counter() < end:
        again = False
        for candidate in smaller(program):
            if time.perf_counter() > end:
                break
            try:
                answer = asked(candidate, *directions(candidate))
            except (UnsuitableError, SyntaxError):
                continue
            found = tried(candidate, answer, fault.engine, fault.mode, watched=watched)
            if isinstance(found, Fault) and found.kind == fault.kind:
                program, fault, again = candidate, found, True
                break
    return program, fault


def snippet(program: Program, fault: Fault) -> str:
    """The program as one that runs, with what is wrong and the right gradient."""
    names = [f"x{i}" for i in range(len(program.inputs))]
    made = "\n".join(
        f"{n} = ut.asarray({a.tolist()}, dtype=ut.{a.dtype})" for n, a in zip(names, program.inputs)
    )
    right = ", ".join(str(g.round(6).tolist()) for g in gradient(program))
    text = program.text()
    head = "import numpy as np, unitensor as ut\n"
    head += f"ut.set_backend('{fault.engine}')\n"
    if "HERE" in text or "OTHER" in text:
        head += f"HERE, OTHER = '{fault.engine}', '{OTHER[fault.engine]}'\n"
    if "keep(" in text:
        head += "keep = lambda g: None\n"
    return (
        f"{head}{text}\n{made}\n"
        f"print(ut.grad(f, {tuple(range(len(names)))})({', '.join(names)}))  # gradient by the reference: {right}\n"
        f"# seed {program.seed}, {fault.engine}, {fault.mode}: {fault.detail[:400]}"
    )


def skeleton(program: Program) -> str:
    """The statements of a program without names and numbers, which tell kinds of faults apart."""
    lines = [line.strip() for line in program.text().split("\n") if "loss" not in line]
    return "; ".join(sorted({re.sub(r"\b[a-z]?\d+(\.\d+)?\b", "#", line) for line in lines}))


class Fuzzer:
    """Runs programs, and counts what comes out."""

    def __init__(
        self,
        engines: list[str],
        *,
        modes: list[str] | None = None,
        loud: bool = True,
        shrinks: bool = True,
        skip: str | None = None,
        show: str | None = None,
    ) -> None:
        self.engines = engines
        self.modes = modes or list(MODES)
        self.loud = loud
        self.shrinks = shrinks
        self.counts: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.kinds: Counter[tuple[str, str, str]] = Counter()
        self.found: dict[tuple[str, str], tuple[Program, Fault]] = {}
        self.show = show and re.compile(show)
        self.skip = skip and re.compile(skip, re.MULTILINE)

    def run(self, seed: int) -> list[Fault]:
        """One program, in the modes and on the engines that its seed chooses."""
        writer = Writer(seed)
        program = writer.program()
        if self.skip and self.skip.search(program.text()):
            self.counts["left out"] += 1
            return []
        try:
            answer = asked(program, *directions(program))
        except (UnsuitableError, SyntaxError):
            self.counts["unsuitable programs"] += 1
            return []
        faults = []
        for engine in self.engines:
            self.counts[f"programs on {engine}"] += 1
            modes = [m for m in self.modes if m not in FORWARD or "register_hook" not in program.text()]
            for mode in writer.rng.sample(modes, min(6, len(modes))):
                watched = writer.rng.random() < 0.4 and mode != "threads"
                found = self.tried(program, answer, engine, mode, watched=watched)
                self.counts[f"runs on {engine}"] += 1
                if isinstance(found, str):
                    self.counts[f"refused on {engine}"] += 1
                    self.refusals[found] += 1
                elif found is not None:
                    self.counts[f"faults on {engine}"] += 1
                    faults.append(self.enter(program, found, watched=watched))
        return faults

    def tried(self, program: Program, answer: Answer, engine: str, mode: str, *, watched: bool) -> Any:
        """`tried`, where a refusal that is to be shown counts as a fault."""
        found = tried(program, answer, engine, mode, watched=watched)
        if self.show and isinstance(found, str) and self.show.search(found):
            return Fault(engine, mode, f"refused: {found}", found)
        return found

    def enter(self, program: Program, fault: Fault, *, watched: bool) -> Fault:
        """Count a fault; the first ones of their kinds shrink and are printed."""
        kind = (fault.engine, fault.mode, fault.kind)
        self.kinds[kind] += 1
        if self.kinds[kind] > 3 or not self.shrinks:
            return fault
        small, fault = shrunk(self.tried, program, fault, watched=watched)
        key = (fault.engine, skeleton(small))
        if key not in self.found:
            self.found[key] = small, fault
            if self.loud:
                print(f"\n{snippet(small, fault)}", flush=True)
        return fault

    def report(self) -> str:
        lines = [f"{n:8}  {what}" for what, n in sorted(self.counts.items())]
        lines += [f"{n:8}  refused: {what}" for what, n in self.refusals.most_common()]
        lines += [f"{n:8}  fault on {e}, {m}: {k}" for (e, m, k), n in self.kinds.most_common()]
        return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--programs", type=int, default=None, help="stop after so many")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--engines", default="numpy,torch,jax")
    parser.add_argument("--modes", default=None, help="some of: " + ", ".join(MODES))
    parser.add_argument(
        "--count", action="store_true", help="count faults only: nothing shrinks or is printed"
    )
    parser.add_argument("--show", default=None, help="print programs, too, whose refusal has this in it")
    parser.add_argument("--skip", default=None, help="leave programs out in whose text this is found")
    parser.add_argument("--replay", type=int, default=None, help="run the program of one seed")
    given = parser.parse_args()
    fuzzer = Fuzzer(
        given.engines.split(","),
        modes=given.modes and given.modes.split(","),
        skip=given.skip,
        show=given.show,
        shrinks=not given.count,
    )
    if given.replay is not None:
        print(Writer(given.replay).program().text())
        fuzzer.run(given.replay)
    else:
        seed = given.seed if given.seed is not None else time.time_ns() % 10**9
        print(f"seeds from {seed}", flush=True)
        end = time.perf_counter() + 60 * given.minutes
        last = seed + given.programs if given.programs else sys.maxsize
        while time.perf_counter() < end and seed < last:
            fuzzer.run(seed)
            seed += 1
        print(f"\nseeds up to {seed}")
    print(fuzzer.report())
    return 1 if fuzzer.kinds else 0


if __name__ == "__main__":
    sys.exit(main())

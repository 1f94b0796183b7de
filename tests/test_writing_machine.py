"""Random programs of views and writes, step by step the same as NumPy's, with gradients.

Values are compared with NumPy's own arrays after every step. Gradients are compared with a
functional rewrite of the same program, in which nothing is ever written: each family of views is
a flat Tensor that a write replaces by a `concat` and a `take`, and each view is a map of places.

`UNITENSOR_DEEP=1 pytest tests/test_writing_machine.py` runs many more and longer programs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import unitensor as ut
from unitensor import GradientError

ENGINES = ["numpy", "torch", "jax", "strict"]
SHAPES = [(4,), (2, 3), (3, 1, 2), (), (3, 3), (0, 2)]
CHOICES = st.binary(min_size=14, max_size=14)


class Pick:
    """Numbers read as choices; zeros follow when they end, so that any numbers are a program."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = iter(numbers)

    def __call__(self, n: int) -> int:
        return next(self._numbers, 0) % n

    def of(self, options: Any) -> Any:
        return options[self(len(options))]


# Views and keys: each as a function that takes NumPy arrays and Tensors alike ------------------------------


def basic_key(pick: Pick, shape: tuple[int, ...]) -> Any:
    parts: list[Any] = []
    for n in shape:
        kind = pick(5)
        if kind == 0:
            parts.append(slice(None))
        elif kind == 1 and n:
            parts.append(pick(2 * n) - n)
        elif kind == 4:
            break
        else:
            step = pick.of([None, -1, 2, -2])
            parts.append(slice(pick.of([None, 0, 1, -1, -3]), pick.of([None, 2, -1, 5]), step))
    extra = pick(4)
    if extra == 1:
        parts.insert(pick(len(parts) + 1), None)
    if extra == 2:
        parts.append(...)
    return parts[0] if len(parts) == 1 else tuple(parts)


def any_key(pick: Pick, shape: tuple[int, ...]) -> Any:
    """A basic key, or one with masks and integer arrays, repeated places included."""
    kind = pick(6)
    if kind < 2 or not shape:
        return basic_key(pick, shape)
    if kind == 2:
        shape = shape if pick(2) else shape[:1]
        return np.asarray([pick(2) for _ in range(int(np.prod(shape)))], bool).reshape(shape)
    axis = pick(len(shape))
    n = shape[axis]
    index = np.asarray([pick(2 * n) - n for _ in range(pick(6))], np.int64) if n else np.zeros(0, np.int64)
    if kind == 3 and len(index) > 1 and len(index) % 2 == 0:
        index = index.reshape(2, -1)
    key: list[Any] = [slice(None)] * axis + [index]
    if axis + 1 < len(shape) and shape[axis + 1] and pick(2):
        key.append(pick.of([0, slice(None, None, -1), -1]))
    return tuple(key) if pick(2) or axis else key[0]


def for_tensors(key: Any, device: Any, pick: Pick) -> Any:
    """A key with Tensors, or lists, in place of NumPy's arrays."""

    def part(p: Any) -> Any:
        if not isinstance(p, np.ndarray):
            return p
        return pick.of(
            [lambda: ut.asarray(p, device=device), lambda: p.tolist() if p.size else p, lambda: p]
        )()

    return tuple(part(p) for p in key) if isinstance(key, tuple) else part(key)


View = tuple[str, Callable[[Any, Any], Any]]


def some_view(pick: Pick, shape: tuple[int, ...], is_complex: bool) -> View:
    """A view as (name, f): f(x, xp) makes it of a Tensor or an array."""
    n = len(shape)
    axis = pick(n) if n else 0
    size = int(np.prod(shape))
    found: list[View] = []
    key = basic_key(pick, shape)
    found.append((f"x[{key}]", lambda x, xp: x[key]))
    found.append((f"x[{key}]", lambda x, xp: x[key]))
    order = tuple(np.random.default_rng(pick(6)).permutation(n).tolist())
    found.append((f"permute_dims {order}", lambda x, xp: xp.permute_dims(x, order)))
    lengths = pick.of([(-1,), (2, -1), (-1, 2), (1, -1), (3, -1), (-1, 1, 3)])
    if not size % -int(np.prod(lengths)) and size:
        found.append((f"reshape {lengths}", lambda x, xp: xp.reshape(x, lengths)))
        found.append((f"reshape {lengths}", lambda x, xp: xp.reshape(x, lengths)))
    found.append(("flip", lambda x, xp: xp.flip(x, axis=axis if n else None)))
    found.append(("expand_dims", lambda x, xp: xp.expand_dims(x, axis=axis)))
    found.append(("broadcast_to", lambda x, xp: xp.broadcast_to(x, (2, *shape))))
    if n >= 2:
        found.append(("mT", lambda x, xp: x.mT))
        found.append(("moveaxis", lambda x, xp: xp.moveaxis(x, axis, -1 - axis)))
        offset = pick.of([0, 1, -1])
        found.append((f"diagonal {offset}", lambda x, xp: xp.linalg.diagonal(x, offset=offset)))
    if n == 2:
        found.append(("T", lambda x, xp: x.T))
    if 1 in shape:
        found.append(("squeeze", lambda x, xp: xp.squeeze(x, axis=shape.index(1))))
    if n and shape[axis]:
        found.append(("unstack", lambda x, xp: xp.unstack(x, axis=axis)[-1]))
    if is_complex:
        part = pick.of(["real", "imag"])
        found += 2 * [(part, lambda x, xp: getattr(x, part))]
    return pick.of(found)  # type: ignore[no-any-return]


def smaller(pick: Pick, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to another."""
    cut = tuple(1 if pick(3) == 1 else n for n in shape)
    return cut[pick(len(cut) + 1) :] if pick(3) == 1 else cut


def fits(shape: tuple[int, ...], into: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, into) == into
    except ValueError:
        return False


class Numpy:
    """NumPy as the model: elements are copies, diagonals can be written to, results are contiguous."""

    permute_dims = staticmethod(np.permute_dims)
    reshape = staticmethod(np.reshape)
    flip = staticmethod(np.flip)
    expand_dims = staticmethod(np.expand_dims)
    broadcast_to = staticmethod(np.broadcast_to)
    moveaxis = staticmethod(np.moveaxis)
    squeeze = staticmethod(np.squeeze)
    unstack = staticmethod(np.unstack)

    class linalg:  # noqa: N801 -- a namespace
        @staticmethod
        def diagonal(x: Any, *, offset: int) -> Any:
            d = np.linalg.diagonal(x, offset=offset)
            d.flags.writeable = x.flags.writeable
            return d


# Values ----------------------------------------------------------------------------------------------------


class Values(RuleBasedStateMachine):
    """Live Tensors beside NumPy's arrays; nothing is recorded."""

    engine = ""

    def __init__(self) -> None:
        super().__init__()
        self.live: list[tuple[ut.Tensor, Any]] = []
        self.count = 0.0

    def numbers(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Small whole numbers that differ, so that all arithmetic is exact."""
        size = int(np.prod(shape))
        values = (np.arange(size) + self.count) % 11 - 3
        self.count += size
        if np.dtype(dtype).kind == "c":
            values = values + 1j * ((values * 3) % 5)
        return values.astype(dtype).reshape(shape)

    def enter(self, x: ut.Tensor, a: Any) -> None:
        self.live.append((x, np.asarray(a)))

    def new(self, pick: Pick) -> None:
        shape = pick.of(SHAPES)
        a = self.numbers(shape, pick.of(["f8", "c16", "i8", "f4", "?", "i1"]))
        with ut.use_backend(self.engine):
            self.enter(ut.asarray(a.copy()), a)

    @initialize(choices=CHOICES)
    def begin(self, choices: Sequence[int]) -> None:
        self.new(Pick(choices))

    @rule(choices=CHOICES)
    def make(self, choices: Sequence[int]) -> None:
        if len(self.live) < 6:
            self.new(Pick(choices))

    @rule(choices=CHOICES)
    def view(self, choices: Sequence[int]) -> None:
        self._view(Pick(choices))

    @rule(choices=CHOICES)
    def view_of_last(self, choices: Sequence[int]) -> None:
        self._view(Pick([-1, *choices]))

    def _view(self, pick: Pick) -> None:
        x, a = pick.of(self.live)
        _, f = some_view(pick, a.shape, a.dtype.kind == "c")
        self.enter(f(x, ut), f(a, Numpy))
        if len(self.live) > 10:
            del self.live[pick(len(self.live))]

    @rule(choices=CHOICES)
    def result(self, choices: Sequence[int]) -> None:
        """A result whose memory may not be laid out like that of a new array."""
        pick = Pick(choices)
        x, a = pick.of(self.live)
        if a.dtype.kind != "b" and a.ndim == 2:
            self.enter(x.T + x.T, np.array(a.T + a.T, order="C"))

    @rule(choices=CHOICES)
    def write(self, choices: Sequence[int]) -> None:
        pick = Pick(choices)
        x, a = pick.of(self.live)
        key = any_key(pick, a.shape)
        selected = a[key]
        others = [(y, b) for y, b in self.live if fits(b.shape, selected.shape) and b.dtype == a.dtype]
        if others and pick(2):
            y, b = pick.of(others)
        elif pick(3) == 1:
            y = b = pick.of([7, 2.5, True]) if a.dtype.kind != "?" else True
        else:
            b = self.numbers(smaller(pick, selected.shape), a.dtype)
            forms = [lambda: b, lambda: b.tolist() if b.size else b, lambda: ut.asarray(b, device=x.device)]
            y = pick.of(forms)()
        tensor_key = for_tensors(key, x.device, pick)
        self.both(a, lambda: x.__setitem__(tensor_key, y), lambda: a.__setitem__(key, b))

    def both(self, a: Any, ours: Callable[[], Any], numpys: Callable[[], Any]) -> None:
        """Do a write in both; where NumPy refuses because memory is read-only, so must we."""
        if not a.flags.writeable:
            with pytest.raises(ValueError, match="read-only"):
                ours()
        else:
            numpys()
            ours()

    @rule(choices=CHOICES)
    def in_place(self, choices: Sequence[int]) -> None:
        pick = Pick(choices)
        x, a = pick.of(self.live)
        if a.dtype.kind == "b":
            others = [(y, b) for y, b in self.live if b.dtype.kind == "b" and fits(b.shape, a.shape)]
            (y, b), name = pick.of(others), pick.of(["__ior__", "__iand__", "__ixor__"])
        else:
            others = [(y, b) for y, b in self.live if fits(b.shape, a.shape) and b.dtype == a.dtype]
            y, b = pick.of([*others, (3, 3)])
            name = pick.of(["__iadd__", "__isub__", "__imul__"])
        self.both(a, lambda: self.same(getattr(x, name)(y), x), lambda: getattr(a, name)(b))

    def same(self, x: Any, y: Any) -> None:
        assert x is y

    @rule(choices=CHOICES)
    def accumulate(self, choices: Sequence[int]) -> None:
        pick = Pick(choices)
        x, a = pick.of(self.live)
        if a.dtype.kind == "b":
            return
        key = any_key(pick, a.shape)
        b = self.numbers(smaller(pick, a[key].shape), a.dtype)
        names = [("add", np.add), ("multiply", np.multiply)]
        if a.dtype.kind != "c":
            names += [("min", np.minimum), ("max", np.maximum)]
        name, f = pick.of(names)
        place = ut.at(x, for_tensors(key, x.device, pick))
        y = ut.asarray(b, device=x.device)
        self.both(a, lambda: getattr(place, name)(y), lambda: f.at(a, key, b))

    @rule(choices=CHOICES)
    def clone(self, choices: Sequence[int]) -> None:
        x, a = Pick(choices).of(self.live)
        self.enter(x.clone(), np.array(a, order="C"))

    @rule(choices=CHOICES)
    def alias(self, choices: Sequence[int]) -> None:
        x, a = Pick(choices).of(self.live)
        self.enter(x.detach(), a.view())

    @rule(choices=CHOICES)
    def read(self, choices: Sequence[int]) -> None:
        """Reading by arrays copies."""
        pick = Pick(choices)
        x, a = pick.of(self.live)
        key = any_key(pick, a.shape)
        if any(isinstance(p, np.ndarray) for p in (key if isinstance(key, tuple) else (key,))):
            self.enter(x[for_tensors(key, x.device, pick)], np.array(a[key], order="C"))

    @rule(choices=CHOICES)
    def drop(self, choices: Sequence[int]) -> None:
        if len(self.live) > 1:
            del self.live[Pick(choices)(len(self.live))]

    @invariant()
    def all_agree(self) -> None:
        for x, a in self.live:
            assert x.shape == a.shape
            assert str(x.dtype) == f"unitensor.{a.dtype}" or x.dtype.name == a.dtype.name
            np.testing.assert_array_equal(x.numpy(), a)


# Gradients -------------------------------------------------------------------------------------------------


class Family:
    """What shares elements, as one flat Tensor; aliases (`detach`) share values with other families."""

    def __init__(self, flat: ut.Tensor, aliases: list[Family]) -> None:
        self.flat = flat
        self.aliases = aliases
        aliases.append(self)

    def replace(self, flat: ut.Tensor) -> None:
        """Take the new flat Tensor after a write; aliases take its values alone."""
        self.flat = flat
        for other in self.aliases:
            if other is not self:
                other.flat = (other.flat - other.flat.detach()) + flat.detach()


class Places:
    """A live array in the functional rewrite: a family, the places of its elements, and of complex
    families perhaps one part."""

    def __init__(self, family: Family, where: Any, part: str = "", writeable: bool = True) -> None:
        self.family, self.where, self.part, self.writeable = family, where, part, writeable

    @property
    def shape(self) -> tuple[int, ...]:
        return self.where.shape  # type: ignore[no-any-return]

    def value(self) -> ut.Tensor:
        flat = ut.take(self.family.flat, ut.asarray(self.where.reshape(-1)), axis=0)
        value = ut.reshape(flat, self.shape)
        return getattr(ut, self.part)(value) if self.part else value

    def is_complex(self) -> bool:
        return not self.part and self.family.flat.dtype.kind == "c"

    def written(self, key: Any, value: ut.Tensor, recorded: bool = True) -> None:
        """x[key] = value without writing: elements are taken from the old ones and the new."""
        flat = self.family.flat
        where = self.where[key]
        new = ut.reshape(ut.broadcast_to(value, where.shape), (-1,))
        where = where.reshape(-1)
        if self.part:
            old = ut.take(flat, ut.asarray(where), axis=0)
            re, im = (new, ut.imag(old)) if self.part == "real" else (ut.real(old), new)
            new = ut.astype(re, flat.dtype) + ut.astype(im, flat.dtype) * 1j
        source = np.arange(flat.shape[0])
        source[where] = flat.shape[0] + np.arange(len(where))
        made = ut.take(ut.concat([flat, ut.astype(new, flat.dtype)]), ut.asarray(source), axis=0)
        self.family.replace(made if recorded else (flat - flat.detach()) + made.detach())


WEIGHTS = np.random.default_rng(0).uniform(0.5, 2.0, 64)


class Gradients(RuleBasedStateMachine):
    """Recorded programs beside their functional rewrites, which run on NumPy."""

    engine = ""

    def __init__(self) -> None:
        super().__init__()
        start = np.linspace(-1.0, 1.5, 16)
        with ut.use_backend(self.engine):
            self.leaf = ut.tensor(start, requires_grad=True)
        self.reference = ut.tensor(start, device="numpy:cpu", requires_grad=True)
        self.live: list[tuple[ut.Tensor, Places]] = []
        self.loss: list[tuple[ut.Tensor, ut.Tensor]] = []

    def constant(self, a: Any) -> tuple[ut.Tensor, ut.Tensor]:
        return ut.asarray(a, device=self.leaf.device), ut.asarray(a, device="numpy:cpu")

    def expression(self, pick: Pick, shape: tuple[int, ...]) -> tuple[ut.Tensor, ut.Tensor]:
        """Something to write: of the leaf, a constant, or of another live Tensor."""
        size = int(np.prod(shape))
        kind = pick(4)
        if kind == 0:
            return self.constant(np.resize(WEIGHTS, size).reshape(shape))
        others = [(x, p) for x, p in self.live if fits(p.shape, shape) and not p.is_complex()]
        if kind >= 2 and others:
            x, p = pick.of(others)
            f: Callable[[Any], Any] = pick.of([lambda t: t * 0.5, ut.tanh, lambda t: ut.sin(t) * 0.5])
            return f(x), f(p.value())
        places = (np.arange(size) * 3 + pick(16)) % 16
        here, there = self.constant(places)
        c = 0.5 + pick(3)
        return (
            ut.reshape(ut.take(self.leaf, here, axis=0) * c, shape),
            ut.reshape(ut.take(self.reference, there, axis=0) * c, shape),
        )

    @initialize(choices=CHOICES)
    def begin(self, choices: Sequence[int]) -> None:
        self.new(Pick(choices))

    @rule(choices=CHOICES)
    def make(self, choices: Sequence[int]) -> None:
        if len(self.live) < 5:
            self.new(Pick(choices))

    def new(self, pick: Pick) -> None:
        shape = pick.of([(4,), (2, 3), (3, 1, 2), ()])
        x, y = (ut.broadcast_to(part, shape) for part in self.expression(pick, shape))
        if pick(4) == 1:
            x, y = ut.astype(x, ut.complex128), ut.astype(y, ut.complex128)
        size = int(np.prod(shape))
        where = np.arange(size).reshape(shape)
        self.live.append((x.clone(), Places(Family(ut.reshape(y, (-1,)) * 1.0, []), where)))

    @rule(choices=CHOICES)
    def view(self, choices: Sequence[int]) -> None:
        self._view(Pick(choices))

    @rule(choices=CHOICES)
    def view_of_last(self, choices: Sequence[int]) -> None:
        self._view(Pick([-1, *choices]))

    def _view(self, pick: Pick) -> None:
        x, p = pick.of(self.live)
        name, f = some_view(pick, p.shape, p.is_complex())
        if name in ("real", "imag"):
            self.live.append((f(x, ut), Places(p.family, p.where, name, p.writeable)))
            return
        where = f(p.where, Numpy)
        if isinstance(where, np.ndarray) and np.may_share_memory(where, p.where):
            made = Places(p.family, where, p.part, p.writeable and name != "broadcast_to")
        elif 0 in np.shape(where):  # shares no element, but is a view
            family = Family(ut.reshape(f(p.value(), ut), (-1,)) * 1.0, [])
            made = Places(family, where, "", p.writeable and name != "broadcast_to")
        else:
            family = Family(ut.reshape(f(p.value(), ut), (-1,)) * 1.0, [])
            made = Places(family, np.arange(np.size(where)).reshape(np.shape(where)))
        self.live.append((f(x, ut), made))
        if len(self.live) > 8:
            del self.live[pick(len(self.live))]

    def written(self, x: ut.Tensor, p: Places, ours: Callable[[], Any], model: Callable[[], Any]) -> None:
        if p.writeable:
            ours()
            model()
        else:
            with pytest.raises(ValueError, match="read-only"):
                ours()

    @rule(choices=CHOICES)
    def write(self, choices: Sequence[int]) -> None:
        pick = Pick(choices)
        x, p = pick.of(self.live)
        key = any_key(pick, p.shape)
        value, y = self.expression(pick, smaller(pick, p.where[key].shape))
        if pick(5) == 1:
            ours = ut.no_grad()(lambda: x.__setitem__(key, value))
            self.written(x, p, ours, lambda: p.written(key, y.detach(), recorded=False))
        else:
            self.written(x, p, lambda: x.__setitem__(key, value), lambda: p.written(key, y))

    @rule(choices=CHOICES)
    def in_place(self, choices: Sequence[int]) -> None:
        pick = Pick(choices)
        x, p = pick.of(self.live)
        value, y = self.expression(pick, smaller(pick, p.shape))
        name, f = pick.of([("__iadd__", ut.add), ("__imul__", ut.multiply)])
        self.written(x, p, lambda: getattr(x, name)(value), lambda: p.written(..., f(p.value(), y)))

    @rule(choices=CHOICES)
    def accumulate(self, choices: Sequence[int]) -> None:
        pick = Pick(choices)
        x, p = pick.of(self.live)
        key = any_key(pick, p.shape)
        value, y = self.expression(pick, smaller(pick, p.where[key].shape))

        def one_by_one() -> None:
            places = np.broadcast_to(np.arange(p.where.size).reshape(p.shape)[key], p.where[key].shape)
            spread = ut.broadcast_to(y, places.shape)
            for i in np.ndindex(places.shape):
                at = np.unravel_index(places[i], p.shape)
                element = p.value()[tuple(int(k) for k in at)] if p.shape else p.value()
                p.written(tuple(int(k) for k in at) if p.shape else ..., element + spread[i])

        self.written(x, p, lambda: ut.at(x, key).add(value), one_by_one)

    @rule(choices=CHOICES)
    def alias(self, choices: Sequence[int]) -> None:
        x, p = Pick(choices).of(self.live)
        family = Family(p.family.flat.detach(), p.family.aliases)
        self.live.append((x.detach(), Places(family, p.where, p.part, p.writeable)))

    @rule(choices=CHOICES)
    def save(self, choices: Sequence[int]) -> None:
        """Use a Tensor in the loss, so that the graph keeps some arrays of now."""
        pick = Pick(choices)
        x, p = pick.of(self.live)
        f: Callable[[Any], Any] = pick.of([lambda t: t * t, lambda t: ut.exp(ut.sin(t)), lambda t: t * 3.0])
        y = p.value()
        a, b = (ut.real(x * x), ut.real(y * y)) if p.is_complex() else (f(x), f(y))
        w, v = self.constant(np.resize(WEIGHTS, a.size).reshape(a.shape))
        self.loss.append((ut.sum(a * w), ut.sum(b * v)))

    @rule(choices=CHOICES)
    def drop(self, choices: Sequence[int]) -> None:
        if len(self.live) > 1:
            del self.live[Pick(choices)(len(self.live))]

    @invariant()
    def values_agree(self) -> None:
        for x, p in self.live:
            # Not `numpy()`: memory that was given away is treated differently.
            np.testing.assert_allclose(x.tolist(), p.value().tolist(), rtol=1e-12, atol=1e-12)

    def teardown(self) -> None:
        if not self.live:
            return
        for choice in range(len(self.live)):
            self.save([choice])
        ours, theirs = (sum((pair[i] for pair in self.loss[1:]), self.loss[0][i]) for i in (0, 1))
        assert ours.requires_grad or not theirs.requires_grad
        try:
            if ours.requires_grad:
                ours.backward()
        except GradientError as error:
            if self.engine in ("jax", "strict") or "test_writing_machine.py:" not in str(error):
                raise  # immutable memory is never overwritten
            return
        if theirs.requires_grad:
            theirs.backward()
        np.testing.assert_allclose(gradient(self.leaf), gradient(self.reference), rtol=1e-9, atol=1e-9)


def gradient(leaf: ut.Tensor) -> Any:
    return np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy()


# Running ---------------------------------------------------------------------------------------------------

QUICK = {"numpy": (120, 20), "torch": (60, 20), "jax": (8, 15), "strict": (15, 15)}


@pytest.mark.parametrize("machine", [Values, Gradients])
@pytest.mark.parametrize("engine", ENGINES)
def test_programs(engine: str, machine: type[Any]) -> None:
    try:
        ut.load_backend(engine)
    except ut.BackendError as error:
        pytest.skip(error.reason)
    examples, steps = QUICK[engine]
    deep = bool(os.environ.get("UNITENSOR_DEEP"))
    on_engine = type(f"{machine.__name__}On{engine.title()}", (machine,), {"engine": engine})
    run_state_machine_as_test(
        on_engine,
        settings=settings(
            max_examples=examples * 25 if deep else examples,
            stateful_step_count=steps * 2 if deep else steps,
            deadline=None,
            derandomize=not deep,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )

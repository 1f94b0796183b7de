"""What a program of the fuzzer means: NumPy's own arrays, with dual numbers beside them.

An `Array` holds a NumPy array, so that values, views and writes are NumPy's, and for each direction
of differentiation (a bit of a mask; a set of bits for higher orders) the array of tangents. Those
lie in the memory of a `Root` at the places at which the values lie in theirs. There is no graph and
no reverse mode: gradients are derivatives along each unit vector. Where a value is near a kink or a
tie, `UnsuitableError` is raised, and the program is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
from fuzz_dual import (
    Parts,
    UnsuitableError,
    apart,
    cholesky,
    cos,
    det,
    eigh,
    exp,
    inv,
    joined,
    log,
    product,
    reciprocal,
    sin,
    solve,
    sqrt,
    tanh,
    trace,
)

import unitensor as ut

# Arrays ------------------------------------------------------------------------------------------


class Memory:
    """Where values lie: in which call it was made, and whether it is an argument of that call."""

    def __init__(self, root: Root, depth: int) -> None:
        self.root = root
        self.depth = depth
        self.argument = False


class Root:
    """The tangents of the elements of one piece of memory, each flat, by mask."""

    def __init__(self, size: int, tangents: dict[int, Any]) -> None:
        self.size = size
        self.tangents = tangents
        self.writes = 0


class State:
    """What holds while a program runs."""

    recording = True
    depth = 0
    bit = 2  # the highest direction in use


state = State()


class Array:
    """A NumPy array and its tangents; what the reference has in place of a Tensor."""

    __array_ufunc__ = None

    def __init__(self, value: Any, root: Root, place: Any, memory: Memory, part: str = "") -> None:
        self.value = value
        self.root = root
        self.place = place
        self.memory = memory
        self.part = part
        self.frozen: int | None = None  # of a view made under no_grad: how often its root was written then

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    dtype = property(lambda self: self.value.dtype)
    requires_grad = property(lambda self: len(self.parts()) > 1)

    def parts(self, *, live: bool = False) -> Parts:
        """The dual number that this is now."""
        out = Parts({0: self.value.copy()})
        if self.value.dtype.kind in "biu" or (self.frozen == self.root.writes and not live):
            return out
        for m, flat in self.root.tangents.items():
            t = flat[self.place]
            out[m] = t.real if self.part == "real" else t.imag if self.part == "imag" else t
        return out

    def view(self, f: Callable[..., Any], part: str = "") -> Array:
        """What a view's function gives: a view, or where NumPy copies a copy."""
        value = np.asarray(f(self.value))
        if not np.may_share_memory(value, self.value) and self.value.size:
            return fresh(self.parts().each(f))
        place = self.place if part else np.asarray(f(self.place))
        out = Array(value, self.root, place, self.memory, part or self.part)
        out.frozen = self.frozen if state.recording else self.root.writes
        return out

    def write(self, key: Any, new: Parts) -> None:
        """`self[key] = new`."""
        if self.memory.depth < state.depth:
            raise UnsuitableError("a function writes what was made outside of it")
        if self.memory.argument and (not state.recording or self.root is not self.memory.root):
            raise UnsuitableError("an unrecorded write to an argument")
        if np.iscomplexobj(new[0]) and self.value.dtype.kind != "c":
            raise UnsuitableError("complex into real")
        key = plain(key)
        self.value[key] = new[0]
        where = self.place[key]
        if not state.recording or self.value.dtype.kind in "biu":
            return
        self.root.writes += 1
        kind = complex if self.part or self.value.dtype.kind == "c" else float
        for m in (self.root.tangents.keys() | new.keys()) - {0}:
            flat = self.root.tangents.setdefault(m, np.zeros(self.root.size, kind))
            t = np.broadcast_to(new.get(m, np.zeros(())), self.value[key].shape)
            if self.part == "real":
                t = t + 1j * flat[where].imag
            elif self.part == "imag":
                t = flat[where].real + 1j * t
            flat[where] = t

    def __getitem__(self, key: Any) -> Array:
        key = plain(key)
        if isinstance(self.value[key], np.generic):
            return fresh(self.parts().each(lambda a: np.asarray(a[key])))
        return self.view(lambda a: a[key])

    def __setitem__(self, key: Any, new: Any) -> None:
        self.write(key, parts(new))

    def __len__(self) -> int:
        return len(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def _in_place(self, other: Any, f: Callable[..., Array]) -> Array:
        result = f(self.live(), other)
        if result.shape != self.shape or not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise UnsuitableError("the result of an in-place operator does not fit")
        self.write(..., result.parts())
        return self

    def live(self) -> Array:
        """This with its tangents, also where it is a view made under no_grad."""
        return fresh(self.parts(live=True))

    def __iadd__(self, other: Any) -> Array:
        return self._in_place(other, lambda a, b: a + b)

    def __isub__(self, other: Any) -> Array:
        return self._in_place(other, lambda a, b: a - b)

    def __imul__(self, other: Any) -> Array:
        return self._in_place(other, lambda a, b: a * b)

    def __add__(self, other: Any) -> Array:
        return _bare(np.add, self, other, lambda a, b: a + b)

    def __mul__(self, other: Any) -> Array:
        return _bare(np.multiply, self, other, lambda a, b: a * b)

    def __sub__(self, other: Any) -> Array:
        return _bare(np.subtract, self, other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Array:
        return _bare(np.subtract, self, other, lambda a, b: b - a, swap=True)

    def __truediv__(self, other: Any) -> Array:
        return _bare(np.divide, self, other, lambda a, b: a * reciprocal(b))

    def __pow__(self, n: int) -> Array:
        out = self.parts()
        for _ in range(n - 1):
            out = out * self.parts()
        return fresh(out)

    def __neg__(self) -> Array:
        return fresh(-self.parts())

    def __matmul__(self, other: Array) -> Array:
        return _bare(np.matmul, self, other, lambda a, b: a @ b)

    def __gt__(self, other: Any) -> Array:
        return _compared(np.greater, self, other)

    def __lt__(self, other: Any) -> Array:
        return _compared(np.less, self, other)

    __radd__ = __add__
    __rmul__ = __mul__

    T = property(lambda self: self.view(np.transpose))
    mT = property(lambda self: self.view(lambda a: a.mT))  # noqa: N815 -- the standard's name
    real = property(lambda self: _real(self))
    imag = property(lambda self: _imag(self))

    def reshape(self, *shape: Any) -> Array:
        shape = shape[0] if isinstance(shape[0], (tuple, list)) else shape
        return self.view(lambda a: a.reshape(shape))

    def sum(self) -> Array:
        return reference.sum(self)

    def clone(self) -> Array:
        return fresh(self.parts())

    def to(self, target: Any) -> Array:
        return self if isinstance(target, str) else self.astype(target)

    def astype(self, dtype: Any) -> Array:
        if np.dtype(dtype).kind in "biu":
            apart(self.value - np.round(self.value), "a cast to integers near one")
        if self.value.dtype.kind == "c" and np.dtype(dtype).kind != "c":
            raise UnsuitableError("a cast of complex to real")
        return fresh(Parts({m: a if m else a.astype(dtype) for m, a in self.parts().items()}))

    def detach(self) -> Array:
        place = np.arange(self.value.size).reshape(self.value.shape)
        return Array(self.value, Root(self.value.size, {}), place, self.memory)

    def register_hook(self, hook: Callable[..., Any]) -> None:
        """A hook that scales the gradient scales what is pushed forward, too."""
        if not self.requires_grad:
            raise UnsuitableError("a hook of a constant")
        one = hook(fresh({0: np.ones(())}))
        if one is not None:
            for flat in self.root.tangents.values():
                flat *= one.value


def plain(key: Any) -> Any:
    """A key with NumPy's arrays in place of ours."""
    if isinstance(key, tuple):
        return tuple(map(plain, key))
    return key.value if isinstance(key, Array) else key


def _flat(a: Any, shape: tuple[int, ...], kind: type) -> Any:
    a = a.real if kind is float else a
    return np.array(a if a.shape == shape else np.broadcast_to(a, shape), kind).reshape(-1)


def fresh(p: dict[int, Any]) -> Array:
    """A new array of its own; without tangents where nothing is recorded, or it holds no real numbers."""
    value = np.array(p[0], order="C")
    if np.any(np.abs(value) >= 1e4):  # what is not selected may be NaN
        raise UnsuitableError("huge")
    kept = state.recording and value.dtype.kind not in "biu"
    kind = complex if value.dtype.kind == "c" else float
    tangents = {m: _flat(a, value.shape, kind) for m, a in p.items() if m} if kept else {}
    place = np.arange(value.size).reshape(value.shape)
    root = Root(value.size, tangents)
    return Array(value, root, place, Memory(root, state.depth))


def parts(x: Any) -> Parts:
    if isinstance(x, Array):
        return x.parts()
    return Parts({0: np.asarray(x)})


def _bare(f: Callable[..., Any], a: Any, b: Any, g: Callable[..., Parts], swap: bool = False) -> Array:
    """A function of two operands: the value by NumPy's own, so that numbers and dtypes are as NumPy has them."""
    left, right = (a.value, b.value if isinstance(b, Array) else b)
    value = f(right, left) if swap else f(left, right)
    return fresh({**g(parts(a), parts(b)), 0: value})


def _compared(f: Callable[..., Any], a: Any, b: Any) -> Array:
    left, right = parts(a)[0], parts(b)[0]
    apart(left.astype(float) - right, "a comparison of equal values")
    return fresh({0: f(left, right)})


def _real(x: Array) -> Array:
    return x.view(lambda a: a.real, part="real") if x.dtype.kind == "c" else x


def _imag(x: Array) -> Array:
    return x.view(lambda a: a.imag, part="imag") if x.dtype.kind == "c" else fresh({0: x.value * 0})


# Functions ---------------------------------------------------------------------------------------


def linear(f: Callable[..., Any]) -> Callable[..., Array]:
    """A linear function of one array as the reference has it."""
    return lambda x, *options, **named: fresh(x.parts().each(lambda a: f(a, *options, **named)))


def smooth(f: Callable[..., Parts]) -> Callable[..., Array]:
    """A function of dual numbers as the reference has it."""
    return lambda *args: fresh(f(*map(parts, args)))


def view(f: Callable[..., Any]) -> Callable[..., Array]:
    return lambda x, *options, **named: x.view(lambda a: f(a, *options, **named))


def listwise(f: Callable[..., Any]) -> Callable[..., Array]:
    """`concat` and `stack`: linear in all arrays of a list."""

    def run(arrays: Any, **named: Any) -> Array:
        ps = [x.parts() for x in arrays]
        masks = set().union(*ps)
        return fresh({m: f([p.get(m, p[0] * 0.0 if m else p[0]) for p in ps], **named) for m in masks})

    return run


def chosen(x: Array, order: Any, axis: int) -> Array:
    return fresh(x.parts().each(lambda a: np.take_along_axis(a, order, axis)))


def _sort(x: Array, *, axis: int = -1, descending: bool = False) -> Array:
    apart(np.diff(np.sort(x.value, axis=axis), axis=axis), "a tie")
    order = np.argsort(x.value, axis=axis)
    return chosen(x, np.flip(order, axis=axis) if descending else order, axis)


def extremum(name: str) -> Callable[..., Array]:
    def run(x: Array, *, axis: int | None = None, keepdims: bool = False) -> Array:
        if axis is None:
            return run(fresh(x.parts().each(np.ravel)), axis=0)
        apart(np.diff(np.sort(x.value, axis=axis), axis=axis), "a tie")
        where = getattr(np, name)(x.value, axis=axis, keepdims=True)
        out = chosen(x, where, axis)
        return out if keepdims else fresh(out.parts().each(lambda a: np.squeeze(a, axis=axis)))

    return run


def _where(mask: Array, a: Any, b: Any) -> Array:
    value = np.where(
        mask.value, a.value if isinstance(a, Array) else a, b.value if isinstance(b, Array) else b
    )
    left = parts(a).each(lambda p: np.where(mask.value, p, 0))
    right = parts(b).each(lambda p: np.where(mask.value, 0, p))
    return fresh({**(left + right), 0: value})


def larger(sign: int) -> Callable[..., Array]:
    def run(a: Any, b: Any) -> Array:
        gap = (parts(a)[0] - parts(b)[0]) * sign
        apart(gap, "a tie")
        return _where(fresh({0: gap > 0}), a, b)

    return run


def _abs(x: Array) -> Array:
    apart(x.value, "a kink")
    if x.dtype.kind != "c":
        return fresh(x.parts().each(lambda a: a * np.sign(x.value)))
    a, b = _real(x).parts(), _imag(x).parts()
    return fresh(sqrt(a * a + b * b))


def _steps(f: Callable[..., Any], jump: float) -> Callable[..., Array]:
    def run(x: Array) -> Array:
        apart(x.value - jump - np.round(x.value - jump), "a jump")
        return fresh({0: f(x.value)})

    return run


def _prod(x: Array, *, axis: int = 0) -> Array:
    p = x.parts()
    rows = [p.each(lambda a, i=i: np.take(a, i, axis=axis)) for i in range(x.shape[axis])]
    out = rows[0]
    for row in rows[1:]:
        out = out * row
    return fresh(out)


def _var(x: Array, *, axis: int | None = None) -> Array:
    p = x.parts()
    centred = p - p.each(lambda a: np.mean(a, axis=axis, keepdims=True))
    return fresh((centred * centred).each(lambda a: np.mean(a, axis=axis)))


def _norm(p: Parts) -> Parts:
    apart(np.linalg.norm(p[0]), "a kink", 0.1)
    return sqrt((p * p).each(np.sum))


def _svdvals(p: Parts) -> Parts:
    gram = p.mT @ p if p[0].shape[-2] >= p[0].shape[-1] else p @ p.mT
    w = eigh(gram)[0]
    apart(w[0], "a singular value near 0", 0.1)
    return sqrt(w).each(lambda a: a[::-1])


class At:
    """`ut.at`: each place takes part once for each time it is named."""

    def __init__(self, x: Array, key: Any) -> None:
        self.x = x
        self.where = np.arange(x.size).reshape(x.shape)[plain(key)]

    def _each(self, other: Any, f: Callable[..., Array]) -> None:
        now = self.x.live().reshape(-1)
        new = parts(other).each(lambda a: np.broadcast_to(a, self.where.shape).reshape(-1))
        for i, place in enumerate(self.where.reshape(-1)):
            one = f(now[int(place)], fresh(new.each(lambda a, i=i: a[i])))
            moved = one.parts()
            for mask in (moved.keys() | now.root.tangents.keys()) - {0}:
                now.root.tangents.setdefault(mask, np.zeros(now.size))[place] = moved.get(mask, 0.0)
            now.value[place] = one.value
        self.x.write(..., now.reshape(self.x.shape).parts())

    def add(self, other: Any) -> None:
        self._each(other, lambda a, b: a + b)

    def multiply(self, other: Any) -> None:
        self._each(other, lambda a, b: a * b)

    def max(self, other: Any) -> None:
        self._each(other, larger(1))

    def min(self, other: Any) -> None:
        self._each(other, larger(-1))


# Modes and transforms ----------------------------------------------------------------------------


@contextmanager
def recording(on: bool) -> Iterator[None]:
    before, state.recording = state.recording, on
    try:
        yield
    finally:
        state.recording = before


def called(f: Callable[..., Any], *args: Any) -> Any:
    """A call whose writes to what is outside are refused."""
    state.depth += 1
    try:
        out = f(*args)
    finally:
        state.depth -= 1
    for x in out if isinstance(out, tuple) else (out,):
        x.memory.depth = min(x.memory.depth, state.depth)
    return out


def pushed(f: Callable[..., Any], args: Any, tangents: Any) -> tuple[Array, Parts]:
    """The value of f, and its derivative along tangents in a new direction; arguments are copies."""
    bit, before, on = state.bit * 2, state.bit, state.recording
    state.bit, state.recording = bit, True
    state.depth += 1
    try:
        duals = [fresh(joined(a.parts(), t, bit)) for a, t in zip(args, tangents)]
        for x in duals:
            x.memory.argument = True
        low, moved = f(*duals).parts().split(bit)
    finally:
        state.bit, state.recording = before, on
        state.depth -= 1
    moved.setdefault(0, np.zeros(low[0].shape))
    return fresh(low), moved


def rows(f: Callable[..., Any], x: Array) -> tuple[Any, list[Parts]]:
    """The value of f, and its derivatives along each element of x."""
    out, found = None, []
    for unit in np.eye(x.size).reshape(x.size, *x.shape):
        out, moved = pushed(f, [x], [Parts({0: unit})])
        found.append(moved)
    return out, found


def gathered(found: list[Parts], shape: Any, dtype: Any) -> Array:
    """Derivatives along each element as one array, whose last axes are those of the elements."""
    masks = set().union(*found)
    p = {m: np.stack([f.get(m, np.zeros(f[0].shape)) for f in found], axis=-1) for m in masks}
    p = {m: a.reshape((*a.shape[:-1], *shape)) for m, a in p.items()}
    return fresh({**p, 0: p[0].astype(dtype)})


def _grad(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Array]:
    def run(*args: Array) -> Array:
        x = args[argnum]
        of_one = lambda a: f(*args[:argnum], a, *args[argnum + 1 :])  # noqa: E731 -- a formula of one line
        return gathered(rows(of_one, x)[1], x.shape, x.dtype)

    return run


def _jacobian(f: Callable[..., Any], *, mode: str = "") -> Callable[[Array], Array]:
    def run(x: Array) -> Array:
        out, found = rows(f, x)
        if out.dtype != x.dtype:
            raise UnsuitableError("a Jacobian of two dtypes")  # has that of the argument in reverse mode
        return gathered(found, x.shape, out.dtype)

    return run


def _vjp(f: Callable[..., Any], x: Array) -> tuple[Array, Callable[..., Any]]:
    out, found = rows(f, x)

    def pull(g: Array) -> tuple[Array]:
        return (gathered([(p * g.parts()).each(np.sum) for p in found], x.shape, x.dtype),)

    return out, pull


def _linearize(f: Callable[..., Any], x: Array) -> tuple[Array, Callable[..., Array]]:
    out, found = rows(f, x)

    def push(t: Array) -> Array:
        total = Parts()
        for p, where in zip(found, np.ndindex(x.shape)):
            total = total + p * t.parts().each(lambda a, where=where: a[where])
        return fresh({**total, 0: total[0].astype(out.dtype)})

    return out, push


def _jvp(f: Callable[..., Any], args: Any, tangents: Any) -> tuple[Array, Array]:
    out, moved = pushed(f, args, [t.parts() for t in tangents])
    return out, fresh({**moved, 0: moved[0].astype(out.dtype)})


def _hvp(f: Callable[..., Any]) -> Callable[..., Array]:
    return lambda x, t: _jvp(_grad(f), (x,), (t,))[1]


def _svd(x: Array) -> tuple[Array, Array, Array]:
    """Of a square matrix, with signs of its own: only what does not depend on them may be used."""
    w, v = eigh(x.parts().mT @ x.parts())
    apart(w[0], "a singular value near 0", 0.1)
    s = sqrt(w)
    u = (x.parts() @ v) * reciprocal(s)
    return fresh(u), fresh(s), fresh(v.mT)


def _qr(x: Array) -> tuple[Array, Array]:
    r = cholesky(x.parts().mT @ x.parts()).mT
    return fresh(x.parts() @ inv(r)), fresh(r)


def _diagonal(x: Array) -> Array:
    def writeable(a: Any) -> Any:
        d = np.linalg.diagonal(a)
        d.flags.writeable = a.flags.writeable
        return d

    return x.view(writeable)


def _eigh(x: Array) -> tuple[Array, Array]:
    w, v = eigh(x.parts())
    return fresh(w), fresh(v)


class Random:
    """`ut.random` on NumPy: the same numbers."""

    generator: Any = None

    def seed(self, n: int) -> None:
        with ut.use_backend("numpy"):
            self.generator = ut.random.Generator(n)

    def _draw(self, name: str, *options: Any) -> Array:
        if self.generator is None:
            raise UnsuitableError("numbers without a seed")
        with ut.use_backend("numpy"):
            return fresh({0: getattr(self.generator, name)(*options).numpy()})

    def uniform(self, shape: Any) -> Array:
        return self._draw("uniform", shape)

    def bernoulli(self, p: float, shape: Any) -> Array:
        return self._draw("bernoulli", p, shape)


def begin() -> None:
    """The state in which a program starts."""
    state.recording, state.depth, state.bit = True, 0, 2
    reference.random.generator = None


def _asarray(values: Any, dtype: Any = None) -> Array:
    return fresh({0: np.array(values, dtype=dtype)})


reference = SimpleNamespace(
    exp=smooth(exp), log=smooth(log), sin=smooth(sin), cos=smooth(cos), tanh=smooth(tanh), sqrt=smooth(sqrt),
    reciprocal=smooth(reciprocal), square=smooth(lambda x: x * x), abs=_abs, conj=linear(np.conj),
    floor=_steps(np.floor, 0.0), round=_steps(np.round, 0.5),
    sign=lambda x: (_abs(x), fresh({0: np.sign(x.value)}))[1],
    real=_real, imag=_imag, maximum=larger(1), minimum=larger(-1), where=_where,
    sum=linear(np.sum), mean=linear(np.mean), prod=_prod, var=_var, max=extremum("argmax"), min=extremum("argmin"),
    sort=_sort, argsort=lambda x: (_sort(x), fresh({0: np.argsort(x.value)}))[1],
    diff=linear(np.diff), tril=linear(np.tril), cumulative_sum=linear(np.cumulative_sum),
    take=lambda x, k, axis: fresh(x.parts().each(lambda a: np.take(a, plain(k), axis=axis))),
    reshape=view(np.reshape), permute_dims=view(np.permute_dims), flip=view(np.flip), moveaxis=view(np.moveaxis),
    expand_dims=view(np.expand_dims), squeeze=view(np.squeeze), broadcast_to=view(np.broadcast_to),
    roll=linear(np.roll), tile=linear(np.tile), repeat=linear(np.repeat),
    concat=listwise(np.concat), stack=listwise(np.stack), unstack=lambda x: tuple(x[i] for i in range(len(x))),
    zeros=lambda *a, **k: fresh({0: np.zeros(*a, **k)}), ones=lambda *a, **k: fresh({0: np.ones(*a, **k)}),
    eye=lambda n: fresh({0: np.eye(n)}), asarray=_asarray,
    linalg=SimpleNamespace(
        solve=smooth(solve), inv=smooth(inv), det=smooth(det), trace=smooth(trace), cholesky=smooth(cholesky),
        eigh=_eigh, eigvalsh=smooth(lambda x: eigh(x)[0]), svdvals=smooth(_svdvals), vector_norm=smooth(_norm),
        diagonal=_diagonal, svd=_svd, qr=_qr,
        outer=lambda a, b: fresh(product(np.multiply.outer, a.parts(), b.parts())),
    ),
    fft=SimpleNamespace(
        fft=linear(np.fft.fft), ifft=linear(np.fft.ifft), rfft=linear(np.fft.rfft), irfft=linear(np.fft.irfft)
    ),
    random=Random(), set_grad_enabled=recording, no_grad=lambda: recording(False), enable_grad=lambda: recording(True),
    detect_anomaly=nullcontext, stop_gradient=Array.detach, checkpoint=called,
    custom_gradient=lambda f, *rules: lambda *args: called(f, *args), at=At,
    grad=_grad, jacobian=_jacobian, hessian=lambda f: _jacobian(_grad(f)), vjp=_vjp, jvp=_jvp,
    linearize=_linearize, hvp=_hvp,
    float32="float32", float64="float64", int64="int64", complex128="complex128", bool="bool",
)  # fmt: skip

"""Checks for users' own functions: are their gradients right, and where do values leave?

`gradcheck` compares both modes with finite differences, `gradgradcheck` the second derivatives;
`track_escapes` lists every exit to NumPy and Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._dtypes import complex_dtype, is_inexact, real_of
from ._errors import describe
from ._exits import Escape, watchers
from ._graph import Dual, edges_of, name_of
from ._modes import is_grad_enabled, no_grad
from ._op import Op, scope
from ._trees import leaves, tree_map

if TYPE_CHECKING:
    from ._tensor import Tensor

MODES = ("reverse", "forward")

#: By dtype: the step of central differences, and the relative and absolute tolerance.
STEPS = {
    "float64": (6e-6, 1e-5, 1e-7),
    "float32": (5e-3, 1e-2, 1e-3),
    "float16": (1e-1, 1e-1, 5e-2),
    "bfloat16": (2e-1, 2e-1, 1e-1),
}


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    modes: Sequence[str] = MODES,
    step: float | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    fast: bool = False,
) -> bool:
    """Compare the gradients of a function, in both modes, with central finite differences.

    Every real or complex floating Tensor among the inputs is varied; f returns a Tensor or a nest
    of them. A complex number counts as its real and its imaginary part. Returns True.

    Parameters
    ----------
    inputs: Tensors, or nested dicts, lists, tuples and dataclasses of them, on any backend.
    modes: "reverse", "forward" or both.
    step, rtol, atol: of the differences; by default they follow the coarsest dtype.
    fast: compare along one random direction; only if that fails entry by entry.

    Raises
    ------
    AssertionError: a derivative is off; the message names the mode, the worst entry, both values
        and the ops that f recorded.

    >>> import unitensor as ut
    >>> ut.testing.gradcheck(lambda x, y: ut.sin(x) * y, ut.asarray([1.0, 2.0]), ut.asarray(3.0))
    True
    """
    if unknown := [m for m in modes if m not in MODES]:
        raise ValueError(f"gradcheck: mode {unknown[0]!r}; expected 'reverse' or 'forward'")
    problem = _Problem(f, inputs)
    chosen = [given if given is not None else own for given, own in zip((step, rtol, atol), problem.steps)]
    if fast and problem.agrees_along(modes, *chosen):
        return True
    expected = problem.by_differences(chosen[0])
    for mode in modes:
        found = problem.by_reverse() if mode == "reverse" else problem.by_forward()
        problem.compare(mode, found, expected, *chosen[1:])
    return True


def gradgradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    step: float | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    fast: bool = False,
) -> bool:
    """Compare the second derivatives of a function with finite differences of its first.

    All four ways are taken: reverse and forward mode, each over reverse and over forward. The
    parameters are those of `gradcheck`, which is not implied.

    >>> import unitensor as ut
    >>> ut.testing.gradgradcheck(ut.sin, ut.asarray([1.0, 2.0]))
    True
    """
    from ._transforms import jvp, vjp

    problem = _Problem(f, inputs)
    n = len(problem.xs)
    cotangents = [like(y, _normal(y, 2 + i)) for i, y in enumerate(problem.ys)]
    tangents = [like(x, _normal(x, 50 + i)) for i, x in enumerate(problem.xs)]

    def backwards(*values: Any) -> Any:
        return vjp(problem.flat, *values[:n])[1](list(values[n:]))

    def forwards(*values: Any) -> Any:
        return jvp(problem.flat, values[:n], values[n:])[1]

    for which, g, directions in (("backwards", backwards, cotangents), ("forwards", forwards, tangents)):
        g.__name__ = f"the gradient of {problem.name}, {which}"
        gradcheck(g, *problem.xs, *directions, step=step, rtol=rtol, atol=atol, fast=fast)
    return True


class track_escapes:  # noqa: N801 -- a mode, named like no_grad
    """List every exit of values to NumPy, DLPack or Python in a `with` block, with its place.

    For authors of libraries who want to know where a program leaves the engine; in any thread.

    >>> import unitensor as ut
    >>> with ut.testing.track_escapes() as escapes:
    ...     x = float(ut.ones(()))
    >>> escapes[0].how, escapes[0].tensor
    ('float()', "float64[] on 'numpy'")
    """

    def __enter__(self) -> list[Escape]:
        self._found: list[Escape] = []
        watchers.append(self._found)
        return self._found

    def __exit__(self, *exc: object) -> None:
        # By identity: two lists of the same escapes are equal.
        watchers[:] = [found for found in watchers if found is not self._found]


# Numbers of a Tensor ---------------------------------------------------------------------------


def values_of(x: Tensor) -> Any:
    """A Tensor's values as a NumPy array of float64 or complex128, a copy, whose flattening is a view."""
    array = np.asarray(x._xp.backend.to_numpy(x._data))
    return array.astype(np.complex128 if complex_dtype(x._data.dtype) else np.float64, order="C")


def like(x: Tensor, values: Any) -> Tensor:
    """A Tensor of some values with the dtype, backend and device of another."""
    from ._ops.creation import asarray

    return asarray(values, device=x.device).astype(x.dtype)


def _normal(x: Tensor, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(x.shape)
    return values + 1j * rng.standard_normal(x.shape) if complex_dtype(x._data.dtype) else values


def _parts(values: Any) -> Any:
    """An array as one vector of real numbers; a complex one as (real, imaginary) pairs."""
    flat = np.ascontiguousarray(values).reshape(-1)
    return flat.view(np.float64) if flat.dtype == np.complex128 else flat


class _Entry(NamedTuple):
    """A real number among those of some Tensors."""

    which: int
    place: tuple[int, ...]
    part: str

    def __str__(self) -> str:
        at = f"[{', '.join(map(str, self.place))}]" if self.place else ""
        return f"{self.which}{at}{self.part}"


def _entries(xs: Sequence[Tensor]) -> list[_Entry]:
    found = []
    for which, x in enumerate(xs):
        names = (".real", ".imag") if complex_dtype(x._data.dtype) else ("",)
        found += [_Entry(which, index, part) for index in np.ndindex(x.shape) for part in names]
    return found


def _units(x: Tensor) -> Iterator[Tensor]:
    """The unit vectors of a Tensor's space, those of its imaginary parts included."""
    zeros = np.zeros_like(values_of(x))
    for i in range(_parts(zeros).size):
        unit = np.zeros_like(zeros)
        _parts(unit)[i] = 1.0
        yield like(x, unit)


class _Problem:
    """A function of some Tensors alone, its inputs and outputs, and its real Jacobian."""

    def __init__(self, f: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
        self.f = f
        self.inputs = inputs
        self.name = getattr(f, "__name__", type(f).__name__)
        self.xs = [x.detach() for x in leaves(inputs) if _varies(x)]
        if not self.xs:
            raise ValueError(f"gradcheck: none of the inputs of {self.name} is a floating Tensor")
        with no_grad():
            self.ys = self.flat(*self.xs)
        coarsest = min((real_of(t.dtype).name for t in (*self.xs, *self.ys)), key=list(STEPS)[::-1].index)
        self.steps = STEPS[coarsest]

    def flat(self, *xs: Tensor) -> list[Tensor]:
        """f as a function of its varying Tensors, its floating results in a list."""
        it = iter(xs)
        result = self.f(*tree_map(lambda x: next(it) if _varies(x) else x, self.inputs))
        found = leaves(result)
        for y in found:
            if not isinstance(y, scope["Tensor"]):
                raise TypeError(f"gradcheck: {self.name} returned {describe(y)}; expected Tensors")
        return [y for y in found if is_inexact(y.dtype)]

    def values(self, arrays: list[Any]) -> tuple[Any, list[Any]]:
        """The results at some values, and the values as the dtype rounds them."""
        moved = [like(x, a) for x, a in zip(self.xs, arrays)]
        with no_grad():
            return _joined(self.flat(*moved)), [values_of(x) for x in moved]

    def by_differences(self, step: float) -> Any:
        """The Jacobian, outputs by inputs, by central differences."""
        columns = []
        for k, x in enumerate(self.xs):
            for i in range(_parts(values_of(x)).size):
                ends, at = [], []
                for sign in (1.0, -1.0):
                    arrays = [values_of(x) for x in self.xs]
                    parts = _parts(arrays[k])
                    parts[i] += sign * step * max(1.0, abs(parts[i]))
                    y, rounded = self.values(arrays)
                    ends.append(y)
                    at.append(_parts(rounded[k])[i])
                columns.append((ends[0] - ends[1]) / (at[0] - at[1]))
        return np.stack(columns, axis=1) if columns else np.zeros((_joined(self.ys).size, 0))

    def by_forward(self) -> Any:
        """The Jacobian by forward mode, column by column."""
        columns = []
        for k, x in enumerate(self.xs):
            for unit in _units(x):
                columns.append(self.push([unit if i == k else None for i in range(len(self.xs))]))
        return np.stack(columns, axis=1) if columns else np.zeros((_joined(self.ys).size, 0))

    def by_reverse(self) -> Any:
        """The Jacobian by reverse mode, row by row."""
        rows = []
        for k, y in enumerate(self.ys):
            for unit in _units(y):
                rows.append(self.pull([unit if i == k else None for i in range(len(self.ys))]))
        return np.stack(rows) if rows else np.zeros((0, _joined(self.xs).size))

    def push(self, tangents: list[Any]) -> Any:
        """The derivative in a direction; None is a zero tangent."""
        from ._transforms import jvp

        filled = tuple(like(x, np.zeros(x.shape)) if t is None else t for x, t in zip(self.xs, tangents))
        return _joined(jvp(self.flat, tuple(self.xs), filled)[1])

    def pull(self, cotangents: list[Any]) -> Any:
        """The gradient for a cotangent; None is a zero cotangent."""
        from ._transforms import vjp

        filled = [like(y, np.zeros(y.shape)) if g is None else g for y, g in zip(self.ys, cotangents)]
        return _joined(vjp(self.flat, *self.xs)[1](filled))

    def agrees_along(self, modes: Sequence[str], step: float, rtol: float, atol: float) -> bool:
        """Whether the derivatives agree along one random direction in and one out."""
        v = [_normal(x, 10 + i) for i, x in enumerate(self.xs)]
        u = [_normal(y, 30 + i) for i, y in enumerate(self.ys)]
        v_parts = np.concatenate([_parts(a) for a in v])
        u_parts = np.concatenate([_parts(a) for a in u]) if u else np.zeros(0)
        ends = [self.values([values_of(x) + s * step * a for x, a in zip(self.xs, v)])[0] for s in (1, -1)]
        expected = np.sum(u_parts * (ends[0] - ends[1])) / (2 * step)
        # What cancels in the sums must not count as an error.
        scale = np.sum(np.abs(u_parts)) * (1 + np.max(np.abs(ends[0]), initial=0.0))
        found = []
        if "reverse" in modes:
            gradient = self.pull([like(y, a) for y, a in zip(self.ys, u)])
            found.append(np.sum(gradient * v_parts))
        if "forward" in modes:
            found.append(np.sum(u_parts * self.push([like(x, a) for x, a in zip(self.xs, v)])))
        return all(bool(abs(d - expected) <= atol * scale + rtol * abs(expected)) for d in found)

    def compare(self, mode: str, found: Any, expected: Any, rtol: float, atol: float) -> None:
        """Raise for the worst entry of a Jacobian that is off."""
        scale = atol * (1 + np.max(np.abs(_joined(self.ys)), initial=0.0))
        with np.errstate(invalid="ignore"):
            error = np.abs(found - expected)
            same = (found == expected) | (np.isnan(found) & np.isnan(expected))
        excess = np.where(same, 0.0, error / (scale + rtol * np.abs(expected)))
        excess = np.where(np.isnan(excess), np.inf, excess)
        if not np.any(excess > 1):
            return
        row, column = np.unravel_index(np.argmax(excess), excess.shape)
        output, source = _entries(self.ys)[row], _entries(self.xs)[column]
        raise AssertionError(
            f"gradcheck of {self.name}, {mode} mode: "
            f"{np.sum(excess > 1)} of {excess.size} derivatives are off. "
            f"Worst: output {output} by input {source}: {mode} mode gives {found[row, column]:.9g}, "
            f"finite differences {expected[row, column]:.9g}. Ops recorded: {', '.join(self.ops()) or 'none'}"
        )

    def ops(self) -> list[str]:
        """The ops that f records, in order of first use."""
        marked = [x.detach().requires_grad_() for x in self.xs]
        todo = [y._node for y in self.flat(*marked)] if is_grad_enabled() else []
        seen: dict[int, Any] = {}
        while todo:
            node = todo.pop()
            if node is None or type(node) is Dual or node[0] in seen:
                continue
            seen[node[0]] = node
            todo += [parent for parent, _, _ in edges_of(node)]
        return list(dict.fromkeys(name_of(n) for _, n in sorted(seen.items()) if isinstance(n[2], Op)))


def _varies(x: Any) -> bool:
    return isinstance(x, scope["Tensor"]) and is_inexact(x.dtype)


def _joined(tensors: Sequence[Tensor]) -> Any:
    """All real numbers of some Tensors in one vector."""
    return np.concatenate([np.zeros(0), *(_parts(values_of(t)) for t in tensors)])

"""Limits that first derivatives do not tell, from second ones: decompositions at equal values, lengths of 0.

Let M be the gradient in the frame of the vectors, so that a small change P of the values' matrix moves the
result by Re tr(Mᴴ P). Its diagonal is the cotangent of the values. A function of the matrix alone does not
know which vectors were chosen where values are equal: turn them, and M turns along. So the slope of the
diagonal along a turn of two vectors is what stands in M beside it, and that slope can be had from a recorded pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .._graph import GradientError
from .._modes import is_grad_enabled
from .._op import op, scope

if TYPE_CHECKING:
    from .._tensor import Tensor

#: Of the cotangent of one value: where it stands, and its own cotangents in the vectors, conjugated.
Slopes = Iterator[tuple[tuple[int, ...], list[Any]]]


class LimitError(GradientError):
    """A gradient that is a limit, which first derivatives do not tell; a recorded pass may."""


def _recorded(out: Any) -> bool:
    """Whether a rule runs in a pass that records itself, so that cotangents have slopes."""
    return isinstance(out[0], scope["Tensor"]) and type(out[0]._node) is list and is_grad_enabled()


def _no_second(*_: Any) -> Any:
    raise GradientError(
        "the gradient of a decomposition at equal values is a limit, whose own gradient is not known"
    )


def slopes(g_values: Any, out: Any, lost: Any) -> Slopes:
    """For each value that has a lost quotient in its column or row: the slopes of its cotangent."""
    from .._backward import carry  # which knows the errors of this file

    tensors = scope["tensors"]
    touched = np.any(lost, axis=-2)
    if lost.shape[-2] == lost.shape[-1]:
        touched = touched | np.any(lost, axis=-1)
    if g_values._node is None:
        return
    node = out[0]._node[4]
    for place in zip(*np.nonzero(touched)):
        index = tuple(int(i) for i in place)
        one = tensors.getitem(g_values, index)
        reached = carry([one], [tensors.ones_like(one.detach())], keep=True, recorded=False, limit=node[0])
        found = reached.get(node[0])
        if found is not None:
            parts = (None if c is None else np.conj(on_host(c, g_values)[index[:-1]]) for c in found[1])
            yield index, list(parts)


def any_known(x: Tensor) -> bool:
    """Whether a Tensor of booleans is true anywhere, as far as it has values: inside a trace it has none."""
    return x._xp.backend.has_values(x._data) and bool(x._xp.any(x._data))


def on_host(x: Any, like: Any) -> Any:
    """The values of a Tensor, whatever history it has, or of an array of its engine."""
    return np.asarray(like._xp.backend.to_numpy(x._data if isinstance(x, scope["Tensor"]) else x))


def as_limit(x: Any, found: Any, lost: Any, sign: int = 0) -> Any:
    """Limits found on the host, as a Tensor beside the numerator x; `sign` times their adjoint is the same.

    Each of a pair is found by itself. Where they differ, the result knows which vectors were chosen.
    """
    other = sign * np.conj(np.swapaxes(found, -1, -2)) if sign else found
    apart = np.where(lost, np.abs(found - other), 0)
    if np.max(apart, initial=0) > np.finfo(found.dtype).eps ** 0.25 * np.max(np.abs(found), initial=0):
        raise GradientError(
            "linalg: the result depends on the vectors of single values among some that are equal, or too close "
            "to tell apart; its gradient is not defined"
        )
    xp = x._xp
    raw = xp.backend.from_numpy(found.astype(x.dtype.dtype), xp.backend.raw_device_of(x._data))
    limit = scope["wrap"](raw, xp, None)
    tensors = scope["tensors"]
    return tensors.custom_gradient(lambda x: limit, backward=_no_second, forward=_no_second)(x)


def _beside(turn: Any, i: int) -> Any:
    """The row i of M, as far as it is Hermitian, from the slopes of its diagonal along a turn of vectors."""
    return (np.conj(turn[:, i]) - turn[i, :]) / 2


def eigh_limit(g_values: Any, out: Any) -> Callable[[Any, Any], Any] | None:
    """What finds the limits of the quotients of eigenvectors; None where nothing does."""
    if g_values is None or not _recorded(out):
        return None

    def find(x: Any, lost: Any) -> Any:
        vectors, lost = on_host(out[1], x), on_host(lost, x)
        found = np.zeros(vectors.shape, dtype=vectors.dtype)
        for (*lead, i), (_, slope) in slopes(g_values, out, lost):
            if slope is not None:
                v = vectors[tuple(lead)]
                found[(*lead, i)] = _beside(np.conj(v.T) @ slope, i)
        return as_limit(x, found, lost, 1)

    return find


def svd_limits(g_values: Any, out: Any) -> tuple[Callable[[Any, Any], Any] | None, ...]:
    """The limits of the quotients by differences and by sums of singular values, and by themselves in U and V."""

    if g_values is None or not _recorded(out):
        return (None,) * 4

    def finder(sign: int, put: Callable[..., None]) -> Callable[[Any, Any], Any]:
        def find(x: Any, lost: Any) -> Any:
            u, vh, lost = on_host(out[0], x), on_host(out[2], x), on_host(lost, x)
            found = np.zeros(x.shape, dtype=u.dtype)
            for (*lead, i), (in_u, _, in_vh) in slopes(g_values, out, lost):
                here = tuple(lead)
                left = _first(u[here], in_u, i, out)
                in_v = None if in_vh is None else np.conj(in_vh.T)
                right = _first(np.conj(vh[here].T), in_v, i, out)
                put(found[here], left, right, i)
            return as_limit(x, found, lost, sign)

        return find

    def both(found: Any, left: Any, right: Any, i: int) -> None:
        found[i] = _beside(left[0], i) + _beside(right[0], i)

    def apart(found: Any, left: Any, right: Any, i: int) -> None:
        found[i] = _beside(right[0], i) - _beside(left[0], i)
        found[i, i] /= 2

    def off_left(found: Any, left: Any, right: Any, i: int) -> None:
        found[:, i] = left[1]

    def off_right(found: Any, left: Any, right: Any, i: int) -> None:
        found[:, i] = right[1]

    return finder(1, both), finder(-1, apart), finder(0, off_left), finder(0, off_right)


def _first(vectors: Any, slope: Any, i: int, out: Any) -> tuple[Any, Any]:
    """The slopes among the first k vectors, and of the i-th one out of their span."""
    k = out[1].shape[-1]
    first, last = vectors[:, :k], vectors[:, k:]
    if slope is None:
        return np.zeros((k, k)), np.zeros(vectors.shape[0])
    slope = slope[:, :k] - last @ (np.conj(slope[:, k:].T) @ first)
    turn = np.conj(first.T) @ slope
    return turn, slope[:, i] - first @ turn[:, i]


# Lengths of zero -----------------------------------------------------------------------------------


def over_size(xp: Any, g: Any, size: Any) -> Any:
    """g / size, where 0 / 0 is the slope of g in the size: what norm(x)**2 asks for at 0."""
    if isinstance(size, scope["Tensor"]) and type(size._node) is list and is_grad_enabled():
        lost = xp.logical_and(xp.equal(size, 0), xp.equal(g, 0))
        if any_known(lost):
            found = _size_limit(xp, g, size, lost)
            safe = xp.where(lost, xp.ones_like(size), size)
            return xp.where(lost, found, xp.divide(g, safe))
    return xp.quotient(g, size)


def _size_limit(xp: Any, g: Any, size: Any, lost: Any) -> Any:
    from .._backward import carry  # which knows the errors of this file

    node = size._node
    while node[3] != "leaf" and getattr(node[2], "name", "") == "reshape":
        node = node[4]
    found = np.zeros(g.shape, dtype=on_host(g, g).dtype)
    v = xp.ones_like(g.detach()).requires_grad_()
    hit = None if g._node is None else carry([g], [v], keep=True, recorded=True, limit=node[0]).get(node[0])
    if hit is not None:
        slopes = xp.reshape(hit[1], (-1,))
        zeros = np.broadcast_to(on_host(lost, g), g.shape)
        places = np.broadcast_to(np.arange(size.size).reshape(size.shape), g.shape)
        for i in np.unique(places[zeros]) if slopes._node is not None else ():
            one = xp.getitem(slopes, int(i))
            reached = carry([one], [xp.ones_like(one.detach())], keep=True, recorded=False, limit=node[0])
            own = reached.get(v._node[0])
            if own is not None:
                found = np.where(zeros & (places == i), on_host(own[1], g), found)
    return as_limit(g, found, False)


def _quotient(xp: Any, x: Any, size: Any) -> Any:
    """Arrays without values (inside a trace) pass."""
    known = xp.backend.has_values((x, size))
    if known and bool(np.any((xp.backend.to_numpy(size) == 0) & (xp.backend.to_numpy(x) == 0))):
        raise LimitError(
            "the second derivative of a norm at 0 takes one more derivative, which this pass has not"
        )
    return xp.divide(x, size)


@op(
    inputs=("x", "size"),
    grad={
        "x": lambda xp, g, size: xp.quotient(g, size),
        "size": lambda xp, g, size, out: xp.negative(xp.quotient(xp.multiply(g, out), size)),
    },
    elementwise=True,
    dtypes="floating",
    domain=((-2.0, 2.0), (0.5, 2.0)),
    public=False,
    fallback=_quotient,
)
def quotient(x: Tensor, size: Tensor) -> Tensor:
    """x / size; LimitError for 0 / 0."""


def _unit(xp: Any, x: Any, size: Any) -> Any:
    return xp.divide(x, xp.where(xp.equal(size, 0), xp.ones_like(size), size))


@op(
    inputs=("x", "size"),
    grad={
        "x": lambda xp, g, size: over_size(xp, g, size),
        "size": lambda xp, g, size, out: xp.negative(xp.unit(xp.multiply(g, out), size)),
    },
    elementwise=True,
    dtypes="floating",
    domain=((-2.0, 2.0), (0.5, 2.0)),
    public=False,
    fallback=_unit,
)
def unit(x: Tensor, size: Tensor) -> Tensor:
    """x / size, and x itself, which is 0, where the size is 0: the slope of a length."""

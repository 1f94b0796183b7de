"""Norms of vectors and matrices.

Standard: Linear Algebra Extension. Where a norm has a kink, the gradient is one that all engines
share: elements that are zero get zero, and those that tie for the largest or smallest get equal
shares.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from .._op import op
from .decompositions import outer_sum
from .elementwise import is_complex
from .linear_algebra import conj
from .manipulation import Axes, as_axes
from .statistical import kept_shape

if TYPE_CHECKING:
    from .._tensor import Tensor


def _direction(xp: Any, x: Any) -> Any:
    """The derivative of abs(x), as a cotangent."""
    return conj(xp, xp.sign(x))


def _shares(xp: Any, values: Any, peak: Any, axis: Any) -> Any:
    """Equal shares, of 1 in all, for the values that equal the peak."""
    hit = xp.astype(xp.equal(values, peak), values.dtype)
    return xp.divide(hit, xp.sum(hit, axis=axis, keepdims=True))


def _euclidean_slope(xp: Any, x: Any, out: Any) -> Any:
    return xp.unit(conj(xp, x), out)


def _vector_slope(xp: Any, x: Any, out: Any, axis: Any, order: Any) -> Any:
    """The derivative of a vector norm in each element; `out` has its axes kept."""
    if order == 0:
        return xp.zeros_like(x)
    if order == 1:
        return _direction(xp, x)
    if order == 2:
        return _euclidean_slope(xp, x, out)
    size = xp.abs(x)
    if abs(order) == math.inf:
        return xp.multiply(_shares(xp, size, out, axis), _direction(xp, x))
    zero = xp.equal(size, 0)
    flat = xp.equal(out, 0)
    ratio = xp.divide(xp.where(zero, xp.ones_like(size), size), xp.where(flat, xp.ones_like(out), out))
    slope = xp.pow(ratio, order - 1)
    none = xp.logical_or(zero, flat)
    return xp.multiply(xp.where(none, xp.zeros_like(slope), slope), _direction(xp, x))


def _vector_rule(xp: Any, g: Any, x: Any, out: Any, axis: Any, ord: Any) -> Any:
    shape = kept_shape(x.shape, axis)
    axes = as_axes(axis, len(x.shape))
    slope = _vector_slope(xp, x, xp.reshape(out, shape), axes, ord)
    return xp.multiply(xp.reshape(g, shape), slope)


def _vector_jvp(xp: Any, g: Any, x: Any, out: Any, axis: Any, ord: Any) -> Any:
    axes = as_axes(axis, len(x.shape))
    slope = _vector_slope(xp, x, xp.reshape(out, kept_shape(x.shape, axis)), axes, ord)
    return xp.reshape(_real_sum(xp, xp.multiply(slope, g), axes), out.shape)


def _real_sum(xp: Any, x: Any, axis: Any) -> Any:
    return xp.sum(xp.real(x) if is_complex(xp, x) else x, axis=axis)


@op(
    module="linalg",
    grad={"x": _vector_rule},
    jvp={"x": _vector_jvp},
    dtypes="floating",
    result="float64",
    notes="zero elements: 0; ties of order inf and -inf: equal shares",
)
def vector_norm(
    x: Tensor, /, *, axis: Axes | None = None, keepdims: bool = False, ord: int | float = 2
) -> Tensor:
    """The norm of vectors over axes, all by default: sum(abs(x)**ord)**(1/ord).

    `inf` and `-inf` take the largest and the smallest element, 0 counts those that are not zero.

    >>> import unitensor as ut
    >>> ut.linalg.vector_norm(ut.asarray([3.0, 4.0])).item()
    5.0
    """


def _matrix_slope(xp: Any, x: Any, out: Any, order: Any) -> Any:
    """The derivative of a matrix norm in each element; `out` has its axes kept."""
    if order == "fro" or order is None:
        return _euclidean_slope(xp, x, out)
    if order in ("nuc", 2, -2):
        u, s, vh = xp.linalg.svd(x, full_matrices=False)
        weights = xp.sign(s)
        if order != "nuc":
            peak = (xp.max if order == 2 else xp.min)(s, axis=-1, keepdims=True)
            weights = xp.multiply(weights, _shares(xp, s, peak, -1))
        return outer_sum(xp, u, weights, vh)
    axis = -2 if abs(order) == 1 else -1
    sums = xp.sum(xp.abs(x), axis=axis, keepdims=True)
    return xp.multiply(_shares(xp, sums, out, (-2, -1)), _direction(xp, x))


def _matrix_rule(xp: Any, g: Any, x: Any, out: Any, ord: Any) -> Any:
    shape = kept_shape(x.shape, (-2, -1))
    return xp.multiply(xp.reshape(g, shape), _matrix_slope(xp, x, xp.reshape(out, shape), ord))


def _matrix_jvp(xp: Any, g: Any, x: Any, out: Any, ord: Any) -> Any:
    slope = _matrix_slope(xp, x, xp.reshape(out, kept_shape(x.shape, (-2, -1))), ord)
    return xp.reshape(_real_sum(xp, xp.multiply(slope, g), (-2, -1)), out.shape)


@op(
    module="linalg",
    grad={"x": _matrix_rule},
    jvp={"x": _matrix_jvp},
    dtypes="floating",
    result="float64",
    notes="zero elements and singular values: 0; ties: equal shares",
)
def matrix_norm(
    x: Tensor, /, *, keepdims: bool = False, ord: int | float | Literal["fro", "nuc"] | None = "fro"
) -> Tensor:
    """The norm of each matrix.

    "fro" is the root of the sum of squares, "nuc" the sum of the singular values, 2 and -2 the
    largest and smallest of them, 1 and -1 (inf and -inf) the largest and smallest sum of absolute
    values over a column (a row).

    >>> import unitensor as ut
    >>> x = ut.asarray([[1.0, -2.0], [3.0, 4.0]])
    >>> ut.linalg.matrix_norm(x, ord=1).item(), ut.linalg.matrix_norm(x, ord=ut.inf).item()
    (6.0, 7.0)
    """

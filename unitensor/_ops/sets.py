"""Distinct elements and membership. Two NaNs are two elements; 0.0 and -0.0 are one.

Standard: Set Functions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from .._op import op

if TYPE_CHECKING:
    from .._tensor import Tensor
    from .elementwise import Operand


class UniqueAllResult(NamedTuple):
    """Distinct values, where each first stands, how to rebuild x, and how often each occurs."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCountsResult(NamedTuple):
    """Distinct values and how often each occurs."""

    values: Tensor
    counts: Tensor


class UniqueInverseResult(NamedTuple):
    """Distinct values and how to rebuild x from them."""

    values: Tensor
    inverse_indices: Tensor


# The cotangent of a value goes to the element that it first occurs in.


def _to_first(xp: Any, g: Any, indices: Any, shape: tuple[int, ...]) -> Any:
    spread = xp.scatter_take(g, xp.reshape(indices, (-1,)), (math.prod(shape),), 0)
    return xp.reshape(spread, shape)


def _of_first(xp: Any, g: Any, indices: Any) -> Any:
    return xp.take(xp.reshape(g, (-1,)), xp.reshape(indices, (-1,)), axis=0)


def _rule(xp: Any, g: Any, x: Any) -> Any:
    return _to_first(xp, g[0], xp.unique_all(x)[1], tuple(x.shape))


def _jvp(xp: Any, g: Any, x: Any, out: Any) -> Any:
    return (_of_first(xp, g, xp.unique_all(x)[1]), *(None for _ in out[1:]))


NOTE = "of several equal elements the first has the gradient"


@op(dtypes="all", outputs=UniqueAllResult, grad={"x": _rule}, jvp={"x": _jvp}, selects=True, notes=NOTE)
def unique_all(x: Tensor, /) -> UniqueAllResult:
    """The distinct elements with indices of first occurrence, inverse indices and counts.

    >>> import unitensor as ut
    >>> ut.unique_all(ut.asarray([2, 1, 2])).inverse_indices.tolist()
    [1, 0, 1]
    """


@op(dtypes="all", outputs=UniqueCountsResult, grad={"x": _rule}, jvp={"x": _jvp}, selects=True, notes=NOTE)
def unique_counts(x: Tensor, /) -> UniqueCountsResult:
    """The distinct elements and how often each occurs.

    >>> import unitensor as ut
    >>> ut.unique_counts(ut.asarray([2, 1, 2])).counts.tolist()
    [1, 2]
    """


@op(dtypes="all", outputs=UniqueInverseResult, grad={"x": _rule}, jvp={"x": _jvp}, selects=True, notes=NOTE)
def unique_inverse(x: Tensor, /) -> UniqueInverseResult:
    """The distinct elements and the indices that rebuild x from them.

    >>> import unitensor as ut
    >>> ut.unique_inverse(ut.asarray([2, 1, 2])).inverse_indices.tolist()
    [1, 0, 1]
    """


@op(
    dtypes="all",
    grad={"x": lambda xp, g, x: _to_first(xp, g, xp.unique_all(x)[1], tuple(x.shape))},
    jvp={"x": lambda xp, g, x: _of_first(xp, g, xp.unique_all(x)[1])},
    selects=True,
    notes=NOTE,
)
def unique_values(x: Tensor, /) -> Tensor:
    """The distinct elements, sorted.

    >>> import unitensor as ut
    >>> ut.unique_values(ut.asarray([2, 1, 2])).tolist()
    [1, 2]
    """


@op(dtypes="all", scalars=True)
def isin(x1: Operand, x2: Operand, /, *, invert: bool = False) -> Tensor:
    """Whether each element of x1 is among those of x2.

    >>> import unitensor as ut
    >>> ut.isin(ut.asarray([1, 2, 3]), ut.asarray([2, 5])).tolist()
    [False, True, False]
    """

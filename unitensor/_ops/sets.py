"""Distinct elements and membership. Two NaNs are two elements; 0.0 and -0.0 are one.

Standard: Set Functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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


@op(dtypes="all", outputs=UniqueAllResult)
def unique_all(x: Tensor, /) -> UniqueAllResult:
    """The distinct elements with indices of first occurrence, inverse indices and counts.

    >>> import unitensor as ut
    >>> ut.unique_all(ut.asarray([2, 1, 2])).inverse_indices.tolist()
    [1, 0, 1]
    """


@op(dtypes="all", outputs=UniqueCountsResult)
def unique_counts(x: Tensor, /) -> UniqueCountsResult:
    """The distinct elements and how often each occurs.

    >>> import unitensor as ut
    >>> ut.unique_counts(ut.asarray([2, 1, 2])).counts.tolist()
    [1, 2]
    """


@op(dtypes="all", outputs=UniqueInverseResult)
def unique_inverse(x: Tensor, /) -> UniqueInverseResult:
    """The distinct elements and the indices that rebuild x from them.

    >>> import unitensor as ut
    >>> ut.unique_inverse(ut.asarray([2, 1, 2])).inverse_indices.tolist()
    [1, 0, 1]
    """


@op(dtypes="all")
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

"""Logical reductions and differences.

Standard: Utility Functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._op import op
from .manipulation import Axes, as_axis, concat

if TYPE_CHECKING:
    from .._tensor import Tensor


@op(dtypes="all")
def all(x: Tensor, /, *, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
    """Whether all elements over axes are true; true of none.

    >>> import unitensor as ut
    >>> ut.all(ut.asarray([True, False])).item()
    False
    """


@op(dtypes="all")
def any(x: Tensor, /, *, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
    """Whether any element over axes is true; false of none.

    >>> import unitensor as ut
    >>> ut.any(ut.asarray([True, False])).item()
    True
    """


def diff(
    x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """The n-th differences of neighbours along an axis.

    >>> import unitensor as ut
    >>> ut.diff(ut.asarray([1, 4, 9])).tolist()
    [3, 5]
    """
    if n < 0:
        raise ValueError(f"diff: n is {n}; expected 0 or more")
    if x.ndim == 0:
        raise ValueError("diff: expected at least one axis, got a 0-d array")
    axis = as_axis("diff", axis, x.ndim)
    parts = [part for part in (prepend, x, append) if part is not None]
    y = concat(parts, axis=axis) if len(parts) > 1 else x
    lead = (slice(None),) * axis
    for _ in range(n):
        after, before = y[(*lead, slice(1, None))], y[(*lead, slice(None, -1))]
        y = after != before if y.dtype == "bool" else after - before
    return y

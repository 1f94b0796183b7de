"""Functions that look for elements.

Standard: Searching Functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .._op import op
from .manipulation import Axes

if TYPE_CHECKING:
    from .._tensor import Tensor
    from .elementwise import Operand


@op(
    inputs=("condition", "x1", "x2"),
    grad={
        "x1": lambda xp, g, condition: xp.masked(g, condition),
        "x2": lambda xp, g, condition: xp.masked(g, xp.logical_not(condition)),
    },
    elementwise=True,
    promote=("x1", "x2"),
    scalars=True,
    dtypes="all",
    selects=True,
)
def where(condition: Tensor, x1: Operand, x2: Operand, /) -> Tensor:
    """x1 where the condition holds, x2 elsewhere.

    >>> import unitensor as ut
    >>> x = ut.asarray([-1.0, 2.0])
    >>> ut.where(x > 0, x, 0.0).tolist()
    [0.0, 2.0]
    """


@op(dtypes="real numeric")
def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first largest element along an axis, or of the flattened array.

    >>> import unitensor as ut
    >>> ut.argmax(ut.asarray([1.0, 5.0, 5.0])).item()
    1
    """


@op(dtypes="real numeric")
def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first smallest element along an axis, or of the flattened array.

    >>> import unitensor as ut
    >>> ut.argmin(ut.asarray([3.0, 1.0, 1.0])).item()
    1
    """


@op(dtypes="all")
def count_nonzero(x: Tensor, /, *, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
    """How many elements are not zero.

    >>> import unitensor as ut
    >>> ut.count_nonzero(ut.asarray([0, 2, 3])).item()
    2
    """


def as_tuple(*parts: Tensor) -> tuple[Tensor, ...]:
    return parts


@op(dtypes="all", outputs=as_tuple)
def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """The indices of the elements that are not zero, one array an axis, in row-major order.

    >>> import unitensor as ut
    >>> [i.tolist() for i in ut.nonzero(ut.asarray([0, 2, 3]))]
    [[1, 2]]
    """


@op(inputs=("x1", "x2", "sorter"), promote=("x1", "x2"), scalars=True, dtypes="real numeric")
def searchsorted(
    x1: Tensor,
    x2: Operand,
    /,
    *,
    side: Literal["left", "right"] = "left",
    sorter: Tensor | None = None,
) -> Tensor:
    """Where x2 would be inserted in the sorted x1 to keep it sorted.

    >>> import unitensor as ut
    >>> ut.searchsorted(ut.asarray([1, 3, 5]), ut.asarray([3, 4])).tolist()
    [1, 2]
    """

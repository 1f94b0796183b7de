"""Sorting.

Standard: Sorting Functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._op import op

if TYPE_CHECKING:
    from .._tensor import Tensor


def _sort_rule(xp: Any, g: Any, x: Any, axis: Any, descending: Any, stable: Any) -> Any:
    order = xp.argsort(x, axis=axis, descending=descending, stable=stable)
    return xp.take_along_axis(g, xp.argsort(order, axis=axis), axis=axis)


def _sort_forward(xp: Any, g: Any, x: Any, axis: Any, descending: Any, stable: Any) -> Any:
    order = xp.argsort(x, axis=axis, descending=descending, stable=stable)
    return xp.take_along_axis(g, order, axis=axis)


@op(
    grad={"x": _sort_rule},
    jvp={"x": _sort_forward},
    dtypes="real numeric",
    notes="ties: the stable order",
)
def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order along an axis; NaN last (first if descending).

    >>> import unitensor as ut
    >>> ut.sort(ut.asarray([3, 1, 2])).tolist()
    [1, 2, 3]
    """


def _argsort(xp: Any, f: Any, x: Any, **options: Any) -> Any:
    """A 0-d array has no axis to sort along; NumPy's own argsort gives it one, its sort does not."""
    if not x.shape:
        raise np.exceptions.AxisError(options.get("axis", -1), 0)
    return f(x, **options)


@op(dtypes="real numeric", prepare=_argsort)
def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that put the elements in order along an axis.

    >>> import unitensor as ut
    >>> ut.argsort(ut.asarray([3, 1, 2])).tolist()
    [1, 2, 0]
    """

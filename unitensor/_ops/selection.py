"""What stays of a cotangent: private ops that the rules of `where`, `maximum` and `clip` share; and `relu`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._op import op

if TYPE_CHECKING:
    from .._tensor import Tensor


def _masked(xp: Any, x: Any, mask: Any) -> Any:
    return xp.where(mask, x, xp.zeros_like(x))


@op(
    inputs=("x", "mask"),
    grad={"x": lambda xp, g, mask: xp.masked(g, mask)},
    elementwise=True,
    promote=(),
    dtypes="all",
    selects=True,
    public=False,
    fallback=_masked,
)
def masked(x: Tensor, mask: Tensor) -> Tensor:
    """x where a mask of its shape holds, elsewhere 0: a cotangent of what was selected."""


def _halved(xp: Any, x: Any, mask: Any) -> Any:
    return xp.where(mask, xp.multiply(x, 0.5), x)


@op(
    inputs=("x", "mask"),
    grad={"x": lambda xp, g, mask: xp.halved(g, mask)},
    elementwise=True,
    promote=(),
    dtypes="floating",
    public=False,
    fallback=_halved,
)
def halved(x: Tensor, mask: Tensor) -> Tensor:
    """Half of x where a mask of its shape holds: a cotangent that two equal operands share."""


def _relu_rule(xp: Any, g: Any, out: Any) -> Any:
    return xp.masked(g, xp.not_equal(out, 0))


@op(
    grad={"x": _relu_rule},
    elementwise=True,
    dtypes="real floating",
    notes="x = 0: 0",
    selects=True,
    public=False,
    fallback=lambda xp, x: xp.maximum(x, 0),
)
def relu(x: Tensor, /) -> Tensor:
    """x where it is positive, else 0; NaN stays.

    >>> import unitensor as ut
    >>> from unitensor.nn import functional as f
    >>> f.relu(ut.asarray([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

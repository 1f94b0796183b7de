"""Views and writing: what shares memory with what, and `x[key] = value`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._graph import LEAF, GradientError, is_grad_enabled
from ._op import Op

if TYPE_CHECKING:
    from ._tensor import Tensor


def add_view(out: Tensor, x: Tensor, op: Op, options: dict[str, Any]) -> None:
    """Note that `out` is a view of `x`, made by an op."""
    out._base = (x, op, options)


def add_alias(out: Tensor, x: Tensor) -> None:
    """Note that `out` is the same memory as `x`."""
    out._base = (x, None, None)


def in_place(x: Tensor, other: Any, function: Callable[..., Any], symbol: str) -> Tensor:
    """`x += other`: the result is written into x, so its shape and dtype must stay."""
    result = function(x, other)
    if result.shape != x.shape:
        raise ValueError(f"x {symbol} y: the result's shape {result.shape} is not x's {x.shape}")
    write(x, ..., result.astype(x.dtype) if _casts(result, x) else result)
    return x


def _casts(result: Tensor, x: Tensor) -> bool:
    if result.dtype is x.dtype:
        return False
    order = "biufc"
    if order.index(result.dtype.kind) > order.index(x.dtype.kind):
        raise TypeError(f"cannot write {result.dtype} into {x.dtype} in place; write x = x + y instead")
    return True


def write(x: Tensor, key: Any, value: Any) -> None:
    """`x[key] = value`."""
    from ._ops.creation import asarray
    from ._ops.indexing import explain_key, plain_key
    from ._tensor import Tensor as TensorType

    key = plain_key(x, key)
    backend = x._xp.backend
    if not isinstance(value, TensorType):
        value = asarray(value, dtype=x.dtype, device=x.device)
    elif value._xp is not x._xp:
        raise TypeError(
            f"x[...] = y: x is on {x.backend!r}, y on {value.backend!r}; move y first: y.to(x.device)"
        )
    if is_grad_enabled() and (x._node is not None or value._node is not None):
        if x._node is not None and x._node[2] is LEAF:
            raise GradientError(
                "writing in place to a leaf that requires a gradient; write inside `with ut.no_grad():`, "
                "or to a copy: x.clone()"
            )
        raise GradientError(
            "writing to a Tensor while gradients are recorded is not supported yet; use ut.where"
        )
    if value.dtype is not x.dtype:
        value = value.astype(x.dtype)
    try:
        x._data = backend.assign(x._data, key, value._data)
    except (IndexError, ValueError, TypeError, RuntimeError) as error:
        raise explain_key(x, key, error) from error

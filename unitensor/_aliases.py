"""PyTorch's everyday names, each the standard's function under another name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._op import scope
from ._ops import creation, elementwise, linear_algebra, manipulation, statistical

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = [
    "bmm", "cat", "cumprod", "cumsum", "diag", "div", "eq", "ge", "gt", "le", "lt", "mm", "mul", "ne", "neg",
    "permute", "relu", "sigmoid", "sub", "unsqueeze",
]  # fmt: skip

eq = elementwise.equal
ne = elementwise.not_equal
gt = elementwise.greater
ge = elementwise.greater_equal
lt = elementwise.less
le = elementwise.less_equal
mul = elementwise.multiply
sub = elementwise.subtract
div = elementwise.divide
neg = elementwise.negative
permute = manipulation.permute_dims
unsqueeze = manipulation.expand_dims


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """`concat` along `dim`.

    >>> import unitensor as ut
    >>> ut.cat([ut.zeros(1), ut.ones(2)]).tolist()
    [0.0, 1.0, 1.0]
    """
    return manipulation.concat(tensors, axis=dim)


def mm(x1: Tensor, x2: Tensor, /) -> Tensor:
    """`matmul` of two matrices, and of nothing else.

    >>> import unitensor as ut
    >>> ut.mm(ut.ones((2, 3)), ut.ones((3, 4))).shape
    (2, 4)
    """
    return _matmul("mm", x1, x2, 2)


def bmm(x1: Tensor, x2: Tensor, /) -> Tensor:
    """`matmul` of two batches of matrices, and of nothing else.

    >>> import unitensor as ut
    >>> ut.bmm(ut.ones((5, 2, 3)), ut.ones((5, 3, 4))).shape
    (5, 2, 4)
    """
    return _matmul("bmm", x1, x2, 3)


def _matmul(name: str, x1: Tensor, x2: Tensor, ndim: int) -> Tensor:
    if x1.ndim != ndim or x2.ndim != ndim:
        raise ValueError(f"{name}: shapes {x1.shape} and {x2.shape}; expected {ndim} axes each; use matmul")
    return linear_algebra.matmul(x1, x2)


def cumsum(x: Tensor, dim: int | None = None) -> Tensor:
    """`cumulative_sum` along `dim`.

    >>> import unitensor as ut
    >>> ut.cumsum(ut.asarray([1, 2, 3])).tolist()
    [1, 3, 6]
    """
    return statistical.cumulative_sum(x, axis=dim)


def cumprod(x: Tensor, dim: int | None = None) -> Tensor:
    """`cumulative_prod` along `dim`.

    >>> import unitensor as ut
    >>> ut.cumprod(ut.asarray([1, 2, 3])).tolist()
    [1, 2, 6]
    """
    return statistical.cumulative_prod(x, axis=dim)


def diag(x: Tensor, k: int = 0) -> Tensor:
    """A matrix with x on its k-th diagonal, or, of a matrix, that diagonal.

    >>> import unitensor as ut
    >>> ut.diag(ut.asarray([1, 2])).tolist()
    [[1, 0], [0, 2]]
    """
    if x.ndim == 2:
        return linear_algebra.diagonal(x, offset=k)
    if x.ndim != 1:
        raise ValueError(f"diag: expected one axis or two, got shape {x.shape}; use linalg.diagonal")
    n = x.size + abs(k)
    start = max(k, 0) - min(k, 0) * n
    where = slice(start, start + x.size * (n + 1), n + 1)
    flat: Tensor = scope["tensors"].scatter_add(x, where, (n * n,))
    return flat.reshape(n, n)


def relu(x: Tensor, /) -> Tensor:
    """x where it is positive, else 0; the gradient at 0 is 0.

    >>> import unitensor as ut
    >>> ut.relu(ut.asarray([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    from ._ops.searching import where

    return where(x > 0, x, creation.zeros_like(x))


def sigmoid(x: Tensor, /) -> Tensor:
    """1 / (1 + exp(-x)), without overflow.

    >>> import unitensor as ut
    >>> ut.sigmoid(ut.asarray([0.0])).tolist()
    [0.5]
    """
    return 0.5 * (elementwise.tanh(0.5 * x) + 1)

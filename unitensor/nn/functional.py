"""Activations, normalisation and the other functions that layers are made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import unitensor as ut
from unitensor import special
from unitensor._ops.selection import relu as relu
from unitensor.random import Generator, default_generator

if TYPE_CHECKING:
    from .attention import attention as attention
    from .convolution import avg_pool as avg_pool, conv as conv, max_pool as max_pool, pad as pad
    from .losses import (
        bce_with_logits as bce_with_logits,
        cross_entropy as cross_entropy,
        huber_loss as huber_loss,
        kl_div as kl_div,
        l1_loss as l1_loss,
        mse_loss as mse_loss,
        nll_loss as nll_loss,
    )

T = ut.Tensor
#: Functions that stand beside their layers, and are found here, too.
BESIDE = {
    **dict.fromkeys(("conv", "max_pool", "avg_pool", "pad"), "convolution"),
    "attention": "attention",
    **dict.fromkeys(
        (
            "cross_entropy",
            "nll_loss",
            "bce_with_logits",
            "mse_loss",
            "l1_loss",
            "huber_loss",
            "kl_div",
        ),
        "losses",
    ),
}


def __getattr__(name: str) -> Any:
    if name not in BESIDE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"unitensor.nn.{BESIDE[name]}"), name)


def leaky_relu(x: T, slope: float = 0.01) -> T:
    """x where it is positive, else slope * x."""
    return ut.where(x <= 0, slope * x, x)


def elu(x: T, alpha: float = 1.0) -> T:
    """x where it is positive, else alpha * (exp(x) - 1)."""
    return ut.where(x <= 0, alpha * ut.expm1(ut.where(x <= 0, x, 0.0)), x)


def selu(x: T) -> T:
    """The self-normalising ELU."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def sigmoid(x: T) -> T:
    """1 / (1 + exp(-x)), also where exp(-x) would overflow.

    >>> import unitensor as ut
    >>> from unitensor.nn import functional as f
    >>> f.sigmoid(ut.asarray([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return ut.exp(-softplus(-x))


def softplus(x: T) -> T:
    """log(1 + exp(x)), also where exp(x) would overflow."""
    return ut.logaddexp(x, 0.0)


def log_sigmoid(x: T) -> T:
    """log(sigmoid(x)), exact where the sigmoid is 0 or 1."""
    return -softplus(-x)


def silu(x: T) -> T:
    """x * sigmoid(x)."""
    return x * sigmoid(x)


def mish(x: T) -> T:
    """x * tanh(softplus(x))."""
    return x * ut.tanh(softplus(x))


def gelu(x: T, approximate: Literal["none", "tanh"] = "none") -> T:
    """x times the probability that a normal number is below x, or the quicker form by tanh.

    >>> import unitensor as ut
    >>> from unitensor.nn import functional as f
    >>> round(f.gelu(ut.asarray(1.0)).item(), 6), round(f.gelu(ut.asarray(1.0), "tanh").item(), 6)
    (0.841345, 0.841192)
    """
    if approximate == "tanh":
        return 0.5 * x * (1 + ut.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    if approximate != "none":
        raise ValueError(f"gelu: approximate is {approximate!r}; expected 'none' or 'tanh'")
    return x * special.ndtr(x)


def softmax(x: T, axis: int = -1) -> T:
    """Positive numbers that sum to 1 along an axis, in the ratios of exp(x).

    >>> import unitensor as ut
    >>> from unitensor.nn import functional as f
    >>> f.softmax(ut.asarray([1000.0, 1000.0])).tolist()
    [0.5, 0.5]
    """
    return special.softmax(x, axis=axis)


def log_softmax(x: T, axis: int = -1) -> T:
    """log(softmax(x)), exact where the softmax is 0."""
    return special.log_softmax(x, axis=axis)


def glu(x: T, axis: int = -1) -> T:
    """The first half along an axis times the sigmoid of the second."""
    n = x.shape[axis]
    if n % 2:
        raise ValueError(f"glu: axis {axis} of shape {x.shape} has odd length; expected two halves")
    moved = ut.moveaxis(x, axis, -1)
    return ut.moveaxis(moved[..., : n // 2] * sigmoid(moved[..., n // 2 :]), -1, axis)


def linear(x: T, weight: T, bias: T | None = None) -> T:
    """x @ weight.T + bias.

    >>> import unitensor as ut
    >>> from unitensor.nn import functional as f
    >>> f.linear(ut.ones((2, 3)), ut.ones((4, 3))).shape
    (2, 4)
    """
    out = x @ ut.matrix_transpose(weight)
    return out if bias is None else out + bias


def embedding(index: T, weight: T) -> T:
    """The rows of a table that integers name.

    >>> import unitensor as ut
    >>> from unitensor.nn import functional as f
    >>> f.embedding(ut.asarray([1, 0]), ut.asarray([[1.0], [2.0]])).tolist()
    [[2.0], [1.0]]
    """
    if not ut.isdtype(index.dtype, "integral"):
        raise TypeError(f"embedding: the indices are {index.dtype}; expected integers: x.to(ut.int64)")
    return weight[index]


def dropout(x: T, p: float = 0.5, training: bool = True, generator: Generator | None = None) -> T:
    """Each element becomes 0 with probability p; the others grow so that the mean stays.

    >>> import unitensor as ut
    >>> from unitensor.nn import functional as f
    >>> sorted(set(f.dropout(ut.ones(100), 0.5).tolist()))
    [0.0, 2.0]
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is {p}; expected a probability")
    if not training or p == 0:
        return x
    kept = (generator or default_generator()).bernoulli(1 - p, x.shape, device=x.device)
    return ut.where(kept, x * (1 / (1 - p) if p < 1 else 0.0), 0.0)


def _axes(name: str, x: T, shape: Any) -> tuple[int, ...]:
    lengths = (shape,) if isinstance(shape, int) else tuple(shape)
    if x.shape[max(x.ndim - len(lengths), 0) :] != lengths:
        raise ValueError(f"{name}: x has shape {x.shape}; expected its last axes to be {lengths}")
    return tuple(range(-len(lengths), 0))


def layer_norm(
    x: T, shape: int | tuple[int, ...], weight: T | None = None, bias: T | None = None, eps: float = 1e-5
) -> T:
    """Mean 0 and variance 1 over the last axes, then scaled and shifted.

    >>> import unitensor as ut
    >>> from unitensor.nn import functional as f
    >>> f.layer_norm(ut.asarray([[1.0, 3.0]]), 2, eps=0.0).tolist()
    [[-1.0, 1.0]]
    """
    axes = _axes("layer_norm", x, shape)
    centred = x - ut.mean(x, axis=axes, keepdims=True)
    variance = ut.mean(centred * centred, axis=axes, keepdims=True)
    out = centred / ut.sqrt(variance + eps)
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def rms_norm(x: T, shape: int | tuple[int, ...], weight: T | None = None, eps: float | None = None) -> T:
    """Mean square 1 over the last axes, then scaled; eps is the dtype's own unless given."""
    axes = _axes("rms_norm", x, shape)
    small = ut.finfo(x.dtype).eps if eps is None else eps
    out = x / ut.sqrt(ut.mean(x * x, axis=axes, keepdims=True) + small)
    return out if weight is None else out * weight


def batch_norm(
    x: T,
    mean: T | None,
    variance: T | None,
    weight: T | None = None,
    bias: T | None = None,
    eps: float = 1e-5,
) -> T:
    """Each channel (axis 1) less its mean, over its deviation; the batch's own where none are given."""
    axes = (0, *range(2, x.ndim))
    shape = (1, -1) + (1,) * (x.ndim - 2)
    centred = x - (ut.mean(x, axis=axes, keepdims=True) if mean is None else ut.reshape(mean, shape))
    if variance is None:
        spread = ut.mean(centred * centred, axis=axes, keepdims=True)
    else:
        spread = ut.reshape(variance, shape)
    out = centred / ut.sqrt(spread + eps)
    out = out if weight is None else out * ut.reshape(weight, shape)
    return out if bias is None else out + ut.reshape(bias, shape)


def one_hot(index: T, classes: int, dtype: ut.DType | None = None) -> T:
    """1 at each index along a new last axis, else 0.

    >>> import unitensor as ut
    >>> from unitensor.nn import functional as f
    >>> f.one_hot(ut.asarray([2, 0]), 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    places = ut.arange(classes, dtype=index.dtype, device=index.device)
    return (index[..., None] == places).to(dtype or ut.get_default_dtype())


Reduction = Literal["mean", "sum", "none"]

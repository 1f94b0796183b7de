"""Initialisation: new values for parameters, written in place."""

from __future__ import annotations

import math
from typing import Literal

import unitensor as ut
from unitensor.random import Generator, default_generator

GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2.0), "selu": 0.75}


def gain(nonlinearity: str, slope: float = 0.01) -> float:
    """The factor that keeps variances alike through a nonlinearity; `slope` is leaky ReLU's.

    >>> from unitensor import nn
    >>> round(nn.init.gain("relu"), 3)
    1.414
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in GAINS:
        raise ValueError(
            f"gain: {nonlinearity!r} is not known; expected one of {', '.join(GAINS)}, leaky_relu"
        )
    return GAINS[nonlinearity]


def fans(x: ut.Tensor) -> tuple[int, int]:
    """How many inputs and outputs one element of a weight of shape (out, in, ...) connects.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> nn.init.fans(ut.zeros((8, 3, 5, 5)))
    (75, 200)
    """
    if x.ndim < 2:
        raise ValueError(f"fans: the weight has shape {x.shape}; expected 2 axes or more")
    field = math.prod(x.shape[2:])
    return x.shape[1] * field, x.shape[0] * field


def _fill(x: ut.Tensor, value: ut.Tensor | float) -> ut.Tensor:
    with ut.no_grad():
        x[...] = value
    return x


def constant_(x: ut.Tensor, value: float) -> ut.Tensor:
    """One value everywhere."""
    return _fill(x, value)


def zeros_(x: ut.Tensor) -> ut.Tensor:
    """Zeros."""
    return _fill(x, 0.0)


def ones_(x: ut.Tensor) -> ut.Tensor:
    """Ones."""
    return _fill(x, 1.0)


def uniform_(
    x: ut.Tensor, low: float = 0.0, high: float = 1.0, generator: Generator | None = None
) -> ut.Tensor:
    """Uniform numbers.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> x = nn.init.uniform_(ut.zeros((2, 2)), 3.0, 4.0)
    >>> bool(ut.all(x >= 3))
    True
    """
    g = generator or default_generator()
    return _fill(x, g.uniform(x.shape, low=low, high=high, dtype=x.dtype, device=x.device))


def normal_(
    x: ut.Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> ut.Tensor:
    """Normal numbers."""
    g = generator or default_generator()
    return _fill(x, g.normal(x.shape, mean=mean, std=std, dtype=x.dtype, device=x.device))


def truncated_normal_(
    x: ut.Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    low: float = -2.0,
    high: float = 2.0,
    generator: Generator | None = None,
) -> ut.Tensor:
    """Normal numbers from low to high."""
    g = generator or default_generator()
    drawn = g.truncated_normal(
        x.shape, mean=mean, std=std, low=low, high=high, dtype=x.dtype, device=x.device
    )
    return _fill(x, drawn)


def xavier_uniform_(x: ut.Tensor, gain: float = 1.0, generator: Generator | None = None) -> ut.Tensor:
    """Uniform, with the variance of Glorot and Bengio: 2 / (fan_in + fan_out)."""
    bound = gain * math.sqrt(6 / sum(fans(x)))
    return uniform_(x, -bound, bound, generator)


def xavier_normal_(x: ut.Tensor, gain: float = 1.0, generator: Generator | None = None) -> ut.Tensor:
    """Normal, with the variance of Glorot and Bengio: 2 / (fan_in + fan_out)."""
    return normal_(x, 0.0, gain * math.sqrt(2 / sum(fans(x))), generator)


Mode = Literal["fan_in", "fan_out"]


def _spread(x: ut.Tensor, nonlinearity: str, slope: float, mode: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"kaiming: mode is {mode!r}; expected 'fan_in' or 'fan_out'")
    return gain(nonlinearity, slope) / math.sqrt(fans(x)[mode == "fan_out"])


def kaiming_uniform_(
    x: ut.Tensor,
    nonlinearity: str = "relu",
    slope: float = 0.0,
    mode: Mode = "fan_in",
    generator: Generator | None = None,
) -> ut.Tensor:
    """Uniform, with the variance of He et al.: gain**2 / fan_in (or fan_out)."""
    bound = math.sqrt(3) * _spread(x, nonlinearity, slope, mode)
    return uniform_(x, -bound, bound, generator)


def kaiming_normal_(
    x: ut.Tensor,
    nonlinearity: str = "relu",
    slope: float = 0.0,
    mode: Mode = "fan_in",
    generator: Generator | None = None,
) -> ut.Tensor:
    """Normal, with the variance of He et al.: gain**2 / fan_in (or fan_out)."""
    return normal_(x, 0.0, _spread(x, nonlinearity, slope, mode), generator)


def orthogonal_(x: ut.Tensor, gain: float = 1.0, generator: Generator | None = None) -> ut.Tensor:
    """Orthogonal rows, or columns if there are more rows.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> w = nn.init.orthogonal_(ut.zeros((2, 3)))
    >>> bool(ut.all(ut.abs(w @ w.T - ut.eye(2)) < 1e-12))
    True
    """
    fans(x)
    rows = x.shape[0]
    columns = x.size // rows
    g = generator or default_generator()
    flat = g.normal((max(rows, columns), min(rows, columns)), dtype=x.dtype, device=x.device)
    q, r = ut.linalg.qr(flat)
    q = q * ut.sign(ut.linalg.diagonal(r))
    return _fill(x, gain * ut.reshape(q if rows >= columns else q.T, x.shape))

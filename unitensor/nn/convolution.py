"""Convolution and pooling over any number of space axes, made of windows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import unitensor as ut

from . import init
from .layers import empty_parameter
from .module import Module

T = ut.Tensor
Axes = tuple[int, ...]
Lengths = int | Axes
Map = Callable[[T], T]


def _each(name: str, what: str, value: Lengths, n: int, least: int) -> tuple[int, ...]:
    found = (value,) * n if isinstance(value, int) else tuple(value)
    if len(found) != n or any(v < least for v in found):
        raise ValueError(
            f"{name}: {what} is {value}; expected {n} integers of {least} or more, or one for all"
        )
    return found


def pad(x: T, padding: Lengths, value: float = 0.0, n: int | None = None) -> T:
    """A value put before and after each of the last n axes.

    >>> import unitensor as ut
    >>> from unitensor.nn import pad
    >>> pad(ut.ones((1, 2)), (0, 1)).tolist()
    [[0.0, 1.0, 1.0, 0.0]]
    """
    count = n if n is not None else 1 if isinstance(padding, int) else len(padding)
    for axis, p in zip(range(x.ndim - count, x.ndim), _each("pad", "padding", padding, count, 0)):
        if p:
            shape = (*x.shape[:axis], p, *x.shape[axis + 1 :])
            edge = ut.full(shape, value, dtype=x.dtype, device=x.device)
            x = ut.concat([edge, x, edge], axis=axis)
    return x


@lru_cache(1000)
def _unfolding(
    space: Axes, kernel: Axes, stride: Axes, padding: Axes, dilation: Axes, value: float
) -> tuple[Map, Map]:
    """What a kernel sees of (channels, *space, batch), as (channels, places in the kernel, *out, batch);
    and its adjoint, which adds up what each element was seen as."""
    out = _out(space, kernel, stride, padding, dilation)
    padded = tuple(n + 2 * p for n, p in zip(space, padding))
    inner = (slice(None), *(slice(p, p + n) for n, p in zip(space, padding)))
    cuts = []
    for place in itertools.product(*map(range, kernel)):
        starts = [i * d for i, d in zip(place, dilation)]
        ends = [a + s * (m - 1) + 1 for a, s, m in zip(starts, stride, out)]
        cuts.append((slice(None), *map(slice, starts, ends, stride)))

    def unfold(x: T) -> T:
        if padded != space:
            whole = ut.full((x.shape[0], *padded, x.shape[-1]), value, dtype=x.dtype, device=x.device)
            whole[inner] = x
            x = whole
        return ut.stack([x[cut] for cut in cuts], axis=1)

    def fold(c: T) -> T:
        whole = ut.zeros((c.shape[0], *padded, c.shape[-1]), dtype=c.dtype, device=c.device)
        for i, cut in enumerate(cuts):
            whole[cut] = whole[cut] + c[:, i]  # on JAX much faster than through a view
        return whole[inner]

    def linear() -> Map:
        return _unfolding(space, kernel, stride, padding, dilation, 0.0)[0]

    unfolded: Map = ut.custom_gradient(
        unfold, lambda g, out, x: folded(g), lambda tangents, out, x: linear()(tangents[0])
    )
    folded: Map = ut.custom_gradient(
        fold, lambda g, out, c: linear()(g), lambda tangents, out, c: folded(tangents[0])
    )
    return unfolded, folded


def _out(space: Axes, kernel: Axes, stride: Axes, padding: Axes, dilation: Axes) -> Axes:
    """How often a kernel fits along each axis."""
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(space, kernel, stride, padding, dilation)
    )


def _windows(
    name: str, x: T, kernel: Axes, stride: Axes, padding: Axes, dilation: Axes, value: float = 0.0
) -> T:
    """What a kernel sees of x, of shape (channels, places in the kernel, *places of the kernel, batch).

    The batch comes last because long inner loops are fast; results are seen in their usual order
    by `_batch_first`, which moves no memory.
    """
    space = x.shape[2:]
    if any(n < 1 for n in _out(space, kernel, stride, padding, dilation)):
        raise ValueError(
            f"{name}: a kernel of {kernel} with dilation {dilation} does not fit in "
            f"{tuple(n + 2 * p for n, p in zip(space, padding))}, padding included"
        )
    unfold, _ = _unfolding(space, kernel, stride, padding, dilation, value)
    return unfold(ut.permute_dims(x, (*range(1, x.ndim), 0)))


def _batch_first(y: T) -> T:
    return ut.permute_dims(y, (y.ndim - 1, *range(y.ndim - 1)))


def conv(
    x: T,
    weight: T,
    bias: T | None = None,
    *,
    stride: Lengths = 1,
    padding: Lengths = 0,
    dilation: Lengths = 1,
    groups: int = 1,
) -> T:
    """Cross-correlation of x, (batch, channels, ...), with a weight, (outputs, channels / groups, ...).

    >>> import unitensor as ut
    >>> from unitensor.nn import conv
    >>> conv(ut.ones((1, 3, 8, 8)), ut.ones((4, 3, 3, 3)), padding=1).shape
    (1, 4, 8, 8)
    """
    n = weight.ndim - 2
    if x.ndim != n + 2 or groups < 1 or x.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise ValueError(
            f"conv: the input has shape {x.shape}, the weight {weight.shape}, groups is {groups}; expected "
            f"{n + 2} axes, and {weight.shape[1] * max(groups, 1)} channels along axis 1 of the input"
        )
    steps, space = _each("conv", "stride", stride, n, 1), _each("conv", "padding", padding, n, 0)
    seen = _windows("conv", x, weight.shape[2:], steps, space, _each("conv", "dilation", dilation, n, 1))
    outputs, width = weight.shape[0], weight.shape[1] * math.prod(weight.shape[2:])
    if groups == 1:
        y = ut.reshape(weight, (outputs, width)) @ ut.reshape(seen, (width, -1))
    else:
        rows = ut.reshape(weight, (groups, outputs // groups, width))
        y = ut.reshape(rows @ ut.reshape(seen, (groups, width, -1)), (outputs, -1))
    if bias is not None:
        y = y + bias[:, None]
    return _batch_first(ut.reshape(y, (outputs, *seen.shape[2:])))


def _pooled(name: str, x: T, kernel: Lengths, stride: Any, padding: Lengths, value: float) -> T:
    n = x.ndim - 2
    if n < 1:
        raise ValueError(f"{name}: the input has shape {x.shape}; expected (batch, channels, ...)")
    size = _each(name, "kernel", kernel, n, 1)
    steps = size if stride is None else _each(name, "stride", stride, n, 1)
    space = _each(name, "padding", padding, n, 0)
    if any(2 * p > k for p, k in zip(space, size)):
        raise ValueError(f"{name}: padding {space} is more than half of the kernel {size}")
    return _windows(name, x, size, steps, space, (1,) * n, value)


def max_pool(x: T, kernel: Lengths, stride: Lengths | None = None, padding: Lengths = 0) -> T:
    """The largest value in each window; equal ones share the gradient.

    >>> import unitensor as ut
    >>> from unitensor.nn import max_pool
    >>> max_pool(ut.asarray([[[1.0, 3.0, 2.0, 0.0]]]), 2).tolist()
    [[[3.0, 2.0]]]
    """
    return _batch_first(ut.max(_pooled("max_pool", x, kernel, stride, padding, -math.inf), axis=1))


def avg_pool(x: T, kernel: Lengths, stride: Lengths | None = None, padding: Lengths = 0) -> T:
    """The mean of each window, with zeros outside.

    >>> import unitensor as ut
    >>> from unitensor.nn import avg_pool
    >>> avg_pool(ut.asarray([[[1.0, 3.0, 2.0, 0.0]]]), 2).tolist()
    [[[2.0, 1.0]]]
    """
    return _batch_first(ut.mean(_pooled("avg_pool", x, kernel, stride, padding, 0.0), axis=1))


class _Conv(Module):
    axes = 0

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: Lengths,
        stride: Lengths = 1,
        padding: Lengths = 0,
        dilation: Lengths = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        dtype: Any = None,
        device: Any = None,
    ) -> None:
        name = type(self).__name__
        if groups < 1 or inputs % groups or outputs % groups:
            raise ValueError(
                f"{name}: {inputs} inputs and {outputs} outputs do not divide into {groups} groups"
            )
        self.inputs, self.outputs = inputs, outputs
        self.kernel = _each(name, "kernel", kernel, self.axes, 1)
        self.options: dict[str, Any] = {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
        }
        self.weight = empty_parameter((outputs, inputs // groups, *self.kernel), dtype, device)
        self.bias = empty_parameter((outputs,), dtype, device) if bias else None
        bound = 1 / math.sqrt(init.fans(self.weight)[0])
        for x in (self.weight, self.bias):
            if x is not None:
                init.uniform_(x, -bound, bound)

    def forward(self, x: T) -> T:
        """x of shape (batch, inputs, ...), convolved."""
        if x.ndim != self.axes + 2 or x.shape[1] != self.inputs:
            raise ValueError(
                f"{type(self).__name__}({self.extra_repr()}): the input has shape {x.shape}, the weight "
                f"{self.weight.shape}; expected {self.axes + 2} axes with {self.inputs} channels along axis 1"
            )
        return conv(x, self.weight, self.bias, **self.options)

    def extra_repr(self) -> str:
        changed = [f"{k}={v}" for k, v in self.options.items() if v != (0 if k == "padding" else 1)]
        return ", ".join([str(self.inputs), str(self.outputs), str(self.kernel), *changed])


class Conv1d(_Conv):
    """Convolution along one axis.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> nn.Conv1d(2, 3, 5, stride=2)(ut.ones((1, 2, 11))).shape
    (1, 3, 4)
    """

    axes = 1


class Conv2d(_Conv):
    """Convolution along two axes.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> nn.Conv2d(1, 8, 3, padding=1)(ut.ones((2, 1, 8, 8))).shape
    (2, 8, 8, 8)
    """

    axes = 2


class MaxPool(Module):
    """`max_pool` as a module, for one space axis or more."""

    def __init__(self, kernel: Lengths, stride: Lengths | None = None, padding: Lengths = 0) -> None:
        self.kernel, self.stride, self.padding = kernel, stride, padding

    def forward(self, x: T) -> T:
        """The largest value in each window."""
        return max_pool(x, self.kernel, self.stride, self.padding)

    def extra_repr(self) -> str:
        return f"{self.kernel}, stride={self.stride}, padding={self.padding}"


class AvgPool(MaxPool):
    """`avg_pool` as a module, for one space axis or more."""

    def forward(self, x: T) -> T:
        """The mean of each window."""
        return avg_pool(x, self.kernel, self.stride, self.padding)

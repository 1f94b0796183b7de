"""Convolution and pooling over any number of space axes, made of windows."""

from __future__ import annotations

import itertools
import math
from typing import Any

import unitensor as ut

from . import init
from .layers import empty_parameter
from .module import Module

T = ut.Tensor
Lengths = int | tuple[int, ...]


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


def windows(
    name: str,
    x: T,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    value: float = 0.0,
) -> T:
    """What a kernel sees of x, of shape (batch, channels, places in the kernel, places of the kernel)."""
    n = len(kernel)
    x = pad(x, padding, value, n)
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel)]
    out = [(length - r) // s + 1 for length, r, s in zip(x.shape[2:], reach, stride)]
    if any(length < r for length, r in zip(x.shape[2:], reach)):
        raise ValueError(
            f"{name}: a kernel of {kernel} with dilation {dilation} does not fit in "
            f"{x.shape[2:]}, padding included"
        )
    seen = []
    for place in itertools.product(*map(range, kernel)):
        starts = [p * d for p, d in zip(place, dilation)]
        cut = [slice(a, a + s * (m - 1) + 1, s) for a, s, m in zip(starts, stride, out)]
        seen.append(x[(slice(None), slice(None), *cut)])
    return ut.stack(seen, axis=2)


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
    seen = windows("conv", x, weight.shape[2:], steps, space, _each("conv", "dilation", dilation, n, 1))
    batch, out = x.shape[0], seen.shape[3:]
    width = weight.shape[1] * math.prod(weight.shape[2:])
    columns = ut.reshape(seen, (batch, groups, width, math.prod(out)))
    rows = ut.reshape(weight, (groups, weight.shape[0] // groups, width))
    y = ut.reshape(rows @ columns, (batch, weight.shape[0], *out))
    return y if bias is None else y + ut.reshape(bias, (-1,) + (1,) * n)


def _pooled(name: str, x: T, kernel: Lengths, stride: Any, padding: Lengths, value: float) -> T:
    n = x.ndim - 2
    if n < 1:
        raise ValueError(f"{name}: the input has shape {x.shape}; expected (batch, channels, ...)")
    size = _each(name, "kernel", kernel, n, 1)
    steps = size if stride is None else _each(name, "stride", stride, n, 1)
    space = _each(name, "padding", padding, n, 0)
    if any(2 * p > k for p, k in zip(space, size)):
        raise ValueError(f"{name}: padding {space} is more than half of the kernel {size}")
    return windows(name, x, size, steps, space, (1,) * n, value)


def max_pool(x: T, kernel: Lengths, stride: Lengths | None = None, padding: Lengths = 0) -> T:
    """The largest value in each window; equal ones share the gradient.

    >>> import unitensor as ut
    >>> from unitensor.nn import max_pool
    >>> max_pool(ut.asarray([[[1.0, 3.0, 2.0, 0.0]]]), 2).tolist()
    [[[3.0, 2.0]]]
    """
    return ut.max(_pooled("max_pool", x, kernel, stride, padding, -math.inf), axis=2)


def avg_pool(x: T, kernel: Lengths, stride: Lengths | None = None, padding: Lengths = 0) -> T:
    """The mean of each window, with zeros outside.

    >>> import unitensor as ut
    >>> from unitensor.nn import avg_pool
    >>> avg_pool(ut.asarray([[[1.0, 3.0, 2.0, 0.0]]]), 2).tolist()
    [[[2.0, 1.0]]]
    """
    return ut.mean(_pooled("avg_pool", x, kernel, stride, padding, 0.0), axis=2)


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

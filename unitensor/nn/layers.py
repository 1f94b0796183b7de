"""Layers: linear, embedding, normalisation, dropout, activations and containers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import unitensor as ut

from . import functional as f, init
from .module import Module, parameter

T = ut.Tensor


def empty_parameter(shape: tuple[int, ...], dtype: Any, device: Any) -> T:
    """A parameter whose values are still to be drawn."""
    return parameter(ut.zeros(shape, dtype=dtype, device=device))


class Linear(Module):
    """x @ weight.T + bias, with PyTorch's initial values.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> nn.Linear(3, 2)(ut.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self, inputs: int, outputs: int, bias: bool = True, *, dtype: Any = None, device: Any = None
    ) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.weight = empty_parameter((outputs, inputs), dtype, device)
        self.bias = empty_parameter((outputs,), dtype, device) if bias else None
        bound = 1 / math.sqrt(inputs) if inputs else 0.0
        for x in (self.weight, self.bias):
            if x is not None:
                init.uniform_(x, -bound, bound)

    def forward(self, x: T) -> T:
        """The outputs of inputs along the last axis."""
        if not x.ndim or x.shape[-1] != self.inputs:
            raise ValueError(
                f"Linear({self.extra_repr()}): the input has shape {x.shape}, the weight "
                f"{self.weight.shape}; expected a last axis of {self.inputs}"
            )
        return f.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.inputs}, {self.outputs}" + ("" if self.bias is not None else ", bias=False")


class Embedding(Module):
    """A table of rows that integers name.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> nn.Embedding(10, 4)(ut.asarray([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    def __init__(self, rows: int, width: int, *, dtype: Any = None, device: Any = None) -> None:
        self.rows, self.width = rows, width
        self.weight = init.normal_(empty_parameter((rows, width), dtype, device))

    def forward(self, index: T) -> T:
        """The rows that are named."""
        return f.embedding(index, self.weight)

    def extra_repr(self) -> str:
        return f"{self.rows}, {self.width}"


class Dropout(Module):
    """Each element becomes 0 with probability p while training; the others grow so that the mean stays.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> nn.Dropout(0.5).eval()(ut.ones(2)).tolist()
    [1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, generator: Any = None) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p is {p}; expected a probability")
        self.p = p
        self._generator = generator

    def forward(self, x: T) -> T:
        """x with elements dropped, while training."""
        return f.dropout(x, self.p, self.training, self._generator)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class LayerNorm(Module):
    """Mean 0 and variance 1 over the last axes, then scaled and shifted.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> nn.LayerNorm(2, eps=0.0)(ut.asarray([[1.0, 3.0]])).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self,
        shape: int | tuple[int, ...],
        eps: float = 1e-5,
        bias: bool = True,
        *,
        dtype: Any = None,
        device: Any = None,
    ) -> None:
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.eps = eps
        self.weight = init.ones_(empty_parameter(self.shape, dtype, device))
        self.bias = empty_parameter(self.shape, dtype, device) if bias else None

    def forward(self, x: T) -> T:
        """x, normalised."""
        return f.layer_norm(x, self.shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.shape}, eps={self.eps}"


class RMSNorm(Module):
    """Mean square 1 over the last axes, then scaled."""

    def __init__(
        self,
        shape: int | tuple[int, ...],
        eps: float | None = None,
        *,
        dtype: Any = None,
        device: Any = None,
    ) -> None:
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.eps = eps
        self.weight = init.ones_(empty_parameter(self.shape, dtype, device))

    def forward(self, x: T) -> T:
        """x, normalised."""
        return f.rms_norm(x, self.shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.shape}, eps={self.eps}"


class BatchNorm(Module):
    """Each channel (axis 1) normalised by its batch, or by what was seen before once in `eval()`.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> nn.BatchNorm(3)(ut.random.normal((4, 3, 5, 5))).shape
    (4, 3, 5, 5)
    """

    def __init__(
        self,
        channels: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        *,
        dtype: Any = None,
        device: Any = None,
    ) -> None:
        self.channels, self.eps, self.momentum = channels, eps, momentum
        self.weight = init.ones_(empty_parameter((channels,), dtype, device))
        self.bias = empty_parameter((channels,), dtype, device)
        self.running_mean = ut.zeros((channels,), dtype=dtype, device=device)
        self.running_var = ut.ones((channels,), dtype=dtype, device=device)
        self.num_batches_tracked = ut.zeros((), dtype=ut.int64, device=device)

    def forward(self, x: T) -> T:
        """x, normalised."""
        if x.ndim < 2 or x.shape[1] != self.channels:
            raise ValueError(
                f"BatchNorm({self.channels}): the input has shape {x.shape}; "
                f"expected {self.channels} channels along axis 1"
            )
        if not self.training:
            return f.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, self.eps)
        axes = (0, *range(2, x.ndim))
        count = x.size // self.channels
        if count < 2:
            raise ValueError(f"BatchNorm: one value a channel in shape {x.shape} has no variance; use eval()")
        with ut.no_grad():
            seen = x.detach()
            self.running_mean *= 1 - self.momentum
            self.running_mean += self.momentum * ut.mean(seen, axis=axes)
            self.running_var *= 1 - self.momentum
            self.running_var += self.momentum * ut.var(seen, axis=axes, correction=1)
            self.num_batches_tracked += 1
        return f.batch_norm(x, None, None, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.channels}, eps={self.eps}, momentum={self.momentum}"


class Flatten(Module):
    """All axes from the second on as one.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> nn.Flatten()(ut.ones((2, 3, 4))).shape
    (2, 12)
    """

    def forward(self, x: T) -> T:
        """x with two axes."""
        return ut.reshape(x, (x.shape[0], math.prod(x.shape[1:])))


class Sequential(Module):
    """Modules one after another.

    >>> from unitensor import nn
    >>> nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    Sequential(  # 8 parameters
      (0): Linear(3, 2)  # 8 parameters
      (1): ReLU()
    )
    """

    def __init__(self, *parts: Module) -> None:
        self._parts = parts
        for part in parts:
            if not isinstance(part, Module):
                raise TypeError(f"Sequential: got {type(part).__name__}; expected Modules")

    def children(self) -> Iterator[tuple[str, Module]]:
        """The parts, named by their places."""
        return ((str(i), part) for i, part in enumerate(self._parts))

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, i: int) -> Module:
        return self._parts[i]

    def forward(self, x: Any) -> Any:
        """What the last part makes of what the others made."""
        for i, part in enumerate(self._parts):
            try:
                x = part(x)
            except Exception as error:
                error.add_note(f"in part {i} of Sequential: {type(part).__name__}({part.extra_repr()})")
                raise
        return x


class Activation(Module):
    """A function of one Tensor as a module; its options are given once."""

    function: Any = None

    def __init__(self, *args: Any) -> None:
        self.args = args

    def forward(self, x: T) -> T:
        """The function of x."""
        return type(self).function(x, *self.args)  # type: ignore[no-any-return]  # each is a function of this package

    def extra_repr(self) -> str:
        return ", ".join(map(repr, self.args))


class ReLU(Activation):
    """`functional.relu` as a module."""

    function = staticmethod(f.relu)


class LeakyReLU(Activation):
    """`functional.leaky_relu` as a module."""

    function = staticmethod(f.leaky_relu)


class ELU(Activation):
    """`functional.elu` as a module."""

    function = staticmethod(f.elu)


class SELU(Activation):
    """`functional.selu` as a module."""

    function = staticmethod(f.selu)


class GELU(Activation):
    """`functional.gelu` as a module."""

    function = staticmethod(f.gelu)


class SiLU(Activation):
    """`functional.silu` as a module."""

    function = staticmethod(f.silu)


class Mish(Activation):
    """`functional.mish` as a module."""

    function = staticmethod(f.mish)


class Sigmoid(Activation):
    """`functional.sigmoid` as a module."""

    function = staticmethod(f.sigmoid)


class LogSigmoid(Activation):
    """`functional.log_sigmoid` as a module."""

    function = staticmethod(f.log_sigmoid)


class Softplus(Activation):
    """`functional.softplus` as a module."""

    function = staticmethod(f.softplus)


class Tanh(Activation):
    """`tanh` as a module."""

    function = staticmethod(ut.tanh)


class Softmax(Activation):
    """`functional.softmax` as a module."""

    function = staticmethod(f.softmax)


class LogSoftmax(Activation):
    """`functional.log_softmax` as a module."""

    function = staticmethod(f.log_softmax)


class GLU(Activation):
    """`functional.glu` as a module."""

    function = staticmethod(f.glu)

"""Recurrent networks: RNN, GRU and LSTM over (batch, time, features); weights are named as PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import unitensor as ut

from . import init
from .functional import dropout, linear, relu, sigmoid
from .layers import empty_parameter
from .module import Module

T = ut.Tensor


class _Recurrent(Module):
    """Layers of one cell.

    The state is a Tensor, or a tuple of them, of shape (layers * directions, batch, hidden).
    """

    gates = 1
    states = 1

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int = 1,
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = None,
        device: Any = None,
    ) -> None:
        if min(inputs, hidden, layers) < 1:
            raise ValueError(
                f"{type(self).__name__}: inputs {inputs}, hidden {hidden}, layers {layers}; "
                "expected 1 or more"
            )
        self.inputs, self.hidden, self.layers = inputs, hidden, layers
        self.bias, self.dropout, self.bidirectional = bias, dropout, bidirectional
        bound = 1 / math.sqrt(hidden)
        rows = self.gates * hidden
        for layer in range(layers):
            width = inputs if layer == 0 else hidden * (1 + bidirectional)
            for end in self._ends(layer):
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, hidden)}
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                for name, shape in shapes.items():
                    x = init.uniform_(empty_parameter(shape, dtype, device), -bound, bound)
                    setattr(self, f"{name}_{end}", x)

    def _ends(self, layer: int) -> list[str]:
        return [f"l{layer}", f"l{layer}_reverse"][: 1 + self.bidirectional]

    def cell(self, x: T, state: tuple[T, ...], weight: T, bias: T | None) -> tuple[T, ...]:
        """The next state from what the input adds and the state; a subclass defines it."""
        raise NotImplementedError

    def forward(self, x: T, state: Any = None) -> tuple[T, Any]:
        """The last layer's outputs, (batch, time, hidden * directions), and the state at the end."""
        name = type(self).__name__
        if x.ndim != 3 or x.shape[2] != self.inputs:
            raise ValueError(
                f"{name}({self.extra_repr()}): the input has shape {x.shape}; "
                f"expected (batch, time, {self.inputs})"
            )
        shape = (self.layers * (1 + self.bidirectional), x.shape[0], self.hidden)
        if state is None:
            given = (ut.zeros(shape, dtype=x.dtype, device=x.device),) * self.states
        else:
            given = tuple(state) if self.states > 1 else (state,)
        if len(given) != self.states or any(s.shape != shape for s in given):
            raise ValueError(
                f"{name}: the state has shapes {[s.shape for s in given]}; expected {self.states} of {shape}"
            )
        last: list[tuple[T, ...]] = []
        for layer in range(self.layers):
            if layer:
                x = dropout(x, self.dropout, self.training)
            outs = []
            for end in self._ends(layer):
                now = tuple(s[len(last)] for s in given)
                out, now = self._run(x, now, end)
                outs.append(out)
                last.append(now)
            x = outs[0] if len(outs) == 1 else ut.concat(outs, axis=-1)
        final = tuple(ut.stack([s[i] for s in last]) for i in range(self.states))
        return x, final if self.states > 1 else final[0]

    def _run(self, x: T, state: tuple[T, ...], end: str) -> tuple[T, tuple[T, ...]]:
        part = {
            k: getattr(self, f"{k}_{end}", None) for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        weight: Any = part["weight_ih"]
        added = linear(x, weight, part["bias_ih"])  # of all times at once
        outs: list[Any] = [None] * x.shape[1]
        order = range(x.shape[1])
        recurrent: Any = part["weight_hh"]
        for t in reversed(order) if end.endswith("reverse") else order:
            state = self.cell(added[:, t], state, recurrent, part["bias_hh"])
            outs[t] = state[0]
        return ut.stack(outs, axis=1), state

    def extra_repr(self) -> str:
        return f"{self.inputs}, {self.hidden}, layers={self.layers}, bidirectional={self.bidirectional}"


class RNN(_Recurrent):
    """h = tanh(W x + b + U h + c), or with relu.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> out, h = nn.RNN(3, 4)(ut.ones((2, 5, 3)))
    >>> out.shape, h.shape
    ((2, 5, 4), (1, 2, 4))
    """

    nonlinearity = "tanh"

    def __init__(self, *args: Any, nonlinearity: str = "tanh", **kwargs: Any) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: nonlinearity is {nonlinearity!r}; expected 'tanh' or 'relu'")
        super().__init__(*args, **kwargs)
        self.nonlinearity = nonlinearity

    def cell(self, x: T, state: tuple[T, ...], weight: T, bias: T | None) -> tuple[T, ...]:
        total = x + linear(state[0], weight, bias)
        return (ut.tanh(total) if self.nonlinearity == "tanh" else relu(total),)


class GRU(_Recurrent):
    """Gated recurrent units.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> out, h = nn.GRU(3, 4, layers=2)(ut.ones((2, 5, 3)))
    >>> out.shape, h.shape
    ((2, 5, 4), (2, 2, 4))
    """

    gates = 3

    def cell(self, x: T, state: tuple[T, ...], weight: T, bias: T | None) -> tuple[T, ...]:
        (h,), n = state, self.hidden
        again = linear(h, weight, bias)
        gate = sigmoid(x[:, : 2 * n] + again[:, : 2 * n])
        reset, keep = gate[:, :n], gate[:, n:]
        new = ut.tanh(x[:, 2 * n :] + reset * again[:, 2 * n :])
        return (new + keep * (h - new),)


class LSTM(_Recurrent):
    """Long short-term memory; the state is the pair (h, c).

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> out, (h, c) = nn.LSTM(3, 4, bidirectional=True)(ut.ones((2, 5, 3)))
    >>> out.shape, c.shape
    ((2, 5, 8), (2, 2, 4))
    """

    gates = 4
    states = 2

    def cell(self, x: T, state: tuple[T, ...], weight: T, bias: T | None) -> tuple[T, ...]:
        (h, c), n = state, self.hidden
        total = x + linear(h, weight, bias)
        gate = sigmoid(total[:, : 2 * n])
        c = gate[:, n:] * c + gate[:, :n] * ut.tanh(total[:, 2 * n : 3 * n])
        return sigmoid(total[:, 3 * n :]) * ut.tanh(c), c

"""Attention with masks, and the transformer block; weights are named as PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import unitensor as ut

from . import init
from .functional import dropout, gelu, linear, relu, softmax
from .layers import Dropout, LayerNorm, Linear, empty_parameter
from .module import Module

T = ut.Tensor


def causal_mask(length: int, device: Any = None) -> T:
    """True where a place may look: at itself and at what came before.

    >>> from unitensor import nn
    >>> nn.causal_mask(2).tolist()
    [[True, False], [True, True]]
    """
    places = ut.arange(length, device=device)
    return places[:, None] >= places


def attention(query: T, key: T, value: T, mask: T | None = None, p: float = 0.0) -> T:
    """softmax(query @ key.T / sqrt(width)) @ value, over the last two axes.

    `mask` is True where a query may look at a key, or has numbers that are added to the scores.
    A query that may look nowhere gets zeros. `p` is the probability of dropping a weight.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> nn.attention(ut.ones((2, 4)), ut.ones((3, 4)), ut.ones((3, 5))).shape
    (2, 5)
    """
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"attention: query {query.shape}, key {key.shape} and value {value.shape}; expected one width of "
            "query and key, and as many keys as values"
        )
    scores = (query / math.sqrt(query.shape[-1])) @ ut.matrix_transpose(key)
    if mask is None:
        weights = softmax(scores)
    elif ut.isdtype(mask.dtype, "bool"):
        weights = ut.where(mask, softmax(ut.where(mask, scores, ut.finfo(scores.dtype).min)), 0.0)
    else:
        weights = softmax(scores + mask)
    return dropout(weights, p) @ value if p else weights @ value


class MultiheadAttention(Module):
    """Attention of several heads over (batch, time, width).

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> x = ut.ones((2, 5, 8))
    >>> nn.MultiheadAttention(8, 2)(x, mask=nn.causal_mask(5)).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        width: int,
        heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        dtype: Any = None,
        device: Any = None,
    ) -> None:
        if heads < 1 or width % heads:
            raise ValueError(f"MultiheadAttention: a width of {width} does not divide into {heads} heads")
        self.width, self.heads, self.dropout = width, heads, dropout
        self.in_proj_weight = init.xavier_uniform_(empty_parameter((3 * width, width), dtype, device))
        self.in_proj_bias = empty_parameter((3 * width,), dtype, device) if bias else None
        self.out_proj = Linear(width, width, bias, dtype=dtype, device=device)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(self, query: T, key: T | None = None, value: T | None = None, *, mask: T | None = None) -> T:
        """What each query finds; key is the query unless given, and value the key.

        `mask` broadcasts to (batch, heads, queries, keys).
        """
        key = query if key is None else key
        value = key if value is None else value
        for name, x in (("query", query), ("key", key), ("value", value)):
            if x.ndim != 3 or x.shape[2] != self.width:
                raise ValueError(
                    f"MultiheadAttention({self.extra_repr()}): {name} has shape {x.shape}; "
                    f"expected (batch, time, {self.width})"
                )
        q, k, v = (self._headed(x, i) for i, x in enumerate((query, key, value)))
        found = attention(q, k, v, mask, self.dropout if self.training else 0.0)
        return self.out_proj(ut.reshape(ut.permute_dims(found, (0, 2, 1, 3)), query.shape))  # type: ignore[no-any-return]  # calls of modules are untyped

    def _headed(self, x: T, i: int) -> T:
        """Query (0), key (1) or value (2), as (batch, heads, time, width of a head)."""
        rows = slice(i * self.width, (i + 1) * self.width)
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        y = linear(x, self.in_proj_weight[rows], bias)
        return ut.permute_dims(
            ut.reshape(y, (*x.shape[:2], self.heads, self.width // self.heads)), (0, 2, 1, 3)
        )

    def extra_repr(self) -> str:
        return f"{self.width}, {self.heads}"


class TransformerBlock(Module):
    """Attention and a network of two layers, each with a normalisation and a way around it.

    The names are those of PyTorch's TransformerEncoderLayer. `norm_first` normalises what goes in,
    not what comes out.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> nn.TransformerBlock(8, 2, 16)(ut.ones((2, 5, 8))).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        eps: float = 1e-5,
        norm_first: bool = False,
        *,
        dtype: Any = None,
        device: Any = None,
    ) -> None:
        if activation not in ("relu", "gelu"):
            raise ValueError(f"TransformerBlock: activation is {activation!r}; expected 'relu' or 'gelu'")
        self.activation, self.norm_first = activation, norm_first
        self.self_attn = MultiheadAttention(width, heads, dropout, dtype=dtype, device=device)
        self.linear1 = Linear(width, hidden, dtype=dtype, device=device)
        self.linear2 = Linear(hidden, width, dtype=dtype, device=device)
        self.norm1 = LayerNorm(width, eps, dtype=dtype, device=device)
        self.norm2 = LayerNorm(width, eps, dtype=dtype, device=device)
        self.drop = Dropout(dropout)

    def _network(self, x: T) -> T:
        inner = (relu if self.activation == "relu" else gelu)(self.linear1(x))
        return self.drop(self.linear2(self.drop(inner)))  # type: ignore[no-any-return]  # calls of modules are untyped

    def forward(self, x: T, *, mask: T | None = None) -> T:
        """x of shape (batch, time, width), changed by what its places find in each other."""
        if self.norm_first:
            x = x + self.drop(self.self_attn(self.norm1(x), mask=mask))
            return x + self._network(self.norm2(x))
        x = self.norm1(x + self.drop(self.self_attn(x, mask=mask)))
        return self.norm2(x + self._network(x))  # type: ignore[no-any-return]  # calls of modules are untyped

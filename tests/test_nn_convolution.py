"""Convolution and pooling: gradients of both orders and modes, and results of memory in any order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import unitensor as ut
from unitensor import nn
from unitensor.testing import gradcheck, gradgradcheck

T = ut.Tensor


def convolved(x: T, weight: T, bias: T) -> T:
    return nn.conv(x, weight, bias, stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2)


def test_gradients_of_a_convolution(engine: str) -> None:
    draw = ut.random.Generator(0)
    x, weight, bias = draw.normal((2, 4, 5, 6)), draw.normal((6, 2, 3, 2)), draw.normal((6,))
    assert gradcheck(convolved, x, weight, bias, fast=True)
    assert gradgradcheck(convolved, x, weight, bias, fast=True)


@pytest.mark.parametrize(
    "pool",
    [
        lambda x: nn.max_pool(x, 2),
        lambda x: nn.max_pool(x, 3, 2, 1),
        lambda x: nn.avg_pool(x, (2, 3), stride=1, padding=(1, 0)),
    ],
)
def test_gradients_of_pooling(pool: Callable[[T], T], engine: str) -> None:
    x = ut.random.Generator(0).normal((2, 3, 4, 6))
    assert gradcheck(pool, x, fast=True)
    assert gradgradcheck(pool, x, fast=True)


def test_equal_elements_of_a_window_share_the_gradient(engine: str) -> None:
    x = ut.tensor([[[3.0, 3.0, 1.0, 2.0]]], requires_grad=True)
    nn.max_pool(x, 2).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[[0.5, 0.5, 0.0, 1.0]]]


def test_input_whose_memory_is_in_another_order(engine: str) -> None:
    draw = ut.random.Generator(0)
    x, weight = draw.normal((5, 6, 4, 2)), draw.normal((3, 4, 3, 3))
    turned = ut.permute_dims(x, (3, 2, 0, 1))
    assert bool(ut.all(nn.conv(turned, weight) == nn.conv(turned.clone(), weight)))
    assert bool(ut.all(nn.max_pool(turned, 2) == nn.max_pool(turned.clone(), 2)))


def test_what_was_seen_is_not_changed_by_later_writes(engine: str) -> None:
    x = ut.random.Generator(0).normal((1, 1, 4))
    pooled = nn.max_pool(x, 1)
    before = pooled.tolist()
    x[...] = 0.0
    assert pooled.tolist() == before

"""Modules: what they find in themselves, their state, moves, hooks, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import unitensor as ut
from unitensor import nn


class Net(nn.Module):
    def __init__(self) -> None:
        self.first = nn.Linear(3, 4)
        self.parts = [nn.Linear(4, 4), {"norm": nn.BatchNorm(4)}]
        self.again = self.first
        self.scale = nn.parameter([1.0])
        self.table = ut.arange(3)
        self._hidden = ut.ones(2)

    def forward(self, x: ut.Tensor) -> Any:
        return self.parts[1]["norm"](self.parts[0](self.first(x)) * self.scale)  # type: ignore[operator]  # a mixed list


def test_parameters_buffers_and_parts_are_found_by_assignment() -> None:
    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "scale",
        "first.weight",
        "first.bias",
        "parts.0.weight",
        "parts.0.bias",
        "parts.1.norm.weight",
        "parts.1.norm.bias",
    ]
    buffers = {name for name, x in net.named_tensors() if not x.requires_grad}
    assert buffers == {"table"} | {
        f"parts.1.norm.{k}" for k in ("running_mean", "running_var", "num_batches_tracked")
    }
    assert sum(p.size for p in net.parameters()) == 1 + 16 + 20 + 8
    net(ut.ones((5, 3))).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_state_goes_round_between_engines(engine: str) -> None:
    with ut.use_backend("numpy"):
        source = Net()
        source(ut.random.normal((8, 3)))
    net = Net()
    net.load_state_dict(source.state_dict())
    assert {x.backend for _, x in net.named_tensors()} == {engine}
    x = ut.random.Generator(0).normal((4, 3))
    expected = source.eval()(x.to("numpy"))
    np.testing.assert_allclose(net.eval()(x).detach().numpy(), expected.detach().numpy(), rtol=1e-12)
    state = net.state_dict()
    with ut.no_grad():
        net.first.weight[...] = 0.0
    assert bool(ut.any(state["first.weight"] != 0))


def test_a_wrong_state_names_everything_and_changes_nothing() -> None:
    net = nn.Linear(2, 2)
    before = net.weight.tolist()
    good = ut.zeros((2, 2))
    with pytest.raises(KeyError, match=r"missing: bias; unexpected: extra"):
        net.load_state_dict({"weight": good, "extra": good})
    with pytest.raises(ValueError, match=r"wrong shape: bias is \(3,\), not \(2,\)"):
        net.load_state_dict({"weight": good, "bias": ut.zeros(3)})
    assert net.weight.tolist() == before
    with pytest.raises(TypeError, match=r"Linear\.load_state_dict: bias is str: "):
        net.load_state_dict({"weight": good, "bias": "b"})
    with pytest.raises(TypeError, match="got list; expected a dict"):
        net.load_state_dict([good])  # type: ignore[arg-type]  # what it refuses
    assert net.weight.tolist() == before
    net.load_state_dict({"weight": good, "extra": good}, strict=False)
    assert net.weight.tolist() == good.tolist()


def test_modes_reach_every_part() -> None:
    net = nn.Sequential(nn.Dropout(0.9), nn.Sequential(nn.Dropout(0.9)))
    x = ut.ones(1000)
    assert 0 < float(ut.mean((net(x) != 0).to(ut.float64))) < 0.1
    assert bool(ut.all(net.eval()(x) == x))
    assert bool(ut.any(net.train()(x) != x))
    with pytest.raises(ValueError, match="p is 2"):
        nn.Dropout(2.0)


def test_to_moves_all_and_keeps_what_is_shared(engine: str) -> None:
    with ut.use_backend("numpy"):
        net = Net()
    assert net.to(engine) is net
    assert {x.backend for _, x in net.named_tensors()} == {engine}
    net.to(ut.float32)
    assert net.again is net.first
    assert net.table.dtype is ut.int64
    assert all(p.dtype is ut.float32 and p.requires_grad and p.is_leaf for p in net.parameters())
    assert net(ut.ones((5, 3), dtype=ut.float32)).dtype is ut.float32


def test_hooks_change_what_goes_in_and_out() -> None:
    layer = nn.ReLU()
    off = [layer.before_forward(lambda m, args: -args[0]), layer.after_forward(lambda m, args, out: out * 10)]
    assert layer(ut.asarray(-2.0)).item() == 20.0
    for remove in off:
        remove()
    assert layer(ut.asarray(-2.0)).item() == 0.0
    assert nn.ReLU()(ut.asarray(-2.0)).item() == 0.0


def test_repr_counts_parameters() -> None:
    text = repr(nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(100, 10)))
    assert text.splitlines() == [
        "Sequential(  # 1,090 parameters",
        "  (0): Conv2d(1, 8, (3, 3), padding=1)  # 80 parameters",
        "  (1): ReLU()",
        "  (2): Flatten()",
        "  (3): Linear(100, 10)  # 1,010 parameters",
        ")",
    ]


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("xavier_uniform_", np.sqrt(2 / 300)),
        ("xavier_normal_", np.sqrt(2 / 300)),
        ("kaiming_uniform_", np.sqrt(2 / 200)),
        ("kaiming_normal_", np.sqrt(2 / 200)),
        ("kaiming_normal_ fan_out", np.sqrt(2 / 100)),
        ("kaiming_uniform_ fan_out", np.sqrt(2 / 100)),
        ("truncated_normal_", 0.8796),
        ("orthogonal_", np.sqrt(1 / 200)),
    ],
)
def test_initial_values_have_their_spread(name: str, scale: float) -> None:
    w = ut.zeros((100, 200))
    function, _, mode = name.partition(" ")
    options = {"mode": mode} if mode else {}
    assert getattr(nn.init, function)(w, generator=ut.random.Generator(0), **options) is w
    assert abs(float(ut.std(w)) / scale - 1) < 0.03
    assert abs(float(ut.mean(w))) < 0.05 * scale


def test_dropout_repeats_with_its_generator(engine: str) -> None:
    draws = [nn.functional.dropout(ut.ones(50), generator=ut.random.Generator(3)).tolist() for _ in range(2)]
    assert draws[0] == draws[1]
    assert set(draws[0]) == {0.0, 2.0}


def test_wrong_shapes_between_layers_name_the_layer_and_both_shapes() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), nn.Linear(5, 2)))
    with pytest.raises(ValueError, match=r"Linear\(5, 2\).*\(7, 4\), the weight \(2, 5\)") as caught:
        net(ut.ones((7, 3)))
    assert caught.value.__notes__ == [
        "in part 1 of Sequential: Linear(5, 2)",
        "in part 1 of Sequential: Sequential()",
    ]


def test_what_is_frozen_does_not_learn_and_thaws(engine: str) -> None:
    net = Net()
    names = {name for name, _ in net.named_parameters()}
    buffers = {name for name, _ in net.named_buffers()}
    assert "table" in buffers
    assert not names & buffers
    net.first.requires_grad_(False)
    assert {name for name, _ in net.named_parameters()} == names - {"first.weight", "first.bias"}
    net(ut.ones((5, 3))).sum().backward()
    assert net.first.weight.grad is None
    net.requires_grad_()
    assert {name for name, _ in net.named_parameters()} == names
    assert {name for name, _ in net.named_buffers()} == buffers


LOGITS, KINDS = [[0.5, -1.0, 2.0], [0.0, 3.0, -2.0]], [2, 0]


@pytest.mark.parametrize(
    ("module", "function", "target", "options"),
    [
        (nn.CrossEntropyLoss, nn.cross_entropy, KINDS, {"weight": [1.0, 2.0, 0.5], "label_smoothing": 0.1}),
        (nn.NLLLoss, nn.nll_loss, KINDS, {"weight": [1.0, 2.0, 0.5], "reduction": "sum"}),
        (nn.BCEWithLogitsLoss, nn.bce_with_logits, LOGITS, {"pos_weight": [1.0, 2.0, 0.5]}),
        (nn.MSELoss, nn.mse_loss, LOGITS, {"reduction": "none"}),
        (nn.L1Loss, nn.l1_loss, LOGITS, {}),
        (nn.HuberLoss, nn.huber_loss, LOGITS, {"delta": 0.5}),
        (nn.KLDivLoss, nn.kl_div, LOGITS, {"log_target": True, "reduction": "batchmean"}),
    ],
)
def test_losses_as_modules_take_their_tensors_along(
    engine: str, module: Any, function: Any, target: Any, options: Any
) -> None:
    with ut.use_backend("numpy"):
        given = {k: ut.asarray(v) if isinstance(v, list) else v for k, v in options.items()}
        loss = module(**given)
    here = {k: ut.asarray(v) if isinstance(v, list) else v for k, v in options.items()}
    x, y = ut.asarray(LOGITS) * 0.5, ut.asarray(target)
    found = loss.to(engine)(x, y)
    assert found.backend == engine
    assert found.tolist() == function(x, y, **here).tolist()
    assert set(loss.state_dict()) == {k for k, v in options.items() if isinstance(v, list)}


def test_functional_has_all_forms() -> None:
    for name in (
        "conv",
        "max_pool",
        "attention",
        "cross_entropy",
        "kl_div",
        "layer_norm",
        "embedding",
        "gelu",
    ):
        assert callable(getattr(nn.functional, name))
    with pytest.raises(AttributeError, match="no attribute 'convolve'"):
        _ = nn.functional.convolve


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.Linear(3, 2)(ut.ones((5, 4))), r"Linear\(3, 2\).*\(5, 4\).*\(2, 3\).*last axis of 3"),
        (lambda: nn.Conv2d(3, 2, 3)(ut.ones((1, 4, 8, 8))), r"Conv2d.*\(1, 4, 8, 8\).*\(2, 3, 3, 3\)"),
        (lambda: nn.Conv2d(3, 2, 3)(ut.ones((1, 3, 2, 8))), r"does not fit in \(2, 8\)"),
        (lambda: nn.Conv1d(3, 2, 3, groups=2), "2 groups"),
        (lambda: nn.Conv1d(3, 2, (3, 3)), "expected 1 integers"),
        (lambda: nn.BatchNorm(3)(ut.ones((4, 2))), "3 channels along axis 1"),
        (lambda: nn.BatchNorm(3)(ut.ones((1, 3))), r"use eval\(\)"),
        (lambda: nn.LayerNorm(3)(ut.ones((4, 2))), r"last axes to be \(3,\)"),
        (lambda: nn.Embedding(3, 2)(ut.ones(2)), r"indices are float64"),
        (lambda: nn.LSTM(3, 2)(ut.ones((4, 3))), r"\(batch, time, 3\)"),
        (lambda: nn.LSTM(3, 2)(ut.ones((1, 4, 3)), (ut.ones((1, 1, 2)),)), "expected 2 of"),
        (lambda: nn.MultiheadAttention(5, 2), "2 heads"),
        (lambda: nn.MultiheadAttention(4, 2)(ut.ones((1, 3, 5))), "query has shape"),
        (lambda: nn.max_pool(ut.ones((1, 1, 4)), 2, padding=2), "more than half"),
        (lambda: nn.Sequential(3), "expected Modules"),  # type: ignore[arg-type]  # what it refuses
        (lambda: nn.Module()(1), "define forward"),
        (lambda: nn.mse_loss(ut.ones(3), ut.ones((3, 1))), r"\(3,\), the target \(3, 1\)"),
        (lambda: nn.mse_loss(ut.ones(3), ut.ones(3), reduction="sums"), "'mean', 'sum' or 'none'"),  # type: ignore[arg-type]  # what it refuses
        (lambda: nn.mse_loss(ut.arange(3), ut.arange(3)), "expected a real floating dtype"),
        (lambda: nn.cross_entropy(ut.ones((2, 3)), ut.asarray([0, 3])), "outside of 0 to 2"),
        (lambda: nn.cross_entropy(ut.ones((2, 3)), ut.ones(2)), r"integers of shape \(2,\)"),
        (lambda: nn.cross_entropy(ut.ones((2, 3)), ut.asarray([0])), r"expected \(2,\)"),
        (lambda: nn.cross_entropy(ut.arange(3), ut.asarray(0)), "logits are int64"),
        (
            lambda: nn.cross_entropy(ut.ones((2, 3)), ut.asarray([True, False])),
            "target is bool; expected integers",
        ),
        (lambda: nn.nll_loss(ut.ones((2, 3)), ut.ones(2)), "target is float64; expected integers"),
        (lambda: nn.nll_loss(ut.arange(3), ut.asarray(0)), "input is int64; expected a real floating"),
        (lambda: nn.cross_entropy(ut.ones((2, 3)), [0, 1]), "target is list; expected a Tensor"),  # type: ignore[arg-type]  # what it refuses
        (lambda: nn.mse_loss(ut.ones(2), 1.0), "target is float; expected a Tensor"),  # type: ignore[arg-type]  # what it refuses
        (lambda: nn.bce_with_logits(ut.arange(3), ut.ones(3)), "input is int64"),
        (lambda: nn.l1_loss(ut.ones(3), ut.ones(3, dtype=ut.complex128)), "target is complex128"),
        (lambda: nn.huber_loss(ut.ones(3), ut.ones(3), delta=0.0), "delta is 0.0"),
        (lambda: nn.kl_div(ut.ones(3) * 1j, ut.ones(3)), "input is complex128"),
        (lambda: nn.functional.gelu(ut.ones(3), "erf"), "'none' or 'tanh'"),  # type: ignore[arg-type]  # what it refuses
        (lambda: nn.init.kaiming_normal_(ut.ones((2, 3)), mode="fan"), "'fan_in' or 'fan_out'"),  # type: ignore[arg-type]  # what it refuses
        (lambda: nn.functional.glu(ut.ones(3)), "odd length"),
        (lambda: nn.init.fans(ut.ones(3)), "2 axes or more"),
        (lambda: nn.init.gain("sine"), "not known"),
    ],
)
def test_bad_input_says_what_was_expected(call: Callable[[], Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=message):
        call()

"""Layers, losses, optimizers and schedules against PyTorch's: outputs, gradients, ten steps."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import unitensor as ut
from unitensor import nn, optim

torch = pytest.importorskip("torch")
tnn, tf = torch.nn, torch.nn.functional
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


def draw(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


class Case(NamedTuple):
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    x: np.ndarray


LAYERS = {
    "linear": Case(lambda: nn.Linear(4, 3), lambda: tnn.Linear(4, 3), draw(2, 5, 4)),
    "linear no bias": Case(
        lambda: nn.Linear(4, 3, bias=False), lambda: tnn.Linear(4, 3, bias=False), draw(4)
    ),
    "embedding": Case(lambda: nn.Embedding(6, 3), lambda: tnn.Embedding(6, 3), RNG.integers(0, 6, (2, 7))),
    "layer norm": Case(lambda: nn.LayerNorm((3, 4)), lambda: tnn.LayerNorm((3, 4)), draw(5, 3, 4)),
    "layer norm no bias": Case(
        lambda: nn.LayerNorm(4, 1e-3, False), lambda: tnn.LayerNorm(4, 1e-3, bias=False), draw(5, 4)
    ),
    "rms norm": Case(lambda: nn.RMSNorm(4), lambda: tnn.RMSNorm(4), draw(5, 4)),
    "rms norm 2d": Case(lambda: nn.RMSNorm((3, 4), 1e-3), lambda: tnn.RMSNorm((3, 4), 1e-3), draw(5, 3, 4)),
    "batch norm 3 axes": Case(
        lambda: nn.BatchNorm(4, 1e-3, 0.3), lambda: tnn.BatchNorm1d(4, 1e-3, 0.3), draw(6, 4, 3)
    ),
    "batch norm 1d": Case(lambda: nn.BatchNorm(4), lambda: tnn.BatchNorm1d(4), draw(6, 4)),
    "batch norm 2d": Case(lambda: nn.BatchNorm(3), lambda: tnn.BatchNorm2d(3), draw(4, 3, 5, 2)),
    "conv1d": Case(lambda: nn.Conv1d(4, 6, 3), lambda: tnn.Conv1d(4, 6, 3), draw(2, 4, 9)),
    "conv1d all": Case(
        lambda: nn.Conv1d(4, 6, 3, 2, 3, 2, 2), lambda: tnn.Conv1d(4, 6, 3, 2, 3, 2, 2), draw(2, 4, 11)
    ),
    "conv2d": Case(
        lambda: nn.Conv2d(3, 5, 3, padding=1), lambda: tnn.Conv2d(3, 5, 3, padding=1), draw(2, 3, 6, 7)
    ),
    "conv2d all": Case(
        lambda: nn.Conv2d(4, 4, (3, 2), (2, 1), (1, 2), (1, 2), 4, False),
        lambda: tnn.Conv2d(4, 4, (3, 2), (2, 1), (1, 2), (1, 2), 4, False),
        draw(2, 4, 7, 6),
    ),
    "max pool 1d": Case(lambda: nn.MaxPool(3, 2, 1), lambda: tnn.MaxPool1d(3, 2, 1), draw(2, 3, 9)),
    "max pool 2d": Case(lambda: nn.MaxPool(2), lambda: tnn.MaxPool2d(2), draw(2, 3, 6, 5)),
    "avg pool 1d": Case(lambda: nn.AvgPool(2, 3), lambda: tnn.AvgPool1d(2, 3), draw(2, 3, 10)),
    "avg pool 2d": Case(lambda: nn.AvgPool(3, 2, 1), lambda: tnn.AvgPool2d(3, 2, 1), draw(2, 3, 7, 5)),
    "flatten": Case(nn.Flatten, tnn.Flatten, draw(2, 3, 4)),
    "sequential": Case(
        lambda: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)),
        lambda: tnn.Sequential(tnn.Linear(4, 8), tnn.Tanh(), tnn.Linear(8, 2)),
        draw(3, 4),
    ),
}
EXTREME = np.concatenate([draw(2, 6), [[-800.0, 800.0, -30.0, 30.0, 0.0, 1e-9]]])
ACTIVATIONS = {
    "relu": (nn.ReLU, tnn.ReLU),
    "leaky relu": (lambda: nn.LeakyReLU(0.2), lambda: tnn.LeakyReLU(0.2)),
    "elu": (nn.ELU, tnn.ELU),
    "selu": (nn.SELU, tnn.SELU),
    "gelu": (nn.GELU, tnn.GELU),
    "gelu tanh": (lambda: nn.GELU("tanh"), lambda: tnn.GELU(approximate="tanh")),
    "silu": (nn.SiLU, tnn.SiLU),
    "mish": (nn.Mish, tnn.Mish),
    "sigmoid": (nn.Sigmoid, tnn.Sigmoid),
    "log sigmoid": (nn.LogSigmoid, tnn.LogSigmoid),
    "tanh": (nn.Tanh, tnn.Tanh),
    "softplus": (nn.Softplus, lambda: tnn.Softplus(threshold=700)),
    "softmax": (nn.Softmax, lambda: tnn.Softmax(-1)),
    "log softmax": (nn.LogSoftmax, lambda: tnn.LogSoftmax(-1)),
    "glu": (nn.GLU, tnn.GLU),
}
LAYERS.update({name: Case(ours, theirs, EXTREME) for name, (ours, theirs) in ACTIVATIONS.items()})


def agree(found: Any, expected: Any, tolerance: float = 1e-10) -> None:
    found = found.detach().to("numpy").numpy() if isinstance(found, ut.Tensor) else found
    expected = expected.detach().numpy() if isinstance(expected, torch.Tensor) else expected
    # A sum rounds by the size of its terms, in another order on each processor.
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * scale)


def twins(case: Case) -> tuple[Any, Any]:
    """Our module and PyTorch's with the same weights, which our names find."""
    theirs = case.theirs().double()
    ours = case.ours()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


def leaf(x: np.ndarray) -> tuple[ut.Tensor, Any]:
    if x.dtype.kind != "f":
        return ut.asarray(x), torch.tensor(x)
    return ut.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)


@pytest.mark.parametrize("name", LAYERS)
def test_layers(engine: str, name: str) -> None:
    case = LAYERS[name]
    ours, theirs = twins(case)
    for mode in (True, False):
        ours.train(mode)
        theirs.train(mode)
        x, tx = leaf(case.x)
        out, expected = ours(x), theirs(tx)
        agree(out, expected)
        g = np.cos(np.arange(math.prod(out.shape))).reshape(out.shape)
        ours.zero_grad()
        theirs.zero_grad()
        if out.requires_grad:
            out.backward(ut.asarray(g))
            expected.backward(torch.tensor(g))
        if x.requires_grad:
            agree(x.grad, tx.grad)
        for (key, p), (their_key, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
            assert key == their_key
            agree(p.grad, q.grad)
    for key, value in theirs.state_dict().items():
        agree(ours.state_dict()[key], value)


def descend(ours: Any, theirs: Any, loss: Any, their_loss: Any) -> None:
    """Ten steps of SGD with momentum on the parameters of both, which agree after each."""
    o, to = optim.SGD(ours, lr=0.1, momentum=0.9), torch.optim.SGD(theirs, lr=0.1, momentum=0.9)
    for _ in range(10):
        o.zero_grad()
        to.zero_grad()
        value, expected = loss(), their_loss()
        agree(value, expected)
        value.backward()
        expected.backward()
        o.step()
        to.step()
        for p, q in zip(ours, theirs, strict=True):
            agree(p, q)


@pytest.mark.parametrize("name", [n for n in LAYERS if list(LAYERS[n].theirs().parameters())])
def test_ten_steps_through_each_layer(engine: str, name: str) -> None:
    case = LAYERS[name]
    ours, theirs = twins(case)
    x, tx = ut.asarray(case.x), torch.tensor(case.x)
    shape = tuple(theirs(tx).shape)
    goal = np.cos(np.arange(math.prod(shape))).reshape(shape)
    y, ty = ut.asarray(goal), torch.tensor(goal)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    descend(
        ours.parameters(),
        list(theirs.parameters()),
        lambda: nn.mse_loss(ours(x), y),
        lambda: tf.mse_loss(theirs(tx), ty),
    )


@pytest.mark.parametrize("name", LAYERS)
def test_layers_in_float32(engine: str, name: str) -> None:
    case = LAYERS[name]
    theirs = case.theirs().float()
    ours = case.ours().to(ut.float32)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x, tx = leaf(case.x.astype(np.float32) if case.x.dtype.kind == "f" else case.x)
    out, expected = ours(x), theirs(tx)
    assert out.dtype is ut.float32
    agree(out, expected, 1e-6)
    if out.requires_grad:
        g = np.cos(np.arange(math.prod(out.shape), dtype=np.float32)).reshape(out.shape)
        out.backward(ut.asarray(g))
        expected.backward(torch.tensor(g))
    if x.requires_grad:
        agree(x.grad, tx.grad, 1e-6)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        agree(p.grad, q.grad, 1e-6)


def test_dropout_is_its_mask_in_both_directions(engine: str) -> None:
    layer = nn.Dropout(0.25, ut.random.Generator(0))
    x, _ = leaf(draw(40, 50))
    out = layer(x)
    out.backward(ut.ones_like(out))
    mask = np.asarray(x.grad)
    assert set(np.unique(mask)) == {0.0, 1 / 0.75}
    assert abs((mask == 0).mean() - 0.25) < 0.03
    agree(out, mask * x.detach().to("numpy").numpy())
    assert layer.eval()(x) is x


@pytest.mark.parametrize("name", [n for n in LAYERS if LAYERS[n].x.dtype.kind == "f"])
def test_initial_values_have_pytorchs_spread(name: str) -> None:
    ours, theirs = LAYERS[name].ours(), LAYERS[name].theirs()
    expected = dict(theirs.named_parameters())
    for key, p in ours.named_parameters():
        assert p.shape == tuple(expected[key].shape)
        values = p.detach().numpy()
        if np.ptp(values) == 0:
            assert (expected[key].detach().numpy() == values).all()
        else:
            fan = math.prod(dict(ours.named_tensors())[key.replace("bias", "weight")].shape[1:])
            assert abs(values).max() <= 1 / math.sqrt(fan)


X, Y, K = draw(5, 4), draw(5, 4), RNG.integers(0, 4, 5)
K_IGNORED = np.where(np.arange(5) % 2, K, -100)
SOFT = np.exp(Y) / np.exp(Y).sum(1, keepdims=True)
HUGE = np.array([[1e4, -1e4, 0.0, 30.0], [-1e4, 1e4, 700.0, 1e-8]])
WEIGHT = np.array([0.5, 1.0, 2.0, 0.1])
MAPS, MAP_TARGET = draw(2, 4, 3, 2), RNG.integers(0, 4, (2, 3, 2))

#: Our function, PyTorch's, the input, the target, and options of both.
LOSSES: dict[str, tuple[Any, Any, np.ndarray, np.ndarray, dict[str, Any]]] = {
    "cross entropy": (nn.cross_entropy, tf.cross_entropy, X, K, {}),
    "cross entropy huge": (nn.cross_entropy, tf.cross_entropy, HUGE, np.array([1, 3]), {}),
    "cross entropy one sample": (nn.cross_entropy, tf.cross_entropy, X[0], K[0], {}),
    "cross entropy maps": (nn.cross_entropy, tf.cross_entropy, MAPS, MAP_TARGET, {"weight": WEIGHT}),
    "cross entropy soft": (nn.cross_entropy, tf.cross_entropy, X, SOFT, {"weight": WEIGHT}),
    "cross entropy soft smooth": (nn.cross_entropy, tf.cross_entropy, X, SOFT, {"label_smoothing": 0.3}),
    "cross entropy ignore": (nn.cross_entropy, tf.cross_entropy, X, K_IGNORED, {"weight": WEIGHT}),
    "cross entropy smooth": (nn.cross_entropy, tf.cross_entropy, X, K_IGNORED, {"label_smoothing": 0.2}),
    "cross entropy all": (
        nn.cross_entropy,
        tf.cross_entropy,
        MAPS,
        MAP_TARGET,
        {"label_smoothing": 0.2, "weight": WEIGHT, "ignore_index": 1},
    ),
    "nll": (nn.nll_loss, tf.nll_loss, X, K_IGNORED, {"weight": WEIGHT}),
    "bce": (nn.bce_with_logits, tf.binary_cross_entropy_with_logits, X, SOFT, {}),
    "bce huge": (nn.bce_with_logits, tf.binary_cross_entropy_with_logits, HUGE, (HUGE > 0) * 1.0, {}),
    "bce weights": (
        nn.bce_with_logits,
        tf.binary_cross_entropy_with_logits,
        X,
        SOFT,
        {"weight": WEIGHT, "pos_weight": WEIGHT[::-1].copy()},
    ),
    "mse": (nn.mse_loss, tf.mse_loss, X, Y, {}),
    "l1": (nn.l1_loss, tf.l1_loss, X, Y, {}),
    "huber": (nn.huber_loss, tf.huber_loss, X, Y, {"delta": 0.7}),
    "kl": (nn.kl_div, tf.kl_div, X, SOFT, {}),
    "kl zeros": (nn.kl_div, tf.kl_div, X, np.eye(5, 4), {}),
    "kl log": (nn.kl_div, tf.kl_div, X, np.log(SOFT), {"log_target": True}),
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(engine: str, name: str, reduction: str) -> None:
    ours, theirs, x, target, options = LOSSES[name]
    a, b = leaf(x)
    mine = {k: ut.asarray(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    yours = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    loss = ours(a, ut.asarray(target), reduction=reduction, **mine)
    with warnings.catch_warnings():  # PyTorch's, that the mean divergence is not the mathematical one
        warnings.simplefilter("ignore", UserWarning)
        expected = theirs(b, torch.tensor(target), reduction=reduction, **yours)
    agree(loss, expected)
    loss.sum().backward()
    expected.sum().backward()
    agree(a.grad, b.grad)


@pytest.mark.parametrize("name", LOSSES)
def test_ten_steps_down_each_loss(engine: str, name: str) -> None:
    ours, theirs, start, target, options = LOSSES[name]
    x, tx = leaf(start)
    mine = {k: ut.asarray(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    yours = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    y, ty = ut.asarray(target), torch.tensor(target)
    with warnings.catch_warnings():  # PyTorch's, that the mean divergence is not the mathematical one
        warnings.simplefilter("ignore", UserWarning)
        descend([x], [tx], lambda: ours(x, y, **mine), lambda: theirs(tx, ty, **yours))


OPTIMIZERS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "sgd": (optim.SGD, torch.optim.SGD, {"lr": 0.1}),
    "sgd momentum": (optim.SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.2}),
    "sgd nesterov": (
        optim.SGD,
        torch.optim.SGD,
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    ),
    "adam": (optim.Adam, torch.optim.Adam, {"lr": 0.05}),
    "adam all": (
        optim.Adam,
        torch.optim.Adam,
        {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1},
    ),
    "adamw": (optim.AdamW, torch.optim.AdamW, {"lr": 0.05, "weight_decay": 0.2}),
    "rmsprop": (optim.RMSprop, torch.optim.RMSprop, {}),
    "rmsprop all": (
        optim.RMSprop,
        torch.optim.RMSprop,
        {"lr": 0.02, "momentum": 0.5, "centered": True, "weight_decay": 0.1, "alpha": 0.8},
    ),
    "adagrad": (optim.Adagrad, torch.optim.Adagrad, {"lr": 0.1, "lr_decay": 0.2, "weight_decay": 0.1}),
}
SCHEDULES: dict[str, tuple[Any, Any]] = {
    "step": (
        lambda o: optim.StepLR(o, 3, 0.5),
        lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.5),
    ),
    "cosine": (
        lambda o: optim.CosineLR(o, 7, 0.01),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 7, 0.01),
    ),
    "one cycle": (
        lambda o: optim.OneCycleLR(o, 0.4, 11),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.4, total_steps=11, cycle_momentum=False),
    ),
    "warm-up": (
        lambda o: optim.WarmUp(o, 5, 0.2),
        lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.2, total_iters=5),
    ),
}


def networks() -> tuple[Any, Any]:
    return twins(LAYERS["sequential"])


def ten_steps(ours: Any, theirs: Any, o: Any, to: Any, schedules: tuple[Any, Any] | None = None) -> None:
    data, goal = draw(6, 4), draw(6, 2)
    x, y, tx, ty = ut.asarray(data), ut.asarray(goal), torch.tensor(data), torch.tensor(goal)
    for _ in range(10):
        o.zero_grad()
        to.zero_grad()
        nn.mse_loss(ours(x), y).backward()
        tf.mse_loss(theirs(tx), ty).backward()
        o.step()
        to.step()
        if schedules:
            for schedule in schedules:
                schedule.step()
            agree(o.groups[0]["lr"], to.param_groups[0]["lr"])
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            agree(p, q)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ten_steps_of_each_optimizer(engine: str, name: str) -> None:
    method, their_method, options = OPTIMIZERS[name]
    ours, theirs = networks()
    ten_steps(ours, theirs, method(ours, **options), their_method(theirs.parameters(), **options))


LBFGS: dict[str, dict[str, Any]] = {
    "plain": {"lr": 0.1, "max_iter": 2},
    "short memory": {"lr": 0.3, "max_iter": 2, "history_size": 2},
    "line search": {"max_iter": 3, "line_search_fn": "strong_wolfe"},
    "line search from afar": {"lr": 30.0, "max_iter": 4, "max_eval": 9, "line_search_fn": "strong_wolfe"},
    "tolerances": {
        "max_iter": 50,
        "tolerance_grad": 1e-3,
        "tolerance_change": 1e-4,
        "line_search_fn": "strong_wolfe",
    },
}


@pytest.mark.parametrize("name", LBFGS)
def test_ten_steps_of_lbfgs(engine: str, name: str) -> None:
    rng = np.random.default_rng(3)
    (w, tw), a, b = leaf(rng.normal(size=6) * 3), rng.normal(size=(12, 6)), rng.normal(size=12)
    x, y, tx, ty = ut.asarray(a), ut.asarray(b), torch.tensor(a), torch.tensor(b)
    o, to = optim.LBFGS([w], **LBFGS[name]), torch.optim.LBFGS([tw], **LBFGS[name])
    calls = {"ours": 0, "theirs": 0}

    def closure() -> Any:
        calls["ours"] += 1
        o.zero_grad()
        r = x @ w - y
        loss = ut.sum(ut.logaddexp(r, -r) + 0.01 * r**4)
        loss.backward()
        return loss

    def their_closure() -> Any:
        calls["theirs"] += 1
        to.zero_grad()
        r = tx @ tw - ty
        loss = torch.sum(torch.logaddexp(r, -r) + 0.01 * r**4)
        loss.backward()
        return loss

    for _ in range(10):
        agree(o.step(closure), to.step(their_closure))
        assert calls["ours"] == calls["theirs"]
        agree(w, tw)


@pytest.mark.parametrize("name", SCHEDULES)
def test_ten_steps_of_each_schedule(engine: str, name: str) -> None:
    make, their_make = SCHEDULES[name]
    ours, theirs = networks()
    o, to = optim.SGD(ours, lr=0.2), torch.optim.SGD(theirs.parameters(), lr=0.2)
    pair = make(o), their_make(to)
    agree(o.groups[0]["lr"], to.param_groups[0]["lr"])
    ten_steps(ours, theirs, o, to, pair)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_plateau(mode: Any) -> None:
    w, tw = leaf(draw(2))
    o, to = optim.SGD([w], lr=0.2), torch.optim.SGD([tw], lr=0.2)
    ours = optim.Plateau(o, mode, 0.5, patience=2, cooldown=1, lowest=0.01)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(to, mode, 0.5, patience=2, cooldown=1, min_lr=0.01)
    for value in [5, 4, 4, 4, 4, 4, 4.5, 3, 3.0001, 3.1, 3.1, 3.2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]:
        ours.step(value)
        theirs.step(value)
        agree(o.groups[0]["lr"], to.param_groups[0]["lr"])


def test_groups_have_their_own_options() -> None:
    ours, theirs = networks()
    o = optim.SGD([{"params": ours[0].parameters(), "lr": 0.3}, {"params": ours[2].parameters()}], lr=0.1)
    to = torch.optim.SGD(
        [{"params": theirs[0].parameters(), "lr": 0.3}, {"params": theirs[2].parameters()}], lr=0.1
    )
    ten_steps(ours, theirs, o, to)


@pytest.mark.parametrize("most", [0.1, 100.0])
def test_clipping(most: float) -> None:
    for ours, theirs in (
        (optim.clip_grad_norm, torch.nn.utils.clip_grad_norm_),
        (optim.clip_grad_value, torch.nn.utils.clip_grad_value_),
    ):
        pairs = [leaf(draw(3)), leaf(draw(2, 2)), leaf(draw(1))]
        for a, b in pairs[:2]:
            (a * a).sum().backward()
            (b * b).sum().backward()
        found = ours([a for a, _ in pairs], most)
        expected = theirs([b for _, b in pairs], most)
        if found is not None:
            agree(found, expected)
        for a, b in pairs[:2]:
            agree(a.grad, b.grad)


RECURRENT: dict[str, tuple[Any, Any, dict[str, Any], dict[str, Any]]] = {
    "rnn": (nn.RNN, tnn.RNN, {}, {}),
    "rnn relu": (nn.RNN, tnn.RNN, {"nonlinearity": "relu"}, {"nonlinearity": "relu"}),
    "gru": (nn.GRU, tnn.GRU, {"bias": False}, {"bias": False}),
    "gru deep": (
        nn.GRU,
        tnn.GRU,
        {"layers": 2, "bidirectional": True},
        {"num_layers": 2, "bidirectional": True},
    ),
    "lstm": (nn.LSTM, tnn.LSTM, {}, {}),
    "lstm deep": (
        nn.LSTM,
        tnn.LSTM,
        {"layers": 2, "bidirectional": True},
        {"num_layers": 2, "bidirectional": True},
    ),
}


def gradients_agree(ours: Any, theirs: Any) -> None:
    expected = dict(theirs.named_parameters())
    found = dict(ours.named_parameters())
    assert set(found) == set(expected)
    for key, p in found.items():
        agree(p.grad, expected[key].grad)


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers(engine: str, name: str) -> None:
    make, their_make, options, their_options = RECURRENT[name]
    ours, theirs = twins(
        Case(
            lambda: make(3, 4, **options),
            lambda: their_make(3, 4, batch_first=True, **their_options),
            draw(1),
        )
    )
    x, tx = leaf(draw(2, 5, 3))
    out, state = ours(x)
    expected, their_state = theirs(tx)
    agree(out, expected)
    pairs = list(zip(state, their_state, strict=True)) if isinstance(state, tuple) else [(state, their_state)]
    for s, t in pairs:
        agree(s, t)
    (ut.sum(out * out) + sum(ut.sum(s) for s, _ in pairs)).backward()
    (torch.sum(expected * expected) + sum(t.sum() for _, t in pairs)).backward()
    agree(x.grad, tx.grad)
    gradients_agree(ours, theirs)
    state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
    agree(ours(x, state)[0], theirs(tx, their_state)[0])


@pytest.mark.parametrize("masked", ["not", "causal", "added"])
def test_attention(engine: str, masked: str) -> None:
    ours, theirs = twins(
        Case(
            lambda: nn.MultiheadAttention(8, 2),
            lambda: tnn.MultiheadAttention(8, 2, batch_first=True),
            draw(1),
        )
    )
    (x, tx), (y, ty) = leaf(draw(3, 5, 8)), leaf(draw(3, 5, 8))
    causal = np.tril(np.ones((5, 5), bool))
    added = draw(5, 5)
    mask = {"not": None, "causal": ut.asarray(causal), "added": ut.asarray(added)}[masked]
    their_mask = {"not": None, "causal": torch.tensor(~causal), "added": torch.tensor(added)}[masked]
    out, (expected, _) = ours(x, y, mask=mask), theirs(tx, ty, ty, attn_mask=their_mask)
    agree(out, expected)
    (out * out).sum().backward()
    (expected * expected).sum().backward()
    agree(x.grad, tx.grad)
    agree(y.grad, ty.grad)
    gradients_agree(ours, theirs)


@pytest.mark.parametrize(("norm_first", "activation"), [(False, "relu"), (True, "gelu")])
def test_transformer_block(engine: str, norm_first: bool, activation: str) -> None:
    ours, theirs = twins(
        Case(
            lambda: nn.TransformerBlock(8, 2, 16, 0.0, activation, norm_first=norm_first),
            lambda: tnn.TransformerEncoderLayer(
                8, 2, 16, 0.0, activation, norm_first=norm_first, batch_first=True
            ),
            draw(1),
        )
    )
    x, tx = leaf(draw(3, 5, 8))
    out, expected = ours(x), theirs(tx)
    agree(out, expected)
    (out * out).sum().backward()
    (expected * expected).sum().backward()
    agree(x.grad, tx.grad)
    gradients_agree(ours, theirs)


def test_a_query_that_may_look_nowhere_gets_zeros(engine: str) -> None:
    q = ut.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    out = nn.attention(q, q, q, mask=ut.asarray([[False, False], [True, False]]))
    assert out.tolist() == [[0.0, 0.0], [1.0, 2.0]]
    out.sum().backward()
    assert q.grad is not None
    assert bool(ut.all(ut.isfinite(q.grad)))

"""Random numbers: the same bits on every engine, in pieces or whole, from the right distributions."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from together import in_threads

import unitensor as ut
from unitensor._draws import recorded, replayed
from unitensor.random import Generator

Draw = Callable[[Generator, Any], ut.Tensor]

FLOATING: dict[str, Callable[..., ut.Tensor]] = {
    "uniform": lambda g, n, **k: g.uniform(n, low=-2.0, high=3.0, **k),
    "normal": lambda g, n, **k: g.normal(n, mean=1.0, std=2.0, **k),
    "exponential": lambda g, n, **k: g.exponential(n, rate=2.0, **k),
    "gamma": lambda g, n, **k: g.gamma(2.5, n, rate=3.0, **k),
    "gamma below 1": lambda g, n, **k: g.gamma(0.3, n, **k),
    "truncated": lambda g, n, **k: g.truncated_normal(n, mean=0.5, std=2.0, low=-1.0, high=4.0, **k),
    "truncated tail": lambda g, n, **k: g.truncated_normal(n, low=4.0, high=math.inf, **k),
    "truncated left": lambda g, n, **k: g.truncated_normal(n, low=-math.inf, high=-1.0, **k),
    "truncated narrow": lambda g, n, **k: g.truncated_normal(n, low=0.1, high=0.3, **k),
}
EXPECTED: dict[str, Any] = {
    "uniform": stats.uniform(-2, 5),
    "normal": stats.norm(1, 2),
    "exponential": stats.expon(scale=0.5),
    "gamma": stats.gamma(2.5, scale=1 / 3),
    "gamma below 1": stats.gamma(0.3),
    "truncated": stats.truncnorm(-0.75, 1.75, 0.5, 2),
    "truncated tail": stats.truncnorm(4, math.inf),
    "truncated left": stats.truncnorm(-math.inf, -1),
    "truncated narrow": stats.truncnorm(0.1, 0.3),
}
DISCRETE: dict[str, Draw] = {
    "integers": lambda g, n: g.integers(-3, 10, n),
    "integers int8": lambda g, n: g.integers(-3, 10, n, dtype=ut.int8),
    "integers uint64": lambda g, n: g.integers(0, 2**64, n, dtype=ut.uint64),
    "bernoulli": lambda g, n: g.bernoulli(0.3, n),
    "categorical": lambda g, n: g.categorical([0.2, 0.0, 1.0, 0.5], n),
    "categorical rows": lambda g, n: g.categorical([[1.0, 2.0], [3.0, 0.1]], n),
    "choice": lambda g, n: g.choice(7, n),
    "choice of p": lambda g, n: g.choice(3, n, p=[0.1, 0.2, 0.7]),
}
ALL: dict[str, Draw] = {**FLOATING, **DISCRETE}


@pytest.mark.parametrize("name", ALL)
def test_pieces_have_the_numbers_of_the_whole(name: str) -> None:
    draw = ALL[name]
    whole = draw(Generator(3), (30,)).numpy()
    g = Generator(3)
    pieces = [draw(g, shape).numpy() for shape in [(7,), (0,), (1,), (2, 5), (12,)]]
    np.testing.assert_array_equal(np.concatenate([p.reshape(-1, *whole.shape[1:]) for p in pieces]), whole)


@pytest.mark.parametrize("dtype", [ut.float32, ut.float16, ut.bfloat16], ids=str)
@pytest.mark.parametrize("name", FLOATING)
def test_pieces_agree_in_small_dtypes(name: str, dtype: ut.DType) -> None:
    draw = FLOATING[name]
    if dtype is ut.bfloat16:
        pytest.importorskip("torch")
    with ut.use_backend("torch" if dtype is ut.bfloat16 else "numpy"):
        whole = draw(Generator(3), (9,), dtype=dtype)
        g = Generator(3)
        pieces = [draw(g, (4,), dtype=dtype), draw(g, (5,), dtype=dtype)]
        assert whole.dtype is dtype
        assert bool(ut.all(ut.concat(pieces) == whole))


@pytest.mark.parametrize("name", ALL)
def test_every_engine_has_the_same_bits(engine: str, name: str) -> None:
    found = ALL[name](Generator(11), (5, 4))
    assert found.backend == engine
    with ut.use_backend("numpy"):
        expected = ALL[name](Generator(11), (5, 4))
    assert found.dtype is expected.dtype
    assert found.numpy().tobytes() == expected.numpy().tobytes()


@pytest.mark.parametrize("name", FLOATING)
def test_values_follow_their_distribution(name: str) -> None:
    for dtype in (ut.float64, ut.float32):
        x = FLOATING[name](Generator(5), (20_000,), dtype=dtype).numpy().astype(np.float64)
        assert stats.kstest(x, EXPECTED[name].cdf).pvalue > 1e-3


def test_discrete_values_follow_their_distribution() -> None:
    g, n = Generator(1), 50_000
    counts = np.bincount(g.integers(6, shape=n).numpy(), minlength=6)
    assert stats.chisquare(counts).pvalue > 1e-3
    counts = np.bincount(g.categorical([0.2, 0.0, 1.0, 0.8], n).numpy(), minlength=4)
    assert counts[1] == 0
    assert stats.chisquare(counts[[0, 2, 3]], n * np.array([0.1, 0.5, 0.4])).pvalue > 1e-3
    logits = ut.asarray([[0.0, math.log(3.0)], [-math.inf, 0.0]])
    rows = g.categorical(logits=logits, shape=n).numpy()
    assert abs(rows[:, 0].mean() - 0.75) < 0.01
    assert rows[:, 1].all()
    firsts = [g.choice(3, (2,), replace=False, p=[0.6, 0.4, 0.0]).tolist()[0] for _ in range(2000)]
    assert abs(np.mean(np.array(firsts) == 0) - 0.6) < 0.05


def test_uniform_never_reaches_its_end() -> None:
    for dtype in (ut.float16, ut.float32):
        x = Generator(0).uniform((200_000,), dtype=dtype)
        assert float(x.max().to(ut.float64)) < 1
    x = Generator(0).uniform((100_000,), low=1.0, high=1.0 + 1e-15)
    assert float(x.max()) < 1.0 + 1e-15


def test_state_goes_back_and_travels_as_json() -> None:
    g = Generator(9)
    g.integers(5, shape=3)  # leaves half a draw behind
    g.spawn(2)
    saved = json.loads(json.dumps(g.state))
    expected = [g.integers(5, shape=4).tolist(), g.normal((3,)).tolist(), g.spawn(1)[0].normal().item()]
    h = Generator(1)
    h.state = saved
    assert [
        h.integers(5, shape=4).tolist(),
        h.normal((3,)).tolist(),
        h.spawn(1)[0].normal().item(),
    ] == expected
    assert pickle.loads(pickle.dumps(h)).normal().item() == h.normal().item()
    before = h.state
    with pytest.raises(ValueError, match="the state has"):
        h.state = {"state": 1}
    assert h.state == before


def test_spawned_streams_differ_and_repeat() -> None:
    a, b = Generator(0).spawn(2)
    c, d = Generator(0).spawn(2)
    x, y = a.normal((1000,)), b.normal((1000,))
    assert bool(ut.all(x == c.normal((1000,))))
    assert bool(ut.all(y == d.normal((1000,))))
    assert abs(np.corrcoef(x.numpy(), y.numpy())[0, 1]) < 0.1


def test_permutation_choice_and_shuffle_keep_the_elements(engine: str) -> None:
    g = Generator(4)
    x = ut.reshape(ut.arange(20), (10, 2))
    assert sorted(g.permutation(x).tolist()) == x.tolist()
    assert sorted(g.choice(x, (10,), replace=False).tolist()) == x.tolist()
    assert g.choice(x, (3, 4)).shape == (3, 4, 2)
    before = x.tolist()
    g.shuffle(x)
    assert x.tolist() != before
    assert sorted(x.tolist()) == before
    leaf = ut.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (g.permutation(leaf) * 2).sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.tolist() == [2.0, 2.0, 2.0]


def test_module_functions_draw_from_one_stream() -> None:
    ut.random.seed(42)
    g = Generator(42)
    assert ut.random.normal((3,)).tolist() == g.normal((3,)).tolist()
    assert ut.random.integers(5, shape=3).tolist() == g.integers(5, shape=3).tolist()
    assert ut.random.gamma(2.0, 3).tolist() == g.gamma(2.0, 3).tolist()
    assert ut.random.bernoulli(0.5, 3).tolist() == g.bernoulli(0.5, 3).tolist()
    assert ut.random.choice(9, 3).tolist() == g.choice(9, 3).tolist()
    x, y = ut.arange(6), ut.arange(6)
    ut.random.shuffle(x)
    g.shuffle(y)
    assert x.tolist() == y.tolist()


def test_devices_and_default_dtype() -> None:
    ut.set_default_dtype(ut.float32)
    assert Generator(0).normal((2,)).dtype is ut.float32
    assert Generator(0).normal((2,), device="numpy:cpu").device == "numpy:cpu"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: Generator(-1), "seed is -1"),
        (lambda g: Generator(1.5), "seed is 1.5"),
        (lambda g: g.normal((-1,)), "negative length"),
        (lambda g: g.normal("ab"), "expected an integer or a tuple"),
        (lambda g: g.normal(std=-1.0), "std is -1.0"),
        (lambda g: g.normal(dtype=ut.int32), "expected a real floating dtype"),
        (lambda g: g.uniform(low=2.0, high=1.0), "low is 2.0 and high 1.0"),
        (lambda g: g.exponential(rate=0.0), "rate is 0.0"),
        (lambda g: g.gamma(-1.0), "alpha is -1.0"),
        (lambda g: g.truncated_normal(low=1.0, high=1.0), "expected a finite mean"),
        (lambda g: g.integers(5, 5), "from 5 up to 5"),
        (lambda g: g.integers(0, 300, dtype=ut.uint8), "within uint8, 0 to 255"),
        (lambda g: g.integers(3, dtype=ut.float32), "expected an integer dtype"),
        (lambda g: g.bernoulli(1.5), "outside of 0 to 1"),
        (lambda g: g.categorical([-1.0, 2.0]), "expected probabilities"),
        (lambda g: g.categorical([0.0, 0.0]), "sum to 0"),
        (lambda g: g.categorical(), "got neither"),
        (lambda g: g.choice(3, 4, replace=False), "4 of 3 without replacement"),
        (lambda g: g.choice(3, p=[1.0, 1.0]), r"expected \(3,\)"),
        (lambda g: g.permutation(ut.asarray(1.0)), "0-d"),
    ],
)
def test_wrong_arguments_say_so_and_draw_nothing(call: Callable[[Generator], Any], message: str) -> None:
    g = Generator(0)
    before = g.state
    with pytest.raises((ValueError, TypeError), match=message):
        call(g)
    assert g.state == before


# Draws that are noted and made again ---------------------------------------------------------------


def everything(g: Generator) -> list[Any]:
    """Draws of every kind by three generators, one of them made here; with a seed and spawned streams."""
    found: list[Any] = [draw(g, (3,)).tolist() for draw in ALL.values()]
    found += [ut.random.normal((2,)).tolist(), ut.random.permutation(5).tolist()]
    found.append(g.choice(5, (3,), replace=False, p=[0.1, 0.2, 0.3, 0.2, 0.2]).tolist())
    found += [child.uniform().item() for child in g.spawn(2) + ut.random.spawn(1)]
    ut.random.seed(5)
    found += [ut.random.uniform().item(), Generator(9).normal().item()]
    rows = ut.arange(6)
    g.shuffle(rows)
    before = g.state
    again = g.normal().item()
    g.state = before
    assert pickle.loads(pickle.dumps(g)).state == g.state
    return [*found, rows.tolist(), again, g.normal().item()]


def test_a_replay_has_the_draws_of_the_recording_and_moves_no_generator() -> None:
    g = Generator(1)
    first, notes = recorded(lambda: everything(g))
    states = g.state, ut.random.default_generator().state
    for _ in range(2):
        assert replayed(notes, lambda: everything(g)) == first
        assert (g.state, ut.random.default_generator().state) == states
    assert g.normal().item() not in first


def test_recordings_and_replays_nest() -> None:
    g = Generator(1)

    def inner() -> tuple[Any, Any]:
        g.normal()
        return recorded(lambda: everything(g))

    (first, notes), outer = recorded(inner)
    second, notes_again = replayed(outer, inner)
    assert (
        second
        == first
        == replayed(notes, lambda: everything(g))
        == replayed(notes_again, lambda: everything(g))
    )
    # A replay inside neither takes the draws of the one around it nor is noted by a recording.
    both, noted = recorded(
        lambda: (g.uniform().item(), replayed(notes, lambda: everything(g)), g.normal().item())
    )
    assert both[1] == first
    assert len(noted) == 2
    assert replayed(noted, lambda: (g.uniform().item(), g.normal().item())) == (both[0], both[2])


def test_a_replay_refuses_other_draws_than_were_noted() -> None:
    g = Generator(1)
    _, notes = recorded(lambda: g.normal((2,)))
    more: list[Callable[[], Any]] = [lambda: g.uniform((2,)), lambda: g.normal((3,)), lambda: g.spawn(1)]
    more.append(lambda: (g.normal((2,)), g.normal((2,))))
    for other in more:
        before = g.state
        with pytest.raises(ut.GradientError, match="something else when it was called again"):
            replayed(notes, other)
        assert g.state == before
    g.normal()  # and what is left behind is no replay


@pytest.mark.parametrize("fails", [ValueError, KeyboardInterrupt])
def test_an_error_ends_a_recording_and_a_replay(fails: type[BaseException]) -> None:
    g = Generator(1)

    def broken() -> None:
        g.normal()
        raise fails

    with pytest.raises(fails):
        recorded(broken)
    with pytest.raises(fails):
        replayed(recorded(g.normal)[1], broken)
    before = g.state
    g.normal()
    assert g.state != before


# Threads -------------------------------------------------------------------------------------------


def test_threads_replay_what_they_recorded_while_others_draw() -> None:
    g = Generator(1)

    def work() -> int:
        wrong = 0
        for _ in range(100):
            first, notes = recorded(
                lambda: (g.normal((5,)).tolist(), ut.random.bernoulli(0.5, (9,)).tolist())
            )
            second = replayed(
                notes, lambda: (g.normal((5,)).tolist(), ut.random.bernoulli(0.5, (9,)).tolist())
            )
            wrong += first != second
        return wrong

    assert in_threads(work) == [0, 0, 0, 0]


def test_threads_that_spawn_get_streams_of_their_own() -> None:
    g = Generator(1)
    found = in_threads(lambda: [tuple(c.state["spawn_key"]) for _ in range(200) for c in g.spawn(2)], 8)
    keys = [key for some in found for key in some]
    assert len(set(keys)) == len(keys) == 3200
    assert g.state["spawned"] == 3200


def test_threads_share_a_stream_and_get_correct_samples() -> None:
    g = Generator(1)
    rows = ut.arange(200)

    def work() -> tuple[Any, Any, Any]:
        orders = [sorted(g.permutation(20).tolist()) for _ in range(50)]
        for _ in range(50):
            g.shuffle(rows)
        x = np.concatenate([g.truncated_normal((50,), low=1.0, high=3.0).numpy() for _ in range(50)])
        return orders, x, [g.state for _ in range(20)]

    found = in_threads(work)
    assert all(orders == [list(range(20))] * 50 for orders, _, _ in found)
    assert sorted(rows.tolist()) == list(range(200))
    x = np.concatenate([x for _, x, _ in found])
    assert len(set(x.tolist())) == x.size
    assert stats.kstest(x, stats.truncnorm(1, 3).cdf).pvalue > 1e-4

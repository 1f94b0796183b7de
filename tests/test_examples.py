"""The examples, at small sizes: what they find is right, and the same on every engine."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import programs
import pytest

import unitensor as ut


@pytest.fixture(scope="module")
def process() -> ModuleType:
    return programs.load("gaussian_process")


@pytest.fixture(scope="module")
def characters() -> ModuleType:
    return programs.load("characters")


@pytest.fixture(scope="module")
def optimum(process: ModuleType) -> Any:
    """The best fit by scikit-learn's own Gaussian process."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    x, y = process.load()
    kernel = ConstantKernel() * RBF() + WhiteKernel()
    regressor = GaussianProcessRegressor(kernel, alpha=0, n_restarts_optimizer=2, random_state=0)
    return regressor.fit(x[:, None], y - y.mean())


def test_gaussian_process_finds_what_scikit_learn_finds(
    process: ModuleType, optimum: Any, engine: str
) -> None:
    flavanoids, logs = process.load()
    x, y = ut.asarray(flavanoids), ut.asarray(logs - logs.mean())
    found = process.fit(x, y)
    assert found.theta.backend == engine
    assert found.likelihoods[0] < -200
    assert found.best == pytest.approx(optimum.log_marginal_likelihood_value_, rel=1e-9)
    length, signal, noise = np.exp(found.theta.numpy())
    theirs = optimum.kernel_
    assert length == pytest.approx(theirs.k1.k2.length_scale, rel=1e-4)
    assert signal**2 == pytest.approx(theirs.k1.k1.constant_value, rel=1e-4)
    assert noise**2 == pytest.approx(theirs.k2.noise_level, rel=1e-4)
    at = np.linspace(0, 6, 20)
    mean, deviation = process.posterior(found.theta, x, y, ut.asarray(at))
    expected, spread = optimum.predict(at[:, None], return_std=True)
    assert mean.numpy() == pytest.approx(expected, rel=1e-3, abs=1e-4)
    # scikit-learn's has the noise in it.
    assert (deviation**2 + noise**2).numpy() == pytest.approx(spread**2, rel=1e-3)


def test_gaussian_process_reports_and_draws(tmp_path: Path) -> None:
    done = programs.run("gaussian_process", tmp_path, "--picture", "out.png")
    found = re.search(r"log likelihood +(-[\d.]+) before, (-[\d.]+) after", done.stdout)
    assert found
    assert float(found[1]) < -200 < float(found[2])
    assert programs.is_picture(tmp_path / "out.png")


STEPS = 3


def first_losses(characters: ModuleType, **options: Any) -> list[float]:
    text = characters.reference()
    dtype = {"dtype": ut.float64, **options}
    found = characters.train(text, steps=STEPS, reports=0, length=0, seed=0, **dtype)
    return [loss for loss in found if isinstance(loss, float)]


@pytest.fixture(scope="module")
def reference(characters: ModuleType) -> list[float]:
    with ut.use_backend("numpy"):
        return first_losses(characters)


def test_losses_of_the_transformer_agree_on_every_engine(
    characters: ModuleType, reference: list[float], engine: str
) -> None:
    losses = first_losses(characters)
    assert len(losses) == STEPS
    assert losses == pytest.approx(reference, rel=1e-9, abs=0)


def test_text_is_the_reference_and_nothing_twice(characters: ModuleType) -> None:
    text = characters.reference()
    whole = text.decode(text.numbers.tolist())
    assert len(whole) > 100_000
    assert whole.count('A "yield" statement is semantically equivalent') == 1
    assert text.decode(text.encode("def f(x):")) == "def f(x):"


def test_transformer_learns_and_writes(tmp_path: Path) -> None:
    options = ("--steps", "40", "--reports", "2", "--length", "80")
    done = programs.run("characters", tmp_path, *options)
    found = re.findall(r"--- step (\d+): loss ([\d.]+), on unseen text ([\d.]+)\n", done.stdout)
    assert [int(step) for step, _, _ in found] == [20, 40]
    first, last = (float(unseen) for _, _, unseen in found)
    assert last < first < 4.6  # that of a guess among 94 letters
    assert last < 2.9
    assert "40/40" in done.stderr
    assert max(len(part) for part in re.split("---.*", done.stdout)) >= 60

"""The main job, by hand and with layers: one program on every engine, with one result."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import programs
import pytest

import unitensor as ut


@pytest.fixture(scope="module")
def by_hand() -> ModuleType:
    return programs.load("digits_by_hand")


@pytest.fixture(scope="module")
def with_layers() -> ModuleType:
    return programs.load("digits")


def curve_by_hand(by_hand: ModuleType, **options: Any) -> list[float]:
    return by_hand.train(steps=50, **options)[1]  # type: ignore[no-any-return]  # a module loaded by path


def curve_with_layers(with_layers: ModuleType, **options: Any) -> list[float]:
    return with_layers.train(steps=50, dtype=ut.float64, **options)[1]  # type: ignore[no-any-return]  # likewise


@pytest.fixture(scope="module")
def reference(by_hand: ModuleType, with_layers: ModuleType) -> tuple[list[float], list[float]]:
    with ut.use_backend("numpy"):
        return curve_by_hand(by_hand), curve_with_layers(with_layers)


Curves = tuple[list[float], list[float]]


def test_loss_curves_by_hand_agree_on_every_engine(
    by_hand: ModuleType, reference: Curves, engine: str
) -> None:
    parameters, losses, _ = by_hand.train(steps=50)
    assert {p.backend for p in parameters} == {engine}
    assert losses == pytest.approx(reference[0], rel=1e-9, abs=0)
    assert losses[-1] < 0.4 * losses[0]


def test_loss_curves_with_layers_agree_on_every_engine(
    with_layers: ModuleType, reference: Curves, engine: str
) -> None:
    net, losses, _ = with_layers.train(steps=50, dtype=ut.float64)
    assert {p.backend for p in net.parameters()} == {engine}
    assert losses == pytest.approx(reference[1], rel=1e-9, abs=0)


def test_curves_of_another_seed_differ(
    by_hand: ModuleType, with_layers: ModuleType, reference: Curves
) -> None:
    assert curve_by_hand(by_hand, seed=1) != pytest.approx(reference[0], rel=1e-2)
    assert curve_with_layers(with_layers, seed=1) != pytest.approx(reference[1], rel=1e-2)


@pytest.mark.parametrize(("name", "steps", "least"), [("digits_by_hand", 1000, 0.96), ("digits", 550, 0.985)])
def test_the_program_learns_reports_and_draws(name: str, steps: int, least: float, tmp_path: Path) -> None:
    done = programs.run(name, tmp_path, "--picture", "out.png")
    found = re.search(r"backend +numpy .*\ndevice +numpy:cpu\n(?:.*\n)*test accuracy +([\d.]+)", done.stdout)
    assert found
    assert least <= float(found[1]) <= 1
    assert f"{steps}/{steps}" in done.stdout + done.stderr
    assert programs.is_picture(tmp_path / "out.png")

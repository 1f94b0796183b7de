"""The main job: one program on every engine, with one result."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import unitensor as ut

PROGRAM = Path(__file__).parents[1] / "examples" / "digits.py"


@pytest.fixture(scope="module")
def digits() -> ModuleType:
    spec = importlib.util.spec_from_file_location("digits", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def curve(digits: ModuleType) -> list[float]:
    with ut.use_backend("numpy"):
        return digits.train(steps=50)[1]


def test_loss_curves_agree_on_every_engine(digits: ModuleType, curve: list[float], engine: str) -> None:
    parameters, losses, _ = digits.train(steps=50)
    assert {p.backend for p in parameters} == {engine}
    assert losses == pytest.approx(curve, rel=1e-9, abs=0)
    assert losses[-1] < 0.4 * losses[0]


def test_curves_of_another_seed_differ(digits: ModuleType, curve: list[float]) -> None:
    assert digits.train(steps=50, seed=1)[1] != pytest.approx(curve, rel=1e-2)


def test_the_program_learns_reports_and_draws(tmp_path: Path) -> None:
    picture = tmp_path / "digits.png"
    command = [sys.executable, str(PROGRAM), "--picture", str(picture)]
    env = {**os.environ, "UNITENSOR_BACKEND": "numpy"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=env)
    found = re.search(r"backend +numpy .*\ndevice +numpy:cpu\n(?:.*\n)*test accuracy +([\d.]+)", done.stdout)
    assert found
    assert 0.96 <= float(found[1]) <= 1
    assert "1000/1000" in done.stdout + done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000

"""A run that is killed goes on from its checkpoint: to the same bits, or on another engine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from resume_run import train

import unitensor as ut

STEPS = 13


def numbers(checkpoint: Path) -> dict[str, np.ndarray]:
    """All numbers that the run had at its end."""
    found = ut.load(checkpoint, device="numpy")
    arrays = {f"net.{k}": v.numpy() for k, v in found["net"].items()}
    for i, state in enumerate(found["optimizer"]["state"][0]):
        arrays |= {f"optimizer.{i}.{k}": np.asarray(v) for k, v in state.items()}
    assert (found["step"], found["loader"]["epoch"]) == (STEPS, 2)
    return arrays


def test_a_killed_run_resumes_to_the_same_bits_and_on_another_engine(engine: str, tmp_path: Path) -> None:
    whole, parts, elsewhere = (tmp_path / name for name in ("whole", "parts", "elsewhere"))
    _, losses = train(str(whole), STEPS)
    killed = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("resume_run.py")), str(parts), str(STEPS), "9"],
        env={**os.environ, "UNITENSOR_BACKEND": engine},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    shutil.copy(parts, elsewhere)
    assert ut.load(parts)["loader"]["batches"] == 2  # in the midst of the second epoch
    assert train(str(parts), STEPS) == (8, losses[8:])  # digit by digit
    expected, found = numbers(whole), numbers(parts)
    assert len(expected) == 8 + 5 * 3
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].tobytes() == value.tobytes(), name

    other = {"numpy": "torch", "torch": "jax"}.get(engine, "numpy")
    try:
        ut.load_backend(other)
    except ut.BackendError as error:
        pytest.skip(error.reason)
    with ut.use_backend(other):
        began, moved = train(str(elsewhere), STEPS)
    assert began == 8
    np.testing.assert_allclose(moved, losses[8:], rtol=1e-9)
    for name, value in numbers(elsewhere).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-9, atol=1e-12, err_msg=name)

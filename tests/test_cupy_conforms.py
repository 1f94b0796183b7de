"""The CuPy plugin without a GPU: on `tests/fakes/cupy.py`, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

FAKES = str(Path(__file__).parent / "fakes")


def run(*args: str) -> str:
    """What Python says with the fake in CuPy's place, and devices 0 and 1."""
    environment = {**os.environ, "PYTHONPATH": FAKES}
    done = subprocess.run(
        [sys.executable, *args], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def python(program: str) -> str:
    return run(
        "-c", "import numpy as np, unitensor as ut\nut.set_backend('cupy')\n" + textwrap.dedent(program)
    )


@pytest.mark.parametrize("chapter", ["indexing", "equations", "writing", "hook"])
def test_it_conforms(chapter: str) -> None:
    said = run("-m", "unitensor", "conformance", "--backend", "cupy", "--only", chapter)
    assert "cupy conforms" in said


def test_results_lie_where_their_inputs_do() -> None:
    program = """
        x = ut.asarray([[2.0, 1.0], [1.0, 3.0]], device="cuda:1").requires_grad_()
        y = ut.linalg.inv(x[ut.asarray([1, 0], device="cuda:1")]) @ ut.exp(x).T + ut.fft.fft(x).real
        y.sum().backward()
        made = ut.zeros_like(x), ut.asarray(x), ut.sort(x), ut.special.erf(x), x.grad, y
        print({t.device.local for t in made})
        moved = x.to("cuda:0")
        print(moved.device.local, x.T[::2].to("cuda:0").device.local, (moved * 2).sum().item())
        z = ut.zeros(3, device="cuda:1")
        z[[0, 0, 2]] = ut.asarray([1.0, 2.0, 3.0], device="cuda:1")
        print(z.tolist(), z.device.local)
    """
    assert python(program).splitlines() == ["{'cuda:1'}", "cuda:0 cuda:0 14.0", "[2.0, 0.0, 3.0] cuda:1"]


def test_arrays_on_two_devices_are_an_error() -> None:
    program = """
        try:
            ut.ones(2, device="cuda:1") + ut.ones(2, device="cuda:0")
        except ValueError as error:
            print(error)
    """
    assert "arrays on two devices, cuda:1 and cuda:0; move one: x.to('cuda:1')" in python(program)


def test_what_the_gpu_leaves_undefined() -> None:
    program = """
        print((ut.asarray([1, 2]) // ut.asarray([0, 2])).tolist())
        print(ut.astype(ut.asarray([1e30, float("nan"), -1e30]), ut.int8).tolist())
        for wrong in (lambda: ut.take(ut.ones(3), ut.asarray([3])), lambda: ut.linalg.inv(ut.zeros((2, 2)))):
            try:
                print(wrong())
            except (IndexError, ut.linalg.LinAlgError) as error:
                print(type(error).__name__)
        print(ut.argmax(ut.asarray([0.0, float("nan"), float("nan")])).item())
        print(ut.var(ut.asarray([1.0, 2.0]), correction=2.0).item())
        print(ut.abs(ut.asarray([1 + 1j]) / ut.asarray([0j])).tolist())
    """
    expected = ["[0, 1]", "[127, 0, -128]", "IndexError", "LinAlgError", "1", "inf", "[inf]"]
    assert python(program).splitlines() == expected

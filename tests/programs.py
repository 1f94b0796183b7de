"""The programs of examples/, to import and to run."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[1] / "examples"


def load(name: str) -> ModuleType:
    """A program as a module."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name: str, folder: Path, *options: str, backend: str = "numpy") -> subprocess.CompletedProcess[str]:
    """What a program does in a folder, as its own process."""
    command = [sys.executable, str(FOLDER / f"{name}.py"), *options]
    env = {**os.environ, "UNITENSOR_BACKEND": backend}
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, env=env)


def is_picture(path: Path) -> bool:
    """Whether a file is a PNG of more than an empty frame."""
    return path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 20_000

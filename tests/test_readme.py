"""The README's examples give what it says, and its commands are those that are checked."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import unitensor as ut
from unitensor import _backend

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_every_example_gives_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch", "jax"):
        try:
            ut.load_backend(name)
        except ut.BackendError as error:
            pytest.skip(error.reason)
    monkeypatch.setattr(_backend, "_factories", {})
    monkeypatch.setattr(_backend, "_loaded", dict(_backend._loaded))
    with ut.use_backend("numpy"):
        test = doctest.DocTestParser().get_doctest(README, {}, "README.md", "README.md", 0)
        assert len(test.examples) > 20
        complaints: list[str] = []
        runner = doctest.DocTestRunner()
        runner.run(test, out=complaints.append)
    assert not complaints, "".join(complaints)


def test_the_continuous_check_runs_the_readme_command() -> None:
    commands = [line for line in README.splitlines() if "-m venv" in line]
    assert len(commands) == 2
    install, check = commands
    assert install.endswith("examples/digits.py")
    assert check.endswith("-m pytest -n auto")
    assert [line for line in README.splitlines() if "-m pytest" in line] == [check]
    script = (ROOT / ".ci" / "run").read_text()
    assert 'command=$(grep -F -- "-m pytest" README.md)' in script
    assert 'eval "${command//.venv/$venv}"' in script
    assert "set -euo pipefail" in script

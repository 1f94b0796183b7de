"""The command line."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import unitensor as ut
from unitensor.__main__ import main, survey


def test_the_table_lists_every_installed_plugin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["backends"]) == 0
    printed = capsys.readouterr().out
    for name in ("numpy", "jax", "torch", "cupy"):
        assert re.search(rf"\b{name}\b.*unitensor_{name}:backend", printed)
    assert re.search(rf"\* .*numpy .*{re.escape(ut.load_backend('numpy').version())}.*cpu.*ready", printed)


def test_every_broken_plugin_has_a_reason_and_a_remedy() -> None:
    for row in survey():
        if row.reason:
            assert row.remedy
            assert row.devices == "-"
        else:
            assert row.version[0].isdigit()
            assert row.devices


def test_without_rich_the_table_is_plain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rich.table", None)
    assert main(["backends"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["backend", "version", "devices", "plugin", "state"]
    assert set(lines[1]) == {"-", " "}
    assert all(line.isascii() for line in lines[: 2 + len(survey())])


def test_the_current_backend_decides_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNITENSOR_BACKEND", "numpi")
        assert main(["backends"]) == 1
    assert "UNITENSOR_BACKEND=numpi: no backend named 'numpi'" in capsys.readouterr().out


def test_a_wrong_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["backend"])
    assert stopped.value.code == 2
    assert "invalid choice: 'backend'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 2


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith(f"unitensor {ut.__version__}, Python 3.")


def test_the_console_command_is_installed() -> None:
    script = Path(sysconfig.get_path("scripts")) / "unitensor"
    done = subprocess.run([str(script), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"unitensor {ut.__version__}")


def test_type_checkers_read_the_annotations() -> None:
    """Without the marker of PEP 561 users' checkers take everything for Any."""
    assert (Path(ut.__file__).parent / "py.typed").is_file()

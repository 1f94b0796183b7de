"""The command line: `unitensor backends`, also as `python -m unitensor backends`.

The subcommands `conformance` and `new-backend` are the conformance suite's own.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import __version__
from ._backend import BackendError, current_backend_name, entry_points, load_backend
from ._errors import suggest


class Row(NamedTuple):
    """What is known of one installed plugin; `reason` is empty if it runs."""

    name: str
    plugin: str
    version: str = "-"
    devices: str = "-"
    reason: str = ""
    remedy: str = ""


def survey() -> list[Row]:
    """Load every installed plugin and say what came of it."""
    return [_row(name, points) for name, points in sorted(entry_points().items())]


def _row(name: str, points: list[Any]) -> Row:
    plugin = ", ".join(point.value for point in points)
    try:
        backend = load_backend(name)
        devices = ", ".join(device.local for device in backend.devices())
        return Row(name, plugin, backend.version(), devices)
    except BackendError as error:
        return Row(name, plugin, reason=error.reason, remedy=error.remedy)
    except Exception as error:  # a plugin may fail in any way, and the table must still appear
        reason = f"backend {name!r} loads, but does not answer: {type(error).__name__}: {error}"
        return Row(name, plugin, reason=reason, remedy="report this to the authors of the plugin")


def backends(arguments: argparse.Namespace) -> int:
    """Print the table of plugins; 1 if the current backend cannot run, else 0."""
    rows = survey()
    current = current_backend_name()
    head = ("", "backend", "version", "devices", "plugin", "state")
    lines = []
    for row in rows:
        mark = "*" if row.name == current else ""
        lines.append((mark, row.name, row.version, row.devices, row.plugin, _state(row)))
    _print_table(head, lines)
    for row in rows:
        if row.reason:
            print(f"\n{row.reason}")
            if row.remedy:
                print(f"  to mend it: {row.remedy}")
    chosen = os.environ.get("UNITENSOR_BACKEND")
    setting = f"UNITENSOR_BACKEND={chosen}" if chosen else "UNITENSOR_BACKEND is not set"
    broken = next((_state(row) for row in rows if row.name == current and row.reason), None)
    if all(row.name != current for row in rows):
        broken = f"no backend named {current!r} is installed{suggest(current, [r.name for r in rows])}"
    print(f"\n{setting}: {broken}" if broken else f"\n* is current ({setting})")
    return 1 if broken else 0


def _state(row: Row) -> str:
    return "cannot run" if row.reason else "ready"


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        widths = [max(len(line[i]) for line in [head, *rows]) for i in range(len(head))]
        for line in [head, tuple("-" * w for w in widths), *rows]:
            print("  ".join(cell.ljust(w) for cell, w in zip(line, widths)).rstrip())
        return
    table = Table(*head)
    for line in rows:
        table.add_row(*line, style="" if line[-1] == "ready" else "yellow")
    Console(markup=False, highlight=False).print(table)


#: Each subcommand: what runs it, and its line of help.
COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], int], str]] = {
    "backends": (backends, "list the installed backends, and what mends those that cannot run"),
}


def _say_what_is_missing(add: Callable[..., argparse.ArgumentParser], missing: ImportError) -> None:
    """Keep the conformance suite's subcommands where what they need is not installed: they say so."""

    def refuse(arguments: argparse.Namespace) -> int:
        print(f"{missing}\n  to mend it: pip install 'unitensor[conformance]'", file=sys.stderr)
        return 2

    for name in ("conformance", "new-backend"):
        parser = add(name, help="needs pip install 'unitensor[conformance]'", prefix_chars="\0")
        parser.add_argument("rest", nargs="*")
        parser.set_defaults(run=refuse)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; its exit code."""
    parser = argparse.ArgumentParser(prog="unitensor", description="One Tensor over every array engine.")
    version = f"unitensor {__version__}, Python {platform.python_version()}"
    parser.add_argument("--version", action="version", version=version)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, (run, text) in COMMANDS.items():
        subparsers.add_parser(name, help=text, description=text).set_defaults(run=run)
    try:
        from unitensor_conformance._cli import add_commands
    except ImportError as error:
        _say_what_is_missing(subparsers.add_parser, error)
    else:
        add_commands(subparsers.add_parser)
    arguments = parser.parse_args(argv)
    code: int = arguments.run(arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())

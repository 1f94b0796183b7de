"""The subcommands `unitensor conformance` and `unitensor new-backend`."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from unitensor._backend import BackendError, find_device, load_backend

from ._checks import Check, Run, all_checks
from ._new_backend import write_project
from ._report import as_html
from ._run import LEVELS, STATES, Outcome, as_json, known_failures, list_of, run_checks

#: How each state is coloured; the word is always there too.
COLOURS = {
    "passed": "green",
    "failed": "bold red",
    "stale": "bold magenta",
    "known": "yellow",
    "unsupported": "cyan",
}


def add_commands(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the subcommands to `unitensor`; `add` is argparse's `add_parser`."""
    text = "check a backend, gradients included, against NumPy"
    parser = add("conformance", help=text, description=text)
    parser.add_argument(
        "--backend", action="append", help="which backend; several, or a list with commas, give one report"
    )
    parser.add_argument("--device", help="the device that arrays are made on")
    parser.add_argument("--only", default="", help="part of an op's, a chapter's or a kind's name")
    parser.add_argument("--level", default="quick", choices=sorted(LEVELS, reverse=True))
    parser.add_argument("--html", type=Path, help="where to write the report for people")
    parser.add_argument("--json", type=Path, help="where to write the report for machines")
    text = "the file of known failures, lines 'kind:op  reason'; BACKEND=FILE if there are several; "
    text += "by default known_failures.txt beside the plugin's module"
    parser.add_argument("--known", action="append", default=[], help=text)
    parser.set_defaults(run=conformance)
    text = "write the project of a new plugin, which installs and runs the suite at once"
    parser = add("new-backend", help=text, description=text)
    parser.add_argument("name", help="the backend's name: what users write in UNITENSOR_BACKEND")
    parser.add_argument("folder", nargs="?", type=Path, help="where to write it; unitensor-NAME by default")
    parser.set_defaults(run=new_backend)


def conformance(arguments: argparse.Namespace) -> int:
    """Run the suite on one backend or several; 1 if anything failed, 2 if it could not run."""
    console = Console(highlight=False)
    results: list[tuple[list[Outcome], Run]] = []
    try:
        backends = [name for text in arguments.backend or ["numpy"] for name in text.split(",")]
        checks = _checks(arguments.only)
        for name in backends:
            engine = load_backend(name)
            if arguments.device:
                find_device(arguments.device, engine)
        for path in filter(None, (arguments.html, arguments.json)):
            path.touch()  # what cannot be written is better known before
        known = _known(arguments.known, backends)
        for name in backends:
            if name not in known and (path := list_of(name)):
                known[name] = known_failures(path)
                console.print(f"known failures of {name}: {path}", markup=False, soft_wrap=True)
        for name in backends:
            results.append(_with_progress(console, checks, name, arguments, known.get(name, {})))
    except (BackendError, ValueError, OSError) as error:
        console.print(f"[bold red]cannot run:[/] {escape(str(error))}", soft_wrap=True)
        return 2
    for outcomes, run in results:
        print_failures(console, outcomes, run)
        print_summary(console, outcomes, run)
    if arguments.json:
        reports = [json.loads(as_json(outcomes, run)) for outcomes, run in results]
        arguments.json.write_text(json.dumps(reports if len(reports) > 1 else reports[0], indent=1) + "\n")
        console.print(f"written: {arguments.json}")
    if arguments.html:
        arguments.html.write_text(as_html(results), encoding="utf-8")
        console.print(f"written: {arguments.html}")
    return int(any(o.state in ("failed", "stale") for outcomes, _ in results for o in outcomes))


def _checks(only: str) -> list[Check]:
    """The checks that `--only` asks for."""
    found = all_checks(only)
    if not found:
        every = all_checks()
        words = dict.fromkeys([c.chapter for c in every] + [c.kind for c in every])
        near = get_close_matches(only, {*words, *(c.op for c in every)}, n=1, cutoff=0.75)
        told = f"; did you mean {near[0]!r}?" if near else f"; chapters and kinds are {', '.join(words)}"
        raise ValueError(f"no op, chapter or kind contains {only!r}{told}")
    return found


def _known(given: list[str], backends: list[str]) -> dict[str, dict[str, str]]:
    """The known failures of each backend."""
    found = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals and len(backends) == 1:
            name, path = backends[0], text
        elif name not in backends:
            raise ValueError(f"--known {text}: expected BACKEND=FILE with one of {', '.join(backends)}")
        found[name] = known_failures(path)
    return found


def _with_progress(
    console: Console, checks: list[Check], backend: str, arguments: argparse.Namespace, known: dict[str, str]
) -> tuple[list[Outcome], Run]:
    columns = (
        TextColumn("{task.fields[backend]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(checks), backend=backend)
        failed = 0

        def each(outcome: Outcome) -> None:
            nonlocal failed
            if outcome.state in ("failed", "stale"):
                failed += 1
                progress.print(f"[bold red]{outcome.state}[/]  {backend}  {escape(outcome.check.name)}")
            told = f"{failed} failed, " if failed else ""
            progress.update(task, advance=1, description=f"{told}{escape(outcome.check.name)}")

        return run_checks(
            checks, backend, level=arguments.level, known=known, each=each, device=arguments.device
        )


def print_failures(console: Console, outcomes: list[Outcome], run: Run) -> None:
    """Each failure with the lines that reproduce it."""
    for outcome in outcomes:
        if outcome.state in ("failed", "stale"):
            console.rule(f"[{COLOURS[outcome.state]}]{outcome.state}[/]  {escape(outcome.check.name)}")
            console.print(outcome.message, markup=False, soft_wrap=True)


def print_summary(console: Console, outcomes: list[Outcome], run: Run) -> None:
    """A line a chapter, and the total."""
    engine = run.engine()
    table = Table("chapter", *STATES, "comparisons", title=f"{run.backend} {engine.version()}")
    chapters = dict.fromkeys(o.check.chapter for o in outcomes)
    for chapter in [*chapters, "all"]:
        some = [o for o in outcomes if chapter in (o.check.chapter, "all")]
        count = Counter(o.state for o in some)
        compared = sum(run.count.get(op, 0) for op in {o.check.op for o in some})
        cells = [f"[{COLOURS[s]}]{count[s]}[/]" if count[s] else "" for s in STATES]
        if chapter == "all":
            table.add_section()
        table.add_row(chapter, *cells, str(compared))
    console.print(table)
    told = {
        "computed by NumPy, as declared": run.host.keys() & engine.host_ops,
        "computed on the host by unitensor, since the engine lacks them": run.host.keys() - engine.host_ops,
        "unsupported": engine.unsupported,
    }
    for title, found in told.items():
        if found:
            console.print(f"{title}: {_in_short(found)}", markup=False)
    seconds = sum(o.seconds for o in outcomes)
    failed, stale, known = (sum(o.state == s for o in outcomes) for s in ("failed", "stale", "known"))
    bad = failed + stale
    verdict = "[bold red]does not conform[/]" if bad else "[bold green]conforms[/]"
    if known and not bad:
        verdict = f"[yellow]conforms but for {known} known failure{'s' * (known > 1)}[/]"
    total = f"{len(outcomes)} checks, {failed} failed" + (f", {stale} stale" if stale else "")
    console.print(f"{run.backend} {verdict}: {total}, in {seconds:.0f} s", soft_wrap=True)


def _in_short(ops: Iterable[str]) -> str:
    """Some of the ops, and of how many more there are: the reports have them all."""
    names = sorted(ops)
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def new_backend(arguments: argparse.Namespace) -> int:
    """Write a plugin project; 2 if that is not possible."""
    try:
        folder = write_project(arguments.name, arguments.folder)
    except (ValueError, OSError) as error:
        print(f"cannot write: {error}", file=sys.stderr)
        return 2
    print(f"written: {folder}\nnext:\n  cd {folder}\n  pip install -e '.[test]'\n  pytest -n auto")
    return 0

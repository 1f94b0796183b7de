"""Run the benchmarks and print what came, against what should."""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import sys
import traceback
from pathlib import Path

from . import _machine


def main() -> None:
    """`python -m benchmarks [filter] [--json FILE] [--plot FILE] [--quick] [--threads N] [--list]`."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="unitensor against its peers.")
    parser.add_argument("filter", nargs="?", default="", help="run the cases whose names contain this")
    parser.add_argument("--json", metavar="FILE", help="write all results as JSON")
    parser.add_argument("--plot", metavar="FILE", help="draw the ratios")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller sizes")
    parser.add_argument("--threads", type=int, default=1, help="threads for every library alike (1)")
    parser.add_argument("--list", action="store_true", help="show the cases' names")
    options = parser.parse_args()
    _machine.pin(options.threads)

    from ._bench import Figure, Race, as_json, cases
    from ._report import figure_rows, plot, race_rows, show

    for file in sorted(Path(__file__).parent.glob("[!_]*.py")):
        importlib.import_module(f"benchmarks.{file.stem}")
    chosen = [c for c in cases if options.filter in c.name]
    if options.list:
        print("\n".join(c.name for c in chosen))
        return
    if not chosen:
        sys.exit(f"no case is named like {options.filter!r}; --list shows them")
    machine = {"date": f"{datetime.date.today()}", **_machine.describe(options.threads)}
    races: list[Race] = []
    figures: list[Figure] = []
    failed: list[str] = []
    for c in chosen:
        print(f"{c.name} ...", file=sys.stderr, flush=True)
        try:
            result = c.run(options.quick)
        except Exception as error:
            traceback.print_exc(limit=-4)
            failed.append(f"{c.name}: {type(error).__name__}: {error}")
            continue
        if isinstance(result, Race):
            races.append(result)
        else:
            figures += result
    print("\n".join(f"{k:10} {v}" for k, v in machine.items()), end="\n\n")
    if races:
        print(show(race_rows(races)), end="\n\n")
    if figures:
        print(show(figure_rows(figures)), end="\n\n")
    limits = [f for f in [*figures, *(f for r in races for f in r.figures)] if f.passed is not None]
    missed = [f for f in limits if not f.passed]
    print(f"{len(limits) - len(missed)} of {len(limits)} limits hold")
    if options.json:
        data = {"machine": machine, "results": [as_json(r) for r in [*races, *figures]]}
        Path(options.json).write_text(json.dumps(data, indent=1) + "\n")
    if options.plot:
        plot(races, options.plot, machine)
    if failed:
        sys.exit("\n".join(["these cases did not run:", *failed]))


if __name__ == "__main__":
    main()

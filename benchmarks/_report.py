"""Results as a plain table and as a picture."""

from __future__ import annotations

from typing import Any

from ._bench import US, Figure, Race
from ._peers import NAMES


def time_text(seconds: float) -> str:
    """A duration in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def columns(races: list[Race]) -> list[str]:
    """The other libraries that took part, in a fixed order."""
    seen = {k for r in races for k in r.seconds} - {US}
    return [k for k in NAMES if k in seen] + sorted(seen - set(NAMES))


def race_rows(races: list[Race]) -> list[list[str]]:
    """A line a case: our time, then our time over each other's, with the limit and whether it holds."""
    others = columns(races)
    rows = [["case", US, *(f"over {k}" for k in others), "extra"]]
    for r in races:
        limits = {f.what: f for f in r.figures}
        row = [r.case, time_text(r.seconds[US])]
        for k in others:
            text = f"{r.seconds[US] / r.seconds[k]:.2f}" if k in r.seconds else ""
            f = limits.get(f"over {k}")
            row.append(f"{text} {mark(f)} {f.limit:.2f}" if f else text)
        extra = [f for f in r.figures if f.unit == "ns"]
        row.append(", ".join(f"{f.value:.0f} {mark(f)} {f.limit:.0f} ns" for f in extra))
        rows.append(row)
    return rows


def mark(figure: Figure) -> str:
    """`<=` where the limit holds, `MISS` where it does not."""
    return "<=" if figure.passed else "MISS"


def figure_rows(figures: list[Figure]) -> list[list[str]]:
    """A line a figure."""
    rows = [["case", "figure", "value", "limit", ""]]
    for f in figures:
        limit = "" if f.limit is None else f"{f.limit:.4g} {f.unit}"
        verdict = "" if f.passed is None else "pass" if f.passed else "MISS"
        rows.append([f.case, f.what, f"{f.value:.4g} {f.unit}", limit, verdict])
    return rows


def show(rows: list[list[str]]) -> str:
    """Rows under one another, the first one underlined."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])


def plot(races: list[Race], path: str, machine: dict[str, Any]) -> None:
    """Each library's time over NumPy's by hand (ours, where NumPy has none), a row a case."""
    from matplotlib.figure import Figure as Page

    others = [US, *columns(races)]
    page = Page(figsize=(9, 1.2 + 0.24 * len(races)), layout="constrained")
    axes = page.add_subplot()
    markers = dict(zip(others, "o|svD^*Px"))
    for k in others:
        points = [
            (r.seconds[k] / r.seconds.get("numpy", r.seconds[US]), i)
            for i, r in enumerate(races)
            if k in r.seconds
        ]
        axes.scatter(*zip(*points), marker=markers[k], s=60 if k == US else 28, label=k, zorder=3)
    axes.set_xscale("log")
    axes.set_yticks(range(len(races)), [r.case for r in races], fontsize=7)
    axes.invert_yaxis()
    axes.axvline(1, color="grey", lw=0.8)
    axes.grid(axis="both", alpha=0.3)
    axes.set_xlabel("time over NumPy's, written by hand (left is faster)")
    axes.set_title(f"{machine['processor']}, Python {machine['python']}", fontsize=9)
    axes.legend(loc="lower right", fontsize=8)
    page.savefig(path, dpi=110)

"""The HTML report: one file, offline, that a person wants to look at."""

from __future__ import annotations

import platform
from collections import Counter
from html import escape
from typing import Any

import numpy as np

import unitensor as ut
from unitensor._dtypes import STANDARD

from ._checks import KINDS, Run
from ._compare import TOLERANCES
from ._run import Outcome
from ._style import SCRIPT, STYLE

Results = list[tuple[list[Outcome], Run]]

#: What a cell says where checks of one op and kind came out differently: the worst.
WORST = ("failed", "stale", "known", "unsupported", "passed")
WORDS = {"passed": "ok", "failed": "fails", "stale": "stale", "known": "known", "unsupported": "no"}
#: Up to so many failures are shown opened.
OPENED = 6


def as_html(results: Results) -> str:
    """The report of one backend, or of several side by side."""
    names = ", ".join(run.backend for _, run in results)
    failures = [(i, o, run) for i, (outcomes, run) in enumerate(results) for o in outcomes if is_bad(o)]
    body = [
        "<header><h1>unitensor conformance</h1>",
        f"<p class=soft>{escape(names)} compared with NumPy through one public API.</p></header>",
        "<div class=cards>",
        *(_card(outcomes, run) for outcomes, run in results),
        "</div>",
        "<h2>By chapter and kind of check</h2>",
        *(_overview(outcomes, run, len(results) > 1) for outcomes, run in results),
        f"<h2 id=failures>Failures ({len(failures)})</h2>",
        *(_failure(i, o, run, opened=len(failures) <= OPENED) for i, o, run in failures),
        *([] if failures else ["<p>None.</p>"]),
        "<h2>Every op by kind of check</h2>",
        LEGEND,
        _matrix(results),
        *_declared(results),
        _tolerances(),
        f"<footer>{_made(results)}</footer>",
        f"<script>{SCRIPT}</script>",
    ]
    title = f"unitensor conformance: {names}"
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>{chr(10).join(body)}</body></html>\n"
    )


LEGEND = (
    "<p class=legend><span class=passed>ok</span>passed <span class=failed>fails</span>"
    "differs from NumPy; the link leads to how <span class=failed>stale</span>on the list of known failures, "
    "but passes <span class=known>known</span>fails as that list says <span class=unsupported>no</span>"
    "declared unsupported, and refused with a clear error. Empty: nothing of the kind to check.</p>"
    "<p class=filter><input type=search id=name placeholder='part of an op&#39;s name' aria-label='part of a name'>"
    "<label><input type=checkbox id=bad> only what is not ok</label></p>"
)


def is_bad(outcome: Outcome) -> bool:
    """Whether an outcome makes the suite fail."""
    return outcome.state in ("failed", "stale")


def _card(outcomes: list[Outcome], run: Run) -> str:
    engine = run.engine()
    count = Counter(o.state for o in outcomes)
    bad = count["failed"] + count["stale"]
    verdict = f"{bad} of {len(outcomes):,} checks fail" if bad else f"conforms: {len(outcomes):,} checks"
    if count["known"] and not bad:
        s = "s" * (count["known"] > 1)
        verdict = f"conforms but for {count['known']} known failure{s}: {len(outcomes):,} checks"
    bar = "".join(f"<i class={s} style='flex:{count[s]}'></i>" for s in reversed(WORST) if count[s])
    missing = [d.name for d in STANDARD if d.name not in run.dtypes()]
    facts = {
        "engine": f"{engine.install or run.backend}".removeprefix("pip install ") + f" {engine.version()}",
        "device": run.device or str(engine.devices()[0]),
        "level": f"{run.level}, {run.examples} drawn examples an op besides the fixed ones",
        "compared": f"{sum(run.count.values()):,} calls in {sum(o.seconds for o in outcomes):.0f} s",
        "results": ", ".join(f"{n:,} {kind}" for kind, n in sorted(run.arrays.items())),
        "outcomes": ", ".join(f"{count[s]:,} {s}" for s in reversed(WORST) if count[s]),
        "lacks": ", ".join(missing) or "no dtype of the standard",
        "with": f"unitensor {ut.__version__}, NumPy {np.__version__}, Python {platform.python_version()} "
        f"on {platform.system()} {platform.machine()}",
    }
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items() if v)
    return (
        f"<section class=card><h2>{escape(run.backend)}</h2>"
        f"<div class='verdict {'failed' if bad else 'passed'}'>{verdict}</div>"
        f"<div class=bar>{bar}</div><dl>{rows}</dl></section>"
    )


def _kinds(results: Results) -> list[str]:
    return [k for k in KINDS if any(o.check.kind == k for outcomes, _ in results for o in outcomes)]


def _overview(outcomes: list[Outcome], run: Run, several: bool) -> str:
    """How many of the checks passed, chapter by kind."""
    kinds = _kinds([(outcomes, run)])
    cells: dict[tuple[str, str], list[Outcome]] = {}
    for o in outcomes:
        cells.setdefault((o.check.chapter, o.check.kind), []).append(o)
    rows = []
    for chapter in dict.fromkeys(o.check.chapter for o in outcomes):
        row = [f"<th scope=row>{escape(chapter.replace('_', ' '))}</th>"]
        for kind in kinds:
            some = cells.get((chapter, kind), [])
            row.append(_share(some) if some else "<td></td>")
        rows.append(f"<tr>{''.join(row)}</tr>")
    title = f"<p><b>{escape(run.backend)}</b></p>" if several else ""
    head = "<th></th>" + "".join(f"<th>{k}</th>" for k in kinds)
    return f"{title}<div class='wide overview'><table><thead><tr>{head}</tr></thead>{''.join(rows)}</table></div>"


def _share(some: list[Outcome]) -> str:
    state = min((o.state for o in some), key=WORST.index)
    good = sum(o.state == "passed" for o in some)
    word = "fail" if state == "failed" else WORDS[state]
    words = f"{good} ok" if good == len(some) else f"{len(some) - good} of {len(some)} {word}"
    return f"<td class={state}>{words}</td>"


def _failure(i: int, outcome: Outcome, run: Run, *, opened: bool) -> str:
    found = outcome.failure
    if found is None:
        inside = f"<pre>{escape(outcome.message)}</pre>"
        what = outcome.message.partition("\n")[0]
    else:
        what = found.what
        inside = (
            f"<div class=sides><div class=expected><b>expected</b><pre>{escape(found.expected)}</pre></div>"
            f"<div class=got><b>got</b><pre>{escape(found.got)}</pre></div></div>"
            f"<b>to reproduce</b><pre>{escape(found.snippet)}</pre>"
        )
    return (
        f"<details {'open ' * opened}id='{_anchor(i, outcome)}'><summary>{escape(run.backend)} "
        f"<code>{escape(outcome.check.name)}</code> <span>{escape(what)}</span></summary>{inside}</details>"
    )


def _anchor(i: int, outcome: Outcome) -> str:
    return escape(f"{i}-{outcome.check.name}".replace(" ", "-"))


def _matrix(results: Results) -> str:
    kinds = _kinds(results)
    several = len(results) > 1
    head = "<th>op</th>" + ("<th>backend</th>" if several else "") + "".join(f"<th>{k}</th>" for k in kinds)
    ops: dict[str, dict[str, None]] = {}
    for outcomes, _ in results:
        for o in outcomes:
            ops.setdefault(o.check.chapter, {}).setdefault(o.check.op)
    cells = [_cells(i, outcomes) for i, (outcomes, _) in enumerate(results)]
    groups = []
    for chapter, names in ops.items():
        title = escape(chapter.replace("_", " "))
        groups.append(
            f"<tbody data-op='' data-bad=1><tr class=chapter>"
            f"<th colspan={len(kinds) + 2 + several}>{title}</th></tr></tbody>"
        )
        for op in names:
            rows = []
            bad = any(
                cells[i].get((chapter, op, k), ("passed",))[0] != "passed"
                for i in range(len(cells))
                for k in kinds
            )
            for i, (_, run) in enumerate(results):
                first = f"<th scope=row rowspan={len(results)}>{escape(op)}</th>" if i == 0 else ""
                backend = f"<td>{escape(run.backend)}</td>" if several else ""
                row = "".join(cells[i].get((chapter, op, k), ("", "<td></td>"))[1] for k in kinds)
                mark = " class=first" if several and i == 0 else ""
                rows.append(
                    f"<tr{mark}>{first}{backend}{row}<td class=count>{run.count.get(op, 0):,}</td></tr>"
                )
            groups.append(f"<tbody data-op='{escape(op)}'{' data-bad=1' * bad}>{''.join(rows)}</tbody>")
    return (
        f"<div class='wide tall'><table id=matrix><thead><tr>{head}<th>compared</th></tr></thead>"
        f"{chr(10).join(groups)}</table></div>"
    )


def _cells(i: int, outcomes: list[Outcome]) -> dict[tuple[str, str, str], tuple[str, str]]:
    """The state and the cell of each chapter, op and kind: the worst of its checks."""
    worst: dict[tuple[str, str, str], Outcome] = {}
    for o in outcomes:
        key = (o.check.chapter, o.check.op, o.check.kind)
        if key not in worst or WORST.index(o.state) < WORST.index(worst[key].state):
            worst[key] = o
    found = {}
    for key, o in worst.items():
        word = f"<a href='#{_anchor(i, o)}'>{WORDS[o.state]}</a>" if is_bad(o) else WORDS[o.state]
        title = f" title='{escape(o.message, quote=True)}'" if o.state in ("known", "unsupported") else ""
        found[key] = (o.state, f"<td class={o.state}{title}>{word}</td>")
    return found


def _declared(results: Results) -> list[str]:
    """Known failures with their reasons, what is unsupported, what ran on the host, and what copies."""
    rows: list[tuple[str, str, str, str]] = []
    for outcomes, run in results:
        engine = run.engine()
        rows += [
            (run.backend, o.check.name, "known failure", o.message) for o in outcomes if o.state == "known"
        ]
        rows += [
            (run.backend, op, "unsupported", "refused with the clear error")
            for op in sorted(engine.unsupported)
        ]
        rows += [
            (run.backend, op, "through NumPy", _how(engine, op, n)) for op, n in sorted(run.host.items())
        ]
        rows += [
            (run.backend, op, "copied view", "where others share memory")
            for op in sorted(engine.copied_views)
        ]
    if not rows:
        return []
    body = "".join(
        "<tr>" + "".join(f"<td class=text>{escape(str(c))}</td>" for c in row) + "</tr>" for row in rows
    )
    head = (
        "<thead><tr><th>backend</th><th>check or op</th><th>what</th><th>why, or how often</th></tr></thead>"
    )
    return [f"<h2>What the plugins declare</h2><div class='wide tall'><table>{head}{body}</table></div>"]


def _how(engine: Any, op: str, n: int) -> str:
    by = (
        "as the plugin declares"
        if op in engine.host_ops
        else "by unitensor's own fallback, or what it is made of"
    )
    return f"{n} calls, {by}"


def _tolerances() -> str:
    rows = []
    for name, t in TOLERANCES.items():
        amounts = [
            f"{t.ulps * float(np.finfo(d).eps):.0e}" if t.ulps else "0" for d in ("float32", "float64")
        ]
        texts = [name.replace("_", " "), f"{t.ulps:,}", *amounts, t.of, t.why]
        rows.append("<tr>" + "".join(f"<td class=text>{escape(text)}</td>" for text in texts) + "</tr>")
    head = "".join(f"<th>{h}</th>" for h in ("class", "ulps", "float32", "float64", "relative to", "why"))
    return (
        "<h2>How close is close enough</h2><p>Shapes, dtypes, devices, integers, booleans, NaN, infinities and, "
        "where they are determined, the signs of zeros are compared exactly. Derivatives are computed in double "
        "precision and compared to 1e-8.</p>"
        f"<div class=wide><table><thead><tr>{head}</tr></thead>{''.join(rows)}</table></div>"
    )


def _made(results: Results) -> str:
    several = " ".join(f"--backend {run.backend}" for _, run in results)
    return f"<code>{escape(f'unitensor conformance {several} --level {results[0][1].level}')} --html report.html</code>"

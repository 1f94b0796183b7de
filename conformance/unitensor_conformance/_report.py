"""The HTML report: one file, offline, that a person wants to look at."""

from __future__ import annotations

import platform
from collections import Counter
from html import escape

import numpy as np

import unitensor as ut

from ._checks import KINDS, Run
from ._run import Outcome

Results = list[tuple[list[Outcome], Run]]

#: What a cell says where checks of one op and kind came out differently: the worst.
WORST = ("failed", "stale", "known", "unsupported", "passed")
WORDS = {"passed": "ok", "failed": "fails", "stale": "stale", "known": "known", "unsupported": "no"}

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1c2430; --soft: #667085; --line: #e3e7ee;
  --ok: #e3f5e8; --ok-ink: #14693a; --bad: #fde3e1; --bad-ink: #a1160c; --known: #fff2d0; --known-ink: #7a5200;
  --no: #dff1f8; --no-ink: #0b5a78; --panel: #f7f8fa; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181f; --ink: #e6e9ef; --soft: #98a2b3;
  --line: #2b323d; --ok: #123324; --ok-ink: #7ddba3; --bad: #45191a; --bad-ink: #ff9d94; --known: #3d3010;
  --known-ink: #f3cf73; --no: #0f3240; --no-ink: #86d3ef; --panel: #1b2029; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 78rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
.soft, .facts dt { color: var(--soft); }
.cards { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.4rem 0; }
.card { flex: 1 1 20rem; background: var(--panel); border: 1px solid var(--line); border-radius: 10px;
  padding: 1rem 1.2rem; }
.card h2 { margin: 0; } .verdict { font-weight: 650; } .verdict.passed { color: var(--ok-ink); }
.verdict.failed { color: var(--bad-ink); }
.bar { display: flex; height: 8px; border-radius: 4px; overflow: hidden; margin: .7rem 0; background: var(--line); }
.bar i { display: block; } .bar .passed { background: #2e9e5b; } .bar .failed, .bar .stale { background: #d6342a; }
.bar .known { background: #d9a31a; } .bar .unsupported { background: #2593bd; }
.facts { display: grid; grid-template-columns: auto 1fr; gap: .1rem .9rem; margin: 0; font-size: .9rem; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; }
th, td { padding: .25rem .5rem; text-align: center; border-bottom: 1px solid var(--line); white-space: nowrap; }
thead th { position: sticky; top: 0; background: var(--panel); font-weight: 600; }
th[scope=row] { text-align: left; font: .85rem ui-monospace, monospace; }
td.passed { background: var(--ok); color: var(--ok-ink); }
td.failed, td.stale { background: var(--bad); color: var(--bad-ink); font-weight: 650; }
td.known { background: var(--known); color: var(--known-ink); }
td.unsupported { background: var(--no); color: var(--no-ink); }
td a { color: inherit; } td.count { color: var(--soft); font-variant-numeric: tabular-nums; }
tr.chapter th { text-align: left; background: var(--panel); padding-top: .6rem; }
tr.first-of-op td, tr.first-of-op th { border-top: 2px solid var(--line); }
details { border: 1px solid var(--line); border-radius: 10px; margin: .6rem 0; padding: .5rem .9rem; }
summary { cursor: pointer; font-weight: 600; } summary code { font-weight: 400; }
pre { overflow-x: auto; background: var(--panel); border-radius: 8px; padding: .7rem .9rem; font-size: .84rem; }
.legend span { display: inline-block; padding: 0 .5rem; border-radius: 4px; margin-right: .4rem; }
.legend .passed { background: var(--ok); color: var(--ok-ink); }
.legend .failed { background: var(--bad); color: var(--bad-ink); }
.legend .known { background: var(--known); color: var(--known-ink); }
.legend .unsupported { background: var(--no); color: var(--no-ink); }
"""


def as_html(results: Results) -> str:
    """The report of one backend, or of several side by side."""
    names = ", ".join(run.backend for _, run in results)
    failures = [part for i, (outcomes, run) in enumerate(results) for part in _failures(i, outcomes, run)]
    body = [
        "<header><h1>unitensor conformance</h1>",
        f"<p class=soft>{escape(names)} compared with NumPy through one public API: values, promotion, "
        "derivatives, errors, views, writing and interchange.</p></header>",
        "<div class=cards>",
        *(_card(outcomes, run) for outcomes, run in results),
        "</div>",
        f"<h2>Failures ({len(failures)})</h2>",
        *(failures or ["<p>None.</p>"]),
        "<h2>Every op by kind of check</h2>",
        "<p class=legend><span class=passed>ok</span><span class=failed>fails</span>"
        "<span class=known>known</span>a failure on the plugin's own list "
        "<span class=unsupported>no</span>declared unsupported, and refused with a clear error. "
        "Empty: there is nothing of this kind to check.</p>",
        _matrix(results),
        *_lists(results),
    ]
    title = f"unitensor conformance: {names}"
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>{chr(10).join(body)}</body></html>\n"
    )


def _card(outcomes: list[Outcome], run: Run) -> str:
    engine = run.engine()
    count = Counter(o.state for o in outcomes)
    bad = count["failed"] + count["stale"]
    verdict = f"{bad} of {len(outcomes)} checks fail" if bad else f"conforms: {len(outcomes)} checks"
    bar = "".join(f'<i class={s} style="flex:{count[s]}"></i>' for s in reversed(WORST) if count[s])
    facts = {
        "engine": f"{engine.install or run.backend}".removeprefix("pip install ") + f" {engine.version()}",
        "device": run.device or str(engine.devices()[0]),
        "compared": f"{sum(run.count.values()):,} calls in {sum(o.seconds for o in outcomes):.0f} s",
        "outcomes": ", ".join(f"{count[s]} {s}" for s in WORST if count[s]),
        "unitensor": ut.__version__,
        "NumPy": np.__version__,
        "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
    }
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    return (
        f"<section class=card><h2>{escape(run.backend)}</h2>"
        f"<div class='verdict {'failed' if bad else 'passed'}'>{verdict}</div>"
        f"<div class=bar>{bar}</div><dl class=facts>{rows}</dl></section>"
    )


def _failures(i: int, outcomes: list[Outcome], run: Run) -> list[str]:
    found = []
    for outcome in outcomes:
        if outcome.state not in ("failed", "stale"):
            continue
        message = outcome.message.partition("\n\nto reproduce:")[0]
        snippet = f"<p>To reproduce:</p><pre>{escape(outcome.snippet)}</pre>" if outcome.snippet else ""
        found.append(
            f"<details open id='{_anchor(i, outcome)}'><summary>{escape(run.backend)}: "
            f"<code>{escape(outcome.check.name)}</code></summary>"
            f"<pre>{escape(message)}</pre>{snippet}</details>"
        )
    return found


def _anchor(i: int, outcome: Outcome) -> str:
    return escape(f"{i}-{outcome.check.name}".replace(" ", "-"))


def _matrix(results: Results) -> str:
    kinds = [k for k in KINDS if any(o.check.kind == k for outcomes, _ in results for o in outcomes)]
    several = len(results) > 1
    head = "<th>op</th>" + ("<th>backend</th>" if several else "") + "".join(f"<th>{k}</th>" for k in kinds)
    rows = []
    ops: dict[str, dict[str, None]] = {}
    for outcomes, _ in results:
        for o in outcomes:
            ops.setdefault(o.check.chapter, {}).setdefault(o.check.op)
    cells = [_cells(i, outcomes) for i, (outcomes, _) in enumerate(results)]
    for chapter, names in ops.items():
        width = len(kinds) + 2 + several
        rows.append(f"<tr class=chapter><th colspan={width}>{escape(chapter.replace('_', ' '))}</th></tr>")
        for op in names:
            for i, (_, run) in enumerate(results):
                first = f"<th scope=row rowspan={len(results)}>{escape(op)}</th>" if i == 0 else ""
                mark = " class=first-of-op" if several and i == 0 else ""
                backend = f"<td>{escape(run.backend)}</td>" if several else ""
                row = "".join(cells[i].get((chapter, op, kind), "<td></td>") for kind in kinds)
                count = run.count.get(op, 0)
                rows.append(f"<tr{mark}>{first}{backend}{row}<td class=count>{count:,}</td></tr>")
    return (
        f"<div class=wide><table><thead><tr>{head}<th>compared</th></tr></thead>"
        f"<tbody>{chr(10).join(rows)}</tbody></table></div>"
    )


def _cells(i: int, outcomes: list[Outcome]) -> dict[tuple[str, str, str], str]:
    worst: dict[tuple[str, str, str], Outcome] = {}
    for o in outcomes:
        key = (o.check.chapter, o.check.op, o.check.kind)
        if key not in worst or WORST.index(o.state) < WORST.index(worst[key].state):
            worst[key] = o
    found = {}
    for key, o in worst.items():
        word = WORDS[o.state]
        if o.state in ("failed", "stale"):
            word = f"<a href='#{_anchor(i, o)}'>{word}</a>"
        title = f" title='{escape(o.message, quote=True)}'" if o.state in ("known", "unsupported") else ""
        found[key] = f"<td class={o.state}{title}>{word}</td>"
    return found


def _lists(results: Results) -> list[str]:
    """Known failures with their reasons, what is unsupported, and what ran on the host."""
    rows = []
    for outcomes, run in results:
        for o in outcomes:
            if o.state in ("known", "unsupported"):
                rows.append((run.backend, o.check.name, o.state, o.message))
        rows += [(run.backend, op, "through NumPy", f"{n} calls, as declared") for op, n in run.host.items()]
    if not rows:
        return []
    body = "".join("<tr>" + "".join(f"<td>{escape(str(c))}</td>" for c in row) + "</tr>" for row in rows)
    head = "<tr><th>backend</th><th>check</th><th>state</th><th>reason</th></tr>"
    return [f"<h2>Declared by the plugin</h2><div class=wide><table>{head}{body}</table></div>"]

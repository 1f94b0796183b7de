"""How the HTML report looks, and the few lines of script that filter its matrix."""

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1c2430; --soft: #667085; --line: #e3e7ee;
  --ok: #e3f5e8; --ok-ink: #14693a; --bad: #fde3e1; --bad-ink: #a1160c; --known: #fff2d0; --known-ink: #7a5200;
  --no: #dff1f8; --no-ink: #0b5a78; --panel: #f7f8fa; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181f; --ink: #e6e9ef; --soft: #98a2b3;
  --line: #2b323d; --ok: #123324; --ok-ink: #7ddba3; --bad: #45191a; --bad-ink: #ff9d94; --known: #3d3010;
  --known-ink: #f3cf73; --no: #0f3240; --no-ink: #86d3ef; --panel: #1b2029; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 84rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; }
a { color: inherit; } .soft, dt { color: var(--soft); }
.cards { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.4rem 0; }
.card { flex: 1 1 19rem; background: var(--panel); border: 1px solid var(--line); border-radius: 10px;
  padding: 1rem 1.2rem; }
.card h2 { margin: 0; } .verdict { font-weight: 650; } .verdict.passed { color: var(--ok-ink); }
.verdict.failed { color: var(--bad-ink); }
.bar { display: flex; height: 8px; border-radius: 4px; overflow: hidden; margin: .7rem 0; background: var(--line); }
.bar i { display: block; min-width: 3px; } .bar .passed { background: #2e9e5b; }
.bar .failed, .bar .stale { background: #d6342a; }
.bar .known { background: #d9a31a; } .bar .unsupported { background: #2593bd; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem .9rem; margin: 0; font-size: .9rem; }
dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; }
.tall { max-height: 85vh; overflow: auto; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; }
th, td { padding: .25rem .5rem; text-align: center; border-bottom: 1px solid var(--line); white-space: nowrap; }
thead th { position: sticky; top: 0; background: var(--panel); font-weight: 600; z-index: 1; }
th[scope=row] { text-align: left; font: .85rem ui-monospace, monospace; background: var(--ground); }
.overview th[scope=row] { font: inherit; font-weight: 600; } td.text { text-align: left; white-space: normal; }
td.passed { background: var(--ok); color: var(--ok-ink); }
td.failed, td.stale { background: var(--bad); color: var(--bad-ink); font-weight: 650; }
td.known { background: var(--known); color: var(--known-ink); }
td.unsupported { background: var(--no); color: var(--no-ink); }
td.count { color: var(--soft); font-variant-numeric: tabular-nums; text-align: right; }
tr.chapter th { text-align: left; background: var(--panel); padding-top: .6rem; text-transform: capitalize; }
tr.first td, tr.first th { border-top: 2px solid var(--line); }
details { border: 1px solid var(--line); border-radius: 10px; margin: .6rem 0; padding: .5rem .9rem; }
summary { cursor: pointer; font-weight: 600; } summary code { font-weight: 600; }
summary span { font-weight: 400; color: var(--soft); }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: .8rem; }
.sides b { font-size: .8rem; text-transform: uppercase; letter-spacing: .04em; }
.sides .expected b { color: var(--ok-ink); } .sides .got b { color: var(--bad-ink); }
pre { overflow: auto; max-height: 22rem; background: var(--panel); border-radius: 8px; padding: .7rem .9rem;
  font-size: .84rem; margin: .3rem 0 .7rem; }
.sides pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.sides .expected pre { border-left: 4px solid #2e9e5b; } .sides .got pre { border-left: 4px solid #d6342a; }
.legend span { display: inline-block; padding: 0 .5rem; border-radius: 4px; margin: 0 .3rem 0 .8rem; }
.legend .passed { background: var(--ok); color: var(--ok-ink); }
.legend .failed { background: var(--bad); color: var(--bad-ink); }
.legend .known { background: var(--known); color: var(--known-ink); }
.legend .unsupported { background: var(--no); color: var(--no-ink); }
.filter { display: flex; gap: 1rem; flex-wrap: wrap; align-items: center; margin: .6rem 0; }
.filter input[type=search] { font: inherit; padding: .3rem .6rem; border: 1px solid var(--line); border-radius: 6px;
  background: var(--ground); color: var(--ink); width: 16rem; }
footer { margin-top: 3rem; color: var(--soft); font-size: .88rem; }
"""

SCRIPT = """
const name = document.querySelector('#name'), bad = document.querySelector('#bad');
function filter() {
  for (const group of document.querySelectorAll('#matrix tbody')) {
    const wanted = group.dataset.op.includes(name.value.trim()) && (!bad.checked || group.dataset.bad);
    group.hidden = !wanted;
  }
}
name.addEventListener('input', filter); bad.addEventListener('change', filter);
addEventListener('hashchange', () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === 'DETAILS') target.open = true;
});
"""

"""Benchmarks: `python -m benchmarks [filter] [--json out.json] [--plot out.png] [--quick]`.

A case is a function under `@race` (several libraries do the same work, and take turns) or
`@measure` (figures found some other way). `docs/performance.md` says how to read the results.
"""

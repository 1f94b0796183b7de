"""Write docs/standard.md from the table of ops and the installed plugins: `python docs/make_tables.py`.

With `--check`, write nothing and fail if the page is not what would be written.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import unitensor as ut
from unitensor import Backend
from unitensor._op import Op, table

PAGE = Path(__file__).parent / "standard.md"
ENGINES = ("numpy", "jax", "torch")
HEAD = """\
# The standard, function by function

Written by `python docs/make_tables.py`; change the plugins, not this page.

Every function of the Array API standard 2025.12, with `linalg` and `fft`, and how each engine answers it:

- **native**: the engine's own function;
- **adapted**: the engine's own kernels under other names or forms of arguments;
- **mended**: the engine's own, put right where it differs from the standard; the reasons are below;
- **emulated**: the engine lacks it, and unitensor computes it from other functions;
- **front end**: decided or composed by unitensor alone, the same code on every engine.

A mend that only some dtypes need is one look at the dtype elsewhere. Measured on NumPy with ten float64
elements, the front end included: `x + y` 0.41 µs (NumPy's own 0.19), `expm1` 0.49 (0.22), `x < y` 0.61 (0.22). The one that must
look at values is the float `floor_divide`: 1.8 µs (0.24); with a million elements it is 1 % slower than NumPy's.

CuPy's plugin mends as NumPy's does; it has no column because the page is written where no GPU is.
"""


def engine_function(backend: Backend, path: str) -> Any:
    """The engine's own function of this name, or None."""
    found = backend.xp
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def state(backend: Backend, made: Op) -> tuple[str, str]:
    """How a backend answers an op, and why if it is mended."""
    name = made.path.replace(".", "_")
    own = engine_function(backend, made.path)
    if not hasattr(type(backend), name) or hasattr(Backend, name):
        return ("emulated" if own is None else "native"), ""
    override = getattr(backend, name)
    text = inspect.getdoc(override) or ""
    if text.startswith("Mended: "):
        return "mended", " ".join(text.removeprefix("Mended: ").split("\n\n")[0].split())
    if not (getattr(override, "__module__", "") or "").startswith("unitensor"):
        return ("native" if own is not None else "adapted"), ""
    return "adapted", ""


def chapter(function: Any) -> str:
    """The chapter of the standard, or the extension, that a function belongs to."""
    return str(inspect.unwrap(function).__module__).rpartition(".")[2].replace("_", " ")


def standard_functions() -> dict[str, Any]:
    """Every public function by its path, ops and composed ones."""
    found: dict[str, Any] = {}
    for home, prefix in ((ut, ""), (ut.linalg, "linalg."), (ut.fft, "fft.")):
        for name, value in vars(home).items():
            if not name.startswith("_") and inspect.isfunction(value) and "_ops" in value.__module__:
                found[prefix + name] = value
    aliases = {id(made.function): path for path, made in table.items() if made.public}
    return {
        path: f
        for path, f in found.items()
        if aliases.get(id(f), path) == path and path not in ("tensor", "from_numpy")
    }


def page() -> str:
    """The whole text."""
    backends = [ut.load_backend(name) for name in ENGINES]
    rows: dict[str, list[str]] = {}
    reasons: dict[str, dict[str, list[str]]] = {b.name: {} for b in backends}
    for path, function in standard_functions().items():
        made = table.get(path)
        cells = []
        for backend in backends:
            how, why = ("front end", "") if made is None else state(backend, made)
            cells.append(how)
            if why:
                reasons[backend.name].setdefault(why, []).append(path)
        extension = path.partition(".")[0] if "." in path else ""
        rows.setdefault(extension or chapter(function), []).append(f"| `{path}` | {' | '.join(cells)} |")
    lines = [HEAD]
    for title, table_rows in rows.items():
        lines += [f"## {title.capitalize()}\n", f"| function | {' | '.join(ENGINES)} |"]
        lines += ["| --- |" + " --- |" * len(ENGINES), *table_rows, ""]
    lines.append("## What is mended, and why\n")
    for name, found in reasons.items():
        lines += [f"### {name}\n"]
        lines += [f"- {', '.join(f'`{p}`' for p in paths)}: {why}" for why, paths in found.items()]
        lines.append("")
    return "\n".join(lines)


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" in sys.argv:
        if PAGE.read_text(encoding="utf-8") == text:
            return 0
        print(f"{PAGE.name} is out of date; run python docs/make_tables.py")
        return 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

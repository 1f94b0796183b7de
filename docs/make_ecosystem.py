"""Write docs/ecosystem.md: what SciPy and scikit-learn do with Tensors, function by function.

    python docs/make_ecosystem.py                    # every engine that runs here, then the page
    python docs/make_ecosystem.py numpy              # one engine; prints what is not right
    python docs/make_ecosystem.py page FOLDER        # the page, from outcomes that --here wrote earlier
    python docs/make_ecosystem.py numpy lfilter,fft   # only the cases whose names contain one of these

Each function is called with NumPy arrays, with Tensors, and with Tensors that require a gradient;
the gradient is compared with central differences of the function on NumPy arrays. Every engine runs
in a process of its own, so that a weekly job can run this and show what changed.
"""

from __future__ import annotations

import dataclasses
import datetime
import importlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "ecosystem.md"
ENGINES = ("numpy", "jax", "torch", "strict")
MARK = "<!-- made by docs/make_ecosystem.py -->"

#: What a function gives for Tensors, and what its gradient is: the words of the table.
VALUES = ("works", "number", "leaves", "host", "wrong", "error")
GRADIENTS = ("right", "zero", "none", "leaves", "dropped", "wrong", "error")


def variables(args: Any) -> Iterator[Any]:
    """The floating arrays among some arguments, in order."""
    import numpy as np
    from ecosystem_cases import fixed, plain

    if isinstance(args, np.ndarray):
        if args.dtype.kind in "fc":
            yield args
    elif isinstance(args, (tuple, list)) and not isinstance(args, (fixed, plain)):
        for a in args:
            yield from variables(a)
    elif isinstance(args, dict):
        for a in args.values():
            yield from variables(a)


def replaced(args: Any, new: Iterator[Any], other: Any, xp: Any) -> Any:
    """The arguments with their variables, in order, and all other arrays replaced."""
    import numpy as np
    from ecosystem_cases import XP, fixed, plain

    if isinstance(args, fixed):
        return other(args.array)
    if isinstance(args, plain):
        return args.array
    if isinstance(args, np.ndarray):
        return next(new) if args.dtype.kind in "fc" else other(args)
    if isinstance(args, (tuple, list)):
        return type(args)(replaced(a, new, other, xp) for a in args)
    if isinstance(args, dict):
        return {k: replaced(a, new, other, xp) for k, a in args.items()}
    return xp if args is XP else args


def results(found: Any) -> list[Any]:
    """The arrays and numbers in what a function returned."""
    import numpy as np

    if hasattr(found, "__array_namespace__") or isinstance(found, (np.generic, int, float, complex)):
        return [found]
    if isinstance(found, (list, tuple)):
        return [r for f in found for r in results(f)]
    if isinstance(found, dict):
        return [r for key, f in found.items() if "distribution" not in str(key) for r in results(f)]
    if dataclasses.is_dataclass(found):
        return results({f.name: getattr(found, f.name) for f in dataclasses.fields(found)})
    if hasattr(found, "pvalue"):
        return results([found.statistic, found.pvalue])
    if type(found).__name__ in ("PearsonRResult", "BartlettResult") or hasattr(found, "__dict__"):
        return results({k: v for k, v in vars(found).items() if not k.startswith("_")})
    return []


def as_numpy(value: Any) -> Any:
    import numpy as np

    import unitensor as ut

    return value.detach().numpy() if isinstance(value, ut.Tensor) else np.asarray(value)


def close(a: Any, b: Any, rtol: float, atol: float) -> bool:
    import numpy as np

    return a.shape == b.shape and bool(np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True))


def agree(found: list[Any], expected: list[Any]) -> bool:
    """Whether results have the same values."""
    return len(found) == len(expected) and all(
        close(as_numpy(f), e, 1e-6, 1e-8) for f, e in zip(found, expected)
    )


def short(error: BaseException) -> str:
    """An error's kind and first line, without what differs from machine to machine."""
    line = (str(error).strip().splitlines() or [""])[0]
    line = re.sub(r"\S*(?:site-packages|dist-packages)/", "", line)
    return f"{type(error).__name__}: {line}"[:160]


def place(text: str) -> str:
    """`scipy/stats/_stats_py.py:12` from a path that may lie anywhere."""
    found = re.search(r"(?:site-packages|dist-packages)[/\\](\S+?:\d+)", text)
    return found[1].replace("\\", "/") if found else ""


class Trial:
    """One case on the current backend."""

    def __init__(self, case: Any) -> None:
        from ecosystem_cases import XP

        self.case = case
        self.given = list(variables([case.args, case.kwargs]))
        #: Whether any argument says which library is meant.
        self.arrays = "array" in repr([case.args, case.kwargs]) or XP in case.kwargs.values()
        #: Whose values are the right ones: NumPy's, unless SciPy has others for all other libraries.
        self.library = "numpy"

    def on_numpy(self, values: list[Any]) -> list[Any]:
        """What the function gives for NumPy arrays, or for those of array-api-strict."""
        import numpy as np

        xp = importlib.import_module(self.library)
        args, kwargs = replaced(
            [self.case.args, self.case.kwargs], iter([xp.asarray(v.copy()) for v in values]), xp.asarray, xp
        )
        return [np.array(r) for r in results(self.case.function(*args, **kwargs))]

    def on_strict(self) -> list[Any] | str:
        """What it gives for another library that SciPy knows nothing of, or that library's error."""
        self.library = "array_api_strict"
        try:
            return self.on_numpy(self.given)
        except Exception as error:
            return short(error)

    def on_tensors(self, tensors: list[Any]) -> list[Any]:
        """What it gives for Tensors."""
        import unitensor as ut

        args, kwargs = replaced(
            [self.case.args, self.case.kwargs], iter(tensors), ut.asarray, ut.zeros(0).__array_namespace__()
        )
        return results(self.case.function(*args, **kwargs))

    def value(self, expected: list[Any]) -> tuple[str, str]:
        """Whether it works without a gradient."""
        import unitensor as ut

        try:
            with ut.testing.track_escapes() as escapes:
                found = self.on_tensors([ut.asarray(v.copy()) for v in self.given])
        except Exception as error:
            theirs = self.on_strict()
            own = " (array-api-strict fails here too)" if isinstance(theirs, str) else ""
            return "error", short(error) + own
        if not agree(found, expected):
            theirs = self.on_strict()
            if isinstance(theirs, str) or not agree(found, theirs):
                self.library = "numpy"
                return "wrong", "not NumPy's value"
            expected[:] = theirs
        home = ut.zeros(0)
        for f, e in zip(found, expected):
            if isinstance(f, ut.Tensor) and f.device != home.device:
                return "wrong", f"on {f.device}"
            if not isinstance(f, ut.Tensor) and e.dtype.kind in "fc" and e.ndim and self.arrays:
                return "host", "gives a NumPy array"
        left = [e for e in escapes if e.tensor.startswith(("float", "complex"))]
        if found and all(isinstance(f, (int, float, complex)) for f in found):
            return "number", next((place(e.place) for e in left if place(e.place)), "")
        if left:
            return "leaves", next((place(e.place) for e in left if place(e.place)), "")
        return "works", ""

    def gradient(self, expected: list[Any]) -> tuple[str, str]:
        """Whether the gradient is that of finite differences."""
        import numpy as np

        import unitensor as ut

        if not self.given:
            return "none", ""
        weights = np.random.default_rng(5)
        weight = [weights.normal(size=e.shape) for e in expected]
        directions = [[weights.normal(size=v.shape) for v in self.given] for _ in range(2)]
        try:
            slopes = [self.slopes(d) for d in directions]
        except Exception as error:
            return "none", f"no finite differences: {short(error)}"
        smooth = [e.dtype.kind in "fc" for e in expected]
        varies = [s and any(np.any(d[i] != 0) for d in slopes) for i, s in enumerate(smooth)]
        try:
            tensors = [ut.tensor(v, requires_grad=True) for v in self.given]
            found = self.on_tensors(tensors)
        except Exception as error:
            # NumPy makes another error of it where a Tensor is written into an array of its own.
            refused = next((e for e in (error, error.__cause__) if isinstance(e, ut.GradientError)), None)
            if refused is None:
                return "error", short(error)
            return (
                ("leaves", place(str(refused))) if any(varies) else ("zero", f"leaves {place(str(refused))}")
            )
        dropped = [
            i for i, f in enumerate(found) if varies[i] and not (isinstance(f, ut.Tensor) and f.requires_grad)
        ]
        if dropped:
            return "dropped", f"output {dropped[0]} of {len(found)}"
        total = ut.zeros(())
        for f, w in zip(found, weight):
            if isinstance(f, ut.Tensor) and f.requires_grad:
                f = ut.real(f) + ut.imag(f) * 0.7 if f.dtype.kind == "c" else f
                good = ut.asarray(np.where(np.isfinite(as_numpy(f)), w, 0.0))
                kept = ut.where(good != 0, f, 0.0)
                total = total + ut.sum(ut.astype(kept, ut.float64) * good)
        if not total.requires_grad:
            return "zero", ""
        try:
            total.backward()
        except Exception as error:
            return "error", "backward: " + short(error)
        for d, slope in zip(directions, slopes):
            rate = 0.0
            for x, v in zip(tensors, d):
                if x.grad is not None:
                    rate += float(np.real(np.sum(np.conj(as_numpy(x.grad)) * v)))
            wanted, scale = 0.0, 1e-3
            for e, s, w, ok in zip(expected, slope, weight, smooth):
                if ok:
                    s = np.real(s) + np.imag(s) * 0.7 if np.iscomplexobj(s) else s
                    part = np.where(np.isfinite(e) & np.isfinite(s), s * w, 0.0)
                    wanted += float(np.sum(part))
                    scale += float(np.sum(np.abs(part)))
            if not abs(rate - wanted) <= 2e-4 * scale:
                return "wrong", f"{rate:.5g}, finite differences {wanted:.5g}"
        return ("right", "") if any(varies) else ("zero", "")

    def slopes(self, direction: list[Any], h: float = 1e-6) -> list[Any]:
        """Central differences of every output along a direction."""
        up = self.on_numpy([v + h * d for v, d in zip(self.given, direction)])
        down = self.on_numpy([v - h * d for v, d in zip(self.given, direction)])
        return [
            (a.astype(complex if a.dtype.kind == "c" else float) - b) / (2 * h)
            if a.dtype.kind in "fc" and a.shape == b.shape else a * 0.0
            for a, b in zip(up, down)
        ]  # fmt: skip


def run_here(wanted: str, out: str) -> None:
    """All cases on the current backend, in this process."""
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(ROOT / "docs"))
    import ecosystem_cases
    import numpy as np

    np.seterr(all="ignore")
    rows: dict[str, Any] = {}
    for case in ecosystem_cases.all_cases():
        if wanted and not any(part in case.name for part in wanted.split(",")):
            continue
        trial, began = Trial(case), time.perf_counter()
        try:
            expected = trial.on_numpy(trial.given)
        except Exception as error:
            rows[case.name] = {
                "value": ["error", "on NumPy arrays too: " + short(error)],
                "grad": ["none", ""],
            }
            print(case.name, short(error), file=sys.stderr)
            continue
        value = trial.value(expected)
        gradient = trial.gradient(expected) if value[0] != "error" else ("error", value[1])
        rows[case.name] = {"value": value, "grad": gradient, "time": time.perf_counter() - began}
        if out == "-" and (wanted or value[0] != "works" or gradient[0] not in ("right", "zero", "none")):
            print(f"{case.name}: {' '.join(value)} | gradient {' '.join(gradient)}", flush=True)
    if out == "-":
        print(Counter(r["value"][0] for r in rows.values()), Counter(r["grad"][0] for r in rows.values()))
    else:
        Path(out).write_text(json.dumps({"rows": rows, "table": ecosystem_cases.registered()}))


def run_engine(engine: str, wanted: str, out: str) -> bool:
    """All cases on an engine, in a process of its own."""
    path = os.pathsep.join(
        [str(ROOT / "tests"), str(ROOT / "tests" / "plugins"), os.environ.get("PYTHONPATH", "")]
    )
    environment = {
        **os.environ, "SCIPY_ARRAY_API": "1", "UNITENSOR_BACKEND": engine, "PYTHONPATH": path, "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
        # JAX compiles every function for every shape: what it compiled once is kept for the next time.
        "JAX_COMPILATION_CACHE_DIR": os.environ.get("JAX_COMPILATION_CACHE_DIR", f"{tempfile.gettempdir()}/jax-cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }  # fmt: skip
    command = [sys.executable, __file__, "--here", wanted, out]
    return subprocess.run(command, env=environment, check=False, cwd=ROOT).returncode == 0


def versions() -> str:
    """The libraries that were used."""
    names = ("unitensor", "scipy", "scikit-learn", "numpy", "jax", "torch", "array-api-strict", "array-api-extra", "einops", "pandas", "matplotlib")  # fmt: skip
    found = []
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def cell(row: dict[str, Any] | None) -> str:
    """A table's cell: value, gradient, and where or why."""
    if row is None:
        return ""
    value, grad = row["value"], row["grad"]
    if value[0] == "error":
        return f"error: {value[1]}".replace("|", "\\|")
    words = [value[0] if value[0] == "works" else f"{value[0]} {value[1]}".strip()]
    if grad[0] in ("right", "zero"):
        words.append(f"gradient {grad[0]}")
    elif grad[0] == "leaves":
        words.append("gradient refused" + (f" at {grad[1]}" if grad[1] != value[1] else ""))
    elif grad[0] != "none":
        words.append(f"**gradient {grad[0]}** {grad[1]}".strip())
    return ", ".join(words).replace("|", "\\|")


def page(found: dict[str, dict[str, Any]]) -> str:
    """The generated half of docs/ecosystem.md."""
    engines = list(found)
    names = list(dict.fromkeys(n for rows in found.values() for n in rows))
    lines = [
        f"Made by `docs/make_ecosystem.py` on {datetime.date.today():%Y-%m-%d} with {versions()}.", "",
        f"{len(names)} functions. Of each engine, how many:", "",
        "| engine | " + " | ".join(VALUES) + " | | " + " | ".join("gradient " + g for g in GRADIENTS) + " |",
        "|---" * (len(VALUES) + len(GRADIENTS) + 2) + "|",
    ]  # fmt: skip
    for engine in engines:
        values = Counter(r["value"][0] for r in found[engine].values())
        grads = Counter(r["grad"][0] for r in found[engine].values())
        lines.append(
            f"| {engine} | " + " | ".join(str(values[v]) for v in VALUES) + " | | "
            + " | ".join(str(grads[g]) for g in GRADIENTS) + " |"
        )  # fmt: skip
    chapters: dict[str, list[str]] = {}
    for name in names:
        chapters.setdefault(chapter(name), []).append(name)
    for title, members in chapters.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| function | " + " | ".join(engines) + " |",
            "|---" * (len(engines) + 1) + "|",
        ]
        for name in members:
            cells = [cell(found[e].get(name)) for e in engines]
            if len(set(cells)) == 1 and len(cells) > 1:
                cells = [cells[0], *['"'] * (len(cells) - 1)]
            lines.append(f"| {name.removeprefix(title + '.')} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def chapter(name: str) -> str:
    parts = name.split(".")
    return ".".join(parts[:3] if parts[1] in ("cluster", "spatial") else parts[:2])


def main(args: list[str]) -> None:
    if args[:1] == ["--here"]:
        return run_here(args[1], args[2])
    if args and args[0] in ENGINES:
        run_engine(args[0], args[1] if len(args) > 1 else "", "-")
        return None
    if args[:1] == ["page"]:
        return write_page(Path(args[1]))
    with tempfile.TemporaryDirectory() as folder:
        for engine in ENGINES:
            began = time.perf_counter()
            run_engine(engine, "", f"{folder}/{engine}.json")
            print(f"{engine}: {time.perf_counter() - began:.0f} s", flush=True)
        return write_page(Path(folder))


def write_page(folder: Path) -> None:
    """The page from the outcomes of the engines in a folder; what stands above the mark stays."""
    files = {engine: folder / f"{engine}.json" for engine in ENGINES}
    outcomes = {engine: json.loads(file.read_text()) for engine, file in files.items() if file.exists()}
    found = {engine: o["rows"] for engine, o in outcomes.items()}
    table = next(iter(outcomes.values()))["table"]
    head = PAGE.read_text().partition(MARK)[0] if PAGE.exists() else ""
    PAGE.write_text(head + MARK + "\n\n" + page(found) + remainder(table))


def remainder(table: dict[str, list[str]]) -> str:
    """What SciPy registers and the lists above lack."""
    text = "\n## Not listed\n\nBy SciPy's own table these take NumPy arrays alone"
    text += f" ({len(table['numpy'])}): " + ", ".join(f"`{n.removeprefix('scipy.')}`" for n in table["numpy"])
    if table["missing"]:
        text += ".\n\nWithout a case here: " + ", ".join(f"`{n}`" for n in table["missing"])
    return text + ".\n"


if __name__ == "__main__":
    main(sys.argv[1:])

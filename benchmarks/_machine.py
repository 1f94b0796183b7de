"""The machine: its description, and threads pinned alike for every library."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path

MARK = "UNITENSOR_BENCHMARK_THREADS"
PINS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")


def pin(threads: int) -> None:
    """Start this program anew, so that every library sees as many threads and cores from its import on."""
    if os.environ.get(MARK) == str(threads):
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    env = {**os.environ, **dict.fromkeys(PINS, str(threads)), MARK: str(threads), "JAX_ENABLE_X64": "1"}
    os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]], env)


def describe(threads: int) -> dict[str, str]:
    """What a figure depends on."""
    names = ("numpy", "scipy", "torch", "jax", "autograd", "mygrad")
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "-"
    return {
        "processor": _processor(),
        "cores": f"{os.cpu_count()}, {threads} used",
        "load": " ".join(f"{x:.1f}" for x in os.getloadavg()) if hasattr(os, "getloadavg") else "-",
        "python": platform.python_version(),
        **versions,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        found = {k.strip(): v.strip() for k, v in lines.items()}
        facts = (found.get("flags") or "").split()
        vector = "AVX-512" if "avx512f" in facts else "AVX2" if "avx2" in facts else ""
        return " ".join(filter(None, (found.get("model name", platform.machine()), vector)))
    return platform.processor() or platform.machine()

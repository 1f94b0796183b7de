"""What `import unitensor` costs over `import numpy`.

    python benchmarks/import_time.py
    python benchmarks/import_time.py --modules     # which modules the difference is made of

Fresh interpreters take turns, so that both see the same machine; medians are compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

ALLOWED_MS = 60.0
#: Installed packages have their bytecode, so it is written here, too.
ENV = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def seconds(statement: str) -> float:
    """The wall time of a fresh interpreter that runs one statement."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, env=ENV)
    return time.perf_counter() - start


def measure(runs: int) -> tuple[float, float]:
    """Median milliseconds of `import numpy` and of `import unitensor`, in turns."""
    seconds("import unitensor")  # writes the bytecode
    numpy, unitensor = [], []
    for _ in range(runs):
        numpy.append(seconds("import numpy"))
        unitensor.append(seconds("import unitensor"))
    return 1000 * statistics.median(numpy), 1000 * statistics.median(unitensor)


def modules() -> list[tuple[float, str]]:
    """Milliseconds of its own that each module takes which `import numpy` does not import."""
    code = "import numpy, sys; sys.stderr.write('---\\n'); import unitensor"
    command = [sys.executable, "-X", "importtime", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=ENV)
    lines = done.stderr.partition("---")[2].splitlines()
    parts = [line.removeprefix("import time:").split("|") for line in lines if line.count("|") == 2]
    return sorted(((int(own) / 1000, name.strip()) for own, _, name in parts), reverse=True)


def main() -> None:
    """Print the figures; fail if the difference is more than allowed."""
    parser = argparse.ArgumentParser(description="Time `import unitensor` over `import numpy`.")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--modules", action="store_true")
    options = parser.parse_args()
    if options.modules:
        for own, name in modules():
            print(f"{own:8.2f} ms  {name}")
        return
    numpy, unitensor = measure(options.runs)
    more = unitensor - numpy
    print(f"import numpy      {numpy:7.1f} ms")
    print(f"import unitensor  {unitensor:7.1f} ms")
    print(f"difference        {more:7.1f} ms of {ALLOWED_MS:.0f} allowed")
    sys.exit(more > ALLOWED_MS)


if __name__ == "__main__":
    main()

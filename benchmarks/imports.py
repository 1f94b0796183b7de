"""What importing costs, in fresh interpreters."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

from ._bench import Figure, measure
from ._peers import peer
from .import_time import ENV

#: The same array by an engine itself and through us; `import unitensor` is measured apart.
ENGINES = {
    "torch": "import torch, array_api_compat.torch; torch.ones(2)",
    "jax": "import jax.numpy; jax.numpy.ones(2)",
}
IMPORT = "import unitensor as ut; "
USE = IMPORT + "\nwith ut.use_backend('{}'): ut.ones(2)"


def seconds(statement: str) -> float:
    """The processor time of a fresh interpreter that runs a statement."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True, env=ENV)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def medians(statements: dict[str, str], runs: int) -> dict[str, float]:
    """Median milliseconds of fresh interpreters that run a statement each, in turns."""
    samples: dict[str, list[float]] = {k: [] for k in statements}
    for i in range(runs + 1):
        for k, statement in statements.items():
            taken = 1000 * seconds(statement)
            if i:  # the first writes the bytecode
                samples[k].append(taken)
    return {k: statistics.median(v) for k, v in samples.items()}


@measure("import time")
def imports(quick: bool) -> list[Figure]:
    case = "import time"
    basic = {"numpy": "import numpy", "unitensor": "import unitensor"}
    ms = medians(basic, 5 if quick else 25)
    found = [
        Figure(case, "import numpy", ms["numpy"], "ms"),
        Figure(case, "import unitensor over import numpy", ms["unitensor"] - ms["numpy"], "ms", 40.0),
    ]
    for name, engine in ENGINES.items():
        if peer(name):
            ms = medians({"engine": IMPORT + engine, "ours": USE.format(name)}, 3 if quick else 9)
            what = f"first array on {name} over its own ({ms['engine']:.0f} ms with the imports)"
            # 20 ms of slack: a hundredth of the two, and their noise on a busy machine.
            found.append(Figure(case, what, ms["ours"] - ms["engine"], "ms", 20.0))
    return found

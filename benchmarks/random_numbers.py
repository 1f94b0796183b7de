"""Random numbers, beside NumPy's own generator."""

from __future__ import annotations

import numpy as np

import unitensor as ut

from ._bench import US, Run, race


@race("a million normals", ratio={"numpy": 1.5}, unlike=("numpy",))
def normals() -> dict[str, Run]:
    rng, g = np.random.default_rng(0), ut.random.Generator(0)
    return {US: lambda: g.normal((1_000_000,)), "numpy": lambda: rng.standard_normal(1_000_000)}

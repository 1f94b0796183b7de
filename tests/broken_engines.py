"""Broken engines, each a sound one, mostly NumPy, with one realistic fault, and what the conformance suite says of them.

`python tests/broken_engines.py --level quick` tries the whole gallery and prints what was missed;
`test_conformance.py` runs the same.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from faults import FAULTS, Fault
from unitensor_conformance import all_checks, run_checks

import unitensor as ut
from unitensor import _backend
from unitensor._op import namespaces


def backend_with(fault: Fault) -> type[ut.Backend]:
    """A sound backend with one fault."""
    attribute = fault.path.replace(".", "_")

    def method(self: Any, *args: Any, **options: Any) -> Any:
        sound: Any = ut.load_backend(fault.base)
        if not hasattr(sound, attribute):
            sound = sound.namespace
            for part in fault.path.split("."):
                sound = getattr(sound, part)
        else:
            sound = getattr(sound, attribute)
        return fault.wrong(sound, *args, **options)

    sound = type(ut.load_backend(fault.base))
    return type("Broken", (sound,), {"name": fault.name, attribute: method})


def register(fault: Fault) -> str:
    """Make a broken engine known; its name."""
    ut.load_backend("numpy")  # before it: arrays of NumPy's must not be taken for the broken engine's
    ut.register_backend(fault.name, backend_with(fault))
    return fault.name


def forget(fault: Fault) -> None:
    """Take a broken engine out of every registry again."""
    _backend._factories.pop(fault.name, None)
    _backend.forget(fault.name)
    namespaces[:] = [xp for xp in namespaces if xp.backend.name != fault.name]


def reports(fault: Fault, level: str) -> str:
    """The first check of the op that is wrong which fails on the broken engine; '' if none does."""
    name = register(fault)
    try:
        for check in all_checks():
            if check.op == fault.reported_at:
                outcomes, _ = run_checks([check], name, level=level)
                if outcomes[0].state == "failed":
                    return check.name
        return ""
    finally:
        forget(fault)


def main() -> int:
    """Run the suite on the whole gallery; 1 if it misses more than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--level", default="quick", choices=("quick", "full"))
    parser.add_argument("--only", default="", help="part of a fault's description")
    options = parser.parse_args()
    sys.path.append(str(Path(__file__).with_name("plugins")))  # where some of the sound engines are found
    faults = [f for f in FAULTS if options.only in f.what]
    began = time.perf_counter()
    missed = [f for f in faults if not reports(f, options.level)]
    print(f"{len(faults) - len(missed)} of {len(faults)} broken engines reported at {options.level} level")
    print(f"in {time.perf_counter() - began:.0f} s")
    print(*(f"missed: {f.what}, at {f.reported_at}" for f in missed), sep="\n")
    return int(len(missed) > (0.05 * len(faults) if options.level == "quick" else 0))


if __name__ == "__main__":
    sys.exit(main())

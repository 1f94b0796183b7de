"""Checks of the hooks of the protocol: short programs on the engine alone.

Each sets `out` and `expected`; where they differ, the program itself is what reproduces it. A
program that names `dtype` runs for every dtype that the engine has, one that names `number` for all but bool.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ._checks import Check, Run
from ._compare import Failure, difference
from ._hook_programs import HOOKS, PROLOGUE

KINDS = {"assign": "writing"}
#: The words that a program may name, by the dtypes that they stand for.
WORDS: dict[str, tuple[str, ...]] = {
    "floating": ("float32", "float64", "complex64", "complex128"),
    "real": ("float32", "float64"),
    "complex_": ("complex64", "complex128"),
    "integer": ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    "signed": ("int32", "int64", "float32", "float64", "complex128"),
    "moved": ("float32", "float64", "int32", "int64", "uint8", "complex128"),
    "dtype": (),
    "number": (),
}


def checks() -> Iterator[Check]:
    """The checks of this file: one a hook."""
    for name, text in HOOKS.items():
        programs = [p.strip() for p in text.strip().split("\n\n")]
        kind = KINDS.get(name, "interchange")
        yield Check(name, "protocol", kind, partial(_check, name, programs), "hook")


def _check(name: str, programs: list[str], run: Run) -> None:
    for text in programs:
        for word, dtype in _dtypes(text, run):
            run.counted(name)
            told = f"{word} = {dtype!r}\n" if word else ""
            _one(name, PROLOGUE.format(backend=run.backend) + told + text)


def _dtypes(text: str, run: Run) -> list[tuple[str, str]]:
    """The word that a program names and each dtype that it stands for, of those that the engine has."""
    own = [d.name for d in run.engine().dtypes()]
    for word, named in WORDS.items():
        if re.search(rf"[ (=]{word}[,)]", text):
            every = named or [d for d in own if word == "dtype" or d != "bool"]
            return [(word, d) for d in every if d in own]
    return [("", "")]


def _one(name: str, text: str) -> None:
    scope: dict[str, Any] = {}
    snippet = text + "\nprint(out, expected)"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(text, scope)
        except Exception as error:
            raise Failure(name, "an error", scope.get("expected", "none"), error, snippet) from None
    out, expected = scope["out"], scope["expected"]
    if isinstance(expected, np.ndarray):
        why = difference(expected, np.asarray(out), 0, 0)
    else:
        why = "" if out == expected else "another answer"
    if why:
        raise Failure(name, why, expected, out, snippet)

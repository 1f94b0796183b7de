"""Writing and reading at keys of every kind, into arrays and into views of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import unitensor as ut

from ._calls import held_on
from ._checks import Check, Run
from ._combinations import keys
from ._compare import Failure, difference
from ._programs import PREPARE

#: What is written into, views of an array a of 8 x 4 x 4; the same in NumPy.
TARGETS: dict[str, Callable[[Any], Any]] = {
    "a[:4]": lambda a: a[:4],
    "a[::-2]": lambda a: a[::-2],
    "ut.permute_dims(a[4:], (2, 0, 1))": lambda a: np.transpose(a[4:], (2, 0, 1)),
}
#: What is written at a key: an array of its shape, with one axis more, of its last axis alone, of all others; ...
VALUES = ("full", "longer", "last", "column", "0-d", "number")


def check_keys(run: Run) -> None:
    """`x[key] = value` changes what it does in NumPy, and nothing else; and `x[key]` reads it."""
    dtypes = [d.name for d in run.engine().dtypes() if d.name not in ("bool", "float16", "bfloat16")]
    targets = list(TARGETS)
    for i, key in enumerate(keys()):
        for j, form in enumerate(VALUES):
            dtype, target = dtypes[(i + j) % len(dtypes)], targets[(i + j) % len(targets)]
            run.counted("setitem")
            a = np.arange(128).reshape(8, 4, 4).astype(dtype)
            x = TARGETS[target](a)
            value = _value(x[key].shape, form, dtype)
            try:
                x[key] = value
            except TypeError:  # of one axis more than a mask alone selects
                continue
            _one(run, key, target, value, a)


def _value(shape: tuple[int, ...], form: str, dtype: str) -> Any:
    if form == "number":
        return 101
    column = (*shape[:-1], 1)[: len(shape)]
    shape = {"full": shape, "longer": (1, *shape), "last": shape[-1:], "column": column, "0-d": ()}[form]
    x = np.arange(int(np.prod(shape))).reshape(shape)
    kind = np.dtype(dtype).kind
    if kind in "fc":  # numbers that need every bit of their dtype, and special ones
        special = np.resize([0.0, 0.0, np.nan, 0.0, -np.inf], x.shape)
        return (x + 1 / 3 - (x / 7j if kind == "c" else 0) + special).astype(dtype)
    return np.asarray(np.iinfo(dtype).max, dtype) - x.astype(dtype)


def _one(run: Run, key: Any, target: str, value: Any, expected: Any) -> None:
    text = (
        PREPARE.format(backend=run.backend)
        + "import numpy as np\nfrom numpy import array\n"
        + f"a = ut.asarray(np.arange(128).reshape(8, 4, 4).astype({expected.dtype.name!r}))\n"
        + f"x = {target}\nkey, value = {key!r}, {value!r}\n"
        + "at = lambda k: ut.asarray(k) if isinstance(k, np.ndarray) else k\n"
        + "key = tuple(map(at, key)) if isinstance(key, tuple) else at(key)\n"
        + "x[key] = at(value)\nprint(a, x[key])"
    )
    with ut.use_backend(run.backend), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        a = held_on(run, np.arange(128).reshape(8, 4, 4).astype(expected.dtype))
        x = eval(target, {"ut": ut, "a": a})
        held = tuple(held_on(run, k) for k in key) if type(key) is tuple else held_on(run, key)
        try:
            x[held] = held_on(run, value)
            read = np.array(x[held].numpy())
        except Exception as error:
            run.refused(error)
            raise Failure("setitem", "an error", expected, error, text) from None
    if why := difference(expected, np.array(a.numpy()), 0, 0):
        raise Failure("setitem", f"the array after a write: {why}", expected, np.array(a.numpy()), text)
    there = TARGETS[target](expected)[key]
    if why := difference(np.asarray(there), read, 0, 0):
        raise Failure("setitem", f"read again: {why}", there, read, text)


def checks() -> Iterator[Check]:
    """The check of this file."""
    yield Check("setitem", "programs", "writing", check_keys, "keys")

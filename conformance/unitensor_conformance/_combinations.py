"""Every combination of axes, shifts, lengths and keys, in one dtype: what depends on shapes alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from unitensor._op import Op

from ._samples import Arguments, M

#: The axes of three, counted from either side.
AXES = (0, 1, 2, -1, -2, -3)
#: Where an axis taken for another one makes no error of shape.
SQUARE, CUBE = (3, 3), (3, 3, 3)
#: Axes of length 1, and others beside them; and axes of equal length.
ODD = [
    (s, a)
    for s in ((1,), (1, 3), (3, 1), (2, 1, 3), (1, 1, 1), SQUARE, CUBE, (2, 2, 2, 2))
    for a in range(-len(s), len(s))
]


def _subsets(n: int) -> list[tuple[int, ...]]:
    """Every choice of n axes, in two orders, every second counted from the end."""
    chosen = [c for k in range(n + 1) for c in itertools.combinations(range(n), k)]
    return [*chosen, *(tuple(a - n if i % 2 else a for i, a in enumerate(c[::-1])) for c in chosen[1:])]


def _reduced() -> list[Arguments]:
    every: list[Any] = [None, *AXES, *_subsets(3)]
    found = [{"x": M(2, 3, 4), "axis": axis, "keepdims": i % 2 > 0} for i, axis in enumerate(every)]
    return [*found, *({"x": M(*s), "axis": a, "keepdims": k} for s, a in ODD for k in (False, True))]


def _along_one(**options: tuple[Any, ...]) -> list[Arguments]:
    return [
        {"x": M(2, 3, 4), "axis": axis, **dict(zip(options, values))}
        for axis in AXES
        for values in itertools.product(*options.values())
    ] + [{"x": M(*s), "axis": a, **{k: v[0] for k, v in options.items()}} for s, a in ODD]


def _moved() -> list[Arguments]:
    pairs = list(itertools.permutations(range(3), 2))
    return [
        {"x": M(2, 3, 4), "source": s, "destination": tuple(a - 3 for a in d) if sum(s) == 2 else d}
        for s, d in itertools.product(pairs, repeat=2)
    ]


def _taken() -> list[Arguments]:
    """Indices from either end and of every dtype that has them."""
    indices = [
        {"x": M(2, 3, 4), "indices": np.asarray([1, -1, -2, 0, 1], d), "axis": axis}
        for axis, d in zip(AXES, ("int8", "int16", "int32", "int64", "int32", "int8"))
    ]
    far = [
        {"x": M(300, 2), "indices": np.asarray([n - 1, n // 2, 0, n // 2 + 1], d), "axis": 0}
        for n, d in ((256, "uint8"), (300, "uint16"), (300, "int16"), (300, "uint32"), (300, "uint64"))
    ]
    return [*indices, *far, {"x": M(2, 3, 4), "indices": np.asarray([], np.int64), "axis": 1}]


def _taken_along() -> list[Arguments]:
    """Indices whose other axes are as long as the array's, or one, or broadcast it."""
    shapes = [
        ((2, 3, 4), (2, 3, 2)),
        ((2, 3, 4), (1, 3, 5)),
        ((2, 1, 4), (2, 3, 3)),
        ((2, 3, 4), (1, 1, 0)),
        (CUBE, CUBE),
    ]
    return [
        {
            "x": M(*np.moveaxis(np.empty(x), -1, axis).shape),
            "indices": np.moveaxis(index, -1, axis),
            "axis": axis,
        }
        for axis in AXES
        for x, i in shapes
        for index in [
            (np.arange(np.prod(i)).reshape(i) * 5 % (2 * x[-1]) - x[-1]).astype(
                "int32" if axis == 1 else "int64"
            )
        ]
    ]


def _padded() -> list[Arguments]:
    return [
        {"x": M(*shape), "k": k}
        for shape in ((3, 4), (4, 2), (2, 1, 3), (1, 4), (0, 3))
        for k in range(-5, 6)
    ]


def _joined() -> list[Arguments]:
    shapes = ((2, 3, 4), (1, 3, 4), (3, 3, 4), (0, 3, 4))
    return [
        {"arrays": [M(*np.moveaxis(np.empty(s), 0, axis).shape) for s in shapes[:n]], "axis": axis}
        for axis in AXES
        for n in (2, 3, 4)
    ] + [{"arrays": [M(0), M(3)]}, {"arrays": [M(0), M(0)]}, {"arrays": [M(3)]}, {"arrays": [M(2)] * 20}]


def _rolled() -> list[Arguments]:
    one = itertools.product((-25, -13, -5, 0, 3, 14), (None, *AXES))
    several = itertools.product((1, (1, -2), (-4, 3)), ((0, 1), (1, -1), (2, 0)))
    every = [*one, *several, ((1, 2, -1), (0, 1, 2)), ((3, 1), (1, 1))]
    return [{"x": M(2, 3, 4), "shift": s, "axis": a} for s, a in every] + [{"x": M(0, 3), "shift": 2}]


def _repeated() -> list[Arguments]:
    counts = [np.asarray([2, 0, 1, 3][:n]) for n in (2, 3, 4)]
    found = [{"x": M(2, 3, 4), "repeats": r, "axis": a} for a in AXES for r in (counts[a % 3], 3, 0)]
    flat = [{"x": M(2, 3), "repeats": np.asarray([2, 0, 1, 3, 1, 0])}, {"x": M(2, 2), "repeats": 3}]
    narrow = [{"x": M(3), "repeats": np.asarray([3, 0, 1], d)} for d in ("int8", "int32", "uint8", "uint32")]
    return [*found, *flat, *narrow, {"x": M(3), "repeats": np.asarray([2])}]


def _reshaped() -> list[Arguments]:
    shapes = ((24,), (-1,), (6, 4), (4, -1), (3, 2, 4), (2, 2, 2, 3), (1, 24, 1), (-1, 1, 8), (2, 3, 4))
    found: list[Arguments] = [{"x": M(2, 3, 4), "shape": s} for s in shapes]
    return [*found, *({**f, "copy": True} for f in found)]


MASK = np.arange(64).reshape(4, 4, 4) % 3 == 1


def _parts(n: int) -> list[Any]:
    """The parts of a key, for an axis of four: arrays among them name n places."""
    return [
        0,
        -1,
        slice(None),
        slice(None, None, -1),
        slice(1, None),
        slice(-2, None, -1),
        slice(None, None, 3),
        slice(3, 0, -2),
        slice(-3, None),
        slice(None, -1),
        slice(-9, 9),
        slice(2, 2),
        None,
        np.asarray([0, 2, 3][:n]),
        np.asarray([-1, 1, -4][:n]),
        np.asarray([[0], [3]]),
        np.isin(np.arange(4), [2, 1, 3][:n]),
        np.asarray(2),
    ]


def keys(n: int = 200) -> list[Any]:
    """Keys of every kind to an array of 4 x 4 x 4: no place is named twice, and all broadcast."""
    rng = np.random.default_rng(3)
    whole = [MASK, MASK[0], MASK[:, 0, 0], ~MASK, (MASK[0], 1), (slice(1, 3), MASK[0]), (..., MASK[0])]
    some = _parts(2)
    a, b, c = np.asarray([0, 2, 3]), np.asarray([-1, 1, -4]), np.asarray([1, 0, 2])
    several: list[Any] = [
        (a, b),
        (a, b, c),
        (slice(None), a, b),
        (a, slice(None), b),
        (a, 1),
        (1, a),
        (a, b[:, None]),
    ]
    alone = [*some, np.asarray([3, 0, 1]), np.asarray([], np.int64), MASK & False, True, False, Ellipsis, ()]
    ends: list[Any] = [0, -1, slice(1, None), slice(None, None, -1), a, None]
    several += [(p, ..., q) for p in ends for q in ends]
    pairs = [key for p in some for key in ((..., p), (p, ...), (slice(None), p), (None, p))]
    found: list[Any] = [*whole, *several, *alone, *pairs]
    while len(found) < n:
        some = _parts(int(rng.integers(1, 4)))
        parts = [some[i] for i in rng.integers(0, len(some), rng.integers(1, 5))]
        if len([p for p in parts if p is not None]) > 3:
            continue
        if rng.integers(0, 3) == 0:
            parts.insert(int(rng.integers(0, len(parts) + 1)), Ellipsis)
        found.append(tuple(parts))
    return found


def _picked() -> list[Arguments]:
    repeated = [
        np.asarray([1, 1, 3]),
        (slice(None), np.asarray([2, 2])),
        (np.asarray([0, 0]), np.asarray([1, 1])),
        (np.asarray([2, 0, 3]), np.asarray([1, 3, 0])),
    ]
    return [{"x": M(4, 4, 4), "key": key} for key in [*keys(), *repeated]]


def _written() -> list[Arguments]:
    """A value for each place that a key selects; and one that is broadcast."""
    shapes = [np.empty((4, 4, 4))[key].shape for key in keys()]
    return [
        {"x": M(4, 4, 4), "value": M(*(shape[-1:] if i % 4 == 3 else shape)), "key": key, "flat": False}
        for i, (key, shape) in enumerate(zip(keys(), shapes))
    ]


def _added() -> list[Arguments]:
    """What is read at a key goes back there, repeated indices added up."""
    shape = (4, 4, 4)
    every: list[Any] = [
        *keys(),
        np.asarray([1, 1, 3, 1]),
        (slice(None), np.asarray([2, 0, 2])),
        (1, np.asarray([-1, 3])),
    ]
    flat = [
        {"x": M(4), "key": key, "shape": (4,)}
        for key in (np.asarray([1, 1, 3, 1]), (np.asarray([-1, 3, 0, 3]),))
    ]
    return [{"x": M(*np.empty(shape)[key].shape), "key": key, "shape": shape} for key in every] + flat


COMBINED: dict[str, list[Arguments]] = {
    "argmax": _along_one(keepdims=(False, True)),
    "argmin": _along_one(keepdims=(False, True)),
    "argsort": _along_one(descending=(False, True), stable=(True, False)),
    "broadcast_to": [
        {"x": M(*x), "shape": s}
        for x, s in (
            ((1, 3), (2, 3)),
            ((3, 1), (3, 4)),
            ((1, 1), (0, 5)),
            ((0,), (2, 0)),
            ((2, 1, 3), (4, 2, 5, 3)),
            ((), ()),
            ((3,), SQUARE),
            ((1, 3), CUBE),
            ((3, 1), CUBE),
            ((2, 2), (2, 2, 2, 2)),
        )
    ],
    "concat": _joined(),
    "cumulative_prod": _along_one(include_initial=(False, True)),
    "cumulative_sum": _along_one(include_initial=(False, True)),
    "expand_dims": [{"x": M(2, 3), "axis": a} for a in (*AXES, *itertools.permutations((0, 1, -1, -2), 2))],
    "flip": [{"x": M(2, 3, 4), "axis": a} for a in (None, *AXES, *_subsets(3))],
    "getitem": _picked(),
    "matrix_transpose": [{"x": M(*s)} for s in ((2, 3, 4), (4, 1, 2, 3), (2, 0), (0, 2, 3))],
    "moveaxis": _moved(),
    "permute_dims": [
        {"x": M(2, 3, 4, 5), "axes": tuple(a - 4 * (i % 2) for a in p)}
        for i, p in enumerate(itertools.permutations(range(4)))
    ],
    "put": _written(),
    "repeat": _repeated(),
    "reshape": _reshaped(),
    "roll": _rolled(),
    "scatter_add": _added(),
    "sort": _along_one(descending=(False, True), stable=(True, False)),
    "squeeze": [{"x": M(1, 2, 1), "axis": a} for a in (0, 2, -1, -3, (), (0, 2), (2, 0), (-1, 0), (-3,))],
    "stack": [{"arrays": [M(2, 3, 4)] * 3, "axis": a} for a in (0, 1, 2, 3, -1, -2, -3, -4)]
    + [
        {"arrays": [M()] * 4},
        {"arrays": [M()]},
        {"arrays": [M(3)], "axis": 1},
        {"arrays": [M(3)] * 3, "axis": -1},
        {"arrays": [M(0), M(0)], "axis": 1},
    ],
    "take": _taken(),
    "take_along_axis": _taken_along(),
    "tile": [{"x": M(2, 3), "repetitions": r} for r in itertools.product((0, 1, 2), repeat=3)]
    + [{"x": M(2, 3, 4), "repetitions": r} for r in ((2,), (3, 2), (1, 1, 1), (2, 1, 1, 2))],
    "tril": _padded(),
    "triu": _padded(),
}


def combined(made: Op) -> Iterator[Arguments]:
    """The combinations of an op."""
    yield from COMBINED.get(made.path, [])
    if "keepdims" in made.options and not made.module and made.name not in ("argmax", "argmin"):
        yield from _reduced()

"""More forms of arguments than those that gradients are checked with: every keyword, and awkward shapes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import unitensor as ut
from unitensor._op import Op

from ._samples import INDEX, Arguments, Array, M, positive

REDUCED: list[Arguments] = [
    {"x": M(3, 4), "axis": axis, "keepdims": keepdims}
    for axis, keepdims in itertools.product((None, 0, 1, -1, -2), (False, True))
] + [{"x": M(9)}, {"x": M()}, {"x": M(2, 3, 2), "axis": 1}, {"x": M(2, 3, 1, 2), "axis": -3}]
BY_SEVERAL: list[Arguments] = [
    {"x": M(2, 3, 2), "axis": (0, -1)},
    {"x": M(2, 3, 2), "axis": (1, 2), "keepdims": True},
    {"x": M(2, 3), "axis": ()},
    {"x": M(2, 3, 2, 2), "axis": (1, -1)},
]
NOTHING: list[Arguments] = [{"x": M(0)}, {"x": M(0, 3), "axis": 0}, {"x": M(2, 0), "axis": 1}]
#: Sums and products of a hundred: an accumulator too small overflows or loses digits.
MANY: list[Arguments] = [{"x": M(300)}, {"x": M(2, 130), "axis": 1}]
SORTED: list[Arguments] = (
    [{"x": M(40), "descending": descending} for descending in (False, True)]
    + [{"x": M(3, 20), "axis": axis, "descending": axis == 0} for axis in (0, 1, -1, -2)]
    + [{"x": M(2, 3, 2, 2), "axis": -3}]
)
BY_N: list[Arguments] = [
    {"x": M(4, 5), "axis": axis, "n": n, "norm": norm}
    for axis, n, norm in itertools.product((0, -1, -2), (None, 3, 6), ("backward", "ortho", "forward"))
]
BY_S: list[Arguments] = [
    {"x": M(3, 4), "s": s, "axes": axes, "norm": norm}
    for (s, axes), norm in itertools.product(
        ((None, None), (None, (0,)), (None, (-1, 0)), ((2, 5), (0, 1)), ((3,), (-1,))),
        ("backward", "ortho", "forward"),
    )
] + [{"x": M(2, 3, 4), "axes": (2, 0)}]
SHIFTED: list[Arguments] = [
    {"x": M(3, 5)},
    {"x": M(3, 4), "axes": 0},
    {"x": M(3, 4), "axes": (0, -1)},
]
RUNS: list[Arguments] = [
    {"x": M(3, 4), "axis": axis, "include_initial": initial}
    for axis, initial in itertools.product((0, 1, -1, -2), (False, True))
] + [{"x": M(4), "dtype": ut.float32}, {"x": M(2, 3, 1, 2), "axis": 1}]


def singular(x: Any) -> Any:
    """Matrices whose rows are all the same."""
    return np.ones_like(x)


def lower_only(x: Any) -> Any:
    """Matrices of which the lower triangle alone is that of a Hermitian, positive definite one."""
    return np.tril(positive(x)) + np.triu(x, 1)


def upper_only(x: Any) -> Any:
    """Matrices of which the upper triangle alone is that of a Hermitian, positive definite one."""
    return np.triu(positive(x)) + np.tril(x, -1)


def graded(x: Any) -> Any:
    """Matrices with singular values far apart: 1, 0.1 and 0.001."""
    q, _ = np.linalg.qr(x.astype(np.result_type(x, np.float32)))
    return (q * [1.0, 0.1, 0.001]) @ np.conj(np.swapaxes(q, -1, -2))


#: More forms than those that gradients are checked with: every keyword, and the awkward shapes.
MORE: dict[str, list[Arguments]] = {
    "argmax": REDUCED,
    "argmin": REDUCED,
    "argsort": SORTED,
    "sort": SORTED,
    "astype": [{"x": M(13), "dtype": getattr(ut, d)} for d in ("bool", "uint8", "int16", "int64", "float32")]
    + [{"x": M(13), "dtype": ut.float64, "copy": False}],
    "cumulative_sum": RUNS,
    "cumulative_prod": RUNS,
    "expand_dims": [{"x": M(2, 3), "axis": axis} for axis in (0, 1, 2, -1, -2, -3)]
    + [{"x": M(2, 1, 3), "axis": 1}],
    "flip": [{"x": M(5)}, {"x": M(2, 2, 3)}]
    + [{"x": M(2, 3, 2), "axis": axis} for axis in (None, 0, 1, -1, (0, 2), (-1, 0))]
    + [{"x": M(2, 3, 1, 2), "axis": (1, -1)}],
    "full_like": [{"x": M(2, 0), "fill_value": 2}, {"x": M(3), "fill_value": 1, "dtype": ut.float32}]
    + [{"x": M(3, 1), "fill_value": v, "dtype": ut.complex128} for v in (True, -3, 0.1, ut.nan, 1 - 2j)]
    + [{"x": M(), "fill_value": v, "dtype": ut.float32} for v in (1000, 0.1, -ut.inf)]
    + [{"x": M(1, 2, 2), "fill_value": 99, "dtype": ut.int8}, {"x": M(4), "fill_value": True}],
    "ones_like": [{"x": M(2, 0)}, {"x": M(3), "dtype": ut.int16}, {"x": M()}],
    "zeros_like": [{"x": M(2, 0)}, {"x": M(3), "dtype": ut.int16}, {"x": M()}],
    "empty_like": [{"x": M(2, 0)}, {"x": M(3), "dtype": ut.int16}, {"x": M()}],
    "linalg.cholesky": [
        {"x": Array((2, 3, 3), then=positive)},
        {"x": Array((3, 3), then=lower_only)},
        {"x": Array((3, 3), then=upper_only), "upper": True},
    ],
    "linalg.det": [{"x": Array((2, 2), then=singular)}, {"x": M(2, 3, 3)}],
    "linalg.eigh": [{"x": Array((2, 3, 3), then=positive)}, {"x": Array((3, 3), then=lower_only)}],
    "linalg.eigvalsh": [{"x": Array((3, 3), then=lower_only)}],
    "linalg.inv": [{"x": Array((2, 2), then=singular)}, {"x": M(3, 1, 2, 2)}],
    "linalg.slogdet": [{"x": Array((2, 2), then=singular)}, {"x": M(2, 3, 3)}],
    "linalg.solve": [
        {"x1": M(2, 3, 3), "x2": M(2, 3, 2)},
        {"x1": M(2, 3, 3), "x2": M(3)},
        {"x1": M(2, 1, 2, 2), "x2": M(3, 2, 1)},
        {"x1": M(3, 3, 3), "x2": M(3, 3)},  # one matrix, no stack of vectors
        {"x1": Array((2, 2), then=singular), "x2": M(2)},
    ],
    "getitem": [
        {"x": M(3, 4), "key": key}
        for key in (
            (-1,),
            (slice(None), -2),
            (slice(-2, None), slice(None, -1)),
            (..., -1),
            (None, 1, ..., None),
            (np.asarray([-1, 0]),),
            (np.asarray([2, -3]), np.asarray([-1, 0])),
            (slice(None, None, -2), np.asarray([1, 1, -4])),
            (np.asarray([[1], [-1]]), np.asarray([0, 3])),
            (np.arange(12).reshape(3, 4) % 3 == 1,),
            (slice(None), np.asarray([True, False, False, True])),
            (np.asarray([], np.int64),),
            (slice(2, 1),),
        )
    ]
    + [
        {"x": M(2, 3, 4), "key": (np.asarray([0, 1]), slice(None), np.asarray([2, -1]))},
        {"x": M(2, 3, 4), "key": (0, slice(None), np.asarray([2, -1]))},
    ],
    "isin": [
        {"x1": M(20), "x2": M(16)},
        {"x1": M(20), "x2": M(16), "invert": True},
        {"x1": M(9), "x2": M(5), "invert": True},
        {"x1": M(3), "x2": M(0)},
        {"x1": M(3), "x2": M(0), "invert": True},
        {"x1": M(3), "x2": 1},
    ],
    "moveaxis": [
        {"x": M(2, 3, 4), "source": 2, "destination": 0},
        {"x": M(2, 3, 1, 4), "source": (0, -1), "destination": (2, 1)},
    ],
    "nonzero": [{"x": M(0, 3)}, {"x": M(3, 2, 2)}, {"x": M(9)}],
    "permute_dims": [{"x": M(2, 3, 4), "axes": axes} for axes in ((0, 1, 2), (1, 2, 0), (-1, 0, -2))]
    + [{"x": M(2, 1, 3, 2), "axes": (3, 1, 0, 2)}],
    "repeat": [{"x": M(2, 3), "repeats": 2, "axis": 0}, {"x": M(2, 3), "repeats": 0, "axis": -1}],
    "reshape": [
        {"x": M(0, 3), "shape": (3, -1)},
        {"x": M(0, 3), "shape": (-1, 2, 3)},
        {"x": M(2, 3), "shape": (-1,)},
        {"x": M(2, 3), "shape": (3, 2), "copy": True},
    ],
    "roll": [
        {"x": M(3, 4), "shift": s, "axis": a} for s, a in ((5, 0), (-1, -2), ((2, -1), (0, 0)), (-7, None))
    ]
    + [{"x": M(2, 3, 1, 2), "shift": (4, -1), "axis": (1, -1)}],
    "scatter_add": [
        {"x": M(5), "key": np.asarray([2, 0, 2, 2, -1]), "shape": (4,)},
        {"x": M(4, 3), "key": np.asarray([1, -1, 1, 0]), "shape": (3, 3)},
    ],
    "searchsorted": [
        {"x1": Array((7,), then=np.sort), "x2": M(9), "side": "right"},
        {"x1": Array((0,)), "x2": M(2)},
        {"x1": Array((5,), then=np.sort), "x2": M()},
        {"x1": Array((5,), then=np.sort), "x2": 2, "side": "right"},
        {"x1": Array((5,), then=np.sort), "x2": M(2, 0, 3)},
        {"x1": np.asarray([3, 1, 2, 2]), "x2": M(6), "sorter": np.asarray([1, 2, 3, 0])},
        {"x1": np.asarray([3, 1, 2, 2]), "x2": M(6), "sorter": np.asarray([1, 2, 3, 0]), "side": "right"},
    ],
    "squeeze": [{"x": M(1, 3, 1), "axis": axis} for axis in (0, -1, (0, -1), ())],
    "stack": [{"arrays": [M(2, 3), M(2, 3)], "axis": axis} for axis in (0, 1, 2, -2, -3)]
    + [{"arrays": [M(2, 2, 3), M(2, 2, 3)], "axis": 1}],
    "concat": [{"arrays": [M(2, 3), M(2, 3)], "axis": axis} for axis in (0, 1, -1, -2)]
    + [{"arrays": [M(2, 3), M(2, 2)], "axis": None}, {"arrays": [M(1, 2, 2, 1), M(1, 1, 2, 1)], "axis": -3}],
    "take": [{"x": M(3, 4), "indices": np.asarray([2, 0, 2, -1]), "axis": a} for a in (0, 1, -1, -2)]
    + [{"x": M(2, 3, 1, 2), "indices": np.asarray([1, -3]), "axis": 1}],
    "take_along_axis": [{"x": M(2, 3), "indices": INDEX, "axis": axis} for axis in (-1, 1)]
    + [{"x": M(3, 2), "indices": np.asarray([[-1, 0]]), "axis": -2}]
    + [{"x": M(4), "indices": np.asarray([-4, -2, 1])}],
    "tile": [{"x": M(2, 3), "repetitions": r} for r in ((), (1, 2), (0,), (2, 1, 2))],
    "tril": [{"x": M(3, 4), "k": k} for k in (-3, -1, 0, 1, 4)] + [{"x": M(2, 1, 3, 3), "k": -1}],
    "triu": [{"x": M(4, 3), "k": k} for k in (-4, -1, 0, 1, 3)] + [{"x": M(2, 1, 3, 3), "k": 1}],
    "unique_all": [{"x": M(14)}, {"x": M(0)}, {"x": M(3, 5)}, {"x": M()}],
    "unique_counts": [{"x": M(14)}, {"x": M(0)}, {"x": M(3, 5)}, {"x": M()}],
    "unique_inverse": [{"x": M(14)}, {"x": M(0)}, {"x": M(3, 5)}, {"x": M()}],
    "unique_values": [{"x": M(14)}, {"x": M(0)}, {"x": M(3, 5)}, {"x": M()}],
    "vecdot": [{"x1": M(3, 2), "x2": M(3, 2), "axis": axis} for axis in (-1, -2)]
    + [{"x1": M(2, 1, 3), "x2": M(2, 3)}],
    "matmul": [
        {"x1": M(3, 40), "x2": M(40, 2)},
        {"x1": M(0, 3), "x2": M(3, 2)},
        {"x1": M(2, 3, 3), "x2": M(2, 3, 3)},
        {"x1": M(2, 2), "x2": M(3, 1, 2, 2)},
    ],
    "tensordot": [
        {"x1": M(2, 3, 4), "x2": M(3, 4, 2)},
        {"x1": M(3), "x2": M(3), "axes": ((-1,), (0,))},
        {"x1": M(2, 3, 3), "x2": M(3, 3, 2)},
        {"x1": M(2, 3, 3), "x2": M(3, 3, 2), "axes": ((1, 2), (1, 0))},
        {"x1": M(3), "x2": M(3, 3), "axes": ((-1,), (-1,))},
        {"x1": M(3, 3, 3, 3), "x2": M(3, 3), "axes": ((-1, 1), (0, -1))},
        {"x1": M(3, 3), "x2": M(3, 3, 3), "axes": ((0, -1), (-2, 2))},
    ],
    "clip": [{"x": M(9), "min": -1, "max": 2}, {"x": M(4)}, {"x": M(14), "min": 1, "max": 0}],
    "where": [
        {"condition": np.asarray([2, 0, -1]), "x1": M(3), "x2": M(3)},
        {"condition": np.asarray([0.0, np.nan, -0.0]), "x1": M(3), "x2": M(1)},
        {"condition": np.asarray([True, False, True]), "x1": 1, "x2": M(3)},
        {"condition": np.asarray(True), "x1": M(2, 1), "x2": M(3)},
        {"condition": np.asarray(False), "x1": M(), "x2": M()},
        {"condition": np.ones((0, 1), bool), "x1": M(), "x2": M(3)},
        {"condition": np.arange(6).reshape(2, 1, 3) % 2 == 0, "x1": M(4, 1), "x2": M()},
    ],
    "fft.fft": BY_N,
    "fft.ifft": BY_N,
    "fft.rfft": BY_N,
    "fft.irfft": BY_N,
    "fft.hfft": BY_N,
    "fft.ihfft": BY_N,
    "fft.fftn": BY_S,
    "fft.ifftn": BY_S,
    "fft.rfftn": BY_S,
    "fft.irfftn": BY_S,
    "fft.fftshift": SHIFTED,
    "fft.ifftshift": SHIFTED,
    "linalg.diagonal": [{"x": M(3, 4), "offset": k} for k in (0, 1, -2, 4)]
    + [{"x": M(3, 3, 3)}, {"x": M(3, 3), "offset": -1}, {"x": M(4, 3), "offset": -3}],
    "linalg.trace": [{"x": M(3, 4), "offset": k} for k in (0, 1, -2)]
    + [{"x": M(2, 2), "dtype": ut.float32}]
    + [{"x": M(3, 3, 3)}, {"x": M(3, 3), "dtype": ut.float64}],
    "linalg.cross": [{"x1": M(2, 3), "x2": M(2, 3)}, {"x1": M(3, 2), "x2": M(3, 2), "axis": -2}],
    "linalg.matrix_norm": [
        {"x": M(2, 3, 2), "ord": ord, "keepdims": True}
        for ord in ("fro", "nuc", 1, -1, 2, -2, ut.inf, -ut.inf)
    ],
    "linalg.vector_norm": [
        {"x": M(2, 3), "ord": ord, "axis": axis, "keepdims": True}
        for ord, axis in itertools.product((0, 1, 2, 3, -1, ut.inf, -ut.inf), (None, 0, -1))
    ],
    "linalg.matrix_rank": [
        {"x": M(3, 3), "rtol": 0.5},
        {"x": M(2, 3, 3)},
        {"x": Array((3, 3), then=singular)},
        {"x": Array((3, 3), then=graded)},
    ],
    "linalg.pinv": [{"x": M(3, 3), "rtol": 0.4}, {"x": Array((3, 3), then=graded)}, {"x": M(2, 2, 4)}],
    "linalg.qr": [
        {"x": M(4, 2), "mode": "complete"},
        {"x": M(2, 4), "mode": "complete"},
        {"x": M(2, 3, 2)},
        {"x": M(2, 1, 2, 3)},
        {"x": M(0, 3, 2)},
    ],
    "linalg.svd": [
        {"x": M(4, 2)},
        {"x": M(2, 4)},
        {"x": M(2, 4, 2), "full_matrices": False},
        {"x": M(2, 1, 2, 3)},
        {"x": M(0, 3, 2)},
    ],
    "linalg.outer": [{"x1": M(0), "x2": M(3)}, {"x1": M(3), "x2": M(3)}],
}

#: Forms of thousands of elements, where engines change their ways: loops over blocks, trees, threads.
LARGE: dict[str, list[Arguments]] = {
    "sort": [{"x": M(5003)}],
    "argsort": [{"x": M(5003), "descending": True}],
    "searchsorted": [{"x1": Array((2003,), then=np.sort), "x2": M(1009)}],
    "unique_values": [{"x": M(3001)}],
    "unique_inverse": [{"x": M(3001)}],
    "unique_counts": [{"x": M(3001)}],
    "nonzero": [{"x": M(53, 101)}],
    "sum": [{"x": M(5003)}, {"x": M(97, 101), "axis": 0}],
    "mean": [{"x": M(97, 101), "axis": -1}],
    "var": [{"x": M(5003)}],
    "max": [{"x": M(5003)}, {"x": M(97, 101), "axis": 0}],
    "min": [{"x": M(97, 101), "axis": -1}],
    "argmax": [{"x": M(5003)}, {"x": M(97, 101), "axis": 0}],
    "any": [{"x": Array((5003,), then=np.zeros_like)}],
    "count_nonzero": [{"x": M(97, 101)}],
    "cumulative_sum": [{"x": M(5003)}, {"x": M(97, 101), "axis": 0}],
    "concat": [{"arrays": [M(3001), M(2003)]}],
    "flip": [{"x": M(53, 101)}],
    "repeat": [{"x": M(2003), "repeats": 3}],
    "roll": [{"x": M(5003), "shift": 1009}],
    "take": [{"x": M(5003), "indices": np.arange(-5003, 5003, 7)}],
    "tril": [{"x": M(67, 71)}],
    "permute_dims": [{"x": M(67, 71, 2), "axes": (2, 0, 1)}],
    "clip": [{"x": M(5003), "min": -1, "max": 1}],
    "matmul": [{"x1": M(67, 71), "x2": M(71, 73)}],
    "fft.fft": [{"x": M(1009)}, {"x": M(1024)}],
    "fft.rfft": [{"x": M(1009)}],
    "getitem": [
        {"x": M(5003), "key": (slice(None, None, -3),)},
        {"x": M(53, 101), "key": (slice(None), np.arange(-101, 101, 3))},
        {"x": M(53, 101), "key": np.arange(5353).reshape(53, 101) % 3 == 1},
    ],
    "all": [{"x": Array((97, 101), then=np.ones_like), "axis": 0}],
    "argmin": [{"x": M(97, 101), "axis": 1}],
    "broadcast_to": [{"x": M(67, 1), "shape": (71, 67, 3)}],
    "isin": [{"x1": M(2003), "x2": M(1009)}],
    "matrix_transpose": [{"x": M(3, 67, 71)}],
    "prod": [{"x": Array((5003,), 0.9, 1.1)}, {"x": Array((97, 101), 0.9, 1.1), "axis": 0}],
    "put": [{"x": M(5003), "value": M(2501), "key": (slice(1, None, 2),), "flat": False}],
    "reshape": [{"x": M(67, 71), "shape": (71, 67)}],
    "scatter_add": [{"x": M(3001), "key": (np.arange(3001) * 7 % 1009,), "shape": (1009,)}],
    "stack": [{"arrays": [M(1009)] * 7, "axis": 1}],
    "std": [{"x": M(97, 101), "axis": 0, "correction": 1}],
    "take_along_axis": [{"x": M(97, 101), "indices": np.arange(9797).reshape(97, 101) * 5 % 97, "axis": 0}],
    "tile": [{"x": M(31, 37), "repetitions": (3, 2)}],
    "triu": [{"x": M(67, 71)}],
    "unique_all": [{"x": M(3001)}],
    "where": [{"condition": np.arange(5003) % 3 == 0, "x1": M(5003), "x2": M(5003)}],
}


def reductions(made: Op) -> list[Arguments]:
    """The forms of sums and their like."""
    if "keepdims" not in made.options or made.name in ("argmax", "argmin") or made.module:
        return []
    found = [*REDUCED, *BY_SEVERAL]
    if made.name not in ("max", "min", "mean", "var", "std"):
        found += NOTHING
    if made.name != "prod":
        found += MANY
    if "correction" in made.options:
        found += [{"x": Array((50,), 1e4, 1e4 + 1)}]  # where digits cancel
        found += [{"x": M(2, 5), "correction": c, "axis": 1} for c in (1, 1.5, 5, 7)]
        found += [{"x": M(3), "correction": c} for c in (2.5, 3, 4)]
    if "dtype" in made.options:
        found += [{"x": M(5), "dtype": ut.float32}, {"x": M(5), "dtype": ut.int64}][
            : 1 + (made.name == "sum")
        ]
    return found

"""Arguments for every op of the table, drawn from its declaration.

What a declaration cannot say (which axis, which shape to reshape to) stands in `SPECIAL`; a new
element-wise op, or one whose options all have defaults, needs no line here.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import unitensor as ut
import unitensor.special  # which adds its ops to the table
from unitensor._dtypes import KINDS
from unitensor._op import Op, table
from unitensor._ops.indexing import plain_key

Arguments = dict[str, Any]


class Array(NamedTuple):
    """An input to draw: its shape, where in the reals it lies, and what is done to it then."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0
    then: Callable[[Any], Any] = lambda x: x


def positive(x: Any) -> Any:
    """Hermitian positive definite matrices."""
    return x @ np.conj(np.swapaxes(x, -1, -2)) + np.eye(x.shape[-1])


def M(*shape: int) -> Array:  # noqa: N802 -- short for the table below
    return Array(shape)


INDEX = np.asarray([[2, 0], [2, 1]])
KEYS: list[Any] = [
    (1, slice(None, None, 2)),
    (slice(None, None, -1), None, ...),
    (np.asarray([1, 1, 0]),),
    (slice(None), np.asarray([[0, 2], [2, 2]])),
    (np.asarray([True, False]),),
    (0, ..., np.asarray([0, 2])),
]
REDUCTIONS: list[Arguments] = [
    {"x": M(2, 3)},
    {"x": M(2, 2, 3), "axis": (0, -1)},
    {"x": M(2, 3), "axis": 1, "keepdims": True},
    {"x": M()},
    {"x": M(2, 3), "axis": ()},
]
SHIFTS: list[Arguments] = [{"x": M(2, 5)}, {"x": M(2, 5), "axes": (1,)}]


def _one_axis(low: float = -2.0, high: float = 2.0) -> list[Arguments]:
    return [
        {"x": Array((4,), low, high)},
        {"x": Array((2, 3), low, high), "axis": 0},
        {"x": Array((2, 3), low, high), "axis": -1},
    ]


def _transform(n: int) -> list[Arguments]:
    """One length n of the transform; a shorter and a longer one; each way to scale."""
    return [
        {"x": M(2, n)},
        {"x": M(n, 2), "axis": 0, "n": n + 1, "norm": "ortho"},
        {"x": M(2, n), "n": n - 1, "norm": "forward"},
    ]


TRANSFORMS: list[Arguments] = [
    {"x": M(2, 3)},
    {"x": M(2, 3), "axes": (1, 0), "s": (3, 4), "norm": "ortho"},
    {"x": M(2, 3), "axes": (0,), "norm": "forward"},
]
MASKED: list[Arguments] = [
    {"x": M(3), "mask": np.asarray([True, False, True])},
    {"x": M(40, 50), "mask": np.arange(2000).reshape(40, 50) % 3 == 0},
]

RUNNING: list[Arguments] = [
    {"x": M(5)},
    {"x": M(2, 3), "axis": 0, "include_initial": True},
    {"x": M(2, 3), "axis": -1},
]

#: The arguments of ops that need more than their declaration tells.
SPECIAL: dict[str, list[Arguments]] = {
    "astype": [{"x": M(2, 3), "dtype": ut.complex128}],
    "broadcast_to": [{"x": M(3, 1), "shape": (2, 3, 2)}, {"x": M(), "shape": (2,)}],
    "clip": [
        {"x": M(2, 3), "min": Array((3,), -1.0, -0.5), "max": Array((2, 1), 0.5, 1.0)},
        {"x": M(2, 3), "min": Array((), -1.0, 0.0)},
        {"x": M(4), "max": 0.5},
    ],
    "concat": [
        {"arrays": [M(2, 3), M(1, 3), M(0, 3)]},
        {"arrays": [M(2, 1), M(2, 2)], "axis": -1},
        {"arrays": [M(2), M(), M(1, 2)], "axis": None},
    ],
    "stack": [{"arrays": [M(2), M(2)]}, {"arrays": [M(2, 3), M(2, 3)], "axis": -1}],
    "cumulative_prod": RUNNING,
    "cumulative_sum": RUNNING,
    "expand_dims": [{"x": M(3), "axis": 0}, {"x": M(3), "axis": (0, -1)}],
    "flip": [{"x": M(2, 3)}, {"x": M(2, 3), "axis": 1}],
    "full_like": [{"x": M(2, 3), "fill_value": 1}],
    "getitem": [{"x": M(2, 3), "key": key} for key in KEYS],
    "isin": [{"x1": M(2, 3), "x2": M(2)}],
    "halved": MASKED,
    "masked": MASKED,
    "matmul": [
        {"x1": M(2, 3), "x2": M(3, 2)},
        {"x1": M(3), "x2": M(3)},
        {"x1": M(2, 1, 2, 3), "x2": M(3, 3, 2)},
        {"x1": M(3), "x2": M(2, 3, 2)},
        {"x1": M(2, 2, 3), "x2": M(3)},
        {"x1": M(2, 0), "x2": M(0, 2)},
    ],
    "matrix_transpose": [{"x": M(2, 3)}, {"x": M(2, 1, 3)}],
    "moveaxis": [
        {"x": M(2, 1, 3), "source": 0, "destination": -1},
        {"x": M(2, 1, 3), "source": (0, 1), "destination": (-1, 0)},
    ],
    "nonzero": [{"x": M(2, 3)}],
    "permute_dims": [{"x": M(2, 1, 3), "axes": (2, 0, 1)}],
    "put": [
        {"x": M(2, 3), "value": M(3), "key": (1,), "flat": False},
        {"x": M(2, 3), "value": M(2), "key": (np.asarray([4, 1]),), "flat": True},
    ],
    "repeat": [
        {"x": M(2, 3), "repeats": 2},
        {"x": M(2, 3), "repeats": 2, "axis": 1},
        {"x": M(2, 3), "repeats": np.asarray([2, 0, 1]), "axis": -1},
        {"x": M(3), "repeats": np.asarray([1, 3, 0])},
    ],
    "repeat_index": [{"repeats": np.asarray([2, 0, 1]), "n": 3}],
    "reshape": [
        {"x": M(2, 3), "shape": (3, -1)},
        {"x": M(), "shape": (1, 1)},
        {"x": M(0, 2), "shape": (2, 0)},
    ],
    "roll": [
        {"x": M(2, 3), "shift": 1},
        {"x": M(2, 3), "shift": -1, "axis": 1},
        {"x": M(2, 3), "shift": (1, 2), "axis": (0, 1)},
    ],
    "scatter_add": [
        {"x": M(3, 2), "key": (np.asarray([1, 1, 0]),), "shape": (2, 2)},
        {"x": M(2), "key": (slice(None, None, 2),), "shape": (4,)},
    ],
    "scatter_take": [{"x": M(2, 3), "indices": np.asarray([1, 0, 1]), "shape": (2, 2), "axis": 1}],
    "scatter_along_axis": [{"x": M(2, 2), "indices": INDEX, "shape": (2, 3), "axis": 1}],
    "searchsorted": [{"x1": Array((3,), then=np.sort), "x2": M(2, 2)}],
    "squeeze": [{"x": M(1, 3, 1), "axis": (0, 2)}, {"x": M(1, 3), "axis": 0}],
    "sort": [*_one_axis(), {"x": M(5), "descending": True}, {"x": M(5), "stable": False}],
    "take": [
        {"x": M(4), "indices": np.asarray([3, 0, 3])},
        {"x": M(2, 3), "indices": np.asarray([1, 1]), "axis": 0},
        {"x": M(2, 3), "indices": np.asarray([-1, 0]), "axis": -1},
    ],
    "take_along_axis": [
        {"x": M(2, 3), "indices": INDEX},
        {"x": M(3, 2), "indices": INDEX, "axis": 0},
    ],
    "tensordot": [
        {"x1": M(2, 3), "x2": M(3, 2), "axes": 1},
        {"x1": M(2, 3, 2), "x2": M(2, 2, 3), "axes": ((1, 0), (2, 0))},
        {"x1": M(2), "x2": M(3), "axes": 0},
    ],
    "tile": [
        {"x": M(2, 3), "repetitions": (2, 1)},
        {"x": M(3), "repetitions": (2, 2)},
        {"x": M(2, 3), "repetitions": (2,)},
    ],
    "tril": [{"x": M(3, 3)}, {"x": M(2, 2, 3), "k": -1}],
    "triu": [{"x": M(3, 3)}, {"x": M(2, 2, 3), "k": 1}],
    "var": [*REDUCTIONS, {"x": M(4), "correction": 1}, {"x": M(2, 3), "axis": 1, "correction": 0.5}],
    "std": [*REDUCTIONS[:3], {"x": M(4), "correction": 1}],
    "vecdot": [
        {"x1": M(2, 3), "x2": M(3)},
        {"x1": M(3, 2), "x2": M(3, 1), "axis": -2},
    ],
    "where": [
        {"condition": np.asarray([[True], [False]]), "x1": M(2, 3), "x2": M(3)},
        {"condition": np.asarray([True, False]), "x1": M(2), "x2": 0},
    ],
    "fft.fft": _transform(4),
    "fft.ifft": _transform(4),
    "fft.rfft": _transform(5),
    "fft.irfft": _transform(4),
    "fft.hfft": _transform(4),
    "fft.ihfft": _transform(5),
    "fft.fftn": TRANSFORMS,
    "fft.ifftn": TRANSFORMS,
    "fft.rfftn": TRANSFORMS,
    "fft.irfftn": TRANSFORMS,
    "fft.fftshift": SHIFTS,
    "fft.ifftshift": SHIFTS,
    "linalg.cholesky": [
        {"x": Array((2, 2), then=positive)},
        {"x": Array((2, 3, 3), then=positive), "upper": True},
    ],
    "linalg.cofactor": [{"x": M(3, 3)}],
    "linalg.cofactor_slope": [{"x": M(3, 3), "y": M(3, 3)}],
    "linalg.cross": [{"x1": M(2, 3), "x2": M(3)}, {"x1": M(3, 2), "x2": M(3, 1), "axis": -2}],
    "linalg.det": [{"x": M(3, 3)}, {"x": M(2, 2, 2)}, {"x": M(0, 0)}],
    "linalg.diagonal": [{"x": M(2, 3)}, {"x": M(2, 3, 2), "offset": -1}],
    "linalg.eig": [{"x": M(3, 3)}],
    "linalg.eigh": [{"x": Array((3, 3), then=positive)}],
    "linalg.eigvals": [{"x": M(3, 3)}],
    "linalg.eigvalsh": [{"x": Array((2, 2, 2), then=positive)}],
    "linalg.inv": [{"x": M(3, 3)}, {"x": M(2, 2, 2)}],
    "quotient": [{"x": np.asarray([[1.0, -2.0], [0.0, 4.0]]), "size": np.asarray([2.0, 0.5])}],
    "linalg.lost_gaps": [
        {
            "x": np.asarray([[0.0, 1.0], [-1.0, 0.0]]),
            "gaps": np.asarray([[0.0, 2.0], [-2.0, 0.0]]),
            "sizes": np.ones((1, 1)),
            "scale": np.full((1, 1), 2.0),
            "free": None,
            "what": "nothing",
        }
    ],
    "linalg.matrix_norm": [
        {"x": M(3, 2), "ord": ord} for ord in ("fro", "nuc", 1, -1, 2, -2, ut.inf, -ut.inf)
    ]
    + [{"x": M(2, 3, 2), "keepdims": True}],
    "linalg.matrix_power": [{"x": Array((2, 2), then=positive), "n": n} for n in (0, 1, 3, -2)],
    "linalg.matrix_rank": [{"x": M(3, 2)}],
    "linalg.outer": [{"x1": M(2), "x2": M(3)}],
    "linalg.pinv": [{"x": M(3, 2)}, {"x": M(2, 2, 3)}],
    "linalg.qr": [{"x": M(3, 2)}, {"x": M(2, 2, 3)}, {"x": M(3, 3), "mode": "complete"}],
    "linalg.require_zero": [{"doubt": np.zeros(2), "x1": np.zeros(2), "x2": np.ones(2), "what": "nothing"}],
    "linalg.slogdet": [{"x": M(3, 3)}, {"x": M(2, 2, 2)}],
    "linalg.solve": [
        {"x1": M(3, 3), "x2": M(3)},
        {"x1": M(3, 3), "x2": M(2, 3, 2)},
    ],
    "linalg.solve_again": [
        {"x1": M(3, 3), "x2": M(3, 2), "kept": None, "turned": False},
        {"x1": M(3, 3), "x2": M(2, 3, 1), "kept": None, "turned": True},
    ],
    "linalg.solve_triangular": [
        {"x1": Array((3, 3), then=positive), "x2": M(3, 2), "lower": True},
        {"x1": Array((2, 3, 3), then=positive), "x2": M(3, 1), "lower": False},
    ],
    "linalg.svd": [
        {"x": M(3, 2), "full_matrices": False},
        {"x": M(2, 3), "full_matrices": False},
        {"x": M(3, 3)},
    ],
    "linalg.svdvals": [{"x": M(3, 2)}],
    "linalg.trace": [{"x": M(2, 3)}, {"x": M(2, 3, 3), "offset": 1}],
    "linalg.vector_norm": [
        {"x": M(2, 3), "ord": ord, "axis": -1} for ord in (0, 1, 2, 3, 0.5, -1, ut.inf, -ut.inf)
    ]
    + [{"x": M(2, 3)}, {"x": M(2, 1, 3), "axis": (0, 2), "keepdims": True}],
}


POSITIVE = Array((2, 3), 0.4, 3.0)
SHARES = Array((2, 3), 0.2, 0.8)
COUNTS = Array((3,), 1.2, 1.8)
SPECIAL |= {
    "special.bessel_ie": [{"x": M(2, 3), "n": n} for n in (2, 3)],
    "special.bessel_j": [{"x": M(2, 3), "n": n} for n in (2, 3)],
    "special.betainc_slope": [
        {"a": POSITIVE, "b": POSITIVE, "x": Array((3,), 0.1, 0.9), "n": n, "k": k}
        for n, k in ((1, 0), (0, 1), (1, 1))
    ],
    "special.gammainc_slope": [{"a": POSITIVE, "x": Array((3,), 0.4, 3.0), "n": n} for n in (1, 2)],
    "special.bdtr": [{"k": COUNTS, "n": 5, "p": SHARES}],
    "special.bdtrc": [{"k": COUNTS, "n": 5, "p": SHARES}],
    "special.bdtri": [{"k": 2, "n": 5, "y": SHARES}],
    "special.expn": [{"n": n, "x": POSITIVE} for n in (1, 2, 0)],
    "special.hyp1f1": [{"a": 0.5, "b": 2.5, "x": M(2, 3)}],
    "special.lpmv": [{"m": m, "v": 2.5, "x": Array((2, 3), -0.9, 0.9)} for m in (0, 1)],
    "special.multigammaln": [{"x": Array((2, 3), 1.2, 4.0), "d": d} for d in (3, 1)],
    "special.nbdtr": [{"k": 2, "n": 5, "p": SHARES}],
    "special.nbdtrc": [{"k": 2, "n": 5, "p": SHARES}],
    "special.nbdtri": [{"k": 2, "n": 5, "y": SHARES}],
    "special.pdtri": [{"k": 2, "p": SHARES}],
    "special.yn": [{"n": n, "x": POSITIVE} for n in (2, 0, 1)],
    "special.polygamma": [{"n": n, "x": POSITIVE} for n in (0, 1, 2)],
}


def dtypes_of(made: Op) -> list[str]:
    """The dtypes to try an op with, one a kind that it takes."""
    return [d for d in ("bool", "int64", "float64", "complex128") if d in KINDS[made.dtypes]]


def samples(made: Op, dtype: str) -> list[Arguments]:
    """Arguments of an op, its arrays NumPy arrays of a dtype."""
    return [
        {name: _drawn(value, f"{made.path}{i}{name}", dtype) for name, value in arguments.items()}
        for i, arguments in enumerate(forms(made))
    ]


def call(made: Op, arguments: Arguments) -> Any:
    """An op's result; NumPy arrays among the arguments go to the current backend."""
    given = {**made.defaults, **{k: v if k == "key" else lifted(v) for k, v in arguments.items()}}
    if "key" in given:  # whose arrays go to x's device
        given["key"] = plain_key(given["x"], given["key"])
    return made.function(*(given[p] for p in made.positional), **{p: given[p] for p in made.keyword_only})


def lifted(value: Any) -> Any:
    """NumPy arrays, or a list of them, as Tensors; anything else as it is."""
    if isinstance(value, list):
        return [lifted(v) for v in value]
    return ut.asarray(value) if isinstance(value, np.ndarray) else value


def forms(made: Op) -> list[Arguments]:
    """The arguments that an op is tried with, what is to be drawn still an `Array`."""
    if made.path in SPECIAL:
        return SPECIAL[made.path]
    if set(made.positional) - set(made.inputs) - set(made.defaults):
        raise LookupError(f"{made.path} needs arguments; add a line to SPECIAL in {__name__}")
    domain: Any = made.domain or (-2.0, 2.0)
    pairs: Any = domain if isinstance(domain[0], tuple) else (domain,) * len(made.inputs)
    if made.elementwise:
        shapes: Any = [((2, 3), (1, 3)), ((), (2,)), ((0, 2), (2,))]
        return [
            {x: Array(shape, *pair) for x, shape, pair in zip(made.inputs, (*some, ()), pairs)}
            for some in shapes
        ]
    if "keepdims" in made.options and made.name not in ("argmax", "argmin"):
        return REDUCTIONS
    return _one_axis(*pairs[0]) if "axis" in made.options else [{"x": M(2, 3)}]


def _drawn(value: Any, seed: str, dtype: str) -> Any:
    if isinstance(value, list):
        return [_drawn(v, f"{seed}{i}", dtype) for i, v in enumerate(value)]
    if not isinstance(value, Array):
        return value
    rng = np.random.default_rng(zlib.crc32(seed.encode()))
    if dtype == "bool":
        x = rng.integers(0, 2, value.shape)
    elif dtype == "int64":
        x = rng.integers(1, 5, value.shape)
    else:
        x = _spread(rng, value)
        x = x + 1j * _spread(rng, value) if dtype.startswith("complex") else x
    return value.then(np.asarray(x)).astype(dtype)


def _spread(rng: Any, value: Array) -> Any:
    """Numbers that keep apart, so that nothing ties and differences cross no kink."""
    n = int(np.prod(value.shape))
    places = (np.arange(n) + rng.uniform(0.3, 0.7, n)) / max(n, 1)
    return value.low + (value.high - value.low) * rng.permutation(places).reshape(value.shape)


#: The ops that have gradient rules.
DIFFERENTIABLE = [made for _, made in sorted(table.items()) if made.differentiable]

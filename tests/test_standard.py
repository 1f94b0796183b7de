"""What the standard says and engines get wrong, and what it leaves open: plain examples, on every engine."""

from __future__ import annotations

import cmath
import inspect
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from undefined import ROWS, check_row, same

import unitensor as ut
from unitensor._op import table

A = ut.asarray
inf, nan = math.inf, math.nan


# The special values -------------------------------------------------------------------------------

FLOOR_DIVIDE = [
    (inf, 2.0, inf),
    (inf, -2.0, -inf),
    (-inf, 2.0, -inf),
    (-inf, -2.0, inf),
    (1.0, inf, 0.0),
    (1.0, -inf, -0.0),
    (-1.0, inf, -0.0),
    (-1.0, -inf, 0.0),
    (0.0, 1.0, 0.0),
    (-0.0, 1.0, -0.0),
    (0.0, -1.0, -0.0),
    (-0.0, -1.0, 0.0),
    (1.0, 0.0, inf),
    (1.0, -0.0, -inf),
    (-1.0, 0.0, -inf),
    (0.0, 0.0, nan),
    (inf, inf, nan),
    (nan, 1.0, nan),
    (1.0, nan, nan),
    (7.0, -2.0, -4.0),
    (1.0, 0.1, 9.0),
]
REMAINDER = [
    (0.0, 1.0, 0.0),
    (-0.0, 1.0, 0.0),
    (0.0, -1.0, -0.0),
    (1.0, 0.0, nan),
    (inf, 2.0, nan),
    (1.0, inf, 1.0),
    (1.0, -inf, -inf),
    (-1.0, inf, inf),
    (-1.0, -inf, -1.0),
    (-7.0, 3.0, 2.0),
    (7.0, -3.0, -2.0),
]
COMPLEX: dict[str, list[tuple[complex, complex]]] = {
    "expm1": [
        (complex(-0.0, 0.0), 0j),
        (complex(inf, 0.0), complex(inf, 0.0)),
        (complex(nan, 0.0), complex(nan, 0.0)),
        (complex(1.0, inf), complex(nan, nan)),
    ],
    "tanh": [
        (complex(inf, 2.0), complex(1.0, 0.0)),
        (complex(inf, inf), complex(1.0, 0.0)),
        (complex(0.0, 0.0), 0j),
        (complex(nan, 0.0), complex(nan, 0.0)),
    ],
    "sqrt": [
        (complex(-inf, 1.0), complex(0.0, inf)),
        (complex(inf, 1.0), complex(inf, 0.0)),
        (complex(1.0, inf), complex(inf, inf)),
        (complex(nan, inf), complex(inf, inf)),
        (complex(-4.0, -0.0), complex(0.0, -2.0)),
    ],
    "log1p": [
        (complex(-1.0, 0.0), complex(-inf, 0.0)),
        (complex(1.0, inf), complex(inf, cmath.pi / 2)),
        (complex(inf, nan), complex(inf, nan)),
    ],
    "exp": [
        (complex(0.0, 0.0), complex(1.0, 0.0)),
        (complex(inf, 0.0), complex(inf, 0.0)),
        (complex(nan, 0.0), complex(nan, 0.0)),
    ],
    "acosh": [(complex(0.0, nan), complex(nan, cmath.pi / 2))],
    "sign": [(0j, 0j), (3 + 4j, 0.6 + 0.8j), (complex(nan, 1.0), complex(nan, nan))],
    "abs": [
        (complex(inf, nan), complex(inf, 0)),
        (complex(1e300, 1e300), complex(math.hypot(1e300, 1e300), 0)),
    ],
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "cases"), [("floor_divide", FLOOR_DIVIDE), ("remainder", REMAINDER)])
def test_floor_divide_and_remainder(engine: str, name: str, cases: Any, dtype: str) -> None:
    x1, x2, expected = zip(*cases)
    d = getattr(ut, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of 1 // 0
        found = getattr(ut, name)(A(x1, dtype=d), A(x2, dtype=d))
        assert found.dtype is d
        assert same(found.tolist(), list(expected)), list(zip(x1, x2, found.tolist()))
        # One at a time, as 0-d arrays.
        for a, b, c in cases:
            assert same(getattr(ut, name)(A(a, dtype=d), A(b, dtype=d)).item(), c)


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_special_values(engine: str, name: str) -> None:
    x, expected = zip(*COMPLEX[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = [complex(v) for v in getattr(ut, name)(A(x)).tolist()]
    assert all(
        (same(f.real, e.real) and same(f.imag, e.imag)) or cmath.isclose(f, e)
        for f, e in zip(found, expected)
    ), list(zip(x, found, expected))


def test_small_complex_numbers_keep_their_digits(engine: str) -> None:
    x = A([1e-10 + 1e-12j, -1e-10 + 1e-12j])
    assert np.allclose(
        ut.expm1(x).numpy(), [1.00000000005e-10 + 1e-12j, -0.99999999995e-10 + 1e-12j], rtol=1e-9
    )
    assert np.allclose(
        ut.log1p(x).numpy(), [0.99999999995e-10 + 1e-12j, -1.00000000005e-10 + 1e-12j], rtol=1e-9
    )
    assert abs(ut.log1p(x).real[0].item() - 0.99999999995e-10) < 1e-24


def test_no_warning_where_the_standard_has_an_answer() -> None:
    # Warnings are errors here: NumPy's own floor_divide and casts would raise.
    assert ut.floor_divide(A([inf]), A([2.0])).tolist() == [inf]
    assert A([inf, nan]).astype(ut.int8).tolist() == [127, 0]


# What the standard leaves open: the rows of docs/undefined.md -----------------------------------------


def test_the_page_has_rows() -> None:
    assert len(ROWS) > 120


@pytest.mark.parametrize(("expression", "answer"), ROWS, ids=[row[0] for row in ROWS])
def test_undefined(engine: str, expression: str, answer: str) -> None:
    check_row(expression, answer)


# Signatures -----------------------------------------------------------------------------------------


def test_functions_show_their_own_signature() -> None:
    assert str(inspect.signature(ut.sum)).startswith("(x: 'Tensor', /, *, axis:")
    ut.sum(ut.ones(1))
    assert list(inspect.signature(ut.sum).parameters) == ["x", "axis", "dtype", "keepdims"]
    for made in table.values():
        if made.public:
            assert made.stub.__doc__
            assert inspect.signature(made.function) == inspect.signature(made.stub)
            assert made.function.__doc__ == made.stub.__doc__


STANDARD = (Path(__file__).parent / "signatures.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("line", STANDARD, ids=[line.partition("(")[0] for line in STANDARD])
def test_the_standards_signatures(line: str) -> None:
    """Names, kinds and defaults of all parameters, and nothing more, as the standard 2025.12 has them."""
    path, _, parameters = line.partition("(")
    found: Any = ut
    for part in path.split("."):
        found = getattr(found, part)
    bare = [p.replace(annotation=p.empty) for p in inspect.signature(found).parameters.values()]
    if path.startswith("Tensor."):  # how `self` is named matters to nobody
        bare = [p.replace(kind=p.POSITIONAL_ONLY) if i == 0 else p for i, p in enumerate(bare)]
    assert f"{path}{inspect.Signature(bare)}" == f"{path}({parameters}"
    assert found.__doc__ or path.startswith("Tensor.__")


def test_the_standards_signatures_are_all_there() -> None:
    assert len(STANDARD) > 160
    assert {"vecdot", "linalg.vecdot", "fft.irfftn", "isin", "__array_namespace_info__"} <= {
        line.partition("(")[0] for line in STANDARD
    }


def test_repeat_by_a_number_and_by_numbers(engine: str) -> None:
    x = A([[1, 2], [3, 4]])
    assert ut.repeat(x, 2).tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert ut.repeat(x, A([0, 2]), axis=1).tolist() == [[2, 2], [4, 4]]
    assert ut.repeat(x, True, axis=0).tolist() == x.tolist()


def test_where_takes_its_arrays_dtype_for_scalars(engine: str) -> None:
    condition, x = A([True, False]), A([1, 2], dtype=ut.int16)
    assert ut.where(condition, x, 0).dtype is ut.int16
    assert ut.where(condition, 1.5, x).dtype is ut.float64
    assert ut.where(condition, 1, 2).tolist() == [1, 2]


# DLPack ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda a: a,
        lambda a: a[::2],
        lambda a: a[::-1],
        lambda a: a.reshape(2, 3).T,
        lambda a: np.broadcast_to(a, (2, 6)),  # read-only
        lambda a: a[:0],
        lambda a: np.asarray(a[1]),
    ],
    ids=["plain", "strided", "reversed", "transposed", "read-only", "empty", "0-d"],
)
@pytest.mark.parametrize("dtype", ["float32", "uint64", "complex128", "bool"])
def test_from_dlpack(engine: str, make: Any, dtype: str) -> None:
    a = make(np.arange(6).astype(dtype))
    for options in ({}, {"copy": None, "device": None}, {"copy": True}, {"device": ut.zeros(1).device}):
        x = ut.from_dlpack(a, **options)
        assert x.backend == engine
        assert x.dtype == a.dtype
        assert np.array_equal(x.numpy(), a)


def test_from_dlpack_copies_if_told(engine: str) -> None:
    a = np.arange(3.0)
    x = ut.from_dlpack(a, copy=True)
    a[0] = 9.0
    assert x.tolist() == [0.0, 1.0, 2.0]
    y = ut.from_dlpack(x, copy=True)
    y[0] = 5.0
    assert x.tolist() == [0.0, 1.0, 2.0]


def test_to_dlpack_with_all_arguments(engine: str) -> None:
    x = A([1.0, 2.0])
    kind, number = x.__dlpack_device__()
    for version in (None, (0, 8), (1, 0), (1, 1), (2, 0)):
        for device in (None, (kind, number)):
            for copy in (None, True, False):
                options = {"stream": None, "max_version": version, "dl_device": device, "copy": copy}
                assert type(x.__dlpack__(**options)).__name__ == "PyCapsule"
    if engine != "cupy":
        assert np.from_dlpack(x).tolist() == [1.0, 2.0]
        assert np.from_dlpack(x, device="cpu", copy=True).tolist() == [1.0, 2.0]
        assert np.from_dlpack(ut.conj(A([1j]))).tolist() == [-1j]
    for copy in (None, True, False):
        with pytest.raises(BufferError):
            x.__dlpack__(dl_device=(8, 0), copy=copy)  # a VPI device, which no engine has


@pytest.mark.parametrize("name", ["float64", "int32", "complex64"])
def test_no_axes_or_no_elements(engine: str, name: str) -> None:
    d = getattr(ut, name)
    for shape in ((), (0,), (2, 0), (0, 3), (2, 0, 3)):
        x = ut.ones(shape, dtype=d)
        assert ut.sum(x).item() == math.prod(shape)
        assert ut.prod(x).item() == 1
        assert ut.count_nonzero(x).item() == math.prod(shape)
        assert ut.unique_values(x).tolist() == [1][: math.prod(shape)]
        assert ut.unique_inverse(x).inverse_indices.shape == shape
        assert ut.flip(x).shape == ut.roll(x, 1).shape == (x + x).shape == x[...].shape == shape
        assert ut.expand_dims(x, axis=0).shape == ut.stack([x]).shape == (1, *shape)
        assert ut.concat([x, x], axis=None).shape == (2 * math.prod(shape),)
        assert ut.reshape(x, shape).tolist() == x.tolist() == np.ones(shape, name).tolist()
    a, b = ut.ones((3, 0), dtype=d), ut.ones((0, 2), dtype=d)
    assert (a @ b).tolist() == ut.tensordot(a, b, axes=1).tolist() == [[0, 0]] * 3
    assert ut.vecdot(a, a).tolist() == [0, 0, 0]
    assert ut.isin(a, b).shape == (3, 0)
    assert ut.isin(ut.ones(2, dtype=d), b).tolist() == [False, False]

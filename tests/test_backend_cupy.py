"""The CuPy plugin's element-wise mends without a GPU: their arithmetic, with NumPy in CuPy's place."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import unitensor as ut

VALUES = (0.0, -0.0, 1.0, -1.0, 2.5, -3.0, 1e-9, 1e30, np.inf, -np.inf, np.nan)


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The plugin's functions; CuPy, if it is installed, is left alone."""
    monkeypatch.delitem(sys.modules, "unitensor_cupy_elementwise", raising=False)
    monkeypatch.setitem(sys.modules, "cupy", np)
    module: ModuleType = importlib.import_module("unitensor_cupy_elementwise")
    monkeypatch.delitem(sys.modules, "unitensor_cupy_elementwise")
    return module.Elementwise()


def pairs(dtype: str) -> tuple[Any, Any]:
    """Every pair of special values, or of whole numbers and complex ones made of them."""
    if dtype.startswith("complex"):
        parts = np.asarray([0.0, 1.0, -2.0, 3e-7, np.inf, np.nan])
        x = np.asarray([complex(a, b) for a in parts for b in parts])
    else:
        x = np.asarray(VALUES if dtype.startswith("float") else (0, 1, 2, 7, 100))
    x = x.astype(dtype)
    first, second = np.broadcast_arrays(x[:, None], x)
    return first.reshape(-1).copy(), second.reshape(-1).copy()


def same(mended: Any, name: str, *inputs: Any) -> None:
    """The mend's values are the NumPy backend's, signs of zero included where they are real."""
    with np.errstate(all="ignore"):
        found = getattr(mended, name)(*inputs)
        expected = getattr(ut, name)(*(ut.asarray(x) for x in inputs)).numpy()
    assert found.dtype == expected.dtype
    near = 2e-6 if found.dtype in ("float32", "complex64") else 1e-12
    np.testing.assert_allclose(found.real, expected.real, rtol=near, atol=1e-15, err_msg=name)
    np.testing.assert_allclose(found.imag, expected.imag, rtol=near, atol=1e-15, err_msg=name)
    if found.dtype.kind == "f":
        there = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(found)[there], np.signbit(expected)[there])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "uint8"])
@pytest.mark.parametrize("name", ["floor_divide", "remainder"])
def test_division(mended: Any, name: str, dtype: str) -> None:
    same(mended, name, *pairs(dtype))


@pytest.mark.parametrize("name", ["sign", "expm1", "log1p", "log2", "reciprocal"])
def test_complex_numbers(mended: Any, name: str) -> None:
    same(mended, name, pairs("complex128")[0])


def test_complex_division(mended: Any) -> None:
    same(mended, "divide", *pairs("complex128"))


@pytest.mark.parametrize("name", ["bitwise_left_shift", "bitwise_right_shift"])
@pytest.mark.parametrize("dtype", ["int16", "uint8", "int64"])
def test_shifts(mended: Any, name: str, dtype: str) -> None:
    same(mended, name, *pairs(dtype))


def test_negative_powers_of_integers(mended: Any) -> None:
    with pytest.raises(ValueError, match="negative integer powers"):
        mended.pow(np.asarray([2]), np.asarray([-1]))
    assert mended.pow(np.asarray([0j]), np.asarray([2 + 0j])).tolist() == [0j]


def test_clip_and_truth(mended: Any) -> None:
    x = np.asarray([0.0, 5.0, np.nan])
    np.testing.assert_array_equal(mended.clip(x, np.asarray(4.0), np.asarray(2.0)), [2.0, 2.0, np.nan])
    assert mended.logical_and(np.asarray([1j, 0j]), np.asarray([1.0, 1.0])).tolist() == [True, False]
    assert mended.floor(np.asarray([True])).dtype == np.bool_

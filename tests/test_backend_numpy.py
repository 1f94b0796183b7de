"""What the NumPy plugin does in ways of its own, against NumPy's functions of the same name."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import unitensor as ut

ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -3.0]
#: Around the sizes at which the plugin changes its way.
SIZES = (7, 511, 1023, 1024, 1025, 5000)
DTYPES = ("float16", "float32", "float64", "int32", "uint8", "complex64")


@pytest.fixture(autouse=True)
def _on_numpy() -> Any:
    with ut.use_backend("numpy"):
        yield


def values(size: int, dtype: str) -> Any:
    rng = np.random.default_rng(size)
    a = rng.normal(size=size) * 3
    if np.dtype(dtype).kind in "fc":
        a[rng.integers(0, size, size // 2)] = rng.choice(ODD, size // 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # floats of any kind become integers
        return np.abs(a).astype(dtype) if dtype == "uint8" else a.astype(dtype)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
@pytest.mark.parametrize("bound", [1, 0, -2, 0.0, -0.0, 2.5, np.inf, -np.inf, np.nan])
def test_bounds(size: int, dtype: str, bound: float) -> None:
    a = values(size, dtype)
    x = ut.asarray(a)
    for name in ("maximum", "minimum"):
        expected = getattr(np, name)(a, bound)
        for found in (getattr(ut, name)(x, bound), getattr(ut, name)(bound, x)):
            assert found.numpy().dtype == expected.dtype
            np.testing.assert_array_equal(found.numpy(), expected)
    if dtype == "int32" and isinstance(bound, float):
        return
    np.testing.assert_array_equal(ut.clip(x, bound).numpy(), np.maximum(a, bound))
    np.testing.assert_array_equal(ut.clip(x, -1, bound).numpy(), np.minimum(np.maximum(a, -1), bound))
    np.testing.assert_array_equal(ut.nn.functional.relu(ut.asarray(a * 1.0)).numpy(), np.maximum(a * 1.0, 0))


def test_a_complex_bound_is_refused_at_every_size() -> None:
    for size in SIZES:
        for a in (ut.ones(size), ut.ones(size, dtype=ut.complex128)):
            for call in (ut.maximum, ut.minimum, ut.clip):
                with pytest.raises(TypeError, match="expected real numeric dtypes"):
                    call(a, 2j)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_a_mask_keeps_the_bits(size: int, dtype: str) -> None:
    """What is selected stays as it is, be it infinite, NaN or -0, and the rest is 0."""
    a, mask = values(size, dtype), np.random.default_rng(1).random(size) < 0.5
    found = ut.load_backend("numpy").namespace.masked(a, mask)
    expected = np.where(mask, a, np.zeros((), dtype))
    np.testing.assert_array_equal(found, expected, strict=True)
    np.testing.assert_array_equal(np.signbit(found.real), np.signbit(expected.real))


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4), (1,), (), (0,), (3, 0)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_variance_is_that_of_numpy_to_the_bit(shape: tuple[int, ...], dtype: str) -> None:
    a = (np.random.default_rng(2).normal(size=shape) * 3 + 5).astype(dtype)
    for axis in (None, 0, -1, (0, 1)):
        for correction in (0, 1, 1.5, 9):
            for keepdims in (False, True):
                for name in ("var", "std"):
                    options: dict[str, Any] = {"axis": axis, "correction": correction, "keepdims": keepdims}
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")  # of empty slices and too few elements
                        try:
                            expected = getattr(np, name)(a, **options)
                        except ValueError:
                            with pytest.raises(ValueError, match=name):
                                getattr(ut, name)(ut.asarray(a), **options)
                            continue
                        found = getattr(ut, name)(ut.asarray(a), **options).numpy()
                    np.testing.assert_array_equal(found, expected, strict=True)


def test_axes_move_and_arrays_stack_as_in_numpy() -> None:
    a = np.arange(24.0).reshape(2, 3, 4)
    x = ut.asarray(a)
    for source in (-3, -1, 0, 1, 2):
        for target in (-2, -1, 0, 2):
            np.testing.assert_array_equal(
                ut.moveaxis(x, source, target).numpy(), np.moveaxis(a, source, target)
            )
    np.testing.assert_array_equal(ut.moveaxis(x, (0, 1), (-1, 0)).numpy(), np.moveaxis(a, (0, 1), (-1, 0)))
    for source, target in ((3, 0), (0, -4)):
        with pytest.raises(IndexError, match="moveaxis"):
            ut.moveaxis(x, source, target)
    for axis in (0, 1, -1, 3):
        np.testing.assert_array_equal(ut.stack([x, x + 1], axis=axis).numpy(), np.stack([a, a + 1], axis))
    assert ut.stack([ut.asarray(1), ut.asarray(2.5)]).tolist() == [1.0, 2.5]
    with pytest.raises(ValueError, match="stack"):
        ut.stack([x, x[0]])
    with pytest.raises(IndexError, match="stack"):
        ut.stack([x], axis=4)


def test_zeros_keep_their_sign() -> None:
    """0.0 and -0.0 are equal, so that a store of scalars by value would mix them up."""
    x = ut.asarray([1.0, -1.0])
    with np.errstate(divide="ignore"):
        for _ in range(2):
            assert (x / 0.0).tolist() == [np.inf, -np.inf]
            assert (x / -0.0).tolist() == [-np.inf, np.inf]
    for _ in range(2):
        assert str((x * complex(0.0, 0.0)).tolist()) == str(
            (np.asarray([1.0, -1.0]) * complex(0.0, 0.0)).tolist()
        )
        assert str((x * complex(-0.0, 0.0)).tolist()) == str(
            (np.asarray([1.0, -1.0]) * complex(-0.0, 0.0)).tolist()
        )
    ints = ut.asarray([1, 2])
    assert [(ints * zero).dtype for zero in (0, False, 0.0, 0j)] == [
        ut.int64,
        ut.int64,
        ut.float64,
        ut.complex128,
    ]
    x += -0.0
    x *= 0.0
    assert str(x.tolist()) == "[0.0, -0.0]"


def test_a_reciprocal_is_one_over_x() -> None:
    for dtype in ("float16", "float32", "float64", "complex128", "int32"):
        a = np.asarray([1, 2, 3, 7, 10], dtype)
        np.testing.assert_array_equal(ut.reciprocal(ut.asarray(a)).numpy(), 1 / a)


def test_views_of_data_that_lies_in_other_data() -> None:
    """A user's array may itself be a view: what the library makes of it shares memory all the same."""
    outer = np.arange(20.0)
    x = ut.asarray(outer[2:14])
    flat = ut.reshape(x, (3, 4))
    turned = ut.flip(flat, axis=0)
    moved = ut.permute_dims(turned, (1, 0))
    x[0] = -1.0
    assert flat[0, 0].item() == turned[2, 0].item() == moved[0, 2].item() == outer[2] == -1.0
    moved[3, 0] = 9.0
    assert x[11].item() == outer[13] == 9.0
    scalar = ut.asarray(np.asarray(3.0))
    ut.flip(scalar)[...] = 4.0
    assert scalar.item() == 3.0  # of no axes `flip` is a copy

"""The fft extension: gradients of all transforms, and what its functions are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from derivatives import agree, check, random

import unitensor as ut

NORMS = ("backward", "ortho", "forward")
FROM_COMPLEX = ("fft", "ifft", "irfft", "hfft")
FROM_REAL = ("fft", "ifft", "rfft", "ihfft", "irfft", "hfft")
ONE_AXIS = [(name, "complex128") for name in FROM_COMPLEX] + [(name, "float64") for name in FROM_REAL]
SEVERAL = [
    ("fftn", "complex128"),
    ("fftn", "float64"),
    ("ifftn", "complex128"),
    ("ifftn", "float64"),
    ("rfftn", "float64"),
    ("irfftn", "complex128"),
    ("irfftn", "float64"),
]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(
    ("n", "axis"), [(None, -1), (None, 0), (3, 1), (4, -1), (7, 0), (8, 1), (1, 0), (2, 0)]
)
@pytest.mark.parametrize(("name", "dtype"), ONE_AXIS)
def test_one_axis(name: str, dtype: str, n: int | None, axis: int, norm: str) -> None:
    def f(xp: Any, x: Any) -> Any:
        return getattr(xp.fft, name)(x, n=n, axis=axis, norm=norm)

    check(f, random((4, 5), dtype))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(
    ("s", "axes"),
    [(None, None), (None, (1,)), (None, (2, 0)), ((3, 6), (0, 1)), ((5, 2, 3), (1, 2, 0)), ((4, -1), (0, 2))],
)
@pytest.mark.parametrize(("name", "dtype"), SEVERAL)
def test_several_axes(name: str, dtype: str, s: Any, axes: Any, norm: str) -> None:
    def f(xp: Any, x: Any) -> Any:
        return getattr(xp.fft, name)(x, s=s, axes=axes, norm=norm)

    # PyTorch does not take -1 for "as it is" in the last axis of irfftn.
    check(f, random((2, 3, 4), dtype), with_torch=s is None or -1 not in s)


@pytest.mark.parametrize("axes", [None, 1, (0, 1)])
@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
def test_shifts(name: str, axes: Any) -> None:
    check(lambda xp, x: getattr(xp.fft, name)(x * x, axes=axes), random((3, 4)))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_second_order_through_a_spectrum(dtype: str) -> None:
    check(lambda xp, x: xp.abs(xp.fft.fft(x, n=6)) ** 3, random((5,), dtype))
    check(lambda xp, x: xp.fft.irfft(xp.fft.fft(x, n=6)[:4] ** 2, n=7), random((5,), dtype))


def test_no_axis_is_no_transform() -> None:
    x = random((2, 3), "complex128")
    assert np.array_equal(ut.fft.fftn(ut.asarray(x), axes=()).numpy(), x)
    check(lambda xp, x: xp.fft.fftn(x * x, axes=()), x, with_torch=False)


def test_dtypes() -> None:
    x = ut.asarray([1, 2, 3, 4])
    assert ut.fft.fft(x).dtype == ut.complex128
    assert ut.fft.rfft(ut.asarray(x, dtype=ut.float32)).dtype == ut.complex64
    assert ut.fft.irfft(ut.asarray(x, dtype=ut.complex64)).dtype == ut.float32
    for dtype in (ut.float32, ut.complex64):
        z = ut.asarray(x, dtype=dtype)
        assert ut.grad(lambda z: ut.sum(ut.abs(ut.fft.fft(z))))(z).dtype == dtype


def test_frequencies() -> None:
    assert ut.fft.fftfreq(5, d=0.1).tolist() == np.fft.fftfreq(5, 0.1).tolist()
    assert ut.fft.rfftfreq(5, d=0.1, dtype=ut.float32).dtype == ut.float32
    with pytest.raises(ValueError, match=r"fft.fftfreq: n is 0; expected 1 or more"):
        ut.fft.fftfreq(0)
    with pytest.raises(TypeError, match="real floating"):
        ut.fft.rfftfreq(3, dtype=ut.int64)


def test_errors_name_the_transform() -> None:
    with pytest.raises(TypeError, match=r"fft\.rfft\(x=complex128\[2\].*expected real floating"):
        ut.fft.rfft(ut.asarray([1j, 2.0]))
    with pytest.raises(ValueError, match=r"fft\.fftn: s=\(2,\) is given without axes"):
        ut.fft.fftn(ut.asarray([1.0, 2.0]), s=(2,))
    with pytest.raises(ValueError, match=r"fft\.rfftn: s=\(2,\) and axes=\(0, 1\) differ in length"):
        ut.fft.rfftn(ut.ones((2, 2)), s=(2,), axes=(0, 1))
    with pytest.raises(ValueError, match=r"fft\.fft\(x=float64\[2\], n=0"):
        ut.fft.fft(ut.asarray([1.0, 2.0]), n=0)


@pytest.mark.parametrize(("name", "dtype"), ONE_AXIS)
def test_engines_agree_on_one_axis(engine: str, name: str, dtype: str) -> None:
    for n, axis, norm in ((None, -1, "backward"), (4, 0, "ortho"), (7, 1, "forward"), (1, 0, "backward")):

        def f(xp: Any, x: Any, n: Any = n, axis: int = axis, norm: str = norm) -> Any:
            return getattr(xp.fft, name)(x, n=n, axis=axis, norm=norm)

        agree(f, engine, random((5, 4), dtype))


@pytest.mark.parametrize(("name", "dtype"), SEVERAL)
def test_engines_agree_on_several_axes(engine: str, name: str, dtype: str) -> None:
    for s, axes in ((None, None), (None, (2, 0)), ((3, 6), (0, 1)), ((4, -1), (0, 2))):

        def f(xp: Any, x: Any, s: Any = s, axes: Any = axes) -> Any:
            return getattr(xp.fft, name)(x, s=s, axes=axes)

        agree(f, engine, random((2, 3, 4), dtype))

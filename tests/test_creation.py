"""Functions that make Tensors, on every engine."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import pytest

import unitensor as ut


def test_filled(engine: str) -> None:
    for make, value in ((ut.zeros, 0.0), (ut.ones, 1.0)):
        x = make((2, 1), device=None)
        assert (x.shape, x.dtype, x.backend) == ((2, 1), ut.float64, engine)
        assert x.tolist() == [[value], [value]]
        assert make(3, dtype=ut.int8).tolist() == [int(value)] * 3
        assert make(()).shape == ()
        assert make((2, 0)).shape == (2, 0)
    assert ut.empty((2, 3), dtype=ut.bool).shape == (2, 3)
    assert ut.zeros([np.int64(2), ut.asarray(3)]).shape == (2, 3)  # type: ignore[arg-type]  # as NumPy takes them


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(True, ut.bool), (1, ut.int64), (1.5, ut.float64), (2j, ut.complex128), (np.float32(1.5), ut.float32)],
)
def test_full(engine: str, value: Any, dtype: ut.DType) -> None:
    x = ut.full((2,), value)
    assert x.dtype is dtype
    assert x.tolist() == [value, value]
    assert ut.full_like(x, value).dtype is dtype


def test_full_refuses_what_does_not_fit(engine: str) -> None:
    for error, value, dtype in (
        (OverflowError, 300, ut.uint8),
        (OverflowError, -1, ut.uint8),
        (TypeError, 1j, ut.float32),
    ):
        with pytest.raises(error, match="full: fill_value is"):
            ut.full(2, value, dtype=dtype)
        with pytest.raises(error, match="full_like"):
            ut.full_like(ut.zeros(2, dtype=dtype), value)


def test_like(engine: str) -> None:
    x = ut.asarray([[1, 2]], dtype=ut.int16)
    for make, value in ((ut.zeros_like, 0), (ut.ones_like, 1)):
        y = make(x)
        assert (y.dtype, y.device, y.tolist()) == (x.dtype, x.device, [[value, value]])
        assert make(x, dtype=ut.float32).dtype is ut.float32
    assert ut.empty_like(x, dtype=ut.complex64).dtype is ut.complex64


def test_arange_and_linspace(engine: str) -> None:
    assert ut.arange(3).dtype is ut.int64
    assert ut.arange(3.0).dtype is ut.float64
    assert ut.arange(5, 0, -2).tolist() == [5, 3, 1]
    assert ut.arange(1, 2, 0.25, dtype=ut.float32).tolist() == [1.0, 1.25, 1.5, 1.75]
    assert ut.linspace(0, 1, 4, endpoint=False).tolist() == [0.0, 0.25, 0.5, 0.75]
    assert ut.linspace(0, 1j, 2).tolist() == [0j, 1j]
    with pytest.raises(ValueError, match="linspace: num is -1"):
        ut.linspace(0, 1, -1)


def test_matrices(engine: str) -> None:
    assert ut.eye(2, 3, k=1, dtype=ut.int8).tolist() == [[0, 1, 0], [0, 0, 1]]
    x = ut.reshape(ut.arange(9), (3, 3))
    assert ut.tril(x, k=-1).tolist() == [[0, 0, 0], [3, 0, 0], [6, 7, 0]]
    assert ut.triu(x, k=1).tolist() == [[0, 1, 2], [0, 0, 5], [0, 0, 0]]
    with pytest.raises(ValueError, match="eye: n_cols is -1"):
        ut.eye(2, -1)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128", "int32", "bool"])
def test_triangles(engine: str, dtype: str) -> None:
    for shape in ((0, 0), (1, 1), (3, 5), (5, 3), (2, 4, 4), (0, 3), (150, 150)):
        x = (np.arange(np.prod(shape)) - 3.0).reshape(shape)
        x[..., -1:, :1] = np.nan if dtype[0] == "f" else 7
        x = x.astype(dtype)
        for y in (x, np.swapaxes(x, -1, -2), x[..., ::-1, ::2]):
            for k in (-7, -1, 0, 2):
                np.testing.assert_array_equal(ut.tril(ut.asarray(y), k=k).numpy(), np.tril(y, k))
                np.testing.assert_array_equal(ut.triu(ut.asarray(y), k=k).numpy(), np.triu(y, k))


def test_meshgrid(engine: str) -> None:
    x, y = ut.asarray([1, 2]), ut.asarray([3, 4, 5])
    for indexing in ("xy", "ij"):
        found = ut.meshgrid(x, y, indexing=indexing)  # type: ignore[arg-type]  # a string of the two
        expected = np.meshgrid([1, 2], [3, 4, 5], indexing=indexing)  # type: ignore[call-overload]  # likewise
        assert [f.tolist() for f in found] == [e.tolist() for e in expected]
    with pytest.raises(ValueError, match="meshgrid: indexing is 'yx'"):
        ut.meshgrid(x, y, indexing="yx")  # type: ignore[arg-type]  # wrong on purpose


# asarray ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (True, ut.bool),
        (3, ut.int64),
        (2.5, ut.float64),
        (1j, ut.complex128),
        ([1, 2.5], ut.float64),
        ([[True, False]], ut.bool),
        ([], ut.float64),
        ([2**63], ut.uint64),
        ([np.float32(1), np.float32(2)], ut.float32),
        ([np.zeros(2, np.int8)] * 2, ut.int8),
        (np.float16(1), ut.float16),
        (np.arange(3, dtype=">i4"), ut.int32),
        (np.zeros((2, 2), order="F"), ut.float64),
        (np.arange(6)[::-2], ut.int64),
        (array.array("d", [1.0, 2.0]), ut.float64),
        (memoryview(b"ab"), ut.uint8),
        (b"ab", ut.uint8),
        (range(3), ut.int64),
    ],
)
def test_asarray_finds_the_dtype(engine: str, data: Any, dtype: ut.DType) -> None:
    x = ut.asarray(data)
    assert (x.dtype, x.backend) == (dtype, engine)
    expected = np.asarray(memoryview(data) if isinstance(data, bytes) else data)
    assert x.shape == expected.shape
    assert x.tolist() == expected.tolist()


def test_asarray_with_a_dtype(engine: str) -> None:
    assert ut.asarray([1, 0], dtype=ut.bool).tolist() == [True, False]
    assert ut.asarray([1.9, -1.9], dtype=ut.int8).tolist() == [1, -1]
    assert ut.asarray([2**64], dtype=ut.float64).tolist() == [2.0**64]
    assert ut.asarray(np.arange(2), dtype="float32").dtype is ut.float32
    assert ut.asarray(ut.arange(2), dtype=np.float32).dtype is ut.float32  # type: ignore[arg-type]  # NumPy's too


@pytest.mark.parametrize(
    ("data", "options", "error", "words"),
    [
        ("abc", {}, TypeError, "str"),
        ([object()], {}, TypeError, "object"),
        (np.array(["a"]), {}, TypeError, "ndarray"),
        (np.array(["2020"], dtype="M8[Y]"), {}, TypeError, "datetime64"),
        ([[1], [2, 3]], {}, ValueError, "ragged"),
        (2**64, {}, OverflowError, "18446744073709551616"),
        ([300], {"dtype": ut.int8}, OverflowError, "300 out of bounds for int8"),
        ([1j], {"dtype": ut.float64}, TypeError, "complex"),
        (3, {"copy": False}, ValueError, "copy=False"),
        (np.arange(2), {"copy": False, "dtype": ut.float32}, ValueError, "copy=False"),
        ([1], {"dtype": "float31"}, TypeError, "did you mean 'float32'"),
    ],
)
def test_asarray_refuses(engine: str, data: Any, options: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ut.asarray(data, **options)


def test_asarray_copies_as_told() -> None:
    a = np.arange(3.0)
    assert np.shares_memory(ut.asarray(a).numpy(), a)
    assert np.shares_memory(ut.asarray(a, copy=False).numpy(), a)
    assert not np.shares_memory(ut.asarray(a, copy=True).numpy(), a)
    x = ut.asarray(a)
    assert ut.asarray(x) is x
    assert ut.asarray(x, dtype=x.dtype, device=x.device, copy=False) is x
    copied = ut.asarray(x, copy=True)
    copied[0] = 9.0
    assert x[0].item() == 0.0
    with pytest.raises(ValueError, match="copy=False"):
        ut.asarray(x, dtype=ut.float32, copy=False)


def test_asarray_without_a_copy_is_without_a_copy(engine: str) -> None:
    a = np.arange(3.0)
    if engine in ("numpy", "torch"):
        x = ut.asarray(a, copy=False)
        a[0] = 5.0
        assert x[0].item() == 5.0
    else:
        with pytest.raises(ValueError, match=f"must be copied to '{engine}'"):
            ut.asarray(a, copy=False)
    b = np.arange(3.0)
    y = ut.asarray(b, copy=True)
    b[0] = 5.0
    assert y[0].item() == 0.0


class Exporter:
    """An object that knows DLPack and nothing else."""

    def __init__(self, a: Any) -> None:
        self.a = a

    def __dlpack__(self, **options: Any) -> Any:
        return self.a.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.a.__dlpack_device__()


def test_dlpack(engine: str) -> None:
    x = ut.from_dlpack(Exporter(np.arange(3.0)))
    assert (x.backend, x.tolist()) == (engine, [0.0, 1.0, 2.0])
    assert ut.asarray(Exporter(np.arange(3.0))).tolist() == [0.0, 1.0, 2.0]
    assert ut.from_dlpack(np.arange(3)).backend == engine
    assert ut.from_dlpack(x).tolist() == x.tolist()
    copied = ut.from_dlpack(x, copy=True)
    assert copied.tolist() == x.tolist()
    assert ut.from_dlpack(x, device=x.device, copy=False).device == x.device
    if x.device.kind == "cpu":
        assert np.from_dlpack(x).tolist() == x.tolist()
        assert x.__dlpack_device__() == (1, 0)
    with pytest.raises(TypeError, match="list does not export DLPack"):
        ut.from_dlpack([1, 2])


def test_tensor_of_what_is_recorded_is_an_error(engine: str) -> None:
    w = ut.tensor([1.0, 2.0], requires_grad=True)
    for data in (w, w * 2, [w[0], 3.0], [[w[0]], [w[1]]], (w, w)):
        with pytest.raises(ut.GradientError, match=r"ut.stack.*x.detach\(\)"):
            ut.tensor(data)
        with pytest.raises(ut.GradientError, match="would lose"):
            ut.tensor(data, requires_grad=True)
    for f in (
        lambda: ut.grad(lambda x: ut.sum(ut.tensor(x) * x)),
        lambda: ut.hessian(lambda x: ut.sum(ut.tensor(x))),
    ):
        with pytest.raises(ut.GradientError, match="would lose"):
            f()(ut.ones(2))
    with pytest.raises(ut.GradientError, match="would lose"):
        ut.jvp(ut.tensor, (ut.ones(2),), (ut.ones(2),))
    with ut.no_grad():
        assert ut.tensor(w, requires_grad=True).is_leaf
    assert ut.tensor([w.detach()[0], 3.0]).tolist() == [1.0, 3.0]
    assert ut.tensor(w, dtype=ut.int64).tolist() == [1, 2]
    kept = ut.asarray([w[0], 3.0])
    ut.sum(kept).backward()
    assert w.grad is not None
    assert w.grad.tolist() == [1.0, 0.0]

"""Dtype objects, and NumPy 2's promotion on every engine."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import unitensor as ut
from unitensor import DType
from unitensor._dtypes import KINDS
from unitensor._op import Op, table

NAMES = [name for name in KINDS["all"] if name != "bfloat16"]


def dtype(name: str) -> DType:
    found = getattr(ut, name)
    assert isinstance(found, DType)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_dtype_stands_for_numpys(name: str) -> None:
    ours, theirs = dtype(name), np.dtype(name)
    assert ours == theirs
    assert theirs == ours
    assert hash(ours) == hash(theirs)
    assert np.dtype(ours) is theirs
    assert ours == theirs.type
    assert ours == name
    assert np.zeros(2, dtype=ours).dtype == theirs
    assert {theirs: 1}[ours] == 1
    assert (ours.kind, ours.itemsize, ours.char, ours.type) == (
        theirs.kind,
        theirs.itemsize,
        theirs.char,
        theirs.type,
    )
    assert np.issubdtype(ours, theirs.type)
    assert np.can_cast(ours, np.complex128) == np.can_cast(theirs, np.complex128)
    assert pickle.loads(pickle.dumps(ours)) is ours


def test_what_a_dtype_is_not() -> None:
    for other in (
        None,
        "abc",
        "f4,f4",
        5,
        ut.ones(1),
        np.ones(1),
        np.dtype(">f8"),
        ut.float32,
        [("a", "f8")],
    ):
        assert ut.float64 != other
    assert ut.float64 in (float,)
    assert ut.float64 == "f8"


def test_the_dtypes_of_engines(engine: str) -> None:
    backend = ut.current_backend()
    for d in backend.dtypes():
        assert d == backend.dtype(d)
        assert ut.zeros(2, dtype=d).dtype is d
        assert ut.zeros(2, dtype=backend.dtype(d)).dtype is d


def test_scipy_and_sklearn_take_them() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    utils = pytest.importorskip("sklearn.utils")
    assert sparse.eye(2, dtype=ut.float32).dtype == ut.float32
    checked = utils.check_array(np.ones((2, 2)), dtype=[ut.float32])
    assert checked.dtype == np.float32


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4))
def test_promotion_is_numpys(names: list[str]) -> None:
    # More than two: NumPy 2 reduces kinds jointly, the standard's result_type pairwise from the left.
    first, *rest = names
    expected = np.dtype(first)
    for name in rest:
        expected = np.promote_types(expected, name)
    assert ut.result_type(*(dtype(name) for name in names)) == expected
    if len(names) == 2:
        assert ut.result_type(*(ut.zeros(1, dtype=dtype(name)) for name in names)) == np.result_type(*names)


@given(st.sampled_from(NAMES), st.sampled_from([True, 1, 1.5, 2j]))
def test_promotion_with_a_python_scalar_is_numpys(name: str, scalar: complex) -> None:
    expected = np.result_type(np.zeros(1, name), scalar)
    assert ut.result_type(dtype(name), scalar) == expected
    assert (ut.ones(1, dtype=dtype(name)) * scalar).dtype == expected


@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_can_cast_is_numpys(source: str, target: str) -> None:
    assert ut.can_cast(dtype(source), dtype(target)) == np.can_cast(source, target)


@pytest.mark.parametrize("name", ["float32", "float64", "int8", "uint64", "complex64"])
def test_numpy_scalars_are_arrays(engine: str, name: str) -> None:
    scalar, x = np.dtype(name).type(2), ut.ones(2, dtype=ut.float32)
    expected = np.result_type(np.float32, name)
    for result in (scalar * x, x * scalar, ut.add(x, scalar), ut.add(scalar, x)):
        assert isinstance(result, ut.Tensor)
        assert result.dtype == expected


def test_bfloat16_promotes() -> None:
    b = ut.bfloat16
    pairs = {
        ut.bfloat16: ut.bfloat16,
        ut.float16: ut.float32,
        ut.float32: ut.float32,
        ut.int8: ut.bfloat16,
        ut.bool: ut.bfloat16,
        ut.complex64: ut.complex64,
    }
    for other, expected in pairs.items():
        assert ut.result_type(b, other) is ut.result_type(other, b) is expected
    assert ut.result_type(b, 1.5) is b
    assert ut.isdtype(b, "real floating")
    assert ut.finfo(b).eps == 2.0**-7


def test_short_floats_on_engines_that_have_them(engine: str) -> None:
    for d in (ut.float16, ut.bfloat16):
        if not ut.current_backend().supports(d):
            with pytest.raises(TypeError, match=d.name):
                ut.zeros(2, dtype=d)
            continue
        x = ut.asarray([1.0, 2.0], dtype=d)
        assert (x * 2 + x).dtype is d
        assert (x * 2).astype(ut.float32).tolist() == [2.0, 4.0]
        assert ut.sum(x).dtype is d
        assert d not in ut.__array_namespace_info__().dtypes().values()
        for leaving in (x.numpy(), np.asarray(x), x.to("numpy").numpy()):
            assert leaving.dtype == ("float32" if d is ut.bfloat16 else "float16")
            assert leaving.tolist() == x.tolist() == [1.0, 2.0]
        assert pickle.loads(pickle.dumps(x)).dtype is d
        assert repr(x).startswith("Tensor([1., 2.]")
        assert (x @ x).item() == 5.0
        assert ut.fft.rfft(x).dtype is ut.complex64
        assert (x * np.float32(2)).dtype is (x * ut.ones(2, dtype=ut.float32)).dtype is ut.float32
        assert ut.sort(x, descending=True).tolist() == x[::-1].tolist() == [2.0, 1.0]
        assert ut.grad(lambda z: ut.sum(z * z))(x).tolist() == [2.0, 4.0]


# What every op makes of every dtype --------------------------------------------------------------

ONE_ARRAY = [
    o
    for o in table.values()
    if o.public
    and not o.module
    and {p for p in o.positional + o.keyword_only if p not in o.defaults} <= {"x", "x1", "x2"}
    and o.name not in ("empty_like", "matmul", "tensordot", "matrix_transpose", "tril", "triu", "vecdot")
    and not o.name.startswith(("unique_", "nonzero"))
]
#: One of each kind and size that is promoted in its own way.
TRIED = ("bool", "int8", "int64", "uint8", "float16", "float32", "complex64")


def answers(made: Op, names: list[str]) -> str:
    values = [np.asarray([1, 0, 1]).astype(name) for name in names]
    try:
        result = made.function(*(ut.asarray(v) for v in values))
    except (TypeError, ValueError) as error:
        return type(error).__name__
    return ", ".join(str(r.dtype) for r in (result if isinstance(result, tuple) else (result,)))


@pytest.mark.parametrize("made", ONE_ARRAY, ids=lambda o: o.path)
def test_every_engine_answers_every_dtype_as_numpy_does(engine: str, made: Op) -> None:
    names = [name for name in TRIED if ut.current_backend().supports(dtype(name))]
    count = len([p for p in made.positional if p in made.inputs and p not in made.defaults])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of 1 / 0
        for i, name in enumerate(names):
            given_names = (
                [[name]] if count == 1 else [[name, names[(i * k + k) % len(names)]] for k in (1, 4)]
            )
            for operands in given_names:
                with ut.use_backend("numpy"):
                    expected = answers(made, operands)
                assert answers(made, operands) == expected, operands


def test_the_default_dtype(engine: str) -> None:
    ut.set_default_dtype(ut.float32)
    assert ut.zeros(2).dtype is ut.float32
    assert ut.asarray([1.0]).dtype is ut.float32
    assert ut.asarray([1j]).dtype is ut.complex64
    assert ut.asarray([1]).dtype is ut.int64
    assert (ut.asarray([1]) * 1.5).dtype is ut.result_type(ut.int64, 1.5) is ut.float64
    assert ut.linspace(0, 1, 3).dtype is ut.float32
    assert ut.asarray(np.zeros(2)).dtype is ut.float64
    with pytest.raises(TypeError, match="int8"):
        ut.set_default_dtype(ut.int8)


def test_limits() -> None:
    info = ut.finfo(ut.float32)
    for field in ("eps", "max", "min", "smallest_normal"):
        assert type(getattr(info, field)) is float
        assert getattr(info, field) == float(getattr(np.finfo(np.float32), field))
    assert info.dtype is ut.float32
    assert ut.finfo(ut.complex64).dtype is ut.float32
    assert ut.finfo(ut.ones(1)).bits == 64
    assert (ut.iinfo(ut.uint64).min, ut.iinfo(ut.uint64).max) == (0, 2**64 - 1)
    for f, d in ((ut.finfo, ut.int8), (ut.iinfo, ut.float32)):
        with pytest.raises(ValueError, match=d.name):
            f(d)


def test_kinds() -> None:
    assert ut.isdtype(ut.float32, ("bool", ut.float32))
    assert not ut.isdtype(ut.bool, "numeric")
    with pytest.raises(ValueError, match="did you mean 'real floating'"):
        ut.isdtype(ut.float32, "real floatin")


def test_inspection(engine: str) -> None:
    info: Any = ut.__array_namespace_info__()
    assert info.default_dtypes() == {
        "real floating": ut.float64,
        "complex floating": ut.complex128,
        "integral": ut.int64,
        "indexing": ut.int64,
    }
    assert info.capabilities()["boolean indexing"] is True
    assert type(info.devices()) is tuple
    assert info.default_device() in info.devices()
    for device in info.devices():
        assert info.dtypes(device=device)["float32"] is ut.float32
        assert ut.zeros(1, device=device).device == device
    assert set(info.dtypes(kind="unsigned integer")) <= {"uint8", "uint16", "uint32", "uint64"}
    assert set(info.dtypes(kind=("bool", "complex floating"))) == {"bool", "complex64", "complex128"}
    with pytest.raises(ValueError, match="unknown kind"):
        info.dtypes(kind="floats")
    for version in ("2021.12", "2025.12"):
        assert ut.zeros(1).__array_namespace__(api_version=version).ones(1).backend == engine
    with pytest.raises(ValueError, match=r"1999\.01"):
        ut.zeros(1).__array_namespace__(api_version="1999.01")


def test_the_standards_entry_point() -> None:
    from importlib.metadata import entry_points

    (point,) = entry_points(group="array_api", name="unitensor")
    assert point.load() is ut
    assert ut.__array_api_version__ == "2025.12"

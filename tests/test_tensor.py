"""The array object, on every engine: attributes, operators, methods, moving, leaving, gradients."""

from __future__ import annotations

import copy
import operator
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import unitensor as ut
from unitensor import GradientError


def array(*shape: int) -> np.ndarray:
    return np.arange(1, 1 + int(np.prod(shape)), dtype=np.float64).reshape(shape) / 2


# Attributes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int64", "float32", "float64", "complex64", "complex128"]
)
def test_attributes(engine: str, dtype: str) -> None:
    x = ut.zeros((2, 3), dtype=getattr(ut, dtype))
    assert x.dtype is getattr(ut, dtype)
    assert x.dtype == np.dtype(dtype)
    assert (x.shape, x.ndim, x.size, len(x)) == ((2, 3), 2, 6, 2)
    assert (x.dim(), x.numel()) == (2, 6)
    assert x.itemsize == np.dtype(dtype).itemsize
    assert x.nbytes == 6 * x.itemsize
    assert x.backend == engine == x.device.backend
    assert x.device == ut.zeros(1).device
    assert all(type(n) is int for n in x.shape)


def test_transposes(engine: str) -> None:
    a = array(2, 3, 4)
    x = ut.asarray(a)
    assert x.mT.tolist() == a.swapaxes(1, 2).tolist()
    assert x[0].T.tolist() == a[0].T.tolist()
    assert x.transpose().tolist() == a.T.tolist()
    assert x.permute(2, 0, 1).tolist() == a.transpose(2, 0, 1).tolist()
    assert x.transpose((1, 0, 2)).tolist() == a.transpose(1, 0, 2).tolist()
    with pytest.raises(ValueError, match="mT: expected 2 axes or more, got shape"):
        x[0, 0].mT  # noqa: B018 -- the attribute is what raises


def test_real_and_imaginary_parts(engine: str) -> None:
    z = ut.asarray([1 + 2j, -3.5j])
    assert z.real.tolist() == [1.0, 0.0]
    assert z.imag.tolist() == [2.0, -3.5]
    assert z.real.dtype is ut.float64
    assert z.conj().tolist() == [1 - 2j, 3.5j]


# Operators ----------------------------------------------------------------------------------------

BINARY = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
BITS = {
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
}
IN_PLACE = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "/=": operator.itruediv,
    "//=": operator.ifloordiv,
    "%=": operator.imod,
    "**=": operator.ipow,
}
BITS_IN_PLACE = {
    "&=": operator.iand,
    "|=": operator.ior,
    "^=": operator.ixor,
    "<<=": operator.ilshift,
    ">>=": operator.irshift,
}


def same(x: ut.Tensor, expected: np.ndarray) -> None:
    assert isinstance(x, ut.Tensor)
    assert x.shape == expected.shape
    assert x.dtype == expected.dtype
    np.testing.assert_allclose(x.numpy(), expected, rtol=1e-14)


@pytest.mark.parametrize("symbol", BINARY)
def test_binary_operators(engine: str, symbol: str) -> None:
    f = BINARY[symbol]
    a, b = np.array([1.5, 2.0, 4.0]), np.array([[3.0], [2.0]])
    x, y = ut.asarray(a), ut.asarray(b)
    same(f(x, y), f(a, b))
    same(f(x, 2), f(a, 2))
    same(f(2, x), f(2, a))
    same(f(x, 2.5), f(a, 2.5))
    same(f(2.5, x), f(2.5, a))


@pytest.mark.parametrize("symbol", BITS)
def test_operators_on_bits(engine: str, symbol: str) -> None:
    f = BITS[symbol]
    a, b = np.array([1, 6, 12]), np.array([[3], [2]])
    x, y = ut.asarray(a), ut.asarray(b)
    same(f(x, y), f(a, b))
    same(f(x, 2), f(a, 2))
    same(f(5, x), f(5, a))


def test_operators_on_truths(engine: str) -> None:
    a, b = np.array([True, True, False]), np.array([True, False, False])
    x, y = ut.asarray(a), ut.asarray(b)
    for f in (operator.and_, operator.or_, operator.xor):
        same(f(x, y), f(a, b))
        same(f(x, True), f(a, True))
    same(~x, ~a)


def test_unary_operators(engine: str) -> None:
    a = np.array([-1.5, 0.0, 2.0])
    x = ut.asarray(a)
    same(-x, -a)
    same(+x, +a)
    same(abs(x), abs(a))
    same(~ut.asarray([1, -4]), ~np.array([1, -4]))
    assert abs(ut.asarray(3 + 4j)).item() == 5.0


@pytest.mark.parametrize("symbol", IN_PLACE | BITS_IN_PLACE)
def test_in_place_operators(engine: str, symbol: str) -> None:
    f = (IN_PLACE | BITS_IN_PLACE)[symbol]
    a = np.array([1.5, 2.0, 4.0]) if symbol in IN_PLACE else np.array([1, 6, 12])
    for other in (2, a[::-1].copy()):
        x = y = ut.tensor(a)
        x = f(x, other if isinstance(other, int) else ut.asarray(other))
        assert x is y
        same(x, f(a.copy(), other))


def test_matmul(engine: str) -> None:
    a, b = array(2, 3), array(3, 4)
    x, y = ut.asarray(a), ut.asarray(b)
    same(x @ y, a @ b)
    same(x.matmul(y), a @ b)
    z = ut.asarray(array(3, 3))
    z @= ut.asarray(np.eye(3) * 2)
    same(z, array(3, 3) * 2)


@pytest.mark.parametrize("scalar", [np.float32(2), np.float64(2), np.int64(2), np.uint8(2)])
def test_numpy_scalars_are_arrays_of_their_dtype(engine: str, scalar: np.generic) -> None:
    for dtype in (np.float32, np.float64, np.int16):
        a = np.array([1, 2], dtype=dtype)
        x = ut.asarray(a)
        same(scalar * x, np.asarray(scalar) * a)
        same(x * scalar, a * np.asarray(scalar))
        same(scalar - x, np.asarray(scalar) - a)


def test_python_scalars_keep_the_dtype(engine: str) -> None:
    x = ut.asarray([1, 2], dtype=ut.float32)
    assert (x + 1).dtype is (2.5 * x).dtype is (x / True).dtype is ut.float32
    assert (x + 1j).dtype is ut.complex64
    i = ut.asarray([1, 2], dtype=ut.int8)
    assert (i + 1).dtype is ut.int8
    assert (i + 1.5).dtype is ut.float64
    assert (i / 2).dtype is ut.float64


def test_numpy_functions_refuse_a_tensor(engine: str) -> None:
    x = ut.ones(2)
    for call in (lambda: np.add(np.ones(2), x), lambda: np.sin(x), lambda: np.multiply(x, 2)):
        with pytest.raises(TypeError, match="Tensor"):
            call()


def test_comparison_with_anything(engine: str) -> None:
    x = ut.asarray([1.0, 2.0])
    assert (x == None) is False  # noqa: E711 -- the operator is under test
    assert (x != "a") is True
    assert x not in [None, "a"]


# Python's protocols -------------------------------------------------------------------------------


def test_len_iteration_and_membership(engine: str) -> None:
    x = ut.asarray(array(3, 2))
    rows = list(x)
    assert len(rows) == len(x) == 3
    assert [r.tolist() for r in rows] == array(3, 2).tolist()
    assert all(isinstance(r, ut.Tensor) for r in rows)
    a, b = x[0]
    assert (a.item(), b.item()) == (0.5, 1.0)
    assert 2.5 in x
    assert 9.0 not in x


def test_numbers(engine: str) -> None:
    assert float(ut.asarray(2.5)) == 2.5
    assert int(ut.asarray(2.9)) == 2
    assert complex(ut.asarray(1 + 2j)) == 1 + 2j
    assert complex(ut.asarray(2.0)) == 2 + 0j
    assert bool(ut.asarray(0.0)) is False
    assert bool(ut.asarray(True)) is True
    assert [10, 20, 30][ut.asarray(1)] == 20
    assert list(range(ut.asarray(3))) == [0, 1, 2]
    assert ut.zeros((ut.asarray(2), 3)).shape == (2, 3)
    for number in (3, 2.5, True, 1j):
        item = ut.asarray(number).item()
        assert item == number
        assert type(item) is type(number)
    assert ut.asarray([[7]]).item() == 7


def test_repr(engine: str) -> None:
    device = f"device='{ut.zeros(1).device}'"
    assert repr(ut.asarray([1.0, 2.5])) == f"Tensor([1. , 2.5], float64, {device})"
    assert repr(ut.asarray([1, 2], dtype=ut.int8)) == f"Tensor([1, 2], int8, {device})"
    assert repr(ut.asarray([[True], [False]])) == f"Tensor([[ True],\n        [False]], bool, {device})"
    assert repr(ut.zeros((0, 3))) == f"Tensor([], shape=(0, 3), float64, {device})"
    x = ut.tensor(2.0, requires_grad=True)
    assert repr(x) == f"Tensor(2., float64, {device}, requires_grad=True)"
    assert repr(x * x) == f"Tensor(4., float64, {device}, grad_fn=multiply)"
    assert str(ut.asarray(1.5)) == repr(ut.asarray(1.5))
    many = repr(ut.zeros(5000))
    assert "..." in many
    assert len(many) < 200


def test_notebook_form(engine: str) -> None:
    shown = ut.asarray([[1.0, 2.0], [3.0, 4.25]])._repr_html_()
    assert shown.count("<tr>") == 2
    assert shown.count("<td") == 4
    assert ">4.25<" in shown
    assert f"shape (2, 2) · float64 · {ut.zeros(1).device}" in shown
    assert "requires gradient" in ut.tensor(1.0, requires_grad=True)._repr_html_()
    assert "<pre>" in ut.zeros((100, 100))._repr_html_()
    assert "shape (0, 2)" in ut.zeros((0, 2))._repr_html_()
    for x in (ut.asarray([[1j]]), ut.asarray([[True]]), ut.asarray(1)):
        assert x._repr_html_().startswith("<div>")


def test_format(engine: str) -> None:
    assert f"{ut.asarray(3.14159):.2f}" == "3.14"
    assert f"{ut.asarray([7]):03d}" == "007"
    assert f"{ut.asarray(1.0)}" == str(ut.asarray(1.0))


def test_hash_is_identity(engine: str) -> None:
    x, y = ut.ones(2), ut.ones(2)
    assert {x: 1, y: 2}[x] == 1
    assert len({x, y, x}) == 2


@pytest.mark.parametrize("requires_grad", [False, True])
def test_pickle_copy_deepcopy(engine: str, requires_grad: bool) -> None:
    x = ut.tensor([[1.0, 2.0]], dtype=ut.float32, requires_grad=requires_grad)
    for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x), copy.copy(x)):
        assert y.tolist() == [[1.0, 2.0]]
        assert (y.dtype, y.device) == (x.dtype, x.device)
        assert y.requires_grad is requires_grad
        with ut.no_grad():
            y[0, 0] = 9.0
    assert x.tolist() == [[1.0, 2.0]]
    a, b = copy.deepcopy([x, x])
    assert a is b


def test_a_history_is_not_pickled_away() -> None:
    y = ut.tensor(1.0, requires_grad=True) * 2
    for call in (pickle.dumps, copy.deepcopy):
        with pytest.raises(GradientError, match=r"history would lose it; use .*detach\(\)"):
            call(y)


# Moving and copying -------------------------------------------------------------------------------


def test_to_dtype(engine: str) -> None:
    x = ut.asarray([1.5, -2.5])
    assert x.to(ut.int32).tolist() == [1, -2]
    assert x.to("float32").dtype is ut.float32
    assert x.to(np.float32).dtype is ut.float32
    assert x.to(dtype=ut.complex128).tolist() == [1.5 + 0j, -2.5 + 0j]
    assert x.to(ut.float64) is x
    assert x.to(ut.float64, copy=True) is not x
    assert x.astype(ut.int64).dtype is ut.int64
    assert x.to(ut.zeros(1, dtype=ut.float32)).dtype is ut.float32


def test_to_device_and_backend(engine: str) -> None:
    x = ut.asarray([1.5, -2.5])
    assert x.to(x.device) is x
    assert x.to("numpy").device == "numpy:cpu"
    assert x.to("numpy").to(engine).device == x.device
    assert x.to("numpy").to(x.device, dtype=ut.float32).tolist() == [1.5, -2.5]
    assert x.to_device(x.device) is x
    assert x.cpu().device.kind == "cpu"
    assert x.cpu().backend in (engine, "numpy")
    with pytest.raises(ValueError, match="stream"):
        x.cpu().to_device(x.cpu().device, stream=1)


def test_moving_shares_memory_where_both_engines_write(engine: str) -> None:
    a = np.zeros(3)
    x = ut.asarray(a, device=ut.load_backend(engine).devices()[0])
    there = x.to("numpy" if engine != "numpy" else other_engine())
    shared = {x.backend, there.backend} == {"numpy", "torch"}
    x[0] = 5.0
    there[1] = 7.0
    assert x.tolist() == [5.0, 7.0 if shared else 0.0, 0.0]
    assert there.tolist() == [5.0 if shared else 0.0, 7.0, 0.0]


def test_a_recorded_tensor_moves_by_copy(engine: str) -> None:
    leaf = ut.tensor([1.0, 2.0], requires_grad=True)
    x = leaf * 1.0
    there = x.to("numpy" if engine != "numpy" else other_engine())
    x[0] = 5.0
    there.sum().backward()
    assert there.tolist() == [1.0, 2.0]
    assert leaf.grad is not None
    assert leaf.grad.tolist() == [1.0, 1.0]


def test_a_write_on_one_engine_is_noticed_by_a_graph_on_another() -> None:
    if other_engine() != "torch":
        pytest.skip("PyTorch is not installed")
    with ut.use_backend("numpy"):
        w = ut.tensor([1.0, 2.0, 3.0], requires_grad=True)
        p = ut.ones(3)
    y = w.to("torch") * p.to("torch")
    p[0] = 9.0
    with pytest.raises(ut.GradientError, match=r"multiply.*overwritten at .*test_tensor\.py"):
        y.sum().backward()


def other_engine() -> str:
    for name in ("torch", "jax"):
        try:
            return ut.load_backend(name).name
        except ut.BackendError:
            continue
    pytest.skip("one engine is installed")


def test_gradients_flow_through_to(engine: str) -> None:
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    y = (x.to(ut.float32) * 3).to("numpy")
    (y * y).sum().backward()
    assert x.grad.tolist() == [18.0, 36.0]
    assert (x.grad.dtype, x.grad.device) == (ut.float64, x.device)


def test_clone_and_view(engine: str) -> None:
    x = ut.asarray(array(2, 3))
    y = x.clone()
    y[0, 0] = 100.0
    assert x.tolist() == array(2, 3).tolist()
    v = x.view(3, 2)
    assert v.tolist() == array(2, 3).reshape(3, 2).tolist()
    v[0, 0] = 100.0
    assert x[0, 0].item() == 100.0
    assert x.view((-1,)).shape == x.view(-1).shape == (6,)
    w = ut.tensor([1.0, 2.0], requires_grad=True)
    (w.clone() * 2).sum().backward()
    assert w.grad.tolist() == [2.0, 2.0]


# Methods ------------------------------------------------------------------------------------------

UNARY = [
    "abs", "exp", "log", "sqrt", "sin", "cos", "tan", "tanh",
    "square", "sign", "floor", "ceil", "round", "reciprocal",
]  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_elementwise_methods(engine: str, name: str) -> None:
    a = array(2, 3)
    same(getattr(ut.asarray(a), name)(), getattr(np, name)(a))


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "max", "min", "var", "std", "all", "any"])
def test_reductions(engine: str, name: str) -> None:
    a = array(2, 3)
    x = ut.asarray(a)
    method, f = getattr(x, name), getattr(np, name)
    same(method(), np.asarray(f(a)))
    same(method(1), f(a, axis=1))
    same(method(axis=(0, 1), keepdims=True), f(a, axis=(0, 1), keepdims=True))


def test_other_methods(engine: str) -> None:
    a = array(2, 3)
    x = ut.asarray(a)
    same(x.sum(dtype=ut.float32), a.sum(dtype=np.float32))
    same(x.var(correction=1), np.asarray(a.var(ddof=1)))
    same(x.reshape(3, 2), a.reshape(3, 2))
    same(x.reshape((3, -1)), a.reshape(3, 2))
    same(x.reshape([6]), a.reshape(6))
    same(x.flatten(), a.ravel())
    same(x.ravel(), a.ravel())
    same(x.cumsum(1), a.cumsum(1))
    same(x.argmax(axis=1), a.argmax(axis=1))
    same(x.argmin(), np.asarray(a.argmin()))
    same(x.sort(axis=1, descending=True), -np.sort(-a, axis=1))
    same(x.clip(1, 2), a.clip(1, 2))
    same(x.maximum(2.0), np.maximum(a, 2.0))
    same(x.pow(2), a**2)
    same(x.broadcast_to(4, 2, 3), np.broadcast_to(a, (4, 2, 3)))
    same(x.expand_dims(0), a[None])
    same(x.unsqueeze(0).squeeze(0), a)
    same(x.flip(axis=1), a[:, ::-1])
    same(x.roll(1, axis=1), np.roll(a, 1, axis=1))
    same(x.moveaxis(0, 1), a.T)
    same(x.take(ut.asarray([2, 0]), axis=1), a[:, [2, 0]])
    same(x.repeat(2, axis=0), a.repeat(2, axis=0))
    assert [n.tolist() for n in (x > 2).nonzero()] == [n.tolist() for n in (a > 2).nonzero()]


# Coming in and going out --------------------------------------------------------------------------


def test_numpy_and_back(engine: str) -> None:
    a = array(2, 3)
    x = ut.from_numpy(a)
    assert x.backend == engine
    assert np.array_equal(x.numpy(), a)
    assert np.array_equal(np.asarray(x), a)
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    assert x.tolist() == a.tolist()
    assert np.array_equal(np.from_dlpack(x.to("numpy")), a)
    with pytest.raises(TypeError, match=r"from_numpy: expected a NumPy array, got list; use ut\.asarray"):
        ut.from_numpy([1.0])


def test_numpy_shares_memory(engine: str) -> None:
    if engine not in ("numpy", "torch"):
        pytest.skip(f"{engine} arrays are immutable or on a GPU, so sharing cannot be seen by writing")
    a = array(2, 3)
    x = ut.from_numpy(a)
    assert np.shares_memory(x.numpy(), a)
    assert np.shares_memory(np.asarray(x), a)
    assert np.shares_memory(ut.asarray(a).numpy(), a)
    assert np.shares_memory(ut.from_dlpack(a).numpy(), a)
    assert not np.shares_memory(ut.tensor(a).numpy(), a)
    assert not np.shares_memory(ut.asarray(a, copy=True).numpy(), a)
    assert not np.shares_memory(np.array(x, copy=True), a)
    with pytest.raises(ValueError, match="copy=False"):
        ut.asarray(a, dtype=ut.float32, copy=False)


ODD = {
    "backwards": np.arange(6.0)[::-1],
    "strided": np.arange(12.0).reshape(3, 4)[:, ::2],
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "bytes swapped": np.arange(3, dtype=">f8"),
    "0-d": np.array(2.0),
    "empty": np.zeros((0, 3)),
    "broadcast": np.broadcast_to(np.arange(3.0), (2, 3)),
    "half": np.ones(2, np.float16),
    "unsigned": np.arange(3, dtype=np.uint32),
    "truths": np.array([True, False]),
    "a scalar": np.int32(3),
    "another name of int64": np.arange(3, dtype=np.longlong),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_memory_travels(engine: str, kind: str) -> None:
    a = ODD[kind]
    x = ut.asarray(a)
    assert x.dtype == a.dtype.newbyteorder("=")
    assert np.array_equal(x.numpy(), a)
    assert ut.asarray(a, copy=True).tolist() == a.tolist()
    for other in ("numpy", "jax", "torch", engine):
        try:
            there = x.to(other)
        except ut.BackendError:
            continue  # not installed
        assert there.backend == other
        assert there.tolist() == there.to(engine).tolist() == a.tolist()


def test_an_engines_own_array_stays_on_it_without_a_copy(engine: str) -> None:
    xp = ut.load_backend(engine).xp
    raw = xp.asarray([1.0, 2.0])
    with ut.use_backend("numpy"):
        x = ut.asarray(raw)
        y = ut.from_dlpack(raw)
    assert x.backend == y.backend == engine
    assert x._data is raw
    assert x.tolist() == y.tolist() == [1.0, 2.0]
    assert ut.asarray(x) is x
    assert ut.asarray(raw, device="numpy:cpu").backend == "numpy"
    assert ut.asarray(raw, dtype=ut.int64).tolist() == [1, 2]


def test_dlpack_round_trip(engine: str) -> None:
    x = ut.asarray([[1.0, 2.0]])
    assert isinstance(x.__dlpack_device__()[1], int)
    assert ut.from_dlpack(x).tolist() == x.tolist()
    assert ut.from_dlpack(x, copy=True) is not x
    with pytest.raises(TypeError, match=r"from_dlpack: list does not export DLPack; use ut\.asarray"):
        ut.from_dlpack([1.0])


def test_asarray_of_python_data(engine: str) -> None:
    assert ut.asarray([[1, 2], [3, 4]]).dtype is ut.int64
    assert ut.asarray([1, 2.5]).dtype is ut.float64
    assert ut.asarray([True, False]).dtype is ut.bool
    assert ut.asarray([1j]).dtype is ut.complex128
    assert ut.asarray(range(3)).tolist() == [0, 1, 2]
    assert ut.asarray([]).shape == (0,)
    x = ut.asarray([ut.asarray(1.0), ut.asarray(2.0)])
    assert x.tolist() == [1.0, 2.0]
    assert x.backend == engine
    with pytest.raises(ValueError, match="copy=False"):
        ut.asarray([1.0], copy=False)


def test_a_list_of_tensors_keeps_gradients(engine: str) -> None:
    a, b = (ut.tensor(v, requires_grad=True) for v in (2.0, 3.0))
    (ut.asarray([a, b, a * b]) * ut.asarray([1.0, 10.0, 100.0])).sum().backward()
    assert (a.grad.item(), b.grad.item()) == (301.0, 210.0)
    (ut.asarray([1.0, a]) * 2).sum().backward()
    assert a.grad.item() == 303.0


def test_the_bound_namespace(engine: str) -> None:
    x = ut.ones(2)
    with ut.use_backend("numpy"):
        xp = x.__array_namespace__(api_version="2025.12")
        assert xp.zeros(3).backend == engine
        assert xp.sin(x).backend == engine
        assert xp.linalg.matmul(x, x).backend == engine
    assert xp is x.__array_namespace__()
    with pytest.raises(ValueError, match="api_version '1999' is not known; expected one of"):
        x.__array_namespace__(api_version="1999")


# Gradients ----------------------------------------------------------------------------------------


def test_leaf_and_requires_grad(engine: str) -> None:
    x = ut.tensor([1.0], requires_grad=True)
    y = x * 2
    assert (x.is_leaf, y.is_leaf, x.detach().is_leaf) == (True, False, True)
    assert (x.requires_grad, y.requires_grad, y.detach().requires_grad) == (True, True, False)
    assert (y > 0).requires_grad is False
    assert y.grad is None
    z = ut.ones(2).requires_grad_()
    assert z.requires_grad
    assert not z.requires_grad_(False).requires_grad
    z.requires_grad = True
    assert z.requires_grad
    with pytest.raises(GradientError, match=r"requires_grad_\(False\).*use detach\(\)"):
        y.requires_grad_(False)


def test_gradients_accumulate_until_cleared(engine: str) -> None:
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    for times in (1, 2, 3):
        (x * x).sum().backward()
        assert x.grad.tolist() == [2.0 * times, 4.0 * times]
    x.zero_grad()
    assert x.grad is None
    x.grad = ut.asarray([1.0, 1.0])
    (3 * x).sum().backward()
    assert x.grad.tolist() == [4.0, 4.0]
    with pytest.raises(ValueError, match=r"grad: expected shape \(2,\)"):
        x.grad = ut.ones(3)
    with pytest.raises(GradientError, match="only a leaf"):
        (x * 2).grad = ut.ones(2)


def test_gradients_of_two_leaves_are_two_arrays(engine: str) -> None:
    x, y = (ut.tensor([1.0, 2.0], requires_grad=True) for _ in "xy")
    g = ut.asarray([1.0, 1.0])
    (x + y).backward(g)
    with ut.no_grad():
        x.grad += 5.0
    assert y.grad.tolist() == g.tolist() == [1.0, 1.0]


def test_retain_graph(engine: str) -> None:
    x = ut.tensor(3.0, requires_grad=True)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12.0
    with pytest.raises(GradientError, match="freed"):
        y.backward()


def test_create_graph(engine: str) -> None:
    x = ut.tensor(2.0, requires_grad=True)
    (x**3).backward(create_graph=True)
    first = x.grad
    assert first.item() == 12.0
    x.zero_grad()
    first.backward()
    assert x.grad.item() == 12.0


def test_diamonds_and_reuse(engine: str) -> None:
    x = ut.tensor(2.0, requires_grad=True)
    y = x * x
    z = y * y + y * x + x
    z.backward()
    assert x.grad.item() == 4 * 8 + 3 * 4 + 1


def test_broadcasting_is_undone(engine: str) -> None:
    x = ut.tensor(np.ones((3, 1)), requires_grad=True)
    y = ut.tensor(np.ones(4), requires_grad=True)
    s = ut.tensor(2.0, requires_grad=True)
    (x * y * s).sum().backward()
    assert x.grad.tolist() == [[8.0]] * 3
    assert y.grad.tolist() == [6.0] * 4
    assert s.grad.item() == 12.0


def test_indexing_has_gradients(engine: str) -> None:
    x = ut.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    (x[0] * 2 + x[:, 1].sum() + x[ut.asarray([1, 1]), ut.asarray([2, 2])].sum()).sum().backward()
    assert x.grad.tolist() == [[2.0, 5.0, 2.0], [0.0, 3.0, 6.0]]


def test_python_control_flow(engine: str) -> None:
    def collatz(x: ut.Tensor, n: int) -> ut.Tensor:
        """Recursion, with a branch on the value."""
        if n == 0:
            return x
        return collatz(x / 2 if x > 3 else 3 * x + 1, n - 1)

    x = ut.tensor(5.0, requires_grad=True)
    y = collatz(x, 3)  # 5 -> 2.5 -> 8.5 -> 4.25
    y.backward()
    assert y.item() == 4.25
    assert x.grad.item() == 0.75
    total = ut.asarray(0.0)
    for i, row in enumerate(ut.tensor(np.ones((3, 2)), requires_grad=True)):
        total = total + i * row.sum()
    assert total.item() == 6.0
    assert total.requires_grad


def test_hooks(engine: str) -> None:
    seen: list[Any] = []
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert x.grad.tolist() == [30.0, 30.0]
    assert seen == [[10.0, 10.0]]
    z = x * 2
    z.register_hook(lambda g: ut.ones(5))
    with pytest.raises(GradientError, match=r"hook: returned float64\[5\]; expected .* float64\[2\]"):
        z.sum().backward()


def test_detach_shares_values_but_no_history(engine: str) -> None:
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    d = x.detach()
    assert not d.requires_grad
    (x * d).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0]


def test_no_grad_and_its_inverse(engine: str) -> None:
    x = ut.tensor(2.0, requires_grad=True)

    @ut.no_grad()
    def double(x: ut.Tensor) -> ut.Tensor:
        assert not ut.is_grad_enabled()
        with ut.enable_grad():
            assert (x * 2).requires_grad
        return x * 2

    assert not double(x).requires_grad
    assert ut.is_grad_enabled()
    with pytest.raises(ZeroDivisionError), ut.no_grad():
        raise ZeroDivisionError
    assert (x * 2).requires_grad
    with ut.set_grad_enabled(False):
        assert not (x * 2).requires_grad


def test_an_update_in_place_under_no_grad(engine: str) -> None:
    w = ut.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(3):
        (w * w).sum().backward()
        with ut.no_grad():
            w -= 0.25 * w.grad
            w.zero_grad()
    assert w.is_leaf
    assert w.requires_grad
    assert w.tolist() == [0.125, 0.25]


def test_complex_gradients_ascend(engine: str) -> None:
    z = ut.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    (abs(z) ** 2).sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), [2 + 4j, 6 - 2j], rtol=1e-12)


# Threads ------------------------------------------------------------------------------------------


def test_threads_choose_for_themselves(engine: str) -> None:
    """Grad mode and current backend of one thread are not another's."""
    inside, checked = threading.Event(), threading.Event()
    found: dict[str, Any] = {}

    def quiet() -> None:
        with ut.no_grad(), ut.use_backend("numpy"):
            inside.set()
            checked.wait(10)
            found["quiet"] = (ut.is_grad_enabled(), ut.zeros(1).backend)

    thread = threading.Thread(target=quiet)
    thread.start()
    assert inside.wait(10)
    x = ut.tensor(2.0, requires_grad=True)
    y = x * x
    found["loud"] = (ut.is_grad_enabled(), y.backend, y.requires_grad)
    checked.set()
    thread.join()
    y.backward()
    assert x.grad.item() == 4.0
    assert found == {"quiet": (False, "numpy"), "loud": (True, engine, True)}


def test_threads_add_to_one_leaf() -> None:
    x = ut.tensor(np.ones(10), requires_grad=True)

    def work() -> None:
        for _ in range(50):
            (x * 2).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert x.grad.tolist() == [800.0] * 10

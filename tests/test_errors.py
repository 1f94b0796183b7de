"""Bad input, on every engine: the message names the op, what came, and what was expected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import unitensor as ut
from unitensor import GradientError


@contextmanager
def refused(kind: type[Exception], *words: str) -> Iterator[None]:
    """Exactly this kind of error, with all these words in its message."""
    with pytest.raises(kind) as caught:
        yield
    assert type(caught.value) is kind
    message = str(caught.value)
    missing = [word for word in words if word not in message]
    assert not missing, f"{missing} not in {message!r}"


def square(n: int = 2, m: int = 3) -> ut.Tensor:
    return ut.ones((n, m))


# Shapes -------------------------------------------------------------------------------------------

SHAPES: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "operator": (lambda: square() + ut.ones(4), ("add(", "(2, 3) and (4,) do not broadcast")),
    "in place": (lambda: square().__iadd__(ut.ones((4, 2, 3))), ("+=", "(4, 2, 3)", "(2, 3)")),
    "maximum": (lambda: ut.maximum(square(), ut.ones(4)), ("maximum(", "(2, 3) and (4,) do not broadcast")),
    "where": (
        lambda: ut.where(ut.asarray([True, False]), square(), ut.ones(4)),
        ("where(", "(2,) and (2, 3) and (4,) do not broadcast"),
    ),
    "matmul": (lambda: square() @ square(), ("matmul(", "(2, 3) and (2, 3) do not match", "equally long")),
    "vecdot": (lambda: ut.vecdot(square(), ut.ones(4)), ("vecdot(", "(2, 3) and (4,) do not match")),
    "tensordot": (
        lambda: ut.tensordot(square(), ut.ones(4), axes=1),
        ("tensordot(", "float64[2, 3]", "float64[4]"),
    ),
    "concat": (
        lambda: ut.concat([square(), square(2, 4)]),
        ("concat(", "float64[2, 3]", "along dimension 1"),
    ),
    "stack": (lambda: ut.stack([square(), ut.ones(3)]), ("stack(", "float64[2, 3]", "same shape")),
    "reshape": (lambda: ut.reshape(square(), (4,)), ("reshape(", "size 6", "(4,)")),
    "broadcast_to": (lambda: ut.broadcast_to(square(), (4,)), ("broadcast_to(", "float64[2, 3]", "(4,)")),
    "permute_dims": (lambda: ut.permute_dims(square(), (0,)), ("permute_dims(", "axes=(0,)", "don't match")),
    "squeeze": (lambda: ut.squeeze(square(), 0), ("squeeze(", "float64[2, 3]", "axis=0", "not equal to one")),
    "T": (lambda: ut.ones(3).T, ("T:", "expected 2 axes", "(3,)")),
    "mm": (lambda: ut.mm(square(), ut.ones(3)), ("mm:", "(2, 3) and (3,)", "expected 2 axes each")),
    "zeros": (lambda: ut.zeros(-1), ("zeros:", "(-1,)", "negative")),
    "assignment": (
        lambda: square().__setitem__(0, ut.ones(2)),
        ("y of shape (2,)", "selected shape (3,)", "x[2, 3]"),
    ),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shapes_that_do_not_fit(engine: str, case: str) -> None:
    call, words = SHAPES[case]
    with refused(ValueError, *words):
        call()


def test_an_axis_out_of_range(engine: str) -> None:
    for call in (ut.sum, ut.argmax, ut.sort, ut.flip):
        with refused(np.exceptions.AxisError, call.__name__ + "(", "axis=5"):
            call(square(), axis=5)


def test_a_shape_that_is_not_integers(engine: str) -> None:
    with refused(TypeError, "zeros:", "2.5", "expected an integer or a tuple of integers"):
        ut.zeros(2.5)
    with refused(TypeError, "ones:", "(2, 1.0)", "expected an integer or a tuple of integers"):
        ut.ones((2, 1.0))


# Dtypes -------------------------------------------------------------------------------------------

DTYPES: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "bits of floats": (
        lambda: ut.bitwise_and(square(), square()),
        ("bitwise_and(", "expected integer or boolean dtypes", "got float64, float64"),
    ),
    "operator": (
        lambda: ut.asarray([1.0]) | ut.asarray([1]),
        ("bitwise_or(", "expected integer or boolean dtypes", "got float64, int64"),
    ),
    "shift": (
        lambda: ut.asarray([1]) << ut.asarray([1.0]),
        ("bitwise_left_shift(", "expected integral dtypes", "int64, float64"),
    ),
    "minus a truth": (lambda: -ut.asarray([True]), ("negative(", "expected numeric dtypes", "got bool")),
    "difference of truths": (
        lambda: ut.asarray([True]) - ut.asarray([False]),
        ("subtract(", "expected numeric dtypes", "got bool, bool"),
    ),
    "floor of complex": (
        lambda: ut.asarray([1j]) // 2,
        ("floor_divide(", "expected real numeric dtypes", "got complex128"),
    ),
    "remainder of complex": (lambda: ut.asarray([1j]) % 2, ("remainder(", "real numeric", "complex128")),
    "in place": (
        lambda: ut.asarray([1, 2]).__iadd__(1.5),
        ("x += y:", "float64", "int64", "x = x + y"),
    ),
    "a string": (lambda: ut.asarray(["a"]), ("asarray:", "expected numbers", "list")),
    "an object": (lambda: ut.asarray(object()), ("asarray:", "expected numbers", "got object")),
    "an unknown dtype": (lambda: ut.zeros(2, dtype="flaot32"), ("'flaot32'", "did you mean 'float32'?")),
    "a list": (lambda: ut.sin([1.0]), ("sin:", "expected a Tensor", "list [1.0]", "ut.asarray")),
    "None": (lambda: ut.add(square(), None), ("add:", "x2 is NoneType None", "expected a Tensor")),
    "no Tensor": (lambda: ut.add(1, 2.5), ("add:", "expected at least one Tensor", "int 1, float 2.5")),
    "a string operand": (lambda: square() + "a", ("+", "'Tensor' and 'str'")),
    "one Tensor for many": (lambda: ut.concat(square()), ("concat:", "expected a list or tuple", "Tensor")),
}


@pytest.mark.parametrize("case", DTYPES)
def test_dtypes_that_do_not_mix(engine: str, case: str) -> None:
    call, words = DTYPES[case]
    with refused(TypeError, *words):
        call()


@pytest.mark.parametrize("value", [300, -1, 2**70])
def test_a_scalar_that_the_dtype_cannot_hold(engine: str, value: int) -> None:
    x = ut.asarray([1], dtype=ut.uint8)
    with refused(OverflowError, "add:", str(value), "uint8"):
        x + value
    with refused(OverflowError, str(value), "uint8"):
        ut.asarray([value], dtype=ut.uint8)


def test_nothing_is_changed_by_a_failed_write(engine: str) -> None:
    x = ut.asarray([1, 2, 3])
    for wrong in (lambda: x.__iadd__(1.5), lambda: x.__setitem__(slice(None), ut.asarray([1, 2]))):
        with pytest.raises((TypeError, ValueError)):
            wrong()
    assert x.tolist() == [1, 2, 3]
    assert x.dtype is ut.int64


# Backends and devices -----------------------------------------------------------------------------


def other_engine(engine: str) -> str:
    name = "jax" if engine == "numpy" else "numpy"
    try:
        ut.load_backend(name)
    except ut.BackendError as error:
        pytest.skip(error.reason)
    return name


def test_two_backends_in_one_op(engine: str) -> None:
    other = other_engine(engine)
    x = ut.ones(3)
    y = ut.ones(3, device=f"{other}:cpu")
    words = (f"two backends, '{engine}' and '{other}'", f"x.to('{engine}')", f"x.to('{other}')")
    with refused(TypeError, "add:", *words):
        x + y
    with refused(TypeError, "concat:", *words):
        ut.concat([x, y])
    with refused(TypeError, "where:", *words):
        ut.where(x > 0, x, y)
    with refused(TypeError, *words):
        x[y.to(ut.int64)]
    with refused(TypeError, f"'{engine}'", f"'{other}'", "move y first"):
        x[:] = y
    assert (x + y.to(engine)).tolist() == [2.0] * 3


def test_arrays_of_an_engine_beside_a_tensor(engine: str) -> None:
    x = ut.ones(3)
    raw = np.ones(3)
    for call in (lambda: x + raw, lambda: raw + x, lambda: ut.add(x, raw), lambda: x @ raw, lambda: raw < x):
        with refused(TypeError, "ndarray float64[3]", "ut.asarray"):
            call()
    with refused(TypeError, "Tensor", "does not support ufuncs"):
        np.add(raw, x)


def test_an_unknown_device(engine: str) -> None:
    kind = ut.zeros(1).device.local  # `cpu`, or `cuda:0`
    with refused(ValueError, "zeros:", f"unknown device '{kind}u'", f"backend '{engine}'", f"mean '{kind}'?"):
        ut.zeros(2, device=kind + "u")
    with refused(ValueError, "asarray:", "unknown device 'tpu:9'", f"backend '{engine}'"):
        ut.asarray([1.0], device="tpu:9")
    with refused(ValueError, "to:", "unknown device 'nowhere'", f"backend '{engine}'", kind):
        ut.ones(2).to("nowhere")
    with refused(ValueError, "to:", "unknown device 'cuda:77'", f"backend '{engine}'", kind):
        ut.ones(2).to_device("cuda:77")
    with refused(ValueError, "full:", "unknown device 3", f"backend '{engine}'"):
        ut.full(2, 1.0, device=3)


def test_a_gpu_where_there_is_none() -> None:
    with refused(ValueError, "unknown device 'cuda'", "backend 'numpy'", "a GPU needs backend 'cupy'"):
        ut.ones(2).cuda()


# Gradients ----------------------------------------------------------------------------------------


def test_a_gradient_asked_of_integers(engine: str) -> None:
    for dtype in (ut.int64, ut.uint8, ut.bool):
        x = ut.ones(3, dtype=dtype)
        with refused(GradientError, "requires_grad_:", str(dtype), "expected a floating dtype"):
            x.requires_grad_()
        assert not x.requires_grad
    with refused(GradientError, "int64", "expected a floating dtype"):
        ut.tensor([1, 2], requires_grad=True)
    with refused(GradientError, "grad:", "int64[2]", "no gradient", "x.to(ut.float64)"):
        ut.grad(ut.sum)(ut.asarray([1, 2]))


def test_a_graph_that_was_freed(engine: str) -> None:
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    y = ut.exp(x)
    z = ut.sum(y)
    z.backward()
    first = x.grad.tolist()
    with refused(GradientError, "graph of `sum` was freed", "retain_graph=True"):
        z.backward()
    with refused(GradientError, "graph of `exp` was freed", "retain_graph=True"):
        ut.sum(y * 2).backward()
    assert x.grad.tolist() == first


def test_no_graph(engine: str) -> None:
    x = ut.tensor(2.0, requires_grad=True)
    for y in (ut.asarray(1.0), (x * x).detach(), x.detach() * 3):
        with refused(GradientError, "backward:", "no graph", "requires_grad=True"):
            y.backward()
    with ut.no_grad():
        y = x * x
    with refused(GradientError, "backward:", "no graph", "no_grad"):
        y.backward()
    assert x.grad is None


def test_many_elements_without_a_cotangent(engine: str) -> None:
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    with refused(GradientError, "backward:", "(2,)", "2 elements", "y.backward(ut.ones_like(y))", "y.sum()"):
        y.backward()
    with refused(GradientError, "backward:", "float64[3]", "expected shape (2,)", repr(engine)):
        y.backward(ut.ones(3))
    y.backward(ut.ones(2))
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_gradient_that_would_be_lost(engine: str) -> None:
    x = ut.tensor([1.5], requires_grad=True)
    leaving: dict[str, Callable[[], Any]] = {
        "numpy()": lambda: x.numpy(),
        "NumPy array": lambda: np.asarray(x),
        "float()": lambda: float(x[0]),
        "int()": lambda: int(x[0]),
        "complex()": lambda: complex(x[0]),
        "__dlpack__": lambda: x.__dlpack__(),
        "from_dlpack": lambda: ut.from_dlpack(x),
    }
    for what, call in leaving.items():
        with refused(GradientError, what, "requires a gradient", "x.detach()"):
            call()


def test_writing_to_a_leaf(engine: str) -> None:
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    with refused(GradientError, "in place", "leaf", "ut.no_grad()", "x.clone()"):
        x[0] = 5.0
    assert x.tolist() == [1.0, 2.0]


# Indexing -----------------------------------------------------------------------------------------

INDICES: dict[str, tuple[Callable[[ut.Tensor], Any], tuple[str, ...]]] = {
    "high": (lambda x: x[3], ("x[3] of shape (3, 2)", "index 3 is out of bounds for axis 0 with size 3")),
    "low": (lambda x: x[-4], ("x[-4] of shape (3, 2)", "index -4 is out of bounds for axis 0 with size 3")),
    "second axis": (lambda x: x[0, 5], ("x[0, 5]", "index 5 is out of bounds for axis 1 with size 2")),
    "after a slice": (lambda x: x[1:, 2], ("x[1:, 2]", "index 2 is out of bounds for axis 1 with size 2")),
    "too many": (lambda x: x[0, 0, 0], ("x[0, 0, 0] of shape (3, 2)", "too many indices", "3 were indexed")),
    "in a Tensor": (
        lambda x: x[ut.asarray([0, 7])],
        ("x[int64[2]] of shape (3, 2)", "index 7 is out of bounds"),
    ),
    "in a list": (lambda x: x[[0, -9]], ("of shape (3, 2)", "index -9 is out of bounds")),
    "mask": (lambda x: x[ut.asarray([True, False])], ("x[bool[2]] of shape (3, 2)", "size of axis is 3")),
    "float": (lambda x: x[1.0], ("float 1.0 given", "expected an integer, a slice")),
    "float Tensor": (lambda x: x[ut.asarray([0.5])], ("expected integers or booleans", "float64[1]")),
    "string": (lambda x: x["a"], ("str 'a' given", "expected an integer, a slice")),
    "writing": (lambda x: x.__setitem__(9, 1.0), ("x[9] of shape (3, 2)", "index 9 is out of bounds")),
    "writing at many": (
        lambda x: x.__setitem__(ut.asarray([9]), 1.0),
        ("of shape (3, 2)", "index 9 is out of"),
    ),
    "take": (lambda x: ut.take(x, ut.asarray([0, 7]), axis=0), ("take(", "index 7 is out of bounds")),
    "take from below": (
        lambda x: ut.take(x, ut.asarray([-8]), axis=1),
        ("take(", "index -8 is out of bounds"),
    ),
    "take_along_axis": (
        lambda x: ut.take_along_axis(x, ut.asarray([[7, 0]]), axis=0),
        ("take_along_axis(", "index 7 is out of bounds"),
    ),
}


@pytest.mark.parametrize("case", INDICES)
def test_an_index_out_of_range(engine: str, case: str) -> None:
    call, words = INDICES[case]
    x = ut.reshape(ut.arange(6, dtype=ut.float64), (3, 2))
    with refused(IndexError, *words):
        call(x)
    assert x.tolist() == [[0, 1], [2, 3], [4, 5]]


# Making and leaving -------------------------------------------------------------------------------


def test_ragged_lists(engine: str) -> None:
    with refused(ValueError, "asarray:", "ragged", "a list of 1 and a list of 2 at depth 1", "expected"):
        ut.asarray([[1, 2], [3]])
    with refused(ValueError, "asarray:", "ragged", "a number and a list of 1 at depth 1"):
        ut.asarray([[1.0], 2.0])
    with refused(ValueError, "asarray:", "ragged", "a list of 1 and a list of 2 at depth 2"):
        ut.tensor([[[1], [2]], [[3], [4, 5]]])
    with refused(ValueError, "asarray:", "ragged", "(1,) and (2,)", "expected one shape"):
        ut.asarray([ut.asarray([1, 2]), ut.asarray([3])])


def test_a_boolean_context_of_many_elements(engine: str) -> None:
    x = ut.asarray([1.0, float("nan")])
    with refused(ValueError, "bool:", "2 elements (shape (2,))", "ambiguous", "ut.any(x) or ut.all(x)"):
        if x:
            pass
    with refused(ValueError, "bool:", "0 elements"):
        bool(ut.zeros(0))
    with refused(ValueError, "bool:", "ambiguous"):
        bool(x != x)
    assert bool(ut.asarray(float("nan")))


def test_a_single_number_of_many_elements(engine: str) -> None:
    x = square()
    with refused(TypeError, "float:", "expected a 0-d Tensor", "(2, 3)", "tolist()"):
        float(x)
    with refused(TypeError, "int:", "expected a 0-d Tensor", "(2, 3)"):
        int(x)
    with refused(ValueError, "item:", "expected one element", "(2, 3)", "tolist()"):
        x.item()
    with refused(TypeError, "index:", "expected an integer Tensor", "float64"):
        [1, 2][ut.asarray(1.0)]
    with refused(TypeError, "float:", "expected a real Tensor", "complex128", "x.real"):
        float(ut.asarray(1j))
    with refused(TypeError, "len()", "0-d"):
        len(ut.asarray(1.0))
    with refused(TypeError, "iteration", "0-d"):
        iter(ut.asarray(1.0))


# Calling ------------------------------------------------------------------------------------------

CALLS: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "reduction": (lambda: ut.sum(square(), axs=1), ("sum()", "'axs'")),
    "binary": (lambda: ut.add(square(), square(), out=1), ("add()", "'out'")),
    "positional-only": (lambda: ut.add(x1=1, x2=square()), ("add()", "positional-only", "x1")),
    "missing": (lambda: ut.add(square()), ("add()", "missing 1 required positional argument: 'x2'")),
    "too many": (lambda: ut.exp(square(), square()), ("exp()", "takes 1 positional argument but 2")),
    "creation": (lambda: ut.zeros(2, typ="f"), ("zeros()", "'typ'")),
    "method": (lambda: square().sum(axs=1), ("sum()", "'axs'")),
    "sequence": (lambda: ut.concat([square()], axs=1), ("concat()", "'axs'")),
    "extension": (lambda: ut.linalg.matmul(square(), square(), out=1), ("matmul()", "'out'")),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_wrong_keyword_names_the_function(case: str) -> None:
    call, words = CALLS[case]
    for _ in range(2):  # the first call compiles the wrapper, the second finds it compiled
        with refused(TypeError, *words):
            call()


def test_an_unknown_attribute() -> None:
    with refused(AttributeError, "'Tensor' object has no attribute 'summ'"):
        square().summ()

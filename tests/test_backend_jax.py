"""What the JAX plugin mends: each case as a plain example, with NumPy's answer beside it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from samples import call, dtypes_of, samples

import unitensor as ut
from unitensor._op import Op, table

jax = pytest.importorskip("jax", reason="JAX is not installed")

inf, nan = float("inf"), float("nan")
complexes = np.asarray(
    [complex(a, b) for a in (0.0, -0.0, 1.0, -0.5, 2.5) for b in (0.0, -0.0, 1.0, -2.5)], np.complex128
)


@pytest.fixture(autouse=True)
def _on_jax() -> Iterator[None]:
    with ut.use_backend("jax"):
        yield


def exactly(found: Any, expected: Any) -> None:
    """Equal values, signs of zeros included."""
    found, expected = np.asarray(found.numpy()), np.asarray(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    for a, b in ((found.real, expected.real), (found.imag, expected.imag)):
        zeros = b == 0
        np.testing.assert_array_equal(np.signbit(a)[zeros], np.signbit(b)[zeros])


def both(function: str, *arrays: Any, **options: Any) -> tuple[Any, Any]:
    """The result on JAX and on NumPy."""
    results = []
    for engine in ("jax", "numpy"):
        with ut.use_backend(engine), np.errstate(all="ignore"):
            tensors = [ut.asarray(a) for a in arrays]
            results.append(getattr(ut, function)(*tensors, **options))
    assert results[0].dtype == results[1].dtype
    return results[0], results[1].numpy()


# Complex functions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sqrt", "acos", "acosh", "asin", "asinh", "atan", "sinh", "cosh", "tan"])
def test_complex_signs_of_zeros(name: str) -> None:
    exactly(*both(name, complexes))


@pytest.mark.parametrize(
    ("name", "z", "value"),
    [
        ("exp", complex(-inf, nan), 0),
        ("exp", complex(inf, nan), complex(inf, nan)),
        ("expm1", complex(-inf, inf), -1),
        ("expm1", complex(inf, inf), complex(inf, nan)),
        ("log", complex(-inf, nan), complex(inf, nan)),
        ("log1p", complex(nan, inf), complex(inf, nan)),
        ("log10", complex(nan, inf), complex(inf, nan)),
        ("sqrt", complex(nan, inf), complex(inf, inf)),
        ("sqrt", complex(-inf, nan), complex(nan, inf)),
        ("sqrt", complex(-1, -0.0), complex(0, -1)),
        ("sinh", complex(inf, nan), complex(inf, nan)),
        ("sinh", complex(0, inf), complex(0, nan)),
        ("cosh", complex(0, nan), complex(nan, 0)),
        ("cosh", complex(inf, inf), complex(inf, nan)),
        ("tanh", complex(inf, nan), 1),
        ("tanh", complex(0, inf), complex(0, nan)),
        ("asinh", complex(nan, 0), complex(nan, 0)),
        ("acos", complex(0, nan), complex(np.pi / 2, nan)),
        ("acos", complex(1e308, nan), complex(nan, nan)),
        ("acosh", complex(-1e308, nan), complex(nan, nan)),
        ("asinh", complex(nan, 1e308), complex(nan, nan)),
        ("acosh", complex(0, nan), complex(nan, np.pi / 2)),
        ("atanh", complex(nan, 1), complex(nan, nan)),
        ("atanh", complex(inf, nan), complex(0, nan)),
        ("sign", complex(-0.0, 0.0), 0),
        ("sign", complex(-inf, 1), -1),
        ("sign", complex(inf, nan), complex(nan, nan)),
        ("sin", complex(inf, inf), complex(nan, inf)),
        ("sin", complex(nan, -inf), complex(nan, inf)),
        ("reciprocal", complex(0, -2.0), complex(-0.0, 0.5)),
    ],
)
def test_complex_special_values(name: str, z: complex, value: complex) -> None:
    found = getattr(ut, name)(ut.asarray(z)).item()
    np.testing.assert_equal([found.real, found.imag], [complex(value).real, complex(value).imag])


def test_complex_hyperbolics_near_zero_and_far_out() -> None:
    np.testing.assert_allclose(ut.sinh(ut.asarray(1e-10 + 0j)).item(), 1e-10, rtol=1e-15)
    found = ut.sinh(ut.asarray(complex(711.0, 1e-5))).item()
    np.testing.assert_allclose(found.imag, 1e-5 * np.exp(700.0) * np.exp(11.0) / 2, rtol=1e-9)


def test_complex_powers_quotients_and_truth() -> None:
    assert ut.pow(ut.asarray(0j), ut.asarray(1 + 1j)).item() == 0
    assert np.isnan(ut.divide(ut.asarray(0j), ut.asarray(complex(inf, inf))).item())
    assert ut.divide(ut.asarray(1 + 2j), ut.asarray(0.5j)).item() == 4 - 2j
    assert ut.any(ut.asarray([0j, 1j])).item()
    assert ut.all(ut.asarray([1j])).item()
    assert ut.abs(ut.asarray(complex(nan, -inf))).item() == inf


# Real functions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "quotient", "rest"),
    [
        (-0.0, 2.0, -0.0, 0.0),
        (0.0, -2.0, -0.0, -0.0),
        (inf, 2.0, inf, nan),
        (-inf, 2.0, -inf, nan),
        (1.0, -inf, -0.0, -inf),
        (-1.0, inf, -0.0, inf),
        (-1.0, -inf, 0.0, -1.0),
        (7.0, -2.0, -4.0, -1.0),
        (1.0, 0.0, inf, nan),
    ],
)
def test_floor_divide_and_remainder(a: float, b: float, quotient: float, rest: float) -> None:
    x, y = ut.asarray(a), ut.asarray(b)
    exactly(x // y, quotient)
    exactly(x % y, rest)


def test_the_remainder_is_exact() -> None:
    assert ut.remainder(ut.asarray(1.0), ut.asarray(0.1)).item() == np.remainder(1.0, 0.1)
    assert ut.floor_divide(ut.asarray(1.0), ut.asarray(0.1)).item() == 9.0


def test_integers_by_zero_and_at_the_edge() -> None:
    x = ut.asarray([5, -5, -128], dtype=ut.int8)
    assert (x // 0).tolist() == [0, 0, 0]
    assert (x % 0).tolist() == [0, 0, 0]
    assert (x // -1).tolist() == [-5, 5, -128]


def test_integer_powers() -> None:
    assert ut.pow(ut.asarray([2, 3], dtype=ut.uint8), ut.asarray([64, 64], dtype=ut.uint8)).tolist() == [0, 1]
    assert ut.pow(ut.asarray([2, 2]), ut.asarray([62, 64])).tolist() == [2**62, 0]
    with pytest.raises(ValueError, match="negative integer powers"):
        ut.pow(ut.asarray([2]), ut.asarray([-1]))


def test_shifts_by_too_much() -> None:
    x = ut.asarray([1, -1], dtype=ut.int16)
    assert ut.bitwise_left_shift(x, 16).tolist() == [0, 0]
    assert ut.bitwise_right_shift(x, 100).tolist() == [0, -1]


def test_sign_of_zero_and_hypot_of_halves() -> None:
    exactly(ut.sign(ut.asarray([-0.0, -3.0])), [0.0, -1.0])
    found, expected = both("hypot", np.float16([-128, 2]), np.float16([-127, 63]))
    np.testing.assert_array_equal(found.numpy(), expected)


def test_casts() -> None:
    x = ut.asarray([300.0, -300.0, nan, inf])
    assert x.astype(ut.int8).tolist() == [127, -128, 0, 127]
    with pytest.raises(TypeError, match="does not become real"):
        ut.asarray([1j]).astype(ut.float64)


# Arrays of every shape ------------------------------------------------------------------------------


def test_dtypes_of_indices_and_products() -> None:
    small = np.asarray([1, 3], np.uint8)
    assert both("searchsorted", small, small)[0].dtype == ut.int64
    assert both("cumulative_prod", small)[0].dtype == ut.uint64
    assert both("cumulative_prod", np.zeros(0, np.int8), include_initial=True)[0].tolist() == [1]
    assert both("cumulative_sum", np.asarray(3))[0].tolist() == [3]


def test_permute_dims_with_negative_axes() -> None:
    assert ut.permute_dims(ut.zeros((2, 3, 0)), (-1, 0, 1)).shape == (0, 2, 3)
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        ut.permute_dims(ut.zeros((2, 3)), (0, 2))


def test_triangles_of_a_vector() -> None:
    assert ut.tril(ut.asarray([1, 2])).tolist() == [[1, 0], [1, 2]]
    assert ut.triu(ut.asarray([1, 2]), k=1).tolist() == [[0, 2], [0, 0]]


def test_nothing_has_no_largest_element() -> None:
    for function in (ut.max, ut.min, ut.argmax, ut.argmin):
        with pytest.raises(ValueError, match=r"zero|empty"):
            function(ut.zeros(0))
    assert ut.sum(ut.zeros((0, 3)), axis=0).tolist() == [0, 0, 0]


def test_every_nan_is_distinct() -> None:
    values, counts = ut.unique_counts(ut.asarray([nan, 1.0, nan]))
    assert values.shape == (3,)
    assert counts.tolist() == [1, 1, 1]
    assert not ut.isin(ut.asarray([nan]), ut.asarray([nan])).item()


def test_stable_descending_order() -> None:
    x = ut.asarray([2, 1, 2, 1])
    assert ut.argsort(x, descending=True).tolist() == [0, 2, 1, 3]


# Indexing and writing -------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [3, -4, [0, 3], (0, 5), [-4], [True, False], (0, 0, 0)], ids=str)
def test_indices_out_of_range(key: Any) -> None:
    x = ut.zeros((3, 2))
    with pytest.raises(IndexError, match=r"x\[.*\] of shape \(3, 2\)"):
        x[key]
    with pytest.raises(IndexError):
        x[key] = 1.0
    assert x.tolist() == [[0, 0], [0, 0], [0, 0]]


def test_indices_out_of_range_on_a_device_without_host_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    import unitensor_jax

    monkeypatch.setattr(unitensor_jax, "_on_host", lambda x, key: False)
    x = ut.arange(6).reshape((3, 2))
    assert x[-1].tolist() == [4, 5]
    assert x[[0, -1], 1].tolist() == [1, 5]
    assert x[x > 3].tolist() == [4, 5]
    with pytest.raises(IndexError, match="out of bounds"):
        x[[0, 3]]
    x[1:] = ut.asarray([[7, 8]])
    assert x.tolist() == [[0, 1], [7, 8], [7, 8]]
    with pytest.raises(IndexError, match="out of bounds"):
        x[3] = 1
    y = ut.tensor([1.0, 2.0], requires_grad=True)
    ut.sum(y[[0, 0, 1]]).backward()
    assert y.grad is not None
    assert y.grad.tolist() == [2.0, 1.0]


def test_writing_with_masks_and_leading_ones() -> None:
    x = ut.zeros((2, 3))
    x[0] = ut.asarray([[1.0, 2.0, 3.0]])
    x[x > 1] = -1.0
    assert x.tolist() == [[1, -1, -1], [0, 0, 0]]


def test_inside_jit() -> None:
    def f(a: Any) -> Any:
        x = ut.asarray(a)
        return ut.sum(x[1:] * ut.exp(x[[0, 1]]) // 1.0)._data

    a = jax.numpy.asarray([1.0, 2.0, 3.0])
    assert jax.jit(f)(a) == f(a) == jax.jit(f)(a)


# Linear algebra -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda: ut.linalg.inv(ut.zeros((2, 2))), "Singular"),
        (lambda: ut.linalg.solve(ut.zeros((2, 2)), ut.ones(2)), "Singular"),
        (lambda: ut.linalg.matrix_power(ut.zeros((2, 2)), -1), "Singular"),
        (lambda: ut.linalg.cholesky(-ut.eye(2)), "positive definite"),
        (lambda: ut.linalg.svdvals(ut.full((2, 2), nan)), "converge"),
        (lambda: ut.linalg.eigvals(ut.full((2, 2), nan)), "infs or NaNs"),
        (lambda: ut.linalg.det(ut.zeros((2, 3))), "square"),
        (lambda: ut.linalg.inv(ut.zeros(3)), "1-dimensional"),
    ],
    ids=["inv", "solve", "matrix_power", "cholesky", "svdvals", "eigvals", "square", "axes"],
)
def test_linear_algebra_raises(f: Any, reason: str) -> None:
    with pytest.raises(np.linalg.LinAlgError, match=reason):
        f()


def test_the_lower_triangle_alone_is_read() -> None:
    x = np.asarray([[2.0, 100.0], [1.0, 2.0]])
    np.testing.assert_allclose(ut.linalg.eigvalsh(ut.asarray(x)).numpy(), [1.0, 3.0])
    np.testing.assert_allclose(ut.linalg.cholesky(ut.asarray(x)).numpy(), np.linalg.cholesky(x))


# Moving in and out, devices, dtypes --------------------------------------------------------------------


def test_dlpack_of_any_version() -> None:
    x = ut.arange(3)
    for version in (None, (0, 0), (1, 0), (2, 0)):
        x.__dlpack__(max_version=version)
    assert np.from_dlpack(x).tolist() == [0, 1, 2]
    assert ut.from_dlpack(np.arange(3)).backend in ("jax", "numpy")


def test_no_copy_to_numpy() -> None:
    x = ut.arange(4.0)
    assert np.shares_memory(x.numpy(), x.numpy())


def test_half_precision() -> None:
    x = ut.asarray([1.0, 2.0]).to(ut.bfloat16)
    y = ut.exp(x * 0) + x
    assert y.dtype == ut.bfloat16
    assert y.to(ut.float32).tolist() == [2.0, 3.0]
    assert ut.ones(2, dtype=ut.float16).dtype == ut.float16
    assert (x // 2.0).to(ut.float32).tolist() == [0.0, 1.0]


PROBE = """
import jax
jax.config.update("jax_num_cpu_devices", 2)
import unitensor as ut
ut.set_backend("jax")
first, second = ut.__array_namespace_info__().devices()
assert (str(first), str(second)) == ("jax:cpu:0", "jax:cpu:1"), (first, second)
x = ut.ones(3, device=second)
assert ut.zeros(2).device == first
assert x.device == (x + 1)[1:].device == ut.zeros_like(x).device == second
assert x.to("cpu:0").device == first
x[0] = 5.0
assert x.device == second and x.tolist() == [5, 1, 1]
"""


def test_several_devices_and_a_silent_start() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROBE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", ["exp", "sqrt", "abs"])
def test_ordinary_dtypes_go_straight_to_jax(name: str) -> None:
    mended: Any = getattr(ut.current_backend(), name)
    assert mended.ordinary is getattr(jax.numpy, name)
    assert mended.odd == {np.dtype("complex64"), np.dtype("complex128")}


@pytest.mark.parametrize("dtype", [ut.float32, ut.float64])
def test_dividing_by_the_largest_number(dtype: ut.DType) -> None:
    """XLA multiplies by the reciprocal, which it flushes to 0."""
    largest = ut.finfo(dtype).max
    x = ut.asarray([10.0, largest, float("inf"), -0.0], dtype=dtype)
    got = (x / ut.asarray(largest, dtype=dtype)).numpy()
    np.testing.assert_allclose(got, x.numpy() / np.asarray(largest, got.dtype), rtol=1e-6)


def test_functions_are_one_compiled_program() -> None:
    xp = ut.current_backend().namespace
    for name in ("add", "exp", "sum", "mean"):
        given = [jax.numpy.ones(3)] * (2 if name == "add" else 1)
        inlined = jax.jit(getattr(jax.numpy, name), inline=True)
        ours, theirs = (str(jax.make_jaxpr(f)(*given)) for f in (getattr(xp, name), inlined))
        if "jit[" not in theirs:  # JAX 0.12 inlines later than it traces
            assert "jit[" not in ours  # inside another traced function nothing is left of it
    assert type(xp.exp) is type(xp.sum) is type(jax.jit(abs))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda x: ut.reshape(x, [3, 2]), [[0, 1], [2, 3], [4, 5]]),
        (lambda x: ut.flip(x, axis=[1]), [[2, 1, 0], [5, 4, 3]]),
        (lambda x: ut.tensordot(x, x, axes=([1], [1])), [[5, 14], [14, 50]]),
        (lambda x: ut.add(x, 2**20), [[1048576, 1048577, 1048578], [1048579, 1048580, 1048581]]),
    ],
)
def test_compiled_functions_take_lists_and_numbers(
    call: Callable[[Any], ut.Tensor], expected: list[Any]
) -> None:
    assert call(ut.reshape(ut.arange(6), (2, 3))).tolist() == expected


def test_compiled_functions_raise_what_numpy_does() -> None:
    x: Any = ut.ones((2, 3))
    with pytest.raises(TypeError, match="sum"):
        ut.sum(x, axis=[0])  # type: ignore[arg-type]  # the error asked for
    with pytest.raises(ValueError, match="reshape"):
        ut.reshape(x, (4,))
    with pytest.raises(ValueError, match="do not broadcast"):
        x + ut.ones(2)


# Inside traced functions ------------------------------------------------------------------------------

#: What gives as many elements as the values say, which a traced function must know before.
NEEDS_VALUES = {"nonzero", "unique_all", "unique_counts", "unique_inverse", "unique_values", "repeat_index"}


@pytest.mark.parametrize("made", table.values(), ids=lambda made: made.path)
def test_every_op_inside_jit(made: Op) -> None:
    """The values, dtypes and shapes of the same call outside, wherever these do not depend on values."""
    for dtype in dtypes_of(made)[-2:]:
        leaves, tree = jax.tree_util.tree_flatten(samples(made, dtype)[0])
        at = [i for i, leaf in enumerate(leaves) if isinstance(leaf, np.ndarray)]

        def f(*arrays: Any) -> Any:
            given = list(leaves)  # noqa: B023 -- called in this turn
            for i, a in zip(at, arrays):  # noqa: B023 -- called in this turn
                given[i] = ut.asarray(a)
            out = call(made, jax.tree_util.tree_unflatten(tree, given))  # noqa: B023 -- called in this turn
            return jax.tree_util.tree_map(lambda y: y._data, out, is_leaf=lambda y: isinstance(y, ut.Tensor))

        arrays = [ut.asarray(leaves[i])._data for i in at]
        if made.path in NEEDS_VALUES:
            with pytest.raises(TypeError, match=r"traced array|concrete"):
                jax.jit(f)(*arrays)
            continue
        found, expected = (jax.tree_util.tree_leaves(g(*arrays)) for g in (jax.jit(f), f))
        for a, b in zip(found, expected):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            if not made.name.startswith("empty"):
                np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-6, atol=1e-9)


def test_constants_inside_jit() -> None:
    """What is asked of a constant inside a traced function has an answer, and does not end the trace."""
    rows, whole = jax.numpy.arange(6.0).reshape(3, 2), jax.numpy.asarray([2, 0, 2])
    key, repeated = ut.asarray([True, False, True]), ut.asarray([1, 1, 0])
    matrix = ut.asarray([[2.0, 0.0], [0.0, 4.0]])

    def written(x: Any) -> Any:
        y = ut.asarray(x) + 0
        y[repeated] = ut.asarray(np.arange(6.0).reshape(3, 2))  # NumPy keeps the last
        return y._data

    def same(f: Any, a: Any) -> None:
        np.testing.assert_allclose(np.asarray(jax.jit(f)(a)), np.asarray(f(a)))

    same(lambda i: (ut.asarray(i) ** 2)._data, whole)
    same(lambda x: ut.asarray(x)[key]._data, rows)
    same(written, rows)
    same(lambda x: (ut.asarray(x) @ ut.linalg.inv(matrix))._data, rows)
    same(lambda x: (ut.asarray(x) @ ut.linalg.cholesky(matrix))._data, rows)
    with pytest.raises(ValueError, match="negative integer powers"):
        jax.jit(lambda i: (ut.asarray(i) ** -1)._data)(whole)


def test_what_has_values() -> None:
    backend = ut.load_backend("jax")
    constant = jax.numpy.ones(2)
    said: list[tuple[bool, ...]] = []

    def f(x: Any) -> Any:
        parts = [x, (slice(None), x), [None, (x,)], constant]
        said.append(tuple(backend.has_values(part) for part in parts))
        return (x * 2).sum()

    f(constant)
    jax.jit(f)(constant)
    jax.eval_shape(lambda x: f(x), constant)
    assert said == [(True,) * 4, (False,) * 4, (False,) * 4]
    said.clear()
    jax.vmap(f)(jax.numpy.ones((3, 2)))
    jax.grad(f)(constant)
    assert [some[:3] for some in said] == [(False,) * 3] * 2
    assert backend.has_values((0, slice(None), None, ...))


def test_rows_of_large_arrays_are_read_and_written_alone() -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((300, 20, 8))
    with ut.use_backend("jax"):
        x, w = ut.asarray(values), ut.tensor(2.0, requires_grad=True)
        kept = x + 0.0
        shared = x
        before = np.asarray(x._data)
        for key in (3, -1, (5, ...), (7, slice(None)), (8, slice(1, 3)), slice(2, 4), (9, 1), np.int64(4)):
            values[key] = 3.0
            x[key] = 3.0
            np.testing.assert_array_equal(x.numpy(), values)
            np.testing.assert_array_equal(x[key].numpy(), values[key])
        np.testing.assert_array_equal(shared.numpy(), values)
        np.testing.assert_array_equal(kept.numpy(), before)
        assert before[3, 0, 0] != 3.0
        with pytest.raises(IndexError):
            x[300] = 1.0
        y = ut.zeros((300, 500))
        y[0] = w
        for i in range(20):
            y[i + 1] = y[i] * w + y[i]
        ut.sum(y[20] + y[3]).backward()
        assert w.grad.item() == pytest.approx(500 * (3**20 + 20 * 2 * 3**19 + 27 + 3 * 2 * 9))
        assert jax.jit(lambda a: (ut.asarray(a) + x[5])._data)(x._data).shape == (300, 20, 8)

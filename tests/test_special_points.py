"""Gradients where functions tie, bend or end: one documented answer on every engine."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import unitensor as ut

inf, nan = ut.inf, ut.nan

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of values like log(0)


@pytest.fixture(params=["numpy", "torch", "jax", "strict"], autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    try:
        ut.load_backend(request.param)
    except ut.BackendError as error:
        pytest.skip(error.reason)
    with ut.use_backend(request.param):
        yield request.param


def gradient(f: Callable[[Any], Any], x: Any) -> Any:
    """The gradient of the sum of a function's results, weighted 1, 2, 3, ..."""
    return ut.grad(lambda x: weighted(f(x)))(ut.asarray(x)).numpy()


def weighted(y: Any) -> Any:
    return ut.sum(ut.reshape(y, (-1,)) * ut.arange(1, y.size + 1, dtype=y.dtype))


def check(f: Callable[[Any], Any], x: Any, expected: Any) -> None:
    """A gradient, in reverse and in forward mode."""
    np.testing.assert_allclose(gradient(f, x), expected, rtol=1e-12, atol=1e-12)
    t = ut.asarray(np.cos(np.arange(np.size(x), dtype=np.float64)).reshape(np.shape(x)))
    _, moved = ut.jvp(lambda x: weighted(f(x)), (ut.asarray(x),), (t,))
    np.testing.assert_allclose(moved.item(), np.sum(np.asarray(expected) * t.numpy()), rtol=1e-12, atol=1e-12)


# Products with zeros ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([2.0, 3.0, 4.0], [12, 8, 6]),
        ([0.0, 3.0, 4.0], [12, 0, 0]),
        ([0.0, 3.0, 0.0], [0, 0, 0]),
        ([5.0], [1]),
        ([], []),
    ],
)
def test_prod_with_zeros(x: Any, expected: Any) -> None:
    check(ut.prod, x, expected)


def test_prod_with_zeros_second_order() -> None:
    hessian = ut.hessian(ut.prod)
    assert hessian(ut.asarray([0.0, 3.0, 4.0])).tolist() == [[0, 4, 3], [4, 0, 0], [3, 0, 0]]
    assert hessian(ut.asarray([0.0, 3.0, 0.0])).tolist() == [[0, 0, 3], [0, 0, 0], [3, 0, 0]]
    assert ut.hessian(lambda x: ut.prod(x, axis=0).sum())(ut.zeros((2, 1))).tolist() == [
        [[[0], [1]]],
        [[[1], [0]]],
    ]


def test_cumulative_prod_with_zeros() -> None:
    # y = [a, ab, abc, abcd], weighted 1 to 4.
    check(ut.cumulative_prod, [2.0, 0.0, 3.0, 5.0], [1, 4 + 18 + 120, 0, 0])
    check(ut.cumulative_prod, [2.0, 0.0, 0.0, 5.0], [1, 4, 0, 0])
    check(ut.cumulative_prod, [0.0, 2.0, 3.0, 5.0], [1 + 4 + 18 + 120, 0, 0, 0])
    check(lambda x: ut.cumulative_prod(x, include_initial=True), [2.0, 0.0, 3.0], [2, 6 + 24, 0])
    f = lambda x: ut.cumulative_prod(x, axis=1).sum()  # noqa: E731 -- a function of one line
    ut.testing.gradcheck(lambda x: ut.grad(f)(x), ut.asarray([[2.0, 0.0, 3.0, 0.0]]))


# Order: ties -----------------------------------------------------------------------------------------


def test_sort() -> None:
    check(ut.sort, [3.0, 1.0, 2.0], [3, 1, 2])
    check(lambda x: ut.sort(x, descending=True), [3.0, 1.0, 2.0], [1, 3, 2])
    # Ties keep their order, so each element has one place.
    check(ut.sort, [2.0, 1.0, 2.0, 1.0], [3, 1, 4, 2])
    check(lambda x: ut.sort(x, axis=0), [[2.0, 1.0], [1.0, 3.0]], [[3, 2], [1, 4]])


def test_take_along_axis_sorts() -> None:
    check(lambda x: ut.take_along_axis(x, ut.argsort(x.detach())), [3.0, 1.0, 2.0], [3, 1, 2])
    check(lambda x: ut.take_along_axis(x, ut.asarray([0, 0, 2])), [3.0, 1.0, 2.0], [1 + 2, 0, 3])


def test_max_and_min_share_ties() -> None:
    check(ut.max, [1.0, 3.0, 3.0], [0, 0.5, 0.5])
    check(ut.min, [1.0, 3.0, 1.0], [0.5, 0, 0.5])
    check(lambda x: ut.max(x, axis=1), [[1.0, 1.0], [0.0, 2.0]], [[0.5, 0.5], [0, 2]])
    check(ut.max, [2.0, 2.0, 2.0, 2.0], [0.25] * 4)
    check(ut.max, [-inf, -inf], [0.5, 0.5])
    assert gradient(ut.max, [1.0, nan]).tolist() == [0, 1]


def test_maximum_and_minimum_at_ties() -> None:
    x = [1.0, 2.0, 3.0]
    check(lambda x: ut.maximum(x, ut.asarray([2.0, 2.0, 2.0])), x, [0, 1, 3])
    check(lambda x: ut.minimum(x, ut.asarray([2.0, 2.0, 2.0])), x, [1, 1, 0])
    check(lambda x: ut.maximum(2.0, x), x, [0, 1, 3])
    check(lambda x: ut.maximum(x, x), x, [1, 2, 3])
    check(lambda x: ut.maximum(x, 0.0), [0.0, -0.0, inf, -inf], [0.5, 1, 3, 0])
    assert gradient(lambda x: ut.maximum(x, ut.asarray([1.0, 1.0])), [nan, 0.0]).tolist() == [1, 0]


def test_clip_at_its_bounds() -> None:
    x = [-2.0, -1.0, 0.0, 1.0, 2.0]
    check(lambda x: ut.clip(x, -1.0, 1.0), x, [0, 2, 3, 4, 0])
    check(lambda x: ut.clip(x, max=1.0), x, [1, 2, 3, 4, 0])
    check(lambda m: ut.clip(ut.asarray([-2.0, -1.0, 0.0]), min=m), -1.0, 1)
    check(lambda m: ut.clip(ut.asarray([2.0, 1.0, 0.0]), max=m), 1.0, 1)
    # Where the bounds cross, the upper one wins, as its value does.
    if ut.current_backend().name != "strict":  # which refuses such bounds
        check(lambda b: ut.clip(ut.asarray([0.0]), b[0], b[1]), [3.0, 2.0], [0, 1])


# Spread ----------------------------------------------------------------------------------------------


def test_var_and_std() -> None:
    check(lambda x: ut.var(x, correction=1), [1.0, 2.0, 3.0], [-1, 0, 1])
    check(lambda x: ut.std(x, correction=1), [1.0, 2.0, 3.0], [-0.5, 0, 0.5])
    check(lambda x: ut.var(x, correction=0.5), [1.0, 3.0], [-4 / 3, 4 / 3])
    for f in (ut.var, ut.std):
        check(f, [2.0, 2.0, 2.0], [0, 0, 0])
        check(lambda x, f=f: f(x, axis=1, keepdims=True), [[1.0, 1.0]], [[0, 0]])
        check(lambda x, f=f: f(x, correction=1), [4.0, 4.0], [0, 0])
    assert np.isnan(gradient(lambda x: ut.var(x, correction=1), [4.0])).all()


def test_spread_of_equal_numbers_that_are_not_exact() -> None:
    # Their mean is rounded, so that the deviation is noise and not 0; the gradient is that at 0.
    for values in ([0.1] * 3, [1 / 3] * 7, [1e-170] * 3, [123456.789] * 11):
        for f in (ut.std, lambda x: ut.std(x, correction=1), lambda x: ut.std(x, axis=0, keepdims=True)):
            for dtype in (ut.float64, ut.float32):
                x = ut.asarray(values, dtype=dtype)
                assert ut.grad(lambda x, f=f: ut.sum(f(x)))(x).tolist() == [0] * len(values)
                assert (
                    ut.jvp(lambda x, f=f: ut.sum(f(x)), (x,), (ut.arange(x.size, dtype=dtype),))[1].item()
                    == 0
                )
    x = ut.asarray([0.1 + 0.3j] * 3)
    assert ut.grad(ut.std)(x).tolist() == [0] * 3
    # Rows that differ next to some that do not.
    x = ut.asarray([[0.1, 0.1, 0.1], [0.0, 1.0, 2.0]])
    found = ut.grad(lambda x: ut.sum(ut.std(x, axis=1)))(x).numpy()
    np.testing.assert_allclose(found, [[0, 0, 0], [-(1.5**0.5) / 3, 0, 1.5**0.5 / 3]], atol=1e-15)
    # Far from zero.
    x = ut.asarray([1e8, 1e8 + 1, 1e8 + 2])
    np.testing.assert_allclose(ut.grad(ut.std)(x).numpy(), found[1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [ut.float16, ut.bfloat16], ids=str)
def test_many_elements_in_half_precision(dtype: Any) -> None:
    # More than half precision can count.
    n = 70_000
    try:
        x = ut.astype(ut.arange(n) % 2, dtype)
    except TypeError as error:
        pytest.skip(str(error))

    def found(f: Callable[[Any], Any], x: Any = x) -> Any:
        gradient = ut.grad(f)(x)
        assert gradient.dtype == dtype
        return ut.astype(gradient[:2], ut.float32).numpy() * n

    for f, expected in ((ut.mean, [1, 1]), (ut.var, [-1, 1]), (ut.std, [-1, 1]), (ut.sum, [n, n])):
        np.testing.assert_allclose(found(f), expected, rtol=1e-2)
    equal = ut.ones_like(x)
    for f in (ut.max, ut.min):
        np.testing.assert_allclose(found(f, equal), [1, 1], rtol=1e-2)
        moved = ut.jvp(lambda x, f=f: f(ut.reshape(x, (-1, 7)), axis=1), (equal,), (equal,))[1]
        np.testing.assert_allclose(ut.astype(moved[:3], ut.float32).numpy(), 1, rtol=1e-2)


# Roots and powers at zero ----------------------------------------------------------------------------


def test_lengths_at_zero() -> None:
    check(ut.abs, [0.0, -0.0, -2.0, inf], [0, 0, -3, 4])
    check(lambda x: ut.hypot(x[0], x[1]), [0.0, 0.0], [0, 0])
    check(lambda x: ut.hypot(x[0], x[1]), [3.0, -4.0], [0.6, -0.8])
    check(lambda x: ut.hypot(x[0], x[1]), [0.0, -4.0], [0, -1])
    check(lambda x: ut.linalg.vector_norm(x), [0.0, 0.0], [0, 0])


#: Smooth functions of a length or a spread that is 0, and their second derivatives there.
SMOOTH: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "square of a norm": (lambda x: ut.linalg.vector_norm(x) ** 2, [[2, 0], [0, 2]]),
    "norm times itself": (lambda x: (lambda n: n * n)(ut.linalg.vector_norm(x)), [[2, 0], [0, 2]]),
    "square() of a norm": (lambda x: ut.square(ut.linalg.vector_norm(x)), [[2, 0], [0, 2]]),
    "bell": (lambda x: ut.exp(-(ut.linalg.vector_norm(x) ** 2)), [[-2, 0], [0, -2]]),
    "cosine": (lambda x: ut.cos(ut.linalg.vector_norm(x, keepdims=True))[0], [[-1, 0], [0, -1]]),
    "norms of rows": (
        lambda x: ut.sum(ut.asarray([1.0, 3.0]) * ut.linalg.vector_norm(x[:, None], axis=1) ** 2),
        [[2, 0], [0, 6]],
    ),
    "product of norms of rows": (
        lambda x: (lambda n: ut.prod(1 + n**2))(ut.linalg.vector_norm(x[:, None], axis=1)),
        [[2, 0], [0, 2]],
    ),
    "matrix norm": (lambda x: ut.linalg.matrix_norm(x[None]) ** 2, [[2, 0], [0, 2]]),
    "hypot": (lambda x: ut.hypot(x[0], x[1]) ** 2, [[2, 0], [0, 2]]),
    "modulus": (lambda x: abs(x[0] + 1j * x[1]) ** 2, [[2, 0], [0, 2]]),
    "deviation": (lambda x: ut.std(x) ** 2, [[0.5, -0.5], [-0.5, 0.5]]),
    "not selected": (lambda x: ut.where(ut.sum(x * x) > 0, ut.linalg.vector_norm(x), 0.0), [[0, 0], [0, 0]]),
    "mixed": (
        lambda x: ut.linalg.vector_norm(x) ** 2 * (1 + x[0]) + x[0] * x[1],
        [[2, 1], [1, 2]],
    ),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_second_order_through_a_length_of_zero(name: str) -> None:
    if ut.current_backend().name == "strict" and name == "modulus":
        pytest.skip("array-api-strict does not mix kinds")
    f, expected = SMOOTH[name]
    for second in (
        ut.hessian(f),
        ut.jacobian(ut.grad(f), mode="reverse"),
        ut.jacobian(ut.grad(f), mode="forward"),
    ):
        np.testing.assert_allclose(second(ut.zeros(2)).numpy(), expected, atol=1e-12)


def test_second_order_of_a_length_of_zero_is_infinite() -> None:
    for f in (
        ut.linalg.vector_norm,
        lambda x: ut.hypot(x[0], x[1]),
        lambda x: ut.linalg.matrix_norm(x[None]),
    ):
        assert np.diagonal(ut.hessian(f)(ut.zeros(2)).numpy()).tolist() == [inf, inf]


def test_abs_and_sign_of_complex_zero() -> None:
    z = ut.asarray([0j, 3 + 4j])
    found = ut.grad(lambda z: ut.abs(z).sum())(z).numpy()
    np.testing.assert_allclose(found, [0, 0.6 + 0.8j], atol=1e-15)
    assert ut.grad(lambda z: ut.real(ut.sign(z[:1])).sum())(z).numpy().tolist() == [0, 0]


def test_infinite_slopes_are_infinite() -> None:
    assert gradient(ut.sqrt, [0.0]).tolist() == [inf]
    assert gradient(ut.log, [0.0]).tolist() == [inf]
    assert gradient(ut.log2, [0.0]).tolist() == [inf]
    assert gradient(ut.log10, [0.0]).tolist() == [inf]
    assert gradient(ut.log1p, [-1.0]).tolist() == [inf]
    assert gradient(ut.asin, [1.0, -1.0]).tolist() == [inf, inf]
    assert gradient(ut.acos, [1.0]).tolist() == [-inf]
    assert gradient(ut.acosh, [1.0]).tolist() == [inf]
    assert gradient(ut.atanh, [1.0]).tolist() == [inf]
    assert gradient(lambda x: x**0.5, [0.0]).tolist() == [inf]
    assert gradient(lambda x: 1 / x, [0.0]).tolist() == [-inf]
    assert gradient(ut.reciprocal, [0.0]).tolist() == [-inf]


def test_powers_of_the_base() -> None:
    check(lambda x: x**0, [0.0, 2.0], [0, 0])
    check(lambda x: x**1, [0.0, 2.0], [1, 2])
    check(lambda x: x**2, [0.0, -3.0], [0, -12])
    check(lambda x: x**3.0, [0.0, -2.0], [0, 24])
    check(lambda x: x**-1, [-2.0], [-0.25])
    check(lambda x: x ** ut.asarray([0.0, 1.0, 2.0]), [0.0, 0.0, 0.0], [0, 2, 0])
    check(lambda x: x ** ut.asarray([2.0, 3.0]), [-1.0, -2.0], [-2, 24])
    assert ut.hessian(lambda x: (x**2).sum())(ut.zeros(1)).tolist() == [[2]]
    assert ut.hessian(lambda x: (x**1).sum())(ut.zeros(1)).tolist() == [[0]]
    assert ut.hessian(lambda x: (x**0).sum())(ut.zeros(1)).tolist() == [[0]]
    mixed = ut.hessian(lambda b: b[0] ** b[1])(ut.asarray([2.0, 0.0])).numpy()
    np.testing.assert_allclose(mixed, [[0, 0.5], [0.5, np.log(2) ** 2]], atol=1e-15)
    third = ut.grad(ut.grad(ut.grad(lambda x: x**3)))
    assert third(ut.asarray(0.0)).item() == 6
    assert third(ut.asarray(-2.0)).item() == 6


def test_powers_of_the_exponent() -> None:
    check(lambda y: 2.0**y, [0.0, 3.0], [np.log(2), 16 * np.log(2)])
    check(lambda y: 0.0**y, [0.0, 2.0], [0, 0])
    check(lambda y: ut.asarray([0.0, 1.0]) ** y, [0.0, 2.0], [0, 0])
    check(lambda b: b[0] ** b[1], [0.0, 2.0], [0, 0])
    check(lambda b: b[0] ** b[1], [0.0, 1.0], [1, 0])
    # A negative base has no slope in its exponent; asked for the base alone, that does no harm.
    check(lambda x: x ** ut.asarray([2.0]), [-3.0], [-6])
    assert np.isnan(gradient(lambda y: ut.asarray([-3.0]) ** y, [2.0])).all()
    assert np.isnan(gradient(lambda y: ut.asarray([0.0, 0.0]) ** y, [nan, -1.0])).all()


def test_copysign() -> None:
    check(lambda x: ut.copysign(x, -1.0), [2.0, -2.0, 0.0], [-1, 2, 0])
    check(lambda x: ut.copysign(x, ut.asarray([0.0, -0.0])), [2.0, 2.0], [1, -2])
    check(lambda y: ut.copysign(2.0, y), [0.0, -3.0], [0, 0])


def test_logaddexp_at_infinities() -> None:
    def f(other: float) -> Callable[[Any], Any]:
        return lambda x: ut.logaddexp(x, ut.asarray([other]))

    check(f(-inf), [1.0], [1])
    check(f(-inf), [-inf], [0.5])
    check(f(inf), [inf], [0.5])
    check(f(inf), [1.0], [0])
    check(f(0.0), [-inf], [0])
    check(f(0.0), [0.0], [0.5])
    check(f(1000.0), [1000.0], [0.5])
    check(f(1e17), [1e17], [0.5])  # where a difference of log(2) is lost
    # The infinite one alone decides, as in PyTorch and JAX, and no engine warns.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ut.grad(ut.logaddexp)(ut.asarray(inf), ut.asarray(1.0)).item() == 1
    check(f(1.0), [inf], [1])
    check(f(-inf), [inf], [1])
    check(f(inf), [-inf], [0])
    for a, b in ((nan, 1.0), (1.0, nan), (nan, inf), (inf, nan), (-inf, nan), (nan, nan)):
        x, y = ut.asarray([a]), ut.asarray([b])
        for n in (0, 1):
            assert np.isnan(ut.grad(lambda *xs: ut.sum(ut.logaddexp(*xs)), n)(x, y).numpy()).all()
        assert np.isnan(ut.jvp(ut.logaddexp, (x, y), (ut.ones(1), ut.ones(1)))[1].numpy()).all()


def test_atan2_at_zero() -> None:
    check(lambda x: ut.atan2(x[0], x[1]), [0.0, 0.0], [0, 0])
    check(lambda x: ut.atan2(x[0], x[1]), [0.0, 2.0], [0.5, 0])
    check(lambda x: ut.atan2(x[0], x[1]), [0.0, -2.0], [-0.5, 0])


def test_atan2_of_tiny_and_huge_numbers() -> None:
    # d/dy atan2(y, x) is x / (x^2 + y^2): of a point at 45 degrees 1 / (2 x).
    for dtype, sizes in ((ut.float64, (1e-170, 1e170)), (ut.float32, (1e-30, 1e30))):
        for size in sizes:
            for n, sign in ((0, 1), (1, -1)):
                x = ut.asarray([size], dtype=dtype)
                found = ut.grad(lambda *xs: ut.sum(ut.atan2(*xs)), n)(x, x)
                moved = ut.jvp(ut.atan2, (x, x), (ut.ones_like(x) * (1 - n), ut.ones_like(x) * n))[1]
                for g in (found, moved):
                    assert g.dtype == dtype
                    assert g.item() == pytest.approx(sign / (2 * x.item()), rel=1e-6)


def test_slopes_at_the_ends_of_the_numbers() -> None:
    # 1 / sqrt(1 + x^2) and 1 / (1 + x^2) of squares that overflow; 1 / sqrt(1 - x^2) where the square is rounded.
    for x in (1e-170, 1e170, -1e300):
        assert gradient(ut.asinh, [x])[0] == pytest.approx(1 / max(1.0, abs(x)), rel=1e-12)
    for x in (1e170 + 0j, 1e170 + 1e170j, -1e200j):
        # Of holomorphic functions the conjugate derivative comes back.
        slopes = {ut.asinh: 1 / x, ut.acosh: 1 / x, ut.asin: -1j / x, ut.atan: 0, ut.atanh: 0}
        for f, slope in slopes.items():
            found = ut.vjp(f, ut.asarray([x]))[1](ut.asarray([1 + 0j]))[0].item()
            assert abs(found) == pytest.approx(abs(slope), rel=1e-12)
    x = 1 - 2.0**-40
    assert gradient(ut.asin, [x])[0] == pytest.approx(((1 - x) * (1 + x)) ** -0.5, rel=1e-14)
    assert gradient(ut.acos, [x])[0] == pytest.approx(-(((1 - x) * (1 + x)) ** -0.5), rel=1e-14)
    assert gradient(ut.atanh, [x])[0] == pytest.approx(1 / ((1 - x) * (1 + x)), rel=1e-14)


def test_steps_are_flat() -> None:
    for f in (ut.floor, ut.ceil, ut.round, ut.trunc, ut.sign, lambda x: x // 1.0):
        check(f, [0.0, 0.5, -1.0], [0, 0, 0])
    check(lambda x: x % 2.0, [0.0, 2.0, 3.5], [1, 2, 3])
    check(lambda y: ut.asarray([5.0, -5.0]) % y, [2.0, 2.0], [-2, 6])


# Rearranging -----------------------------------------------------------------------------------------


def test_repeat() -> None:
    check(lambda x: ut.repeat(x, 2), [1.0, 2.0], [1 + 2, 3 + 4])
    check(lambda x: ut.repeat(x, ut.asarray([2, 0, 1])), [1.0, 2.0, 3.0], [1 + 2, 0, 3])
    check(lambda x: ut.repeat(x, ut.asarray([1, 2]), axis=1), [[1.0, 2.0]], [[1, 2 + 3]])
    check(lambda x: ut.repeat(x, 0), [1.0, 2.0], [0, 0])
    check(lambda x: ut.repeat(x, 3, axis=0), [[1.0, 2.0]], [[1 + 3 + 5, 2 + 4 + 6]])


def test_roll_and_tile() -> None:
    check(lambda x: ut.roll(x, 1), [1.0, 2.0, 3.0], [2, 3, 1])
    check(lambda x: ut.roll(x, (1, -1), axis=(0, 1)), [[1.0, 2.0], [3.0, 4.0]], [[4, 3], [2, 1]])
    check(lambda x: ut.tile(x, (2,)), [1.0, 2.0], [1 + 3, 2 + 4])
    check(lambda x: ut.tile(x, (2, 1)), [1.0, 2.0], [1 + 3, 2 + 4])
    check(lambda x: ut.tile(x, (0,)), [1.0, 2.0], [0, 0])


def test_unstack_and_diff() -> None:
    check(lambda x: ut.unstack(x)[1], [[1.0, 2.0], [3.0, 4.0]], [[0, 0], [1, 2]])
    check(lambda x: ut.concat(ut.unstack(x, axis=1)), [[1.0, 2.0], [3.0, 4.0]], [[1, 3], [2, 4]])
    check(ut.diff, [1.0, 4.0, 9.0], [-1, -1, 2])
    check(lambda x: ut.diff(x, n=2), [1.0, 4.0, 9.0], [1, -2, 1])
    check(lambda x: ut.diff(x, prepend=ut.zeros(1)), [1.0, 4.0], [-1, 2])
    check(lambda x: ut.diff(x, append=x[:1]), [1.0, 4.0], [1, -1])
    check(lambda p: ut.diff(ut.zeros(2), prepend=p, append=p), [1.0], [2])


def test_meshgrid_and_broadcasting() -> None:
    check(lambda x: ut.meshgrid(x, ut.zeros(2))[0], [1.0, 2.0], [1 + 3, 2 + 4])
    check(lambda x: ut.meshgrid(x, ut.zeros(2), indexing="ij")[0], [1.0, 2.0], [1 + 2, 3 + 4])
    check(lambda x: ut.broadcast_to(x, (2, 2)), [1.0, 2.0], [1 + 3, 2 + 4])
    check(lambda x: ut.broadcast_to(x, (2, 0)), [[1.0], [2.0]], [[0], [0]])
    check(lambda x: ut.broadcast_arrays(x, ut.zeros((2, 1)))[0], [1.0, 2.0], [1 + 3, 2 + 4])
    check(lambda x: x + ut.zeros((2, 1, 2)), [[1.0], [2.0]], [[1 + 2 + 5 + 6], [3 + 4 + 7 + 8]])


INDEXING: list[tuple[Any, Any]] = [
    (slice(None, None, 2), [1, 0, 2, 0]),
    (slice(None, None, -1), [4, 3, 2, 1]),
    (slice(3, 0, -2), [0, 2, 0, 1]),
    (slice(1, 1), [0, 0, 0, 0]),
    (-1, [0, 0, 0, 1]),
    (None, [1, 2, 3, 4]),
    (..., [1, 2, 3, 4]),
    ((..., None, 2), [0, 0, 1, 0]),
    ([0, 0, 3], [1 + 2, 0, 0, 3]),
    ([[0, 1], [1, -1]], [1, 2 + 3, 0, 4]),
    ([], [0, 0, 0, 0]),
    ([True, False, True, False], [1, 0, 2, 0]),
]


@pytest.mark.parametrize(("key", "expected"), INDEXING, ids=str)
def test_indexing(key: Any, expected: Any) -> None:
    check(lambda x: x[key], [1.0, 2.0, 3.0, 4.0], expected)


def test_indexing_of_several_axes() -> None:
    x = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    check(lambda x: x[1], x, [[0, 0, 0], [1, 2, 3]])
    check(lambda x: x[:, 1:], x, [[0, 1, 2], [0, 3, 4]])
    check(lambda x: x[[0, 1, 0], [2, 0, 2]], x, [[0, 0, 4], [2, 0, 0]])
    check(lambda x: x[[1, 1], ::-2], x, [[0, 0, 0], [2 + 4, 0, 1 + 3]])
    check(lambda x: x[..., [0, 0]], x, [[1 + 2, 0, 0], [3 + 4, 0, 0]])
    check(lambda x: x[None, :, [2]], x, [[0, 0, 1], [0, 0, 2]])
    check(lambda x: x[x.detach() > 2.5], x, [[0, 0, 1], [2, 3, 4]])
    check(lambda x: x[ut.asarray([False, True])], x, [[0, 0, 0], [1, 2, 3]])


def test_casts_and_where() -> None:
    assert gradient(lambda x: ut.astype(x, ut.float32), [1.0, 2.0]).tolist() == [1, 2]
    x = ut.asarray([1.0, 2.0], dtype=ut.float32)
    assert ut.grad(lambda x: ut.astype(x, ut.float64).sum())(x).dtype == ut.float32
    assert ut.grad(lambda x: (x * ut.asarray([1.0, 2.0])).sum())(x).dtype == ut.float32
    assert not ut.astype(ut.tensor([1.0], requires_grad=True), ut.int64).requires_grad
    check(lambda x: ut.where(ut.asarray([True, False]), x, 7.0), [1.0, 2.0], [1, 0])
    check(lambda x: ut.where(ut.asarray([[True], [False]]), x, x), [1.0, 2.0], [1 + 3, 2 + 4])


# What was not selected ---------------------------------------------------------------------------------


def masked_softmax(x: Any) -> Any:
    mask = ut.asarray([[True, False], [False, False]])
    logits = ut.where(mask, ut.stack([x, x]), -inf)
    e = ut.exp(logits - ut.max(logits, axis=1, keepdims=True))
    p = e / ut.sum(e, axis=1, keepdims=True)
    return ut.where(ut.any(mask, axis=1, keepdims=True), p * x, 0.0)


def norm(x: Any) -> Any:
    return ut.sqrt(ut.sum(x * x))


NOT_SELECTED: dict[str, tuple[Callable[[Any], Any], list[float], list[float], Any]] = {
    "sqrt": (lambda x: ut.where(x > 0, ut.sqrt(x), 0.0), [0.0, 4.0], [0, 0.25], [[0, 0], [0, -1 / 32]]),
    "power": (lambda x: ut.where(x > 0, x**1.5, 0.0), [0.0, 4.0], [0, 3], [[0, 0], [0, 0.375]]),
    "quotient": (
        lambda x: ut.where(x != 0, 8 / ut.where(x == 5, 1.0, x), 0.0),
        [0.0, 2.0],
        [0, -2],
        [[0, 0], [0, 2]],
    ),
    "log": (lambda x: ut.where(x > 0, ut.log(x), 0.0), [0.0, 4.0], [0, 0.25], [[0, 0], [0, -1 / 16]]),
    "log of negatives": (
        lambda x: ut.where(x > 0, ut.log(x), x),
        [-1.0, 4.0],
        [1, 0.25],
        [[0, 0], [0, -1 / 16]],
    ),
    "norm": (lambda x: ut.where(ut.sum(x * x) > 0, norm(x), 0.0), [0.0, 0.0], [0, 0], [[0, 0], [0, 0]]),
    "softmax": (masked_softmax, [1.0, 2.0], [1, 0], [[0, 0], [0, 0]]),
    "variance": (
        lambda x: ut.where(ut.var(x) > 0, ut.sqrt(ut.var(x)), 0.0),
        [2.0, 2.0],
        [0, 0],
        [[0, 0], [0, 0]],
    ),
    "indexing": (lambda x: ut.sqrt(x)[1:], [0.0, 4.0], [0, 0.25], [[0, 0], [0, -1 / 32]]),
    "clip": (lambda x: ut.clip(1 / x, max=3.0), [0.0, 1.0], [0, -1], [[0, 0], [0, 2]]),
    "maximum": (lambda x: ut.minimum(1 / x, 3.0), [0.0, 1.0], [0, -1], [[0, 0], [0, 2]]),
    "max": (lambda x: ut.max(ut.log(x)), [0.0, 4.0], [0, 0.25], [[0, 0], [0, -1 / 16]]),
    "product": (
        lambda x: ut.where(x > 1, x * ut.asarray([inf, 3.0]), 0.0),
        [1.0, 2.0],
        [0, 3],
        [[0, 0], [0, 0]],
    ),
    "matmul": (
        lambda x: ut.where(ut.asarray([True, False]), ut.asarray([[1.0, 2.0], [nan, 1.0]]) @ x, 0.0),
        [1.0, 2.0],
        [1, 2],
        [[0, 0], [0, 0]],
    ),
    "checkpoint": (
        lambda x: ut.where(x > 0, ut.checkpoint(ut.sqrt, x), 0.0),
        [0.0, 4.0],
        [0, 0.25],
        [[0, 0], [0, -1 / 32]],
    ),
}


@pytest.mark.parametrize("name", NOT_SELECTED)
def test_no_nan_from_what_was_not_selected(name: str) -> None:
    f, x, first, second = NOT_SELECTED[name]

    def loss(x: Any) -> Any:
        return ut.sum(f(x))

    leaf = ut.tensor(x, requires_grad=True)
    loss(leaf).backward()
    np.testing.assert_allclose(leaf.grad.numpy(), first)
    point = ut.asarray(x)
    np.testing.assert_allclose(ut.grad(loss)(point).numpy(), first)
    rows = ut.jacobian(ut.grad(loss), mode="reverse")(point).numpy()
    np.testing.assert_allclose(rows, second, atol=1e-15)
    columns = ut.jacobian(ut.grad(loss), mode="forward")(point).numpy()
    np.testing.assert_allclose(columns, second, atol=1e-15)


def test_zeros_by_chance_are_not_masks() -> None:
    def f(x: Any) -> Any:
        return ut.where(x[0] > -1, x[0] * ut.sin(x[1]) + x[0] ** 1.5, 0.0)

    x = ut.asarray([0.0, 2.0])
    rows = ut.jacobian(ut.grad(f), mode="reverse")(x).numpy()
    np.testing.assert_allclose([rows[1, 0], rows[0, 1]], np.cos(2.0), rtol=1e-12)


def test_what_was_selected_may_be_nan() -> None:
    assert np.isnan(gradient(lambda x: ut.sqrt(x) * 0, [0.0])).all()
    assert np.isnan(gradient(lambda x: ut.where(x >= 0, x / ut.sqrt(x), 0.0), [0.0])).all()
    assert gradient(lambda x: ut.where(x >= 0, ut.sqrt(x), 0.0), [0.0]).tolist() == [inf]

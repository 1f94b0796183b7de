"""The linalg extension: gradients of every function, to second order, and what has none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from derivatives import agree, check, random

import unitensor as ut
from unitensor._backend import load_backend

DTYPES = ("float64", "complex128")
SQUARE = ((3, 3), (2, 4, 4))


def adjoint(xp: Any, x: Any) -> Any:
    x = xp.matrix_transpose(x)
    return xp.conj(x) if "complex" in str(x.dtype) else x


def hermitian(xp: Any, x: Any) -> Any:
    return (x + adjoint(xp, x)) / 2


def positive(xp: Any, x: Any) -> Any:
    return x @ adjoint(xp, x) + xp.asarray(np.eye(x.shape[-1]))


def weighted(xp: Any, x: Any) -> Any:
    """A function of a vector's absolute values that no two elements share."""
    return xp.abs(x) ** 2


# Functions of one square matrix, unchanged by the phases of vectors.
OF_SQUARE = {
    "inv": lambda xp, x: xp.linalg.inv(x),
    "det": lambda xp, x: xp.linalg.det(x),
    "pinv": lambda xp, x: xp.linalg.pinv(x),
    "slogdet": lambda xp, x: tuple(xp.linalg.slogdet(x)),
    "power 0": lambda xp, x: xp.linalg.matrix_power(x, 0) + x,
    "power 1": lambda xp, x: xp.linalg.matrix_power(x, 1),
    "power 3": lambda xp, x: xp.linalg.matrix_power(x, 3),
    "power -2": lambda xp, x: xp.linalg.matrix_power(x, -2),
    "cholesky": lambda xp, x: xp.linalg.cholesky(positive(xp, x)),
    "cholesky upper": lambda xp, x: xp.linalg.cholesky(positive(xp, x), upper=True),
    "eigh": lambda xp, x: (
        xp.linalg.eigh(hermitian(xp, x))[0],
        weighted(xp, xp.linalg.eigh(hermitian(xp, x))[1]),
    ),
    "eigvalsh": lambda xp, x: xp.linalg.eigvalsh(hermitian(xp, x)),
    "eig": lambda xp, x: (xp.linalg.eig(x)[0], weighted(xp, xp.linalg.eig(x)[1])),
    "eigvals": lambda xp, x: xp.linalg.eigvals(x),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SQUARE)
@pytest.mark.parametrize("name", OF_SQUARE)
def test_square(name: str, shape: tuple[int, ...], dtype: str) -> None:
    check(OF_SQUARE[name], random(shape, dtype))


OF_ANY = {
    "pinv": lambda xp, x: xp.linalg.pinv(x),
    "qr": lambda xp, x: tuple(xp.linalg.qr(x)),
    "svdvals": lambda xp, x: xp.linalg.svdvals(x),
    "svd": lambda xp, x: (
        weighted(xp, xp.linalg.svd(x, full_matrices=False)[0]),
        xp.linalg.svd(x, full_matrices=False)[1],
        weighted(xp, xp.linalg.svd(x, full_matrices=False)[2]),
    ),
    "svd product": lambda xp, x: (lambda u, s, vh: (u * xp.expand_dims(1 / (1 + s), axis=-2)) @ vh)(
        *xp.linalg.svd(x, full_matrices=False)
    ),
    "fro": lambda xp, x: xp.linalg.matrix_norm(x),
    "nuc": lambda xp, x: xp.linalg.matrix_norm(x, ord="nuc"),
    "1": lambda xp, x: xp.linalg.matrix_norm(x, ord=1, keepdims=True),
    "-1": lambda xp, x: xp.linalg.matrix_norm(x, ord=-1),
    "2": lambda xp, x: xp.linalg.matrix_norm(x, ord=2),
    "-2": lambda xp, x: xp.linalg.matrix_norm(x, ord=-2, keepdims=True),
    "inf": lambda xp, x: xp.linalg.matrix_norm(x, ord=math.inf),
    "-inf": lambda xp, x: xp.linalg.matrix_norm(x, ord=-math.inf),
    "trace": lambda xp, x: xp.linalg.trace(x * x, offset=1),
    "diagonal": lambda xp, x: xp.linalg.diagonal(x * x, offset=-1),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (2, 2, 4)])
@pytest.mark.parametrize("name", OF_ANY)
def test_any_matrix(name: str, shape: tuple[int, ...], dtype: str) -> None:
    check(OF_ANY[name], random(shape, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 3), (2, 2, 4)])
def test_full_svd(shape: tuple[int, ...], dtype: str) -> None:
    def projections(xp: Any, x: Any) -> Any:
        u, s, vh = xp.linalg.svd(x, full_matrices=True)
        k = s.shape[-1]
        last_u, last_v = u[..., k:], adjoint(xp, vh)[..., k:]
        return last_u @ adjoint(xp, last_u), s, last_v @ adjoint(xp, last_v), xp.abs(u[..., :k])

    # PyTorch drops what comes back to the last vectors, so it is no reference here.
    check(projections, random(shape, dtype), with_torch=False)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (2, 4, 2), (2, 4)])
def test_complete_qr(shape: tuple[int, ...], dtype: str) -> None:
    def projections(xp: Any, x: Any) -> Any:
        q, r = xp.linalg.qr(x, mode="complete")
        k = min(x.shape[-2:])
        last = q[..., k:]
        return last @ adjoint(xp, last), q[..., :k], r

    check(projections, random(shape, dtype), with_torch=False)


OF_VECTORS = {
    "solve": (lambda xp, a, b: xp.linalg.solve(a, b), [((3, 3), (3,)), ((2, 3, 3), (3,)), ((3, 3), (3, 2))]),
    "solve batches": (
        lambda xp, a, b: xp.linalg.solve(a, b),
        [((2, 1, 3, 3), (4, 3, 2)), ((3, 3), (2, 3, 1))],
    ),
    "outer": (lambda xp, a, b: xp.linalg.outer(a, b), [((3,), (4,))]),
    "cross": (lambda xp, a, b: xp.linalg.cross(a, b), [((3,), (3,)), ((2, 3), (4, 1, 3))]),
    "cross axis": (lambda xp, a, b: xp.linalg.cross(a, b, axis=-2), [((3, 1), (2, 3, 4))]),
    "cross first axis": (lambda xp, a, b: xp.linalg.cross(a, b, axis=0), [((3, 2), (3, 2))]),
    "vecdot": (lambda xp, a, b: xp.linalg.vecdot(a, b), [((3,), (2, 3))]),
    "matmul": (
        lambda xp, a, b: xp.linalg.matmul(a, b),
        [((3,), (3,)), ((3,), (2, 3, 4)), ((2, 4, 3), (3,)), ((2, 1, 4, 3), (5, 3, 2))],
    ),
    "tensordot": (
        lambda xp, a, b: xp.linalg.tensordot(a, b, axes=((2, 0), (1, 2))),
        [((2, 3, 4), (5, 4, 2))],
    ),
}
PAIRS = [(name, *shapes) for name, (_, all_shapes) in OF_VECTORS.items() for shapes in all_shapes]


@pytest.mark.parametrize(
    "dtypes", [("float64", "float64"), ("complex128", "complex128"), ("float64", "complex128")]
)
@pytest.mark.parametrize(("name", "shape1", "shape2"), PAIRS)
def test_pairs(name: str, shape1: Any, shape2: Any, dtypes: tuple[str, str]) -> None:
    f = OF_VECTORS[name][0]
    # PyTorch's own functions do not promote, and its vecdot takes no axis that broadcasts.
    same = dtypes[0] == dtypes[1]
    check(f, random(shape1, dtypes[0]), random(shape2, dtypes[1], seed=1), with_torch=same)


ORDERS = (0, 1, 2, 3, 0.5, 1.5, -1, -2, -0.5, math.inf, -math.inf)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [None, -1, (0, 2)])
@pytest.mark.parametrize("order", ORDERS)
def test_vector_norm(order: float, axis: Any, dtype: str) -> None:
    def f(xp: Any, x: Any) -> Any:
        return xp.linalg.vector_norm(x, ord=order, axis=axis, keepdims=axis == -1)

    check(f, random((2, 3, 2), dtype), with_torch=order != 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ORDERS)
def test_vector_norm_of_zero(order: float, dtype: str) -> None:
    zero = ut.zeros(3, dtype=getattr(ut, dtype))
    with np.errstate(divide="ignore"):
        gradient = ut.grad(lambda x: ut.linalg.vector_norm(x, ord=order))(zero)
    assert gradient.tolist() == [0, 0, 0]


def test_vector_norm_with_a_zero() -> None:
    x = ut.asarray([0.0, 3.0, -4.0])
    expected = {1: [0, 1, -1], 2: [0, 0.6, -0.8], math.inf: [0, 0, -1], -math.inf: [0, 0, 0], -1: [0, 0, 0]}
    for order, values in expected.items():
        with np.errstate(divide="ignore"):
            gradient = ut.grad(lambda x, order=order: ut.linalg.vector_norm(x, ord=order))(x)
        np.testing.assert_allclose(gradient.numpy(), values, err_msg=str(order))


def test_ties_share() -> None:
    x = ut.asarray([2.0, -2.0, 1.0])
    assert ut.grad(lambda x: ut.linalg.vector_norm(x, ord=ut.inf))(x).tolist() == [0.5, -0.5, 0.0]
    eye = ut.eye(2)
    for order in (1, -1, 2, -2, ut.inf, -ut.inf):
        g = ut.grad(lambda x, order=order: ut.linalg.matrix_norm(x, ord=order))(eye)
        np.testing.assert_allclose(g.numpy(), np.eye(2) / 2)


@pytest.mark.parametrize("order", ["fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf])
def test_matrix_norm_of_zero(order: Any) -> None:
    gradient = ut.grad(lambda x: ut.linalg.matrix_norm(x, ord=order))(ut.zeros((2, 3)))
    assert gradient.tolist() == [[0, 0, 0], [0, 0, 0]]


# Singular matrices ---------------------------------------------------------------------------------


def cofactors(x: Any) -> Any:
    n = x.shape[-1]
    out = np.empty_like(x)
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(x, i, axis=0), j, axis=1)
            out[i, j] = (-1) ** (i + j) * np.linalg.det(minor)
    return out


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_det_of_singular(rank: int, dtype: str) -> None:
    x = random((3, rank), dtype) @ random((rank, 3), dtype, seed=1)
    gradient = ut.grad(lambda x: ut.real(ut.linalg.det(x)))(ut.asarray(x))
    np.testing.assert_allclose(gradient.numpy(), np.conj(cofactors(x)), atol=1e-12)
    check(lambda xp, x: xp.linalg.det(x), x, with_torch=False)


def test_det_where_singular_values_are_equal() -> None:
    for x in (np.eye(3), np.zeros((3, 3)), np.zeros((1, 1)), np.eye(2) * 1j):
        check(lambda xp, x: xp.linalg.det(x), x, with_torch=False)


def test_det_third_order() -> None:
    x = random((3, 3))
    v = ut.asarray(random((3, 3), seed=3))

    def along(f: Any) -> Any:
        return lambda t: ut.jvp(f, (t,), (ut.asarray(1.0),))[1]

    def det(t: Any) -> Any:
        return ut.linalg.det(ut.asarray(x) + t * v)

    third = along(along(along(det)))(ut.asarray(0.0))
    np.testing.assert_allclose(third.item(), 6 * np.linalg.det(v.numpy()))
    assert ut.grad(ut.grad(ut.grad(det)))(ut.asarray(0.0)).item() == pytest.approx(third.item())


def test_det_of_nothing() -> None:
    x = ut.zeros((2, 0, 0))
    assert ut.grad(lambda x: ut.linalg.det(x).sum())(x).shape == (2, 0, 0)


def test_pinv_of_lower_rank() -> None:
    u, v = random((4, 2)), random((2, 3), seed=1)
    check(lambda xp, u, v: xp.linalg.pinv(u @ v, rtol=1e-10), u, v, with_torch=False)


def test_inverse_of_singular_says_so() -> None:
    with pytest.raises(ut.linalg.LinAlgError, match=r"linalg\.inv\(x=float64\[2, 2\]\): Singular matrix"):
        ut.linalg.inv(ut.zeros((2, 2)))


# What is not defined raises ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "dtype", "what"),
    [
        (lambda x: ut.linalg.eigh(x + x.mT.conj())[1], "complex128", "linalg.eigh: .* phases"),
        (lambda x: ut.linalg.eig(x)[1], "float64", "linalg.eig: .* phases"),
        (lambda x: ut.linalg.svd(x)[0], "complex128", "linalg.svd: .* phases"),
        (lambda x: ut.linalg.svd(x[:, :1])[0], "float64", "linalg.svd: U: .* arbitrary basis"),
        (lambda x: ut.linalg.svd(x[:1, :])[2], "float64", "linalg.svd: Vh: .* arbitrary basis"),
        (lambda x: ut.linalg.qr(x[:, :1], mode="complete")[0], "float64", "linalg.qr: .* arbitrary basis"),
    ],
)
def test_arbitrary_choices(f: Any, dtype: str, what: str) -> None:
    x = ut.asarray(random((4, 4), dtype))
    weights = ut.asarray(random((4, 4), "complex128", seed=5))
    with pytest.raises(ut.GradientError, match=what):
        ut.grad(lambda x: ut.real(ut.sum(f(x) * weights)))(x)


def test_hermitian_gradients() -> None:
    x = random((3, 3), "complex128")
    x = x @ x.conj().T + np.eye(3)
    for f in (ut.linalg.cholesky, ut.linalg.eigvalsh, lambda x: abs(ut.linalg.eigh(x)[1])):
        g = ut.grad(lambda x, f=f: ut.real(ut.sum(f(x) * ut.asarray(random((3, 3))))))(ut.asarray(x)).numpy()
        np.testing.assert_allclose(g, g.conj().T)


def test_eigenvalues_that_are_equal() -> None:
    for f in (
        ut.linalg.eigvals,
        ut.linalg.eigvalsh,
        lambda x: ut.linalg.eig(x)[0],
        lambda x: ut.linalg.eigh(x)[0],
    ):
        g = ut.grad(lambda x, f=f: ut.real(ut.sum(f(x))))(ut.eye(3))
        np.testing.assert_allclose(g.numpy(), np.eye(3), atol=1e-15)


def test_many_eigenvalues_keep_their_order() -> None:
    # Each eigenvalue weighted by its own square: the derivative of trace(x³) / 3, if none is mistaken.
    x = ut.asarray(random((90, 90)))
    g = ut.grad(lambda x: ut.real(ut.sum(ut.linalg.eigvals(x) * ut.linalg.eigvals(x).detach() ** 2)))(x)
    np.testing.assert_allclose(g.numpy(), (x @ x).mT.numpy(), atol=1e-9)


# Large matrices: by blocks, by triangles, by Cholesky's factor -----------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_cholesky_by_blocks(dtype: str) -> None:
    x = random((110, 110), dtype) / 10
    check(lambda xp, x: xp.linalg.cholesky(positive(xp, x)), x)


@pytest.mark.parametrize("shape", [(200,), (200, 3)])
def test_definite_systems(shape: tuple[int, ...]) -> None:
    x, y = random((200, 200)) / 14, random(shape)
    check(lambda xp, x, y: xp.linalg.solve(positive(xp, x), y), x, y)


def test_large_systems_agree(engine: str) -> None:
    x, y = random((200, 200)) / 14, random((200,))
    agree(lambda xp, x, y: xp.linalg.solve(positive(xp, x), y), engine, x, y)
    agree(lambda xp, x, y: xp.linalg.solve(x, y), engine, x, y)
    agree(lambda xp, x: xp.linalg.cholesky(positive(xp, x), upper=True), engine, x)


def test_large_systems_that_are_not_definite() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 200))
    indefinite, late = x + x.T, x @ x.T + np.eye(200)
    late[150, 170] += 1  # symmetric but for one element
    for a in (x, indefinite, late, np.eye(200) - 2 * np.diag(np.arange(200) == 199)):
        y = rng.standard_normal(200)
        np.testing.assert_array_equal(
            ut.linalg.solve(ut.asarray(a), ut.asarray(y)).numpy(), np.linalg.solve(a, y)
        )
    with pytest.raises(ut.linalg.LinAlgError, match="Singular matrix"):
        ut.linalg.solve(ut.zeros((200, 200)), ut.ones(200))
    with pytest.raises((ut.linalg.LinAlgError, ValueError), match=r"linalg\.solve\(x1=float64\[200, 200\]"):
        ut.linalg.solve(ut.eye(200), ut.ones(199))


def layouts(x: Any) -> dict[str, Any]:
    """A matrix in every order of memory."""
    n, m = x.shape
    wide = np.zeros((2 * n, 3 * m), x.dtype)
    wide[::2, ::3] = x
    inside = np.zeros((n + 1, m + 2), x.dtype)
    inside[1:, 1:-1] = x
    return {
        "rows": np.ascontiguousarray(x),
        "columns": np.asfortranarray(x),
        "steps": wide[::2, ::3],
        "part": inside[1:, 1:-1],
        "part of columns": np.asfortranarray(inside)[1:, 1:-1],
        "backwards": np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    }


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("lower", [True, False])
def test_triangular_systems(dtype: str, lower: bool) -> None:
    solve = load_backend("numpy").namespace.linalg.solve_triangular
    half = np.tril if lower else np.triu
    for n, m in ((1, 1), (1, 3), (5, 1), (5, 3), (5, 5), (0, 2), (2, 0)):
        x = half(random((n, n), dtype) + 4 * np.eye(n)).astype(dtype)
        y = random((n, m), dtype)
        for name1, x1 in layouts(x).items():
            for name2, x2 in layouts(y).items():
                kept = x1.copy(), x2.copy()
                found = solve(x1, x2, lower=lower)
                assert found.dtype == dtype
                np.testing.assert_allclose(x @ found, y, atol=1e-5, err_msg=f"{name1} {name2} {n} {m}")
                np.testing.assert_array_equal(x1, kept[0])
                np.testing.assert_array_equal(x2, kept[1])


def test_without_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = ut.asarray(random((200, 200)) / 14), ut.asarray(random((200,)))

    def f(x: Any) -> Any:
        k = positive(ut, x)
        return ut.sum(y * ut.linalg.solve(k, y)) + ut.sum(ut.log(ut.linalg.diagonal(ut.linalg.cholesky(k))))

    with_blas = ut.value_and_grad(f)(x)
    monkeypatch.setattr("unitensor_numpy_linalg._solvers", lambda dtype: None)
    for a, b in zip(with_blas, ut.value_and_grad(f)(x)):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-11)


# Facts of the front end ----------------------------------------------------------------------------


def test_integers_become_floating() -> None:
    x = ut.asarray([[2, 1], [1, 3]])
    for f in (
        ut.linalg.inv,
        ut.linalg.det,
        ut.linalg.pinv,
        ut.linalg.cholesky,
        ut.linalg.svdvals,
        ut.linalg.eigvalsh,
        ut.linalg.matrix_norm,
        ut.linalg.vector_norm,
        lambda x: ut.linalg.solve(x, x),
        lambda x: ut.linalg.qr(x).R,
        lambda x: ut.linalg.slogdet(x).logabsdet,
    ):
        assert f(x).dtype == ut.float64
    assert ut.linalg.matrix_rank(x).item() == 2
    assert ut.linalg.eigvals(x).dtype == ut.complex128
    assert ut.linalg.trace(ut.asarray([[1]], dtype=ut.int8)).dtype == ut.int64


def test_products_of_other_shapes_are_errors(engine: str) -> None:
    x = ut.ones((2, 2))
    with pytest.raises((ValueError, ut.linalg.LinAlgError), match=r"linalg\.outer\(x1=float64\[2, 2\]"):
        ut.linalg.outer(x, x)
    with pytest.raises((ValueError, ut.linalg.LinAlgError), match=r"linalg\.cross\(x1=float64\[2, 2\]"):
        ut.linalg.cross(x, x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rtol(dtype: str) -> None:
    x = ut.asarray(np.stack([np.diag([1.0, 0.1]), np.diag([1.0, 0.01])]).astype(dtype))
    assert ut.linalg.matrix_rank(x, rtol=0.05).tolist() == [2, 1]
    assert ut.linalg.matrix_rank(x, rtol=ut.asarray([0.5, 0.001])).tolist() == [1, 2]
    np.testing.assert_allclose(ut.linalg.pinv(x, rtol=0.05).numpy()[1], np.diag([1.0, 0.0]))


def test_float32_stays() -> None:
    for dtype in (ut.float32, ut.complex64):
        x = ut.asarray(random((3, 3)), dtype=dtype)
        for name, f in OF_SQUARE.items():
            if name == "slogdet":
                continue

            def loss(x: Any, f: Any = f) -> Any:
                y = f(ut, x)
                y = y[1] if isinstance(y, tuple) else y
                return ut.sum(ut.abs(y))

            assert ut.grad(loss)(x).dtype == dtype, name


@pytest.mark.parametrize("name", [*OF_SQUARE, *OF_ANY])
def test_engines_agree(engine: str, name: str) -> None:
    f = OF_SQUARE.get(name) or OF_ANY[name]
    for dtype in DTYPES:
        agree(f, engine, random((2, 3, 3), dtype))
        if name not in OF_SQUARE:
            agree(f, engine, random((4, 3), dtype))


@pytest.mark.parametrize("name", OF_VECTORS)
def test_engines_agree_on_pairs(engine: str, name: str) -> None:
    f, shapes = OF_VECTORS[name]
    for shape1, shape2 in shapes:
        agree(f, engine, random(shape1), random(shape2, "complex128"))
        agree(f, engine, random(shape1), random(shape2, "float32"))


@pytest.mark.parametrize("order", ORDERS)
def test_engines_agree_on_norms(engine: str, order: float) -> None:
    for dtype in DTYPES:
        x = random((2, 3, 2), dtype)
        agree(lambda xp, x: xp.linalg.vector_norm(x, ord=order, axis=(0, 2)), engine, x)


def test_engines_agree_on_singular_matrices(engine: str) -> None:
    for x in (np.zeros((3, 3)), np.ones((2, 2)), np.eye(2), np.ones((1, 1))):
        agree(lambda xp, x: xp.linalg.det(x), engine, x)
        agree(lambda xp, x: xp.linalg.matrix_norm(x), engine, x)

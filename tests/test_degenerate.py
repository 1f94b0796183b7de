"""Decompositions at equal values, at values too close to tell apart, and at any scale.

What is smooth there has its gradient, or an error says why: never a part of it. References are
formulas, and central differences of functions that do not factor anything by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import unitensor as ut

WEIGHTS = np.random.default_rng(0).standard_normal((4, 4))


def rotation(seed: int, n: int) -> Any:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]


def matrix(*values: float) -> Any:
    """A square matrix of given singular values."""
    return rotation(1, len(values)) * np.asarray(values) @ rotation(2, len(values)).T


def symmetric(*values: float) -> Any:
    """A symmetric matrix of given eigenvalues."""
    return rotation(1, len(values)) * np.asarray(values) @ rotation(1, len(values)).T


def again(x: Any) -> Any:
    u, s, vh = ut.linalg.svd(x, full_matrices=False)
    return (u * s) @ vh


def polar(x: Any) -> Any:
    u, _, vh = ut.linalg.svd(x, full_matrices=False)
    return u @ vh


def best_of_rank_one(x: Any) -> Any:
    u, s, vh = ut.linalg.svd(x, full_matrices=False)
    return u[:, :1] * s[:1] @ vh[:1, :]


def first_vector(x: Any) -> Any:
    u = ut.linalg.svd(x).U[:, :1]
    return u @ u.mT


def projector(x: Any) -> Any:
    v = ut.linalg.eigh((x + x.mT) / 2).eigenvectors[:, -2:]
    return v @ v.mT


def spectral(h: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        values, vectors = ut.linalg.eigh((x + x.mT) / 2)
        return vectors * h(values) @ vectors.mT

    return f


def loss(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The sum of a matrix function's elements by weights."""

    def total(x: Any) -> Any:
        y = f(x)
        return ut.sum(y * ut.asarray(WEIGHTS[: y.shape[0], : y.shape[1]], dtype=y.dtype))

    return total


def differences(f: Callable[[Any], Any], x: Any) -> Any:
    h = 1e-5 * (np.max(np.abs(x)) or 1)
    found = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        found[i] = (loss(f)(ut.asarray(x + step)).item() - loss(f)(ut.asarray(x - step)).item()) / (2 * h)
    return found


DIAGONAL, EYE = np.diag([3.0, 0.0, 0.0]), np.eye(3)
FLAT = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 1.0])
EMPTY_COLUMN = np.asarray([[1.0, 2.0, 0.0], [3.0, 5.0, 0.0], [1.0, 1.0, 0.0], [2.0, 0.0, 0.0]])

#: Where the gradient is known from first derivatives.
KNOWN: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "polar at the identity": (polar, np.eye(2)),
    "polar at a rotation": (polar, rotation(3, 3)),
    "polar at two equal": (polar, matrix(2, 1, 1)),
    "polar at two nearly equal": (polar, matrix(2, 1 + 1e-12, 1)),
    "polar at two equal but for rounding": (polar, matrix(2, 1 + 1e-15, 1)),
    "first vector beside two equal": (first_vector, matrix(2, 1, 1)),
    "first vector beside zeros": (first_vector, DIAGONAL),
    "first vector of rank one": (first_vector, FLAT),
    "rank one beside two nearly equal": (best_of_rank_one, matrix(2, 1 + 1e-12, 1)),
    "rank one of rank one": (best_of_rank_one, FLAT),
    "again at two nearly equal": (again, matrix(2, 1 + 1e-9, 1)),
    "again of rank one": (again, FLAT),
    "projector onto two equal": (projector, symmetric(1, 3, 3)),
    "projector onto two nearly equal": (projector, symmetric(1, 3, 3 + 1e-13)),
    "exp at two nearly equal": (spectral(ut.exp), symmetric(3, 1 + 1e-9, 1)),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known(name: str, engine: str) -> None:
    f, x = KNOWN[name]
    expected = differences(f, x)
    tolerance = {"rtol": 1e-6, "atol": 1e-6 * np.max(np.abs(expected))}
    np.testing.assert_allclose(ut.grad(loss(f))(ut.asarray(x)).numpy(), expected, **tolerance)
    leaf = ut.tensor(x, requires_grad=True)
    loss(f)(leaf).backward(create_graph=True)
    np.testing.assert_allclose(leaf.grad.detach().numpy(), expected, **tolerance)
    moving = ut.asarray(np.cos(np.arange(x.size)).reshape(x.shape))
    try:
        tangent = ut.jvp(loss(f), (ut.asarray(x),), (moving,))[1].item()
    except ut.GradientError as error:
        message = str(error)
    else:
        message = "in forward mode"
        np.testing.assert_allclose(tangent, np.sum(expected * moving.numpy()), rtol=1e-5, atol=1e-6)
    assert "in forward mode" in message


#: Where first derivatives do not tell: the function, the matrix, and its gradient if it has one.
LIMITS: dict[str, tuple[Callable[[Any], Any], Any, Any]] = {
    "again at the identity": (again, EYE, WEIGHTS[:3, :3]),
    "again at two equal": (again, matrix(2, 1, 1), WEIGHTS[:3, :3]),
    "again at two nearly equal": (again, matrix(2, 1 + 1e-12, 1), WEIGHTS[:3, :3]),
    "again at zero": (again, np.zeros((2, 2)), WEIGHTS[:2, :2]),
    "again at an empty column": (again, EMPTY_COLUMN, WEIGHTS[:4, :3]),
    "exp at the identity": (spectral(ut.exp), EYE, np.e * (WEIGHTS + WEIGHTS.T)[:3, :3] / 2),
    "log at the identity": (spectral(ut.log), EYE, (WEIGHTS + WEIGHTS.T)[:3, :3] / 2),
    "polar at zero": (polar, np.zeros((2, 2)), None),
    "polar of rank one": (polar, matrix(2, 0, 0), None),
    "first vector of the identity": (first_vector, EYE, None),
    "rank one of the identity": (best_of_rank_one, EYE, None),
    "projector that cuts two equal": (projector, symmetric(3, 1, 1), None),
}


def by_backward(f: Callable[[Any], Any], **options: bool) -> Callable[[Any], Any]:
    def gradient(x: Any) -> Any:
        leaf = ut.tensor(x, requires_grad=True)
        f(leaf).backward(**options)
        return leaf.grad.detach()

    return gradient


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name: str, engine: str) -> None:
    f, x, expected = LIMITS[name]
    for gradient in (
        ut.grad(loss(f)),
        by_backward(loss(f)),
        by_backward(loss(f), retain_graph=True),
        by_backward(loss(f), create_graph=True),
    ):
        if expected is None:
            with pytest.raises(ut.GradientError, match="equal, or too close"):
                gradient(ut.asarray(x))
        else:
            np.testing.assert_allclose(gradient(ut.asarray(x)).numpy(), expected, rtol=1e-6, atol=1e-6)
    with pytest.raises(ut.GradientError, match="in forward mode"):
        ut.jvp(loss(f), (ut.asarray(x),), (ut.asarray(WEIGHTS[: x.shape[0], : x.shape[1]]),))


def test_limits_of_complex_matrices_and_of_stacks() -> None:
    weights = WEIGHTS[:3, :3] + 1j * WEIGHTS[1:, 1:]
    unitary = np.linalg.qr(weights)[0]
    scales = ut.asarray([1.0, 2.0, 3.0])
    inner = lambda y: ut.real(ut.sum(ut.conj(ut.asarray(weights)) * y))  # noqa: E731 -- of the lines below
    for full in (True, False):

        def same(x: Any, full: bool = full) -> Any:
            u, s, vh = ut.linalg.svd(x, full_matrices=full)
            k = s.shape[-1]
            return u[..., :k] * s[..., None, :] @ vh[..., :k, :]

        for x in (
            unitary,
            np.zeros((3, 3), complex),
            unitary * [2, 0, 0],
            unitary * [1, 1, 0],
            unitary * [3, 2, 0],
        ):
            found = ut.grad(lambda x: inner(same(x)))(ut.asarray(x)).numpy()
            np.testing.assert_allclose(found, weights, rtol=1e-6, atol=1e-6)
        for x in (EMPTY_COLUMN, EMPTY_COLUMN.T, np.zeros((4, 2)), np.ones((2, 4))):
            found = ut.grad(loss(same))(ut.asarray(x)).numpy()
            np.testing.assert_allclose(found, WEIGHTS[: x.shape[0], : x.shape[1]], rtol=1e-6, atol=1e-6)
        # Stacks whose matrices are degenerate in different ways, and mix in the result.
        stack = np.stack([EYE, DIAGONAL, matrix(3, 2, 1)])
        found = ut.grad(lambda x: loss(lambda x: ut.sum(same(x) * scales[:, None, None], axis=0))(x))(
            ut.asarray(stack)
        ).numpy()
        np.testing.assert_allclose(
            found, scales.numpy()[:, None, None] * WEIGHTS[:3, :3], rtol=1e-6, atol=1e-6
        )
        product = ut.grad(lambda x: loss(lambda x: same(x)[0] @ same(x)[1])(x))(ut.asarray(stack)).numpy()
        np.testing.assert_allclose(product[0], WEIGHTS[:3, :3] @ stack[1].T, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(product[1], stack[0].T @ WEIGHTS[:3, :3], rtol=1e-6, atol=1e-6)
    hermitian = (weights + np.conj(weights.T)) / 2

    def exp(x: Any) -> Any:
        values, vectors = ut.linalg.eigh(x)
        return vectors * ut.exp(values) @ ut.conj(vectors.mT)

    for values, expected in (([1, 1, 1], np.e * hermitian), ([0, 0, 0], hermitian)):
        x = np.conj(unitary.T) * values @ unitary
        found = ut.grad(lambda x: inner(exp(x)))(ut.asarray((x + np.conj(x.T)) / 2)).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_a_limit_has_no_second_derivative() -> None:
    for second in (ut.hessian(loss(again)), ut.jacobian(ut.grad(loss(again)), mode="reverse")):
        with pytest.raises(ut.GradientError, match="equal"):
            second(ut.eye(2))


@pytest.mark.parametrize("size", [1e-170, 1e-300, 1e170, 1e300])
def test_any_scale(size: float, engine: str) -> None:
    functions = (
        polar,
        again,
        best_of_rank_one,
        first_vector,
        projector,
        lambda x: abs(ut.linalg.svd(x).Vh),
        lambda x: ut.linalg.qr(x).Q,
        lambda x: ut.linalg.svdvals(x)[None],
        lambda x: x / ut.linalg.svdvals(x)[0],
    )
    for f in functions:
        x = np.asarray([[1.0, 2.0, 0.5], [3.0, 5.0, 1.0], [0.0, 1.0, -2.0]])
        plain, scaled = (ut.grad(loss(f))(ut.asarray(y)).numpy() for y in (x, x * size))
        # f(size x) is f(x), or size times it.
        power = np.log(np.max(np.abs(f(ut.asarray(x * size)).numpy())))
        scaled = scaled if abs(power) > 100 else scaled * size
        np.testing.assert_allclose(scaled, plain, rtol=1e-9, atol=1e-12)
        moving = ut.asarray(WEIGHTS[:3, :3])
        tangents = [ut.jvp(loss(f), (ut.asarray(y),), (moving,))[1].item() for y in (x, x * size)]
        np.testing.assert_allclose(tangents[1] * (1 if abs(power) > 100 else size), tangents[0], rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "complex64", "complex128"])
def test_other_dtypes(dtype: str) -> None:
    q = rotation(3, 3).astype(dtype)
    found = ut.grad(lambda x: ut.real(loss(polar)(x)))(ut.asarray(q)).numpy()
    # The polar factor of an orthogonal q moves by q skew(qᵀ dx).
    skew = q.T @ WEIGHTS[:3, :3]
    np.testing.assert_allclose(found, q @ (skew - skew.T) / 2, rtol=1e-5, atol=1e-5)
    x = ut.asarray(np.eye(3, dtype=dtype))
    with pytest.raises(ut.GradientError, match="equal, or too close"):
        ut.grad(lambda x: ut.real(loss(first_vector)(x)))(x)


def test_errors_of_a_recorded_pass_are_gradient_errors() -> None:
    x = ut.tensor(np.asarray([[1.0, 2.0], [3.0, 5.0]]) + 1j, requires_grad=True)
    y = ut.real(ut.linalg.svd(x).U[0, 0])
    with pytest.raises(ut.GradientError, match="phases"):
        y.backward(create_graph=True)

"""Functions of matrices, triangular and banded systems, LU: SciPy's `linalg`, differentiable.

All but `solve_banded` take stacks of matrices in the last two axes.
"""

# ruff: noqa: N803, N806, E741 -- SciPy's names: A and E for matrices, l and u for their factors and bands

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.linalg

import unitensor as ut

from .._ops.elementwise import is_complex
from .._ops.linear_algebra import sum_to
from ._host_op import host_op, lift, one_of

if TYPE_CHECKING:
    from .._tensor import Tensor


# Functions of matrices -------------------------------------------------------------------------------
#
# The derivative of any f(x) along y is the upper right block of f([[x, y], [0, x]]), which is the same
# function again: so it has derivatives, too.


def real(xp: Any, x: Any) -> Any:
    """The real part of what may be complex."""
    return xp.real(x) if is_complex(xp, x) else x


def _slope(function: Callable[..., Any], xp: Any, x: Any, y: Any, out: Any, options: dict[str, Any]) -> Any:
    n = x.shape[-1]
    upper = xp.concat([x, y], axis=-1)
    lower = xp.concat([xp.zeros_like(x), x], axis=-1)
    lead = (slice(None),) * (len(x.shape) - 2)
    whole = function(xp.concat([upper, lower], axis=-2), **options)
    slope = xp.getitem(whole, (*lead, slice(0, n), slice(n, 2 * n)))
    # SciPy may find a complex block matrix where the function itself is real.
    return slope if is_complex(xp, out) or is_complex(xp, y) else real(xp, slope)


def _each(f: Callable[..., Any], *stacks: Any) -> Any:
    """A function of matrices called on each of some stacks, whose leading axes broadcast."""
    if all(x.ndim == 2 for x in stacks):
        return f(*stacks)
    lead = np.broadcast_shapes(*(x.shape[:-2] for x in stacks))
    flat = [np.broadcast_to(x, lead + x.shape[-2:]).reshape((-1, *x.shape[-2:])) for x in stacks]
    found = [f(*matrices) for matrices in zip(*flat)]
    return (
        np.stack(found).reshape((*lead, *found[0].shape)) if found else np.zeros(lead + stacks[-1].shape[-2:])
    )


def _matrix_function(name: str) -> Callable[..., Tensor]:
    """The host op of a function of a square matrix."""

    def rule(xp: Any, g: Any, A: Any) -> Any:
        return _slope(function, xp, xp.matrix_transpose(A), g, g, {})

    def jvp(xp: Any, g: Any, A: Any, out: Any) -> Any:
        return _slope(function, xp, A, g, out, {})

    def compute(A: Any) -> Any:
        return _each(getattr(scipy.linalg, name), A)

    compute.__name__ = name
    function = host_op(grad={"A": rule}, jvp={"A": jvp})(compute)
    return function


_expm, _logm, _sqrtm = map(_matrix_function, ("expm", "logm", "sqrtm"))
_cosm, _sinm, _tanm = map(_matrix_function, ("cosm", "sinm", "tanm"))
_coshm, _sinhm, _tanhm = map(_matrix_function, ("coshm", "sinhm", "tanhm"))


def _power_rule(xp: Any, g: Any, A: Any, t: Any) -> Any:
    return _slope(_power, xp, xp.matrix_transpose(A), g, g, {"t": t})


def _power_jvp(xp: Any, g: Any, A: Any, t: Any, out: Any) -> Any:
    return _slope(_power, xp, A, g, out, {"t": t})


@host_op(grad={"A": _power_rule}, jvp={"A": _power_jvp})
def _power(A: Any, *, t: float) -> Any:
    return _each(lambda A: scipy.linalg.fractional_matrix_power(A, t), A)


def _square(name: str, A: Any) -> Tensor:
    x: Tensor = lift(f"linalg.{name}", A)[0]
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"linalg.{name}: A has shape {x.shape}; expected square matrices")
    return x


def expm(A: Any) -> Tensor:
    """The exponential of each matrix, as `scipy.linalg.expm`.

    >>> import unitensor as ut
    >>> expm(ut.zeros((2, 2))).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return _expm(_square("expm", A))


def expm_frechet(A: Any, E: Any) -> tuple[Tensor, Tensor]:
    """The exponential of A, and its derivative along E, as `scipy.linalg.expm_frechet`.

    >>> import unitensor as ut
    >>> expm_frechet(ut.zeros((1, 1)), ut.ones((1, 1)))[1].tolist()
    [[1.0]]
    """
    A, E = lift("linalg.expm_frechet", A, E)
    whole = _expm(ut.concat([ut.concat([A, E], axis=-1), ut.concat([0 * A, A], axis=-1)], axis=-2))
    n = A.shape[-1]
    return whole[..., :n, :n], whole[..., :n, n:]


def logm(A: Any) -> Tensor:
    """The principal logarithm of each matrix, as `scipy.linalg.logm`.

    >>> import unitensor as ut
    >>> logm(ut.eye(2)).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    return _logm(_square("logm", A))


def sqrtm(A: Any) -> Tensor:
    """The principal square root of each matrix, as `scipy.linalg.sqrtm`; complex where it must be.

    >>> import unitensor as ut
    >>> sqrtm(ut.asarray([[4.0, 0.0], [0.0, 9.0]])).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    return _sqrtm(_square("sqrtm", A))


def fractional_matrix_power(A: Any, t: float) -> Tensor:
    """Each matrix to a real power t, as `scipy.linalg.fractional_matrix_power`; t is a number.

    >>> import unitensor as ut
    >>> ut.round(fractional_matrix_power(ut.asarray([[4.0, 0.0], [0.0, 9.0]]), 0.5)).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    if isinstance(t, ut.Tensor) and t.requires_grad:
        raise ut.GradientError("linalg.fractional_matrix_power: there is no gradient in t; pass t.item()")
    return _power(_square("fractional_matrix_power", A), t=float(t))


def cosm(A: Any) -> Tensor:
    """The cosine of each matrix, as `scipy.linalg.cosm`."""
    return _cosm(_square("cosm", A))


def sinm(A: Any) -> Tensor:
    """The sine of each matrix, as `scipy.linalg.sinm`."""
    return _sinm(_square("sinm", A))


def tanm(A: Any) -> Tensor:
    """The tangent of each matrix, as `scipy.linalg.tanm`."""
    return _tanm(_square("tanm", A))


def coshm(A: Any) -> Tensor:
    """The hyperbolic cosine of each matrix, as `scipy.linalg.coshm`."""
    return _coshm(_square("coshm", A))


def sinhm(A: Any) -> Tensor:
    """The hyperbolic sine of each matrix, as `scipy.linalg.sinhm`."""
    return _sinhm(_square("sinhm", A))


def tanhm(A: Any) -> Tensor:
    """The hyperbolic tangent of each matrix, as `scipy.linalg.tanhm`."""
    return _tanhm(_square("tanhm", A))


# Triangular systems ----------------------------------------------------------------------------------


def _half(xp: Any, x: Any, lower: bool, unit: bool) -> Any:
    """The part of a matrix that a triangular system reads."""
    return xp.tril(x, k=-1 if unit else 0) if lower else xp.triu(x, k=1 if unit else 0)


def _triangular_rule_b(xp: Any, g: Any, a: Any, b_shape: Any, lower: Any, unit: Any) -> Any:
    return sum_to(xp, triangular(xp.matrix_transpose(a), g, lower=not lower, unit=unit), b_shape)


def _triangular_rule_a(xp: Any, g: Any, a: Any, out: Any, lower: Any, unit: Any) -> Any:
    c = triangular(xp.matrix_transpose(a), g, lower=not lower, unit=unit)
    c = xp.negative(xp.matmul(c, xp.matrix_transpose(out)))
    return sum_to(xp, _half(xp, c, lower, unit), a.shape)


def _triangular_jvp_a(xp: Any, g: Any, a: Any, out: Any, lower: Any, unit: Any) -> Any:
    moved = xp.matmul(_half(xp, g, lower, unit), out)
    return xp.negative(triangular(a, moved, lower=lower, unit=unit))


def _triangular_jvp_b(xp: Any, g: Any, a: Any, lower: Any, unit: Any) -> Any:
    return triangular(a, g, lower=lower, unit=unit)


def _triangular(xp: Any, a: Any, b: Any, *, lower: bool, unit: bool) -> Any:
    whole = _half(xp, a, lower, unit)
    if unit:
        whole = xp.add(whole, xp.eye(a.shape[-1], dtype=a.dtype, device=xp.backend.raw_device_of(a)))
    return xp.linalg.solve(whole, b)


@host_op(
    grad={"a": _triangular_rule_a, "b": _triangular_rule_b},
    jvp={"a": _triangular_jvp_a, "b": _triangular_jvp_b},
    native=_triangular,
    native_on_cpu=False,
)
def triangular(a: Any, b: Any, *, lower: bool, unit: bool = False) -> Any:
    """The solution of a @ x = b for a triangle of a and a matrix b."""
    return _each(partial(scipy.linalg.solve_triangular, lower=lower, unit_diagonal=unit), a, b)


def solve_triangular(
    a: Any,
    b: Any,
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Tensor:
    """The solution of a @ x = b, for a triangular a, as `scipy.linalg.solve_triangular`.

    >>> import unitensor as ut
    >>> solve_triangular(ut.asarray([[2.0, 0.0], [1.0, 1.0]]), ut.asarray([2.0, 3.0]), lower=True).tolist()
    [1.0, 2.0]
    """
    a, b = lift("linalg.solve_triangular", a, b)
    one_of("linalg.solve_triangular", "trans", trans, (0, 1, 2, "N", "T", "C"))
    if trans not in (0, "N"):
        a, lower = a.mT, not lower
        if trans in (2, "C"):
            a = ut.conj(a)
    if b.ndim == 1:
        return triangular(a, b[:, None], lower=lower, unit=unit_diagonal)[..., 0]
    return triangular(a, b, lower=lower, unit=unit_diagonal)


def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Tensor:
    """The Cholesky factor of the matrix whose upper (or lower) triangle is a's, as `scipy.linalg.cholesky`.

    >>> import unitensor as ut
    >>> cholesky(ut.asarray([[4.0, 0.0], [0.0, 9.0]])).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    a = _square("cholesky", a)
    strict = ut.tril(a, k=-1) if lower else ut.triu(a, k=1)
    whole = (ut.tril(a) if lower else ut.triu(a)) + ut.conj(strict.mT)
    return ut.linalg.cholesky(whole, upper=not lower)


def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Tensor, bool]:
    """What `cho_solve` takes: a Cholesky factor, with zeros in its other triangle, and which it is.

    >>> import unitensor as ut
    >>> cho_factor(ut.asarray([[4.0, 0.0], [0.0, 9.0]]))[0].tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    return cholesky(a, lower), lower


def cho_solve(
    c_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Tensor:
    """The solution of a @ x = b from a's Cholesky factor, as `scipy.linalg.cho_solve`.

    >>> import unitensor as ut
    >>> factor = cho_factor(ut.asarray([[4.0, 0.0], [0.0, 2.0]]))
    >>> ut.round(cho_solve(factor, ut.asarray([4.0, 4.0]))).tolist()
    [1.0, 2.0]
    """
    c, lower = c_and_lower
    c, b = lift("linalg.cho_solve", c, b)
    first, second = ("N", "C") if lower else ("C", "N")
    return solve_triangular(c, solve_triangular(c, b, first, lower), second, lower)


# LU --------------------------------------------------------------------------------------------------


class LUResult(NamedTuple):
    """The permutation, unit lower and upper factor of each matrix."""

    p: Tensor
    l: Tensor
    u: Tensor


def _block(xp: Any, x: Any, rows: slice, columns: slice) -> Any:
    return xp.getitem(x, (*(slice(None),) * (len(x.shape) - 2), rows, columns))


def _over(xp: Any, x: Any, u: Any) -> Any:
    """x @ inv(u)."""
    return xp.matrix_transpose(triangular(xp.matrix_transpose(u), xp.matrix_transpose(x), lower=True))


def _past(xp: Any, x: Any, u: Any) -> Any:
    """x @ inv(u).T."""
    return xp.matrix_transpose(triangular(u, xp.matrix_transpose(x), lower=False))


def _parts(xp: Any, l: Any, u: Any) -> tuple[Any, Any, slice, slice, Any, Any]:
    """The square factors, the rest of both factors, and the keys of square and rest."""
    k = u.shape[-2]
    head, rest, all_ = slice(0, k), slice(k, None), slice(None)
    below = _block(xp, l, rest, all_) if l.shape[-2] > k else None
    right = _block(xp, u, all_, rest) if u.shape[-1] > k else None
    return _block(xp, l, head, all_), _block(xp, u, all_, head), head, rest, below, right


def _lu_rule(xp: Any, g: Any, out: Any) -> Any:
    p, l, u = out
    g_l = xp.zeros_like(l) if g[1] is None else g[1]
    g_u = xp.zeros_like(u) if g[2] is None else g[2]
    l1, u1, head, rest, below, right = _parts(xp, l, u)
    lt, whole = xp.matrix_transpose(l1), slice(None)
    g_l1, g_u1 = _block(xp, g_l, head, whole), _block(xp, g_u, whole, head)
    c_below = c_right = None
    if below is not None:
        c_below = _past(xp, _block(xp, g_l, rest, whole), u1)
        g_u1 = xp.subtract(g_u1, xp.matmul(xp.matrix_transpose(below), c_below))
    if right is not None:
        c_right = triangular(lt, _block(xp, g_u, whole, rest), lower=False, unit=True)
        g_l1 = xp.subtract(g_l1, xp.matmul(c_right, xp.matrix_transpose(right)))
    inner = xp.add(xp.tril(xp.matmul(lt, g_l1), k=-1), xp.triu(xp.matmul(g_u1, xp.matrix_transpose(u1))))
    c = _past(xp, triangular(lt, inner, lower=False, unit=True), u1)
    if c_below is not None:
        c = xp.concat([c, c_below], axis=-2)
    if c_right is not None:
        c = xp.concat([c, c_right], axis=-1)
    return xp.matmul(p, c)


def _lu_jvp(xp: Any, g: Any, out: Any) -> Any:
    p, l, u = out
    l1, u1, head, rest, below, right = _parts(xp, l, u)
    moved = xp.matmul(xp.matrix_transpose(p), g)
    inner = _over(xp, triangular(l1, _block(xp, moved, head, head), lower=True, unit=True), u1)
    t_l, t_u = xp.matmul(l1, xp.tril(inner, k=-1)), xp.matmul(xp.triu(inner), u1)
    if below is not None:
        shift = xp.subtract(_block(xp, moved, rest, head), xp.matmul(below, t_u))
        t_l = xp.concat([t_l, _over(xp, shift, u1)], axis=-2)
    if right is not None:
        shift = xp.subtract(_block(xp, moved, head, rest), xp.matmul(t_l, right))
        t_u = xp.concat([t_u, triangular(l1, shift, lower=True, unit=True)], axis=-1)
    return xp.zeros_like(p), t_l, t_u


@host_op(grad={"a": _lu_rule}, jvp={"a": _lu_jvp}, outputs=LUResult)
def lu_factors(a: Any) -> Any:
    """The factors p, l and u of each matrix: a = p @ l @ u."""
    p, l, u = scipy.linalg.lu(a)
    return p.astype(l.dtype), l, u


def lu(
    a: Any,
    permute_l: bool = False,
    overwrite_a: bool = False,
    check_finite: bool = True,
    p_indices: bool = False,
) -> tuple[Tensor, ...]:
    """The LU factors of each matrix, with row exchanges, as `scipy.linalg.lu`: a = p @ l @ u.

    The permutation is a constant of the gradient.

    >>> import unitensor as ut
    >>> [part.tolist() for part in lu(ut.asarray([[0.0, 2.0], [4.0, 0.0]]))][1:]
    [[[1.0, 0.0], [0.0, 1.0]], [[4.0, 0.0], [0.0, 2.0]]]
    """
    (a,) = lift("linalg.lu", a)
    p, l, u = lu_factors(a)
    p = p.detach()
    if permute_l:
        return ut.matmul(p, l), u
    return ut.argmax(ut.real(p), axis=-1) if p_indices else p, l, u


# Other systems -----------------------------------------------------------------------------------------


def _sylvester_back(xp: Any, g: Any, a: Any, b: Any) -> Any:
    return sylvester(xp.matrix_transpose(a), xp.matrix_transpose(b), g)


def _sylvester_rule_q(xp: Any, g: Any, a: Any, b: Any, q_shape: Any) -> Any:
    return sum_to(xp, _sylvester_back(xp, g, a, b), q_shape)


def _sylvester_rule_a(xp: Any, g: Any, a: Any, b: Any, out: Any) -> Any:
    c = xp.matmul(_sylvester_back(xp, g, a, b), xp.matrix_transpose(out))
    return sum_to(xp, xp.negative(c), a.shape)


def _sylvester_rule_b(xp: Any, g: Any, a: Any, b: Any, out: Any) -> Any:
    c = xp.matmul(xp.matrix_transpose(out), _sylvester_back(xp, g, a, b))
    return sum_to(xp, xp.negative(c), b.shape)


def _sylvester_jvp_q(xp: Any, g: Any, a: Any, b: Any) -> Any:
    return sylvester(a, b, g)


def _sylvester_jvp_a(xp: Any, g: Any, a: Any, b: Any, out: Any) -> Any:
    return xp.negative(sylvester(a, b, xp.matmul(g, out)))


def _sylvester_jvp_b(xp: Any, g: Any, a: Any, b: Any, out: Any) -> Any:
    return xp.negative(sylvester(a, b, xp.matmul(out, g)))


@host_op(
    grad={"a": _sylvester_rule_a, "b": _sylvester_rule_b, "q": _sylvester_rule_q},
    jvp={"a": _sylvester_jvp_a, "b": _sylvester_jvp_b, "q": _sylvester_jvp_q},
)
def sylvester(a: Any, b: Any, q: Any) -> Any:
    """The solution of a @ x + x @ b = q."""
    return _each(scipy.linalg.solve_sylvester, a, b, q)


def solve_sylvester(a: Any, b: Any, q: Any) -> Tensor:
    """The solution of a @ x + x @ b = q, as `scipy.linalg.solve_sylvester`.

    >>> import unitensor as ut
    >>> solve_sylvester(ut.asarray([[1.0]]), ut.asarray([[3.0]]), ut.asarray([[8.0]])).tolist()
    [[2.0]]
    """
    return sylvester(*lift("linalg.solve_sylvester", a, b, q))


def solve_continuous_lyapunov(a: Any, q: Any) -> Tensor:
    """The solution of a @ x + x @ aᴴ = q, as `scipy.linalg.solve_continuous_lyapunov`.

    >>> import unitensor as ut
    >>> solve_continuous_lyapunov(ut.asarray([[1.0]]), ut.asarray([[8.0]])).tolist()
    [[4.0]]
    """
    a, q = lift("linalg.solve_continuous_lyapunov", a, q)
    return sylvester(a, ut.conj(a.mT), q)


def _shifted(xp: Any, x: Any, d: int) -> Any:
    """y[j] = x[j + d] along the first axis, 0 outside."""
    n = x.shape[0]
    part = xp.getitem(x, (slice(max(0, d), max(0, n + min(0, d))),))
    start = max(0, -d)
    return xp.scatter_add(part, (slice(start, start + part.shape[0]),), tuple(x.shape))


def _transposed(xp: Any, ab: Any, l: int, u: int) -> Any:
    return xp.stack([_shifted(xp, xp.getitem(ab, (u - d,)), d) for d in range(-l, u + 1)])


def _banded_rule_b(xp: Any, g: Any, ab: Any, l: Any, u: Any) -> Any:
    return banded(_transposed(xp, ab, l, u), g, l=u, u=l)


def _banded_rule_ab(xp: Any, g: Any, ab: Any, out: Any, l: Any, u: Any) -> Any:
    c = _banded_rule_b(xp, g, ab, l, u)
    rows = [xp.sum(xp.multiply(_shifted(xp, c, d), out), axis=1) for d in range(-u, l + 1)]
    return xp.negative(xp.stack(rows))


def _banded_jvp_ab(xp: Any, g: Any, ab: Any, out: Any, l: Any, u: Any) -> Any:
    moved = xp.zeros_like(out)
    for d in range(-u, l + 1):
        diagonal = xp.expand_dims(xp.getitem(g, (u + d,)), axis=1)
        moved = xp.add(moved, _shifted(xp, xp.multiply(diagonal, out), -d))
    return xp.negative(banded(ab, moved, l=l, u=u))


def _banded_jvp_b(xp: Any, g: Any, ab: Any, l: Any, u: Any) -> Any:
    return banded(ab, g, l=l, u=u)


@host_op(grad={"ab": _banded_rule_ab, "b": _banded_rule_b}, jvp={"ab": _banded_jvp_ab, "b": _banded_jvp_b})
def banded(ab: Any, b: Any, *, l: int, u: int) -> Any:
    """The solution of a banded system for a matrix b."""
    return scipy.linalg.solve_banded((l, u), ab, b)


def solve_banded(
    l_and_u: tuple[int, int],
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Tensor:
    """The solution of a @ x = b for a banded a given by its diagonals, as `scipy.linalg.solve_banded`.

    >>> import unitensor as ut
    >>> solve_banded((0, 0), ut.asarray([[2.0, 4.0]]), ut.asarray([2.0, 2.0])).tolist()
    [1.0, 0.5]
    """
    ab, b = lift("linalg.solve_banded", ab, b)
    l, u = map(int, l_and_u)
    if ab.ndim != 2 or ab.shape[0] != l + u + 1 or b.ndim not in (1, 2) or b.shape[0] != ab.shape[1]:
        raise ValueError(
            f"linalg.solve_banded: ab {ab.shape} and b {b.shape}; expected ({l + u + 1}, n) and (n,) or (n, m)"
        )
    if b.ndim == 1:
        return banded(ab, b[:, None], l=l, u=u)[:, 0]
    return banded(ab, b, l=l, u=u)

"""Every gradient rule of the table, in both modes and to second order, on every engine.

All is generated from the table and `samples.py`: an op that is declared is tested. On NumPy rules
are held against finite differences and against PyTorch and JAX; the other engines against NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import array_api_compat.torch
import jax
import jax.numpy
import numpy as np
import pytest
import torch
from samples import DIFFERENTIABLE, Arguments, call, dtypes_of, samples

import unitensor as ut
from unitensor._op import Op, table
from unitensor._trees import leaves
from unitensor.testing import like, values_of

DTYPES = ("float64", "complex128")


def hermitian(x: Any) -> Any:
    return (x + ut.conj(x.mT)) / 2


#: Ops of matrices with a structure: what makes one of any matrix.
STRUCTURE = {
    "linalg.cholesky": hermitian,
    "linalg.eigh": hermitian,
    "linalg.eigvalsh": hermitian,
}

#: Ops whose results are determined up to a phase or a basis: a function of what is determined.
DETERMINED: dict[str, Callable[..., Any]] = {
    "linalg.eigh": lambda r: (r.eigenvalues, ut.abs(r.eigenvectors) ** 2),
    "linalg.eig": lambda r: (r.eigenvalues, ut.abs(r.eigenvectors) ** 2),
    "linalg.svd": lambda r: (
        r.S,
        ut.abs(r.U[..., : r.S.shape[-1]]) ** 2,
        ut.abs(r.Vh[..., : r.S.shape[-1], :]) ** 2,
    ),
}


def cases(engine: str = "numpy") -> Iterator[Any]:
    """An op, a dtype and sample arguments; on other engines than NumPy one sample a dtype."""
    for made in DIFFERENTIABLE:
        for dtype in dtypes_of(made):
            if dtype in DTYPES:
                found = samples(made, dtype)
                for i, arguments in enumerate(found if engine == "numpy" else found[:1]):
                    yield pytest.param(made, arguments, id=f"{made.path}-{dtype}-{i}")


def problem(made: Op, arguments: Arguments) -> tuple[Callable[..., Any], list[Any]]:
    """An op as a function of those arguments that have a gradient rule, and these as Tensors."""
    names = [x for x, rule in zip(made.inputs, made.rules) if rule is not None]
    names = [x for x in names if isinstance(arguments.get(x), (np.ndarray, list))]

    def f(*values: Any) -> Any:
        given = {**arguments, **dict(zip(names, values))}
        if made.path in STRUCTURE:
            given["x"] = STRUCTURE[made.path](given["x"])
        result = call(made, given)
        return DETERMINED[made.path](result) if made.path in DETERMINED else result

    f.__name__ = made.path
    tensors = [
        [ut.asarray(a) for a in arguments[x]] if made.sequence else ut.asarray(arguments[x]) for x in names
    ]
    return f, tensors


@pytest.mark.parametrize(("made", "arguments"), list(cases()))
def test_against_differences(made: Op, arguments: Arguments) -> None:
    f, tensors = problem(made, arguments)
    ut.testing.gradcheck(f, *tensors, fast=True)
    ut.testing.gradgradcheck(f, *tensors, fast=True)


def derivatives(made: Op, arguments: Arguments) -> list[Any]:
    """First derivatives in both modes and second ones, for fixed directions, as NumPy arrays."""
    f, tensors = problem(made, arguments)
    xs = leaves(tensors)

    def flat(*values: Any) -> Any:
        it = iter(values)
        given = [[next(it) for _ in t] if isinstance(t, list) else next(it) for t in tensors]
        return [y for y in leaves(f(*given)) if y.dtype.kind in "fc"]

    tangents = tuple(like(x, np.ones(x.shape)) for x in xs)

    def pulled(*values: Any) -> Any:
        ys, pull = ut.vjp(flat, *values)
        return pull([like(y, np.arange(1.0, y.size + 1).reshape(y.shape)) for y in ys])

    gradients, twice = ut.jvp(pulled, tuple(xs), tangents)
    pushed = ut.jvp(flat, tuple(xs), tangents)[1]
    _, pull = ut.vjp(pulled, *xs)
    return [values_of(t) for t in (*gradients, *pushed, *twice, *pull(tangents))]


#: Special functions that JAX computes itself, and one of each family that it does not.
SPECIAL_ON_JAX = frozenset(
    [
        "erf",
        "erfcx",
        "ndtri",
        "log_ndtr",
        "expit",
        "logit",
        "xlogy",
        "rel_entr",
        "sinc",
        "exprel",
        "cbrt",
        "i1e",
        "j1",
        "digamma",
        "gammainc",
        "betainc_slope",
        "stdtr",
        "zeta",
        "ellipk",
        "logsumexp",
        "softmax",
        "log_softmax",
    ]
)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_engines_agree(name: str) -> None:
    """One test an engine, because a failure of many ops has one cause more often than many."""
    try:
        ut.load_backend(name)
    except ut.BackendError as error:
        pytest.skip(error.reason)
    wrong = []
    for case in cases(name):
        made, arguments = case.values
        one_kind = not made.elementwise or made.module == "special"
        if name == "jax" and "complex" in str(case.id) and one_kind:
            continue  # each shape and dtype compiles anew there, at 40 ms an operation
        if name == "jax" and made.module == "special" and made.name not in SPECIAL_ON_JAX:
            continue  # likewise; the others have the same rules, and SciPy's kernels
        expected = derivatives(made, arguments)
        try:
            with ut.use_backend(name):
                found = derivatives(made, arguments)
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
        except Exception as error:
            wrong.append(f"{case.id}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)


NARROW = {"float64": "float32", "complex128": "complex64"}


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_small_dtypes_stay(name: str) -> None:
    """Gradients and tangents have the dtypes of what they belong to."""
    wrong = []
    for case in cases("first of each"):
        made, arguments = case.values
        if made.path == "astype":
            continue
        narrow = {k: _narrowed(v) for k, v in arguments.items()}
        with ut.use_backend(name):
            f, tensors = problem(made, narrow)
            ys, pull = ut.vjp(lambda *xs, f=f: [y for y in leaves(f(*xs)) if y.dtype.kind in "fc"], *tensors)
            gradients = pull([ut.ones_like(y) for y in ys])
            tangents = ut.jvp(f, tuple(tensors), gradients)[1]
        for t in (*ys, *leaves(gradients), *leaves(tangents)):
            if t.dtype.kind in "fc" and t.dtype.name not in ("float32", "complex64"):
                wrong.append(f"{case.id}: {t.dtype}")
    assert not wrong


def _narrowed(value: Any) -> Any:
    if isinstance(value, list):
        return [_narrowed(v) for v in value]
    if isinstance(value, np.ndarray) and value.dtype.name in NARROW:
        return value.astype(NARROW[value.dtype.name])
    return value


# PyTorch and JAX -------------------------------------------------------------------------------------

#: Where a peer has no gradient, or a wrong one: the op, the dtypes, and why.
NOT_IN_TORCH = {
    ("floor_divide", "float64"): "not implemented there; zero here, as of the other steps",
    ("imag", "float64"): "takes complex numbers alone there",
    ("unique_values", "float64"): "not implemented there",
    ("unique_values", "complex128"): "has no complex kernel there",
}
NOT_IN_JAX = {
    ("nextafter", "float64"): "not implemented there",
    ("unique_values", "float64"): "zero there, against the differences that we agree with",
    ("unique_values", "complex128"): "likewise",
    ("sign", "complex128"): "zero there, against the differences that we and PyTorch agree with",
}
#: The special functions that PyTorch has under the same name, with a gradient in every input.
SPECIAL_IN_TORCH = frozenset(
    [
        "digamma",
        "entr",
        "erf",
        "erfc",
        "erfinv",
        "exp2",
        "expit",
        "gammaln",
        "i0",
        "i0e",
        "i1",
        "i1e",
        "log_ndtr",
        "logit",
        "ndtr",
        "ndtri",
        "sinc",
        "xlog1py",
        "xlogy",
    ]
)
#: Ops of several results, and private ones, which peers lack; `test_linalg.py` compares the former.
PUBLIC = [m for m in DIFFERENTIABLE if m.public and m.outputs is None and m.path not in DETERMINED]


def peer_cases(name: str) -> Iterator[Any]:
    for made in PUBLIC:
        for dtype in dtypes_of(made):
            if made.module == "special" and (made.name not in SPECIAL_IN_TORCH or dtype != "float64"):
                continue
            in_torch = (made.path, dtype) not in NOT_IN_TORCH
            # JAX compiles each shape anew, so it is asked what PyTorch cannot tell, and its convention.
            if name == "jax" and in_torch and not (made.elementwise and dtype == "complex128"):
                continue
            if dtype not in DTYPES or (made.path, dtype) in (NOT_IN_TORCH if name == "torch" else NOT_IN_JAX):
                continue
            found = samples(made, dtype)
            for i, arguments in enumerate(found if name == "torch" else found[:1]):
                if arguments.get("axis") != ():  # all axes, in PyTorch
                    yield pytest.param(made, arguments, id=f"{made.path}-{dtype}-{i}")


def peer_function(
    xp: Any, made: Op, arguments: Arguments, lift: Callable[[Any], Any]
) -> tuple[Any, list[str]]:
    """A peer's function of the differentiable inputs, and their names."""
    function: Any = xp
    for part in made.path.split("."):
        function = getattr(function, part)
    names = [x for x, rule in zip(made.inputs, made.rules) if rule is not None]
    names = [x for x in names if isinstance(arguments.get(x), (np.ndarray, list))]
    given = {**made.defaults, **{k: lift(v) for k, v in arguments.items()}}

    def f(*xs: Any) -> Any:
        now = {**given, **dict(zip(names, xs))}
        if made.path in STRUCTURE:
            now["x"] = (now["x"] + xp.conj(xp.linalg.matrix_transpose(now["x"]))) / 2
        plain = [now[p] for p in made.positional if now[p] is not None or p in made.inputs]
        return function(*plain, **{p: arguments[p] for p in made.keyword_only if p in arguments})

    return f, names


def lifted(value: Any, array: Callable[[Any], Any], xp: Any) -> Any:
    if isinstance(value, list):
        return [array(v) for v in value]
    if isinstance(value, ut.DType):
        return getattr(xp, value.name)
    return array(value) if isinstance(value, np.ndarray) else value


def ours(made: Op, arguments: Arguments) -> tuple[Any, list[Any]]:
    """A cotangent, and our gradients for it."""
    f, tensors = problem(made, arguments)
    y, pull = ut.vjp(f, *tensors)
    g = np.random.default_rng(0).standard_normal(y.shape)
    g = g + 1j * g[::-1] if y.dtype.kind == "c" and y.ndim else g.astype(values_of(y).dtype)
    return g, [values_of(x) for x in leaves(pull(ut.asarray(g)))]


@pytest.mark.parametrize(("made", "arguments"), list(peer_cases("torch")))
def test_against_torch(made: Op, arguments: Arguments) -> None:
    xp = array_api_compat.torch
    f, names = peer_function(xp, made, arguments, lambda v: lifted(v, torch.tensor, xp))
    xs = [lifted(arguments[x], torch.tensor, xp) for x in names]
    flat = [part for x in xs for part in (x if isinstance(x, list) else [x])]
    for x in flat:
        x.requires_grad_()
    g, found = ours(made, arguments)
    f(*xs).backward(torch.tensor(g))
    for a, x in zip(found, flat, strict=True):
        expected = np.zeros(x.shape) if x.grad is None else x.grad.resolve_conj().resolve_neg().numpy()
        np.testing.assert_allclose(a, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("made", "arguments"), list(peer_cases("jax")))
def test_against_jax(made: Op, arguments: Arguments) -> None:
    ut.load_backend("jax")  # which turns 64-bit types on
    xp = jax.numpy
    f, names = peer_function(xp, made, arguments, lambda v: lifted(v, xp.asarray, xp))
    g, found = ours(made, arguments)
    _, pull = jax.vjp(f, *(lifted(arguments[x], xp.asarray, xp) for x in names))
    for a, x in zip(found, jax.tree.leaves(pull(xp.asarray(np.conj(g)))), strict=True):
        np.testing.assert_allclose(a, np.conj(x), rtol=1e-9, atol=1e-9)


# Nothing left out ------------------------------------------------------------------------------------


def test_every_rule_is_sampled() -> None:
    tested = {case.values[0].path for case in cases()}
    assert tested == {path for path, made in table.items() if made.differentiable}
    for made in DIFFERENTIABLE:
        sampled = set().union(*(a.keys() for a in samples(made, dtypes_of(made)[-1])))
        assert {x for x, rule in zip(made.inputs, made.rules) if rule} <= sampled, made.path


WITHOUT = [made for made in table.values() if not made.differentiable]


@pytest.mark.parametrize("made", WITHOUT, ids=lambda made: made.path)
def test_what_has_no_rule_needs_no_gradient(made: Op, engine: str) -> None:
    dtype = next((d for d in dtypes_of(made) if d in DTYPES), None)
    if dtype is None:
        assert set(dtypes_of(made)) <= {"bool", "int64"}, made.path
        return
    arguments = samples(made, dtype)[0]
    for x in made.inputs:
        if isinstance(arguments.get(x), np.ndarray) and arguments[x].dtype.kind in "fc":
            arguments[x] = ut.tensor(arguments[x], requires_grad=True)
    constant = made.path.endswith("_like") or made.path == "linalg.require_zero"
    for y in leaves(call(made, arguments)):
        assert not y.requires_grad
        if not constant:
            assert y.dtype.kind in "biu"
        with pytest.raises(ut.GradientError, match="no leaf with requires_grad=True went into it"):
            ut.sum(y).backward()


@pytest.mark.parametrize("dtype", ["bool", "int64", "uint8"])
def test_integers_have_no_gradient(dtype: str) -> None:
    x = ut.asarray([1, 0], dtype=getattr(ut, dtype))
    with pytest.raises(ut.GradientError, match="have no gradient"):
        x.requires_grad_()
    for transform in (ut.grad(ut.sum), ut.jacobian(ut.sum), ut.hessian(ut.sum)):
        with pytest.raises(ut.GradientError, match="integers and booleans have no gradient"):
            transform(x)
    y = ut.astype(ut.tensor([1.5], requires_grad=True), getattr(ut, dtype))
    assert not y.requires_grad

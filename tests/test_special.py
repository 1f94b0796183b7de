"""Special functions: values against mpmath, dtypes, and gradients where they are hard to get right.

That every rule is right at ordinary points, to second order and in both modes, and that engines
agree, is tested from the table in `test_gradients.py`, `test_strict.py` and the conformance suite.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import Any

import jax
import mpmath as mp
import numpy as np
import pytest

import unitensor as ut
import unitensor.special as sp
from unitensor._op import table

inf, nan = math.inf, math.nan
ENGINES = ("numpy", "torch", "jax", "strict")
SPECIAL = {made.name: made for made in table.values() if made.module == "special" and made.public}


def mpf(x: float) -> Any:
    return mp.mpf(float(x))


def lower(a: Any, x: Any) -> Any:
    return mp.gammainc(a, 0, x, regularized=True)


def upper(a: Any, x: Any) -> Any:
    return mp.gammainc(a, x, mp.inf, regularized=True)


def share(a: Any, b: Any, x: Any) -> Any:
    return mp.betainc(a, b, 0, x, regularized=True)


def student(df: Any, t: Any) -> Any:
    half = share(df / 2, mp.mpf(0.5), df / (df + t * t)) / 2
    return half if t < 0 else 1 - half


def root2(x: Any) -> Any:
    return x / mp.sqrt(2)


#: What mpmath says a function is, and where to ask: the arguments of one call in a column each.
VALUES: dict[str, tuple[Any, list[list[float]]]] = {
    "erf": (mp.erf, [[-3.0, 1e-9, 0.3, 1.7]]),
    "erfc": (mp.erfc, [[-3.0, 0.3, 1.7, 8.0]]),
    "erfcx": (lambda x: mp.exp(x * x) * mp.erfc(x), [[-3.0, 0.3, 8.0, 1e3]]),
    "erfinv": (mp.erfinv, [[-0.9, 1e-9, 0.3, 0.99]]),
    "erfcinv": (lambda x: mp.erfinv(1 - x), [[0.1, 0.3, 1.2, 1.9]]),
    "ndtr": (lambda x: mp.erfc(-root2(x)) / 2, [[-10.0, -1.0, 0.3, 4.0]]),
    "ndtri": (lambda x: mp.sqrt(2) * mp.erfinv(2 * x - 1), [[1e-3, 0.3, 0.6, 0.99]]),
    "log_ndtr": (lambda x: mp.log(mp.erfc(-root2(x)) / 2), [[-1e3, -1.5, 0.3, 6.0]]),
    "expit": (lambda x: 1 / (1 + mp.exp(-x)), [[-50.0, -1.0, 0.3, 4.0]]),
    "log_expit": (lambda x: -mp.log1p(mp.exp(-x)), [[-50.0, -1.0, 0.3, 30.0]]),
    "logit": (lambda x: mp.log(x / (1 - x)), [[1e-9, 0.3, 0.5001, 0.9]]),
    "xlogy": (lambda x, y: x * mp.log(y), [[-2.0, 1.5, 3.0, 0.5], [0.5, 1e-9, 2.0, 9.0]]),
    "xlog1py": (lambda x, y: x * mp.log1p(y), [[-2.0, 1.5, 3.0, 0.5], [-0.5, 1e-9, 2.0, 9.0]]),
    "entr": (lambda x: -x * mp.log(x), [[1e-9, 0.3, 1.5, 20.0]]),
    "rel_entr": (lambda x, y: x * mp.log(x / y), [[0.5, 1.5, 3.0, 1e-9], [0.7, 2.0, 1e-3, 9.0]]),
    "kl_div": (lambda x, y: x * mp.log(x / y) - x + y, [[0.5, 1.5, 3.0, 1e-9], [0.7, 2.0, 1e-3, 9.0]]),
    "gammaln": (lambda x: mp.log(abs(mp.gamma(x))), [[-2.5, 1e-3, 0.7, 30.0]]),
    "loggamma": (mp.loggamma, [[0.1, 1e-3, 0.7, 30.0]]),
    "gamma": (mp.gamma, [[-2.5, 1e-3, 0.7, 30.0]]),
    "rgamma": (mp.rgamma, [[-2.5, 1e-3, 0.7, 20.0]]),
    "digamma": (mp.digamma, [[-2.4, 1e-3, 0.7, 30.0]]),
    "polygamma": (lambda n, x: mp.psi(int(n), x), [[1.0, 2.0, 3.0, 0.0], [0.3, 1.5, 4.0, 9.0]]),
    "betaln": (lambda a, b: mp.log(mp.beta(a, b)), [[0.3, 1.5, 4.0, 90.0], [0.7, 2.5, 0.1, 50.0]]),
    "beta": (mp.beta, [[0.3, 1.5, 4.0, 9.0], [0.7, 2.5, 0.1, 5.0]]),
    "poch": (mp.rf, [[0.3, 1.5, 4.0, 9.0], [0.7, 2.5, 0.1, 5.0]]),
    "binom": (mp.binomial, [[3.3, 5.0, 4.5, 9.0], [0.7, 2.5, 0.1, 5.0]]),
    "zeta": (mp.zeta, [[1.5, 2.0, 3.5, 9.0], [0.7, 2.5, 0.1, 5.0]]),
    "multigammaln": (
        lambda x, d: (
            sum(mp.loggamma(x - mp.mpf(j) / 2) for j in range(d)) + mp.mpf(d * (d - 1)) / 4 * mp.log(mp.pi)
        ),
        [[2.3, 4.0, 7.5, 30.0]],
    ),
    "gammainc": (lower, [[0.3, 2.0, 9.0, 150.0], [0.7, 5.0, 3.0, 160.0]]),
    "gammaincc": (upper, [[0.3, 2.0, 9.0, 150.0], [0.7, 5.0, 3.0, 160.0]]),
    "betainc": (share, [[0.3, 2.0, 9.0, 30.0], [0.7, 5.0, 3.0, 40.0], [0.1, 0.5, 0.8, 0.4]]),
    "betaincc": (
        lambda a, b, x: share(b, a, 1 - x),
        [[0.3, 2.0, 9.0, 30.0], [0.7, 5.0, 3.0, 40.0], [0.1, 0.5, 0.8, 0.4]],
    ),
    "stdtr": (student, [[0.7, 2.0, 9.0, 30.0], [-0.7, 0.5, 3.0, -0.1]]),
    "chdtr": (lambda v, x: lower(v / 2, x / 2), [[0.3, 2.0, 9.0, 15.0], [0.7, 5.0, 3.0, 16.0]]),
    "chdtrc": (lambda v, x: upper(v / 2, x / 2), [[0.3, 2.0, 9.0, 15.0], [0.7, 5.0, 3.0, 16.0]]),
    "fdtr": (
        lambda n, d, x: share(n / 2, d / 2, n * x / (d + n * x)),
        [[1.0, 2.5, 9.0, 3.0], [2.0, 5.5, 4.0, 3.0], [0.3, 1.0, 2.5, 0.7]],
    ),
    "j0": (lambda x: mp.besselj(0, x), [[0.0, 0.3, 5.0, -20.0]]),
    "j1": (lambda x: mp.besselj(1, x), [[1e-9, 0.3, 5.0, -20.0]]),
    "y0": (lambda x: mp.bessely(0, x), [[1e-9, 0.3, 5.0, 20.0]]),
    "y1": (lambda x: mp.bessely(1, x), [[1e-9, 0.3, 5.0, 20.0]]),
    "i0": (lambda x: mp.besseli(0, x), [[0.0, 0.3, 5.0, -20.0]]),
    "i1": (lambda x: mp.besseli(1, x), [[1e-9, 0.3, 5.0, -20.0]]),
    "i0e": (lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), [[0.0, 0.3, 5.0, -20.0]]),
    "i1e": (lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), [[1e-9, 0.3, 5.0, -20.0]]),
    "k0": (lambda x: mp.besselk(0, x), [[1e-9, 0.3, 5.0, 20.0]]),
    "k1": (lambda x: mp.besselk(1, x), [[1e-9, 0.3, 5.0, 20.0]]),
    "k0e": (lambda x: mp.besselk(0, x) * mp.exp(x), [[1e-9, 0.3, 5.0, 20.0]]),
    "k1e": (lambda x: mp.besselk(1, x) * mp.exp(x), [[1e-9, 0.3, 5.0, 20.0]]),
    "sinc": (mp.sincpi, [[1e-9, 0.3, 1.5, -4.2]]),
    "cbrt": (lambda x: mp.sign(x) * mp.cbrt(abs(x)), [[-8.0, 1e-9, 0.3, 1e5]]),
    "exprel": (lambda x: mp.expm1(x) / x, [[-50.0, 1e-9, 0.3, 30.0]]),
    "exp2": (lambda x: mp.power(2, x), [[-5.5, 1e-9, 0.3, 30.0]]),
    "exp10": (lambda x: mp.power(10, x), [[-5.5, 1e-9, 0.3, 12.0]]),
    "cosm1": (lambda x: mp.cos(x) - 1, [[-5.5, 1e-5, 0.3, 3.0]]),
    "boxcox": (lambda x, p: mp.expm1(p * mp.log(x)) / p, [[0.5, 2.0, 3.0, 9.0], [1e-9, 2.0, -1.5, 0.5]]),
    "exp1": (mp.e1, [[1e-9, 0.3, 3.0, 30.0]]),
    "expi": (mp.ei, [[1e-9, 0.3, 3.0, 30.0]]),
    "expn": (lambda n, x: mp.expint(int(n), x), [[1.0, 2.0, 3.0, 0.0], [0.3, 1.5, 4.0, 9.0]]),
    "spence": (lambda x: mp.polylog(2, 1 - x), [[1e-9, 0.3, 0.99, 1.7]]),
    "ellipk": (mp.ellipk, [[-3.0, 1e-9, 0.3, 0.99]]),
    "ellipe": (mp.ellipe, [[-3.0, 1e-9, 0.3, 0.99]]),
    "hyp1f1": (mp.hyp1f1, [[0.5, 1.5, 2.0, 1.0], [2.5, 0.5, 3.0, 2.0], [0.3, -1.5, 4.0, 1.0]]),
    "gammasgn": (lambda x: mp.sign(mp.gamma(x)), [[-2.5, 1e-3, -1.5, 30.0]]),
}
#: What SciPy's functions give at special values, which every engine must give, too.
POINTS = [0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 0.5, inf, -inf, nan, 700.0, -700.0, 1e300, -1e300, 1e-300, 100.0]
#: The arguments of options.
OPTIONS: dict[str, tuple[Any, ...]] = {"multigammaln": (3,)}
#: By dtype: how far an engine may be from mpmath, as a part of the value, and of 1.
TOLERANCE = {"float64": (2e-13, 1e-15), "float32": (1e-5, 1e-6)}


#: JAX compiles each function anew for each dtype: in float32 a few of each kind.
JAX_FLOAT32 = ("erf", "erfcx", "log_ndtr", "gammainc", "i1", "xlogy", "logit", "spence")


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_against_mpmath(name: str, dtype: str) -> None:
    wrong = []
    rtol, atol = TOLERANCE[dtype]
    for path, (exact, columns) in VALUES.items():
        if name == "jax" and dtype == "float32" and path not in JAX_FLOAT32:
            continue
        rest = OPTIONS.get(path, ())
        arrays = [np.asarray(c, dtype) for c in columns]
        with mp.workdps(30):
            expected = [float(mp.re(exact(*map(mpf, row), *rest))) for row in zip(*arrays)]
        with ut.use_backend(name):
            # Of one length with POINTS below, for which JAX has compiled them then.
            found = getattr(sp, path)(*(ut.asarray(np.resize(a, len(POINTS))) for a in arrays), *rest)
        assert found.dtype.name == dtype, path
        got = found.to("numpy").numpy().astype(float)[: len(expected)]
        off = np.abs(got - expected) > rtol * np.abs(expected) + atol * min(1, np.abs(expected).max())
        wrong += [f"{path}{row}: {g}, not {e}" for row, g, e, o in zip(zip(*arrays), got, expected, off) if o]
    assert not wrong, "\n".join(wrong)


#: Functions of which another gives back an argument: both, the place of the argument, the others.
INVERSES = [
    ("gammainc", "gammaincinv", (2.5, None)),
    ("gammaincc", "gammainccinv", (2.5, None)),
    ("betainc", "betaincinv", (2.5, 0.7, None)),
    ("betaincc", "betainccinv", (2.5, 0.7, None)),
    ("stdtr", "stdtrit", (2.5, None)),
    ("chdtrc", "chdtri", (2.5, None)),
    ("fdtr", "fdtri", (2.5, 3.5, None)),
    ("pdtr", "pdtri", (3, None)),
    ("bdtr", "bdtri", (3, 7, None)),
    ("nbdtr", "nbdtri", (3, 7, None)),
    ("boxcox", "inv_boxcox", (None, 0.7)),
    ("boxcox1p", "inv_boxcox1p", (None, 0.7)),
]
#: What is 1, or the other, when added to a function.
COMPLEMENTS = [
    ("bdtr", "bdtrc", (1, 3, 0.4)),
    ("nbdtr", "nbdtrc", (1, 3, 0.4)),
    ("pdtr", "pdtrc", (1, 0.4)),
    ("fdtr", "fdtrc", (1.5, 3.0, 0.4)),
    ("gdtr", "gdtrc", (1.5, 3.0, 0.4)),
]
#: A few more, by formulas of one line.
FORMULAS: dict[str, tuple[tuple[float, ...], float]] = {
    "bdtr": ((1, 3, 0.4), 0.6**3 + 3 * 0.4 * 0.6**2),
    "nbdtr": ((1, 3, 0.4), 0.4**3 * (1 + 3 * 0.6)),
    "pdtr": ((1, 0.4), 1.4 * math.exp(-0.4)),
    "gdtr": ((1.5, 1.0, 0.4), -math.expm1(-0.6)),
    "cosdg": ((60.0,), 0.5),
    "sindg": ((30.0,), 0.5),
    "tandg": ((45.0,), 1.0),
    "cotdg": ((45.0,), 1.0),
    "radian": ((90.0, 30.0, 36.0), math.radians(90.51)),
    "huber": ((1.0, -3.0), 2.5),
    "pseudo_huber": ((2.0, 1.5), 4 * (math.sqrt(1 + 0.75**2) - 1)),
    "ellipkm1": ((1.0,), math.pi / 2),
    "zetac": ((2.0,), math.pi**2 / 6 - 1),
    "yn": ((2, 1.5), float(mp.bessely(2, 1.5))),
    "lpmv": ((1, 2, 0.3), -3 * 0.3 * math.sqrt(1 - 0.09)),
    "boxcox1p": ((0.5, 2.0), (1.5**2 - 1) / 2),
}


def at(name: str, arguments: Any, dtype: Any = None) -> Any:
    """A function of Python numbers, the last one a Tensor."""
    *first, last = arguments
    return getattr(sp, name)(*first, ut.asarray(last, dtype=dtype or ut.float64))


@pytest.mark.parametrize("name", ["numpy", "torch", "strict"])
def test_values_by_formulas(name: str) -> None:
    with ut.use_backend(name):
        for f, (arguments, expected) in FORMULAS.items():
            assert at(f, arguments).item() == pytest.approx(expected, rel=1e-14), f
        for f, rest, arguments in COMPLEMENTS:
            assert (at(f, arguments) + at(rest, arguments)).item() == pytest.approx(1, rel=1e-14), f
        p = ut.asarray([0.3, 0.8])
        for f, inverse, arguments in INVERSES:
            found = getattr(sp, inverse)(*(p if a is None else a for a in arguments))
            back = getattr(sp, f)(*(found if a is None else a for a in arguments))
            np.testing.assert_allclose(back.to("numpy").numpy(), [0.3, 0.8], rtol=1e-11, err_msg=f)


#: Functions of complex numbers, and their slopes.
COMPLEX: dict[str, tuple[Any, Any]] = {
    "erf": (mp.erf, lambda z: 2 / mp.sqrt(mp.pi) * mp.exp(-z * z)),
    "erfc": (mp.erfc, lambda z: -2 / mp.sqrt(mp.pi) * mp.exp(-z * z)),
    "gamma": (mp.gamma, lambda z: mp.gamma(z) * mp.digamma(z)),
    "rgamma": (mp.rgamma, lambda z: -mp.rgamma(z) * mp.digamma(z)),
    "loggamma": (mp.loggamma, mp.digamma),
    "digamma": (mp.digamma, lambda z: mp.psi(1, z)),
}


@pytest.mark.parametrize("name", ENGINES)
def test_complex_numbers(name: str) -> None:
    assert {f for f, made in SPECIAL.items() if made.dtypes == "floating"} == set(COMPLEX)
    points = np.asarray([0.3 + 1j, -2.5 + 0.5j, 4 - 3j, -0.5 - 2j])
    for f, exacts in COMPLEX.items():
        with ut.use_backend(name):
            value, pull = ut.vjp(getattr(sp, f), ut.asarray(points))
            (gradient,) = pull(ut.ones_like(value))
            assert getattr(sp, f)(ut.asarray(points.astype(np.complex64))).dtype is ut.complex64
        for found, exact in zip((value, ut.conj(gradient)), exacts):
            with mp.workdps(30):
                expected = [complex(exact(mp.mpc(z))) for z in points]
            np.testing.assert_allclose(found.to("numpy").numpy(), expected, rtol=1e-13, err_msg=f)


def test_no_function_is_left_out() -> None:
    along_axes = {"logsumexp", "softmax", "log_softmax"}
    tested = {*VALUES, *FORMULAS, *along_axes}
    tested |= {x for _, *rest in (*INVERSES, *COMPLEMENTS) for x in rest if isinstance(x, str)}
    assert tested == set(SPECIAL)
    assert {*SPECIAL, "psi"} == set(sp.__all__)


@pytest.mark.parametrize("name", ENGINES)
def test_sums_of_exponentials(name: str) -> None:
    with ut.use_backend(name):
        x = ut.asarray([[1000.0, 1000.0], [-inf, 1.0], [-inf, -inf], [inf, 1.0], [nan, 1.0]])
        found = sp.logsumexp(x, 1).to("numpy").numpy()
        np.testing.assert_allclose(found, [1000 + math.log(2), 1.0, -inf, inf, nan], rtol=1e-15)
        assert sp.logsumexp(x, axis=(0, 1), keepdims=True).shape == (1, 1)
        assert sp.logsumexp(ut.zeros((0, 2)), axis=0).tolist() == [-inf, -inf]
        assert sp.logsumexp(ut.asarray([3, 3])).item() == pytest.approx(3 + math.log(2))
        soft, log = sp.softmax(x, 1), sp.log_softmax(x, axis=1)
        assert soft[:2].tolist() == [[0.5, 0.5], [0.0, 1.0]]
        assert log[1].tolist() == [-inf, 0.0]
        for t in (soft, log):
            assert all(math.isnan(v) for row in t[2:].tolist() for v in row if v)
        assert sp.softmax(ut.asarray([[1.0, 1.0], [1.0, 1.0]])).tolist() == [[0.25, 0.25], [0.25, 0.25]]


@pytest.mark.parametrize("name", ["torch", "jax", "strict"])
def test_special_values_are_those_of_numpy(name: str) -> None:
    wrong = []
    for f, made in SPECIAL.items():
        if not made.elementwise or len(made.inputs) > 1 or f == "multigammaln":
            continue
        expected = getattr(sp, f)(ut.asarray(POINTS)).numpy()
        with ut.use_backend(name):
            got = getattr(sp, f)(ut.asarray(POINTS)).to("numpy").numpy()
        alike = np.isclose(got, expected, rtol=1e-12, atol=1e-307, equal_nan=True)
        alike &= (got != 0) | (expected != 0) | (np.signbit(got) == np.signbit(expected))
        wrong += [f"{f}({x}) is {g}, not {e}" for x, g, e, a in zip(POINTS, got, expected, alike) if not a]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ENGINES)
def test_dtypes(name: str) -> None:
    with ut.use_backend(name):
        for f in (sp.erf, sp.expit, sp.sinc, sp.softmax, sp.digamma):
            for dtype in (ut.int64, ut.int8, ut.bool):
                assert f(ut.asarray([0, 1], dtype=dtype)).dtype is ut.float64, f
            assert f(ut.asarray([0.5], dtype=ut.float32)).dtype is ut.float32, f
            if name != "strict":
                half = f(ut.asarray([0.5, 0.25], dtype=ut.float16))
                assert half.dtype is ut.float16
                np.testing.assert_allclose(half.tolist(), f(ut.asarray([0.5, 0.25])).tolist(), rtol=2e-3)
        assert sp.xlogy(2, ut.asarray([1.0], dtype=ut.float32)).dtype is ut.float32
        mixed = sp.gammainc(ut.asarray([1.0], dtype=ut.float32), ut.asarray([1.0]))
        assert mixed.dtype is ut.float64
        with pytest.raises(TypeError, match="real floating"):
            sp.ndtr(ut.asarray([1j]))
        with pytest.raises(TypeError, match="expected a Tensor"):
            sp.erf(0.5)


# Gradients -----------------------------------------------------------------------------------------


def slope(name: str, arguments: Any, which: int = -1) -> float:
    """The derivative of a function of numbers in one of them."""
    tensors = [ut.asarray(float(a)) for a in arguments]
    return float(ut.grad(getattr(sp, name), which % len(tensors))(*tensors).item())


#: Derivatives at points where formulas lose their digits: the function, its arguments, which of them.
HARD: list[tuple[str, tuple[float, ...], int]] = [
    ("erfcx", (26.0,), 0),
    ("erfcx", (24.0,), 0),
    ("log_ndtr", (-40.0,), 0),
    ("log_ndtr", (7.0,), 0),
    ("sinc", (1e-5,), 0),
    ("sinc", (0.39,), 0),
    ("exprel", (1e-6,), 0),
    ("exprel", (-30.0,), 0),
    ("exprel", (1.01,), 0),
    ("rgamma", (-3.0,), 0),
    ("rgamma", (-2.5,), 0),
    ("i1", (0.0,), 0),
    ("i1", (1e-4,), 0),
    ("i1e", (0.0,), 0),
    ("j1", (1e-4,), 0),
    ("spence", (1.0,), 0),
    ("spence", (1.0 + 1e-7,), 0),
    ("ellipk", (1e-9,), 0),
    ("ellipe", (0.0,), 0),
    ("zeta", (1.1, 1.0), 0),
    ("zeta", (5.0, 30.0), 0),
    ("boxcox", (1.0 + 1e-9, 0.0), 1),
    ("boxcox", (3.0, 1e-9), 1),
    ("gammainc", (1e-3, 1e-5), 0),
    ("gammainc", (1e-3, 0.5), 0),
    ("gammainc", (0.5, 3.0), 0),
    ("gammainc", (100.0, 101.0), 0),
    ("gammainc", (1e4, 9700.0), 0),
    ("gammainc", (1e4, 9700.0), 1),
    ("gammaincc", (10.0, 60.0), 0),
    ("betainc", (0.01, 10.0, 0.05), 0),
    ("betainc", (0.01, 10.0, 0.3), 1),
    ("betainc", (50.0, 80.0, 0.3), 0),
    ("betainc", (50.0, 80.0, 0.3), 1),
    ("betainc", (0.3, 0.2, 0.9), 1),
    ("betainc", (400.0, 2.0, 0.99), 0),
    ("stdtr", (3.0, 1e-7), 0),
    ("stdtr", (3.0, 0.0), 1),
    ("stdtr", (1.5, -20.0), 0),
]
EXACT = {name: exact for name, (exact, _) in VALUES.items()}
EXACT["boxcox"] = lambda x, p: mp.expm1(p * mp.log(x)) / p if p else mp.log(x)
EXACT["exprel"] = lambda x: mp.expm1(x) / x


def exact_slope(name: str, arguments: tuple[float, ...], which: int) -> float:
    def along(x: Any) -> Any:
        return EXACT[name](*(x if i == which else mpf(a) for i, a in enumerate(arguments)))

    with mp.workdps(60):
        return float(mp.re(mp.diff(along, mpf(arguments[which]), h=mp.mpf(10) ** -18)))


@pytest.mark.parametrize("name", ["numpy", "torch", "strict"])
def test_gradients_where_digits_get_lost(name: str) -> None:
    wrong = []
    for f, arguments, which in HARD:
        expected = exact_slope(f, arguments, which)
        with ut.use_backend(name):
            found = slope(f, arguments, which)
        if found != pytest.approx(expected, rel=2e-11, abs=1e-300):
            wrong.append(f"{f}{arguments} in {which}: {found}, not {expected}")
    assert not wrong, "\n".join(wrong)


#: Limits, and what is documented where there is none.
LIMITS: list[tuple[str, tuple[float, ...], int, float]] = [
    ("xlogy", (0.0, 0.0), 0, 0.0),
    ("xlogy", (0.0, 0.0), 1, 0.0),
    ("xlogy", (0.0, 2.0), 0, math.log(2)),
    ("xlogy", (0.0, nan), 0, nan),
    ("xlog1py", (0.0, -1.0), 0, 0.0),
    ("xlog1py", (0.0, -1.0), 1, 0.0),
    ("entr", (0.0,), 0, inf),
    ("rel_entr", (0.0, 0.0), 0, 0.0),
    ("rel_entr", (0.0, 0.0), 1, 0.0),
    ("rel_entr", (0.0, 0.5), 1, 0.0),
    ("kl_div", (0.0, 0.5), 1, 1.0),
    ("kl_div", (0.0, 0.0), 0, 0.0),
    ("sinc", (0.0,), 0, 0.0),
    ("exprel", (0.0,), 0, 0.5),
    ("exprel", (-1e300,), 0, 0.0),
    ("cbrt", (0.0,), 0, inf),
    ("expit", (1000.0,), 0, 0.0),
    ("expit", (-1000.0,), 0, 0.0),
    ("expit", (40.0,), 0, math.exp(-40)),
    ("log_expit", (-1000.0,), 0, 1.0),
    ("log_ndtr", (-1e200,), 0, 1e200),
    ("log_ndtr", (1e200,), 0, 0.0),
    ("erfcx", (1e150,), 0, -1 / math.sqrt(math.pi) * 1e-300),
    ("i0e", (0.0,), 0, 0.0),
    ("i1", (800.0,), 0, inf),
    ("gammainc", (2.0, 0.0), 0, 0.0),
    ("gammainc", (1.0, 0.0), 1, 1.0),
    ("gammainc", (0.5, 0.0), 1, inf),
    ("gammainc", (2.0, inf), 0, 0.0),
    ("gammainc", (2.0, inf), 1, 0.0),
    ("gammainc", (20.0, inf), 1, 0.0),
    ("betainc", (2.0, 3.0, 0.0), 0, 0.0),
    ("betainc", (2.0, 3.0, 1.0), 1, 0.0),
    ("stdtr", (3.0, 0.0), 0, 0.0),
    ("ellipk", (0.0,), 0, math.pi / 8),
    ("huber", (1.0, -3.0), 1, -1.0),
    ("huber", (1.0, -3.0), 0, 2.0),
]


JAX_LIMITS = ("xlogy", "sinc", "cbrt", "log_expit", "entr")


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value", "ignore:overflow")
def test_gradients_at_limits(name: str) -> None:
    wrong = []
    for f, arguments, which, expected in LIMITS:
        if name == "jax" and f not in JAX_LIMITS:
            continue
        with ut.use_backend(name):
            found = slope(f, arguments, which)
        if found != pytest.approx(expected, rel=1e-12, nan_ok=True):
            wrong.append(f"{f}{arguments} in {which}: {found}, not {expected}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ENGINES)
def test_gradients_along_axes_at_infinities(name: str) -> None:
    rows = {
        (-inf, -inf): [0.5, 0.5],
        (inf, 1.0): [1.0, 0.0],
        (-inf, 2.0): [0.0, 1.0],
        (inf, inf): [0.5, 0.5],
    }
    with ut.use_backend(name):
        _, pull = ut.vjp(lambda x: sp.logsumexp(x, axis=1), ut.asarray([*map(list, rows)]))
        (gradient,) = pull(ut.ones(4))
        assert gradient.tolist() == [*rows.values()]
        masked = ut.asarray([1.0, -inf, 1.0])
        assert ut.grad(lambda x: sp.softmax(x)[0])(masked).tolist() == [0.25, 0.0, -0.25]
        assert ut.grad(lambda x: sp.log_softmax(x)[0])(masked).tolist() == [0.5, 0.0, -0.5]
        guarded = ut.grad(lambda x: ut.sum(ut.where(x > 0, sp.entr(x), 0.0)))
        assert guarded(ut.asarray([0.0, 1.0])).tolist() == [0.0, -1.0]


def test_higher_orders_in_parameters() -> None:
    def derivative(f: Any, n: int) -> Any:
        for _ in range(n):
            f = ut.grad(f)
        return f

    with mp.workdps(50):
        expected = float(mp.diff(lambda a: lower(a, mpf(3.0)), mpf(2.0), 3, h=mp.mpf(10) ** -10))
    found = derivative(lambda a: sp.gammainc(a, ut.asarray(3.0)), 3)(ut.asarray(2.0))
    assert found.item() == pytest.approx(expected, rel=1e-10)
    mixed = ut.grad(lambda b: ut.grad(lambda a: sp.betainc(a, b, ut.asarray(0.4)))(ut.asarray(2.0)))
    with mp.workdps(50):
        expected = float(
            mp.diff(lambda a, b: share(a, b, mpf(0.4)), (mpf(2.0), mpf(3.0)), (1, 1), h=mp.mpf(10) ** -10)
        )
    assert mixed(ut.asarray(3.0)).item() == pytest.approx(expected, rel=1e-10)


def test_every_input_has_a_derivative_or_refuses() -> None:
    assert all(all(made.rules) for made in table.values() if made.module == "special")
    refusing = [
        (made, i)
        for made in SPECIAL.values()
        for i, rule in enumerate(made.rules)
        if rule and rule.formula.__name__ == "refuses"
    ]
    assert len(refusing) > 10
    for made, i in refusing:
        given = [ut.asarray(2.0 if i == j else 1.0) for j in range(len(made.inputs))]
        given[i].requires_grad_()
        y = made.function(*given)
        with pytest.raises(ut.GradientError, match=rf"{made.path}.*{made.inputs[i]}.*detach"):
            y.backward()
        with pytest.raises(ut.GradientError, match=rf"{made.path}.*{made.inputs[i]}"):
            ut.jvp(made.function, tuple(given), tuple(map(ut.ones_like, given)))


# With JAX's transformations, with SciPy, and without ---------------------------------------------------


def test_what_jax_traces() -> None:
    with ut.use_backend("jax"):

        @jax.jit  # type: ignore[untyped-decorator]  # JAX's types are skipped
        def f(a: Any) -> Any:
            x = ut.asarray(a)
            total = sp.j0(x) + sp.expn(2, x) + sp.rgamma(x) + sp.gammainc(x, 2.0) + sp.logit(x)
            return (total + sp.softmax(x) + sp.betainc(x, 2.0, x) + sp.zeta(x + 1) + sp.digamma(x))._data

        a = jax.numpy.asarray([0.3, 0.7])
        with jax.disable_jit():
            expected = np.asarray(f(a))
        np.testing.assert_allclose(np.asarray(f(a)), expected, rtol=1e-12)


def run(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


THROUGH_SCIPY = """
import unitensor as ut, scipy.special as s

def check(name, f, *arguments):
    y = getattr(s, f)(*arguments)
    assert y.requires_grad and y.backend == name, f

one = "erf erfc erfcx erfinv ndtr ndtri log_ndtr expit logit entr gammaln gamma rgamma psi digamma " \\
    "i0 i0e i1 i1e j0 j1 y0 y1 k0 k1 k0e k1e sinc cbrt exprel exp1 expi exp2 exp10 spence ellipk cosm1"
two = "xlogy xlog1py rel_entr kl_div gammainc gammaincc betaln poch binom stdtr chdtr chdtrc chdtri " \\
    "boxcox huber pseudo_huber gammaincinv stdtrit"
for name in ("numpy", "torch", "jax"):
    with ut.use_backend(name):
        x = ut.tensor([0.3, 0.6], requires_grad=True)
        if name == "jax":  # which compiles each
            check(name, "erf", x)
            continue
        for f in one.split():
            check(name, f, x)
        for f in two.split():
            check(name, f, x, x)
        check(name, "betainc", x, x, x)
        check(name, "fdtr", x, x, x)
        check(name, "polygamma", 1, x)
        check(name, "expn", 2, x)
        check(name, "zeta", x + 1, x)
        check(name, "multigammaln", x + 3, 2)
        for f in ("logsumexp", "softmax", "log_softmax"):
            check(name, f, x)
        s.gammainc(x, 0.5).sum().backward()
        print(x.grad.tolist())
"""


def test_scipy_dispatches_here() -> None:
    lines = run(THROUGH_SCIPY, SCIPY_ARRAY_API="1").splitlines()
    expected = [exact_slope("gammainc", (a, 0.5), 0) for a in (0.3, 0.6)]
    for line in lines:
        np.testing.assert_allclose([float(v) for v in line.strip("[]").split(",")], expected, rtol=1e-12)
    assert len(lines) == 2


def test_without_scipy() -> None:
    program = """
import sys
import unitensor as ut
assert "unitensor.special" not in sys.modules and "scipy" not in sys.modules
sys.modules["scipy"] = sys.modules["scipy.special"] = None
assert ut.special.logsumexp(ut.zeros(2)).shape == ()
try:
    ut.special.erf(ut.zeros(2))
except ModuleNotFoundError as error:
    print(error)
"""
    assert "pip install unitensor[scipy]" in run(program)

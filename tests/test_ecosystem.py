"""SciPy, scikit-learn, pandas, Matplotlib, einops and array-api-extra, unmodified, with Tensors.

SciPy looks at SCIPY_ARRAY_API when it is imported, so what needs it runs in a process of its own:
a few cases of `docs/make_ecosystem.py`, whose page lists all.
"""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import array_api_extra as xpx
import einops
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import programs
import pytest
import scipy
from scipy import optimize

import unitensor as ut

matplotlib.use("agg")
ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "docs" / "make_ecosystem.py"

#: What must work with the right gradient, everywhere.
RIGHT = [
    "scipy.special.logsumexp", "scipy.special.gammaln", "scipy.special.rel_entr", "scipy.fft.rfft", "scipy.fft.fht",
    "scipy.linalg.block_diag", "scipy.optimize.rosen_hess", "scipy.integrate.trapezoid", "scipy.integrate.cubature",
    "scipy.differentiate.derivative", "scipy.signal.fftconvolve", "scipy.signal.freqz", "scipy.signal.hilbert",
    "scipy.stats.zscore", "scipy.stats.skew", "scipy.stats.quantile", "scipy.stats.mode", "scipy.cluster.vq.whiten",
    "scipy.spatial.transform.Rotation.apply", "scipy.spatial.transform.RigidTransform.__pow__",
    "scipy.interpolate.RBFInterpolator", "sklearn.preprocessing.StandardScaler", "sklearn.decomposition.PCA full",
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis", "sklearn.linear_model.Ridge svd",
    "sklearn.linear_model.Ridge with weights in an array", "sklearn.naive_bayes.GaussianNB of labels that are strings",
    "sklearn.pipeline.Pipeline", "sklearn.metrics.pairwise.rbf_kernel",
]  # fmt: skip

#: What has no gradient to keep, or leaves, and says so.
OTHERS = {
    "scipy.signal.windows.hann": ("works", "none"),
    "scipy.stats.rankdata": ("works", "zero"),
    "scipy.signal.lfilter": ("leaves", "leaves"),
    "scipy.ndimage.zoom": ("leaves", "leaves"),
    "sklearn.metrics.r2_score": ("number", "leaves"),
    "sklearn.linear_model.PoissonRegressor": ("leaves", "leaves"),
}


#: JAX compiles each function for each shape, so it is asked a few.
RIGHT_ON_JAX = [
    "scipy.linalg.block_diag", "scipy.integrate.trapezoid", "scipy.cluster.vq.whiten", "sklearn.preprocessing.StandardScaler",
]  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", "jax", "torch", "strict"])
def test_functions_of_scipy_and_scikit_learn(backend: str, tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    wanted = RIGHT_ON_JAX if backend == "jax" else RIGHT
    others = {k: v for k, v in OTHERS.items() if backend != "jax" or v[0] == "number"}
    names = ",".join([*wanted, *others])
    code = (
        f"import runpy; runpy.run_path({str(SCRIPT)!r})['run_engine']({backend!r}, {names!r}, {str(out)!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
    outcome = json.loads(out.read_text())
    rows = outcome["rows"]
    if scipy.__version__.startswith("1.17."):  # later ones have functions that the cases do not know yet
        assert outcome["table"]["missing"] == []
    for name in wanted:
        assert (rows[name]["value"][0], rows[name]["grad"][0]) == ("works", "right"), (name, rows[name])
    for name, other in others.items():
        row = rows[name]
        assert (row["value"][0], row["grad"][0]) == other, (name, row)
        if other[1] == "leaves":
            assert row["grad"][1].startswith(("scipy/", "sklearn/")), (name, row)
    assert {row["grad"][0] for row in rows.values()} <= {"right", "zero", "none", "leaves"}, rows


def test_scipy_refuses_to_mix() -> None:
    code = (
        "import os; os.environ['SCIPY_ARRAY_API'] = '1'\n"
        "import numpy as np, unitensor as ut, scipy.stats\n"
        "x = ut.ones(5)\n"
        "for y in np.ones(5), x.to('torch'):\n"
        "    try: scipy.stats.pearsonr(x, y)\n"
        "    except TypeError as error: assert 'Multiple namespaces' in str(error), error\n"
        "    else: raise AssertionError(type(y))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_wrong_gradient_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    script = runpy.run_path(str(SCRIPT))

    def trial(f: Any) -> tuple[str, str]:
        from ecosystem_cases import Case

        made = script["Trial"](Case("f", f, (np.asarray([0.3, 2.0]),), {}))
        found: tuple[str, str] = made.gradient(made.on_numpy(made.given))
        return found

    right = trial(lambda x: x**3)
    lost = trial(lambda x: x**3 if isinstance(x, np.ndarray) else x.detach() ** 3)
    wrong = trial(lambda x: x**3 if isinstance(x, np.ndarray) else x**3 + x - x.detach())
    left = trial(lambda x: np.tanh(np.asarray(x)))
    assert [r[0] for r in (right, lost, wrong, left)] == ["right", "dropped", "wrong", "leaves"]


def test_the_place_of_an_exit_is_the_library_behind_numpy() -> None:
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ut.GradientError, match=r"at .*test_ecosystem\.py:\d+; use \.detach\(\) first"):
        np.atleast_1d(x)
    with ut.testing.track_escapes() as escapes:
        np.atleast_2d(x.detach())
    assert [Path(e.place.rpartition(":")[0]).name for e in escapes] == ["test_ecosystem.py"]


# optimize ------------------------------------------------------------------------------------------


def valley(x: Any) -> Any:
    return ut.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


START = np.asarray([-1.2, 1.0, 0.5])


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("L-BFGS-B", {}),
        ("BFGS", {}),
        ("trust-exact", {"hess": ut.hessian(valley)}),
        ("trust-ncg", {"hessp": ut.hvp(valley)}),
        ("Newton-CG", {"hessp": ut.hvp(valley)}),
    ],
)
def test_minimize_takes_the_transforms(method: str, options: dict[str, Any], engine: str) -> None:
    if engine == "jax" and method != "trust-ncg":
        pytest.skip("JAX compiles every shape; one method is enough")
    found = optimize.minimize(ut.value_and_grad(valley), START, jac=True, method=method, **options)
    assert found.success
    np.testing.assert_allclose(found.x, 1.0, atol=1e-4)
    assert type(found.x) is type(found.jac) is np.ndarray


def test_least_squares_and_root_take_jacobians(engine: str) -> None:
    def residuals(x: Any) -> Any:
        return ut.stack([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]])

    def by_numpy(x: Any) -> Any:
        return residuals(ut.asarray(x)).numpy()

    for found in (
        optimize.least_squares(by_numpy, START[:2], jac=ut.jacobian(residuals)),
        optimize.root(by_numpy, START[:2], jac=ut.jacobian(residuals)),
    ):
        np.testing.assert_allclose(found.x, 1.0)


def test_transforms_give_numpy_what_they_take_from_it(engine: str) -> None:
    x, a = np.asarray([1.0, 2.0]), np.asarray([3.0, 4.0])
    value, gradient = ut.value_and_grad(lambda x, a: ut.sum(x * x * a))(x, a)
    assert type(value) is np.float64
    assert value == 19.0
    np.testing.assert_array_equal(gradient, [6.0, 16.0])
    gradient[0] = 0.0  # it is the caller's, and writeable
    own = ut.grad(lambda x: ut.sum(x * x) / 2)(x)
    x[0] = 9.0
    np.testing.assert_array_equal(own, [1.0, 2.0])
    assert ut.hessian(lambda x: ut.sum(x**3))(a).tolist() == [[18.0, 0.0], [0.0, 24.0]]
    assert ut.hvp(lambda x: ut.sum(x**3))(a, np.ones(2)).tolist() == [18.0, 24.0]
    assert isinstance(ut.grad(ut.sum)(ut.asarray(a)), ut.Tensor)
    with pytest.raises(ut.GradientError, match="integers and booleans have no gradient"):
        ut.grad(ut.sum)(np.asarray([1, 2]))


# pandas and Matplotlib ----------------------------------------------------------------------------------


def test_pandas(engine: str) -> None:
    t, m = ut.asarray([1.0, 2.0, 4.0]), ut.asarray(np.arange(6.0).reshape(2, 3))
    pd.testing.assert_series_equal(pd.Series(t), pd.Series([1.0, 2.0, 4.0]))
    pd.testing.assert_frame_equal(pd.DataFrame(m), pd.DataFrame(np.arange(6.0).reshape(2, 3)))
    frame = pd.DataFrame({"a": t, "b": t * 2})
    assert ut.asarray(frame["b"]).tolist() == [2.0, 4.0, 8.0]
    assert ut.asarray(frame).shape == (3, 2)
    assert ut.asarray(frame).backend == engine
    assert ut.tensor(frame, requires_grad=True).requires_grad
    wanted = ut.tensor([1.0, 2.0], requires_grad=True)
    for make in (pd.Series, lambda x: pd.DataFrame({"a": x}), lambda x: pd.DataFrame(x[:, None])):
        with pytest.raises(ut.GradientError, match=r"at .*pandas.*; use \.detach\(\) first"):
            make(wanted)
    with pytest.raises(TypeError, match="expected numbers"):
        ut.asarray(pd.Series(["a"]))


def test_matplotlib(engine: str) -> None:
    t, m = ut.asarray([1.0, 2.0, 4.0]), ut.asarray(np.arange(6.0).reshape(2, 3))
    figure, axes = plt.subplots()
    (line,) = axes.plot(t, t * 2)
    np.testing.assert_array_equal(line.get_xydata(), [[1.0, 2.0], [2.0, 4.0], [4.0, 8.0]])
    assert axes.imshow(m).get_array().tolist() == m.tolist()
    assert axes.hist(t, bins=2)[0].tolist() == [2.0, 1.0]
    axes.scatter(t, t, c=t)
    axes.bar(t, t)
    axes.fill_between(t, t, t + 1)
    figure.canvas.draw()
    wanted = ut.tensor([1.0, 2.0], requires_grad=True)
    for draw in (axes.plot, axes.hist, lambda x: axes.imshow(x[:, None])):
        with pytest.raises(ut.GradientError, match=r"at .*matplotlib.*; use \.detach\(\) first"):
            draw(wanted)
    plt.close(figure)


# einops and array-api-extra ---------------------------------------------------------------------------------

rng = np.random.default_rng(0)
A, B = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4, 5))


@pytest.mark.parametrize("first", ["einops", "unitensor"])
def test_einops_is_found_whichever_is_imported_first(first: str) -> None:
    second = "unitensor" if first == "einops" else "einops"
    code = (
        f"import {first}, {second}, sys; from einops import rearrange; import unitensor as ut; "
        "assert rearrange(ut.ones((2, 3)), 'a b -> (b a)').shape == (6,); "
        "assert not any('unitensor' in type(f).__module__ for f in sys.meta_path)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def same(found: Any, wanted: Any, engine: str) -> None:
    assert found.requires_grad
    assert found.backend == engine
    np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=1e-12)


def test_einops(engine: str) -> None:
    x, y = ut.tensor(A, requires_grad=True), ut.asarray(B)
    for pattern, sizes in (("a b c -> (a c) 1 b", {}), ("a (b d) c -> a b c d", {"b": 3})):
        same(einops.rearrange(x, pattern, **sizes), einops.rearrange(A, pattern, **sizes), engine)
    for how in ("mean", "sum", "max", "min", "prod"):
        same(einops.reduce(x, "a b c -> c a", how), einops.reduce(A, "a b c -> c a", how), engine)
    same(einops.repeat(x, "a b c -> a n b (c k)", n=2, k=3), np.repeat(np.stack([A, A], 1), 3, -1), engine)
    same(einops.rearrange([x, x], "n a b c -> a n b c"), np.stack([A, A], axis=1), engine)
    packed, shapes = einops.pack([x, x * 2], "a *")
    assert packed.shape == (2, 24)
    same(einops.unpack(packed, shapes, "a *")[1], A * 2, engine)
    assert einops.asnumpy(y).shape == (2, 4, 5)


@pytest.mark.parametrize(
    "pattern",
    ["a b c, a c d -> a b d", "a b c, a c d -> d", "a b c, a c d -> ", "a b c, e c d -> e a d b"],
)
def test_einsum(pattern: str, engine: str) -> None:
    x, y = ut.tensor(A, requires_grad=True), ut.asarray(B)
    same(einops.einsum(x, y, pattern), einops.einsum(A, B, pattern), engine)
    if engine == "numpy":
        ut.testing.gradcheck(lambda x, y: einops.einsum(x, y, pattern), ut.asarray(A), y)
        same(einops.einsum(x, "a b c -> c a"), einops.einsum(A, "a b c -> c a"), engine)
        three = (A, B, B.swapaxes(1, 2))
        lifted = (x, *map(ut.asarray, three[1:]))
        same(
            einops.einsum(*lifted, "a b c, a c d, a d c -> b a"),
            einops.einsum(*three, "a b c, a c d, a d c -> b a"),
            engine,
        )


EXTRA = {
    "apply_where": lambda x: xpx.apply_where(x > 0, x, lambda v: v**2, lambda v: v * 3),
    "at set": lambda x: xpx.at(x * 1.0)[0, 1].set(5.0),
    "at add by mask": lambda x: xpx.at(x * 1.0, x > 0).add(2.0),
    "at multiply": lambda x: xpx.at(x * 1.0)[:, 0].multiply(x[:, 1]),
    "at max": lambda x: xpx.at(x * 1.0)[0].max(0.5),
    "atleast_nd": lambda x: xpx.atleast_nd(x, ndim=3),
    "cov": xpx.cov,
    "create_diagonal": lambda x: xpx.create_diagonal(x[0], offset=1),
    "kron": lambda x: xpx.kron(x, x),
    "lazy_apply": lambda x: xpx.lazy_apply(lambda v: v * 2, x),
    "nanmean": xpx.nanmean,
    "pad": lambda x: xpx.pad(x, 1, constant_values=2.0),
    "partition": lambda x: xpx.partition(x, 1),
    "sinc": xpx.sinc,
    "union1d": lambda x: xpx.union1d(x, x + 1),
}


@pytest.mark.parametrize("name", EXTRA)
def test_array_api_extra(name: str, engine: str) -> None:
    f = EXTRA[name]
    same(f(ut.tensor(A[0], requires_grad=True)), f(A[0]), engine)
    if engine == "numpy" and name != "union1d":
        ut.testing.gradcheck(f, ut.asarray(A[0]))


def test_lazy_apply_through_numpy_refuses_a_gradient() -> None:
    x = ut.asarray(A)
    assert xpx.lazy_apply(np.cbrt, x, as_numpy=True).device == x.device
    with pytest.raises(ut.GradientError, match=r"test_ecosystem\.py:\d+"):
        xpx.lazy_apply(np.cbrt, ut.tensor(A, requires_grad=True), as_numpy=True)


# What the libraries brought to light ------------------------------------------------------------------------------


def test_view_of_a_dtype(engine: str) -> None:
    z = ut.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    pairs = z.view(ut.float64)
    assert pairs.tolist() == [1.0, 2.0, 3.0, -1.0]
    same(pairs.view(ut.complex128), [1 + 2j, 3 - 1j], engine)
    assert z.view(ut.complex128) is z
    with pytest.raises(TypeError, match=r"view: complex128 of shape \(2,\) as float32"):
        z.view(ut.float32)
    if engine == "numpy":
        ut.testing.gradcheck(lambda z: z.view(ut.float64), z.detach())


@pytest.mark.parametrize(("n", "k"), [(3, 0), (2, 2), (2, -2), (1, 1), (0, 1)])
def test_diag(n: int, k: int, engine: str) -> None:
    v = np.arange(1.0, n + 1)
    same(ut.diag(ut.tensor(v, requires_grad=True), k), np.diag(v, k), engine)
    same(ut.diag(ut.tensor(A[0], requires_grad=True), k), np.diag(A[0], k), engine)
    with pytest.raises(ValueError, match="diag: expected one axis or two"):
        ut.diag(ut.asarray(A))


@pytest.mark.parametrize("columns", [1, 2])
def test_singular_values_of_zero_that_nothing_depends_on(columns: int, engine: str) -> None:
    x = np.concatenate([rng.normal(size=(5, 2)), np.zeros((5, columns))], axis=1)

    if engine == "jax" and columns == 2:
        pytest.skip("JAX compiles for every shape; one is enough")

    def kept(x: Any) -> Any:
        u, s, vh = ut.linalg.svd(x, full_matrices=False)
        return ut.matmul(u[:, :2] * (s[:2] / (s[:2] ** 2 + 0.5)), vh[:2, :])

    def by_solve(x: Any) -> Any:
        inner = x[:, :2]
        return ut.matmul(inner, ut.linalg.inv(ut.matmul(inner.T, inner) + 0.5 * ut.eye(2)))

    found = ut.grad(lambda x: ut.sum(kept(x) ** 2))(ut.asarray(x))
    wanted = ut.grad(lambda x: ut.sum(by_solve(x) ** 2))(ut.asarray(x))
    np.testing.assert_allclose(found.numpy()[:, :2], wanted.numpy()[:, :2], rtol=1e-7)
    assert np.isfinite(found.numpy()).all()


# The example -------------------------------------------------------------------------------------------------------


def test_cleaning_data_is_the_same_on_every_engine(tmp_path: Path) -> None:
    printed = {
        backend: programs.run("clean_data", tmp_path, "--steps", "2", backend=backend).stdout.splitlines()
        for backend in ("numpy", "torch")
    }
    for backend, lines in printed.items():
        assert lines[0].split() == ["backend", backend]
    assert printed["numpy"][2:] == printed["torch"][2:]
    before, after = (float(word) for word in re.findall(r"\d\.\d+", printed["numpy"][2]))
    assert after < before
    assert (tmp_path / "clean_data.png").read_bytes().startswith(b"\x89PNG")

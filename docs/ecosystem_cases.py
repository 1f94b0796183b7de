"""What `make_ecosystem.py` calls: SciPy's and scikit-learn's functions with inputs made by hand.

A case is a name, a function and its arguments. NumPy arrays among the arguments become Tensors,
and every floating one is differentiated; `fixed(...)` are not, `plain(...)` stay NumPy's; `XP` becomes the
namespace.
"""

# ruff: noqa: B008, SIM905, I001 -- names in one string are read, not run; each lambda is called at once

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import constants, differentiate, fft, integrate, interpolate, linalg
from scipy import ndimage, optimize, signal, special, stats  # fmt: skip
from scipy.cluster import hierarchy, vq
from scipy.optimize import elementwise
from scipy.signal import windows
from scipy.spatial.transform import RigidTransform, Rotation, Slerp
from scipy.spatial.transform._rigid_transform import normalize_dual_quaternion
from scipy.stats._quantile import _xp_searchsorted


class fixed(NamedTuple):  # noqa: N801 -- reads as a word among arguments
    """An array that is no variable."""

    array: Any


class plain(NamedTuple):  # noqa: N801 -- likewise
    """An array that stays NumPy's, beside Tensors."""

    array: Any


class Namespace:
    """Stands for the namespace of the arrays."""


XP = Namespace()


class Case(NamedTuple):
    """A function to call, with its arguments."""

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


CASES: list[Case] = []


def add(name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """One case."""
    CASES.append(Case(name, function, args, kwargs))


def each(module: Any, names: str, *args: Any, **kwargs: Any) -> None:
    """The functions of a module that take the same arguments."""
    for name in names.split():
        path = module.__name__
        add(f"{path}.{name}", getattr(module, name), *args, **kwargs)


rng = np.random.default_rng(8)
X = rng.normal(size=(6, 3))
x, y = rng.normal(size=9), rng.normal(size=9)
x6 = rng.normal(size=6)
z = rng.normal(size=8) + 1j * rng.normal(size=8)
p, q, r = (rng.uniform(0.6, 2.4, size=7) for _ in range(3))
t, s = rng.normal(size=7), rng.uniform(-0.9, 0.9, size=7)
u = rng.uniform(0.1, 0.9, size=7)
k, n = fixed(np.arange(7.0)), np.arange(7) + 9
long = rng.normal(size=40)

# special -----------------------------------------------------------------------------------------

each(special, "bdtr bdtrc bdtri nbdtr nbdtrc nbdtri", k, n, u)
each(special, "betainc betaincc betaincinv", p, q, u)
each(special, "betaln chdtr chdtrc gammainc gammaincc poch kl_div rel_entr xlogy xlog1py", p, q)
each(special, "boxcox boxcox1p", p, q)
each(special, "chdtri gammainccinv gammaincinv stdtrit", p, u)
each(special, "cbrt cotdg entr exp1 expi gamma gammaln gammasgn k0 k0e k1 k1e loggamma digamma rgamma", p)
each(special, "spence y0 y1 zetac", p + 1.5)
each(special, "cosdg cosm1 erf erfc erfcx exp10 exp2 exprel expit i0 i0e i1 i1e j0 j1", t)
each(special, "log_ndtr ndtr sinc sindg", t)
each(special, "ellipk ellipkm1 logit ndtri", u)
each(special, "erfinv tandg", s)
each(special, "fdtr fdtrc gdtr gdtrc radian", p, q, r)
each(special, "huber pseudo_huber stdtr", p, t)
each(special, "inv_boxcox inv_boxcox1p", t * 0.2, q)
each(special, "logsumexp softmax log_softmax", X, axis=1)
each(special, "expn yn", n - 8, p)
each(special, "pdtr pdtrc", k, p)
each(special, "binom", p + 3, q)
each(special, "fdtri", p, q, u)
each(special, "hyp1f1", fixed(p), fixed(q), t)
each(
    special, "lpmv", fixed(np.asarray([0.0, 1, 1, 0, 2, 1, 0])), fixed(np.asarray([2.0, 2, 1, 3, 3, 2, 1])), s
)
each(special, "multigammaln", p + 3, 2)
each(special, "pdtri", k, u)
each(special, "polygamma", n - 8, p)
each(special, "zeta", p + 2, q)

# fft ----------------------------------------------------------------------------------------------

each(fft, "fft ifft hfft irfft", z)
each(fft, "rfft ihfft dct idct dst idst dctn idctn dstn idstn", x)
each(fft, "fftn ifftn fft2 ifft2 hfftn hfft2 irfftn irfft2", z.reshape(2, 4))
each(fft, "rfftn rfft2 ihfftn ihfft2", X)
each(fft, "fftshift ifftshift", X)
each(fft, "fftfreq rfftfreq", 8, xp=XP)
each(fft, "fht ifht", x, 0.1, 0.5)

# constants, linalg, optimize -------------------------------------------------------------------------

each(constants, "convert_temperature", p, "Celsius", "Kelvin")
each(constants, "lambda2nu nu2lambda", p)
each(linalg, "block_diag", X, X.T)
each(linalg, "fiedler", x)
each(linalg, "orthogonal_procrustes", X, X @ np.diag([1.0, 2, 3]) + 0.1)
each(optimize, "rosen rosen_der rosen_hess", x6)
each(optimize, "rosen_hess_prod", x6, np.ones(6))
add("scipy.optimize.elementwise.find_root", lambda c: elementwise.find_root(
    lambda v, c: v**3 - c, (c * 0, c * 0 + 3), args=(c,)).x, p)  # fmt: skip
add("scipy.optimize.elementwise.find_minimum", lambda c: elementwise.find_minimum(
    lambda v, c: (v - c) ** 2, (c - 3, c + 0.1, c + 2), args=(c,)).x, p)  # fmt: skip
add("scipy.optimize.elementwise.bracket_root", lambda c: elementwise.bracket_root(
    lambda v, c: v**3 - c, c * 0, args=(c,)).bracket, p)  # fmt: skip
add("scipy.optimize.elementwise.bracket_minimum", lambda c: elementwise.bracket_minimum(
    lambda v, c: (v - c) ** 2, c * 0, args=(c,)).bracket, p)  # fmt: skip

# integrate, differentiate ------------------------------------------------------------------------------

grid = np.sort(rng.uniform(size=9))
each(integrate, "trapezoid cumulative_trapezoid cumulative_simpson", x, x=grid)
each(integrate, "romb", x, dx=0.1)
add("scipy.integrate.qmc_quad", lambda a, b: integrate.qmc_quad(
    lambda v: v[0] ** 2 + v[1], a, b, n_estimates=4, n_points=64,
    qrng=stats.qmc.Halton(2, rng=np.random.default_rng(1))).integral, p[:2] * 0, p[:2])  # fmt: skip
add("scipy.integrate.tanhsinh", lambda a, b: integrate.tanhsinh(lambda v: v**2, a, b).integral, t, p + 4)
add("scipy.integrate.nsum", lambda c: integrate.nsum(
    lambda v, c: c / v**2, c * 0 + 1, c * 0 + 20, args=(c,)).sum, p)  # fmt: skip
add("scipy.integrate.cubature", lambda a, b: integrate.cubature(
    lambda v: v[:, 0] ** 2 * v[:, 1], a, b).estimate, t[:2] * 0.1, p[:2])  # fmt: skip
add("scipy.differentiate.derivative", lambda v: differentiate.derivative(lambda w: w**3 + w, v).df, t)
add("scipy.differentiate.jacobian", lambda v: differentiate.jacobian(lambda w: w**3, v).df, t[:3])
add("scipy.differentiate.hessian", lambda v: differentiate.hessian(lambda w: w[0] ** 3 * w[1], v).ddf, t[:2])

# signal -------------------------------------------------------------------------------------------

for name in "boxcar triang parzen bohman blackman nuttall blackmanharris flattop bartlett hann barthann hamming cosine".split():
    add(f"scipy.signal.windows.{name}", getattr(windows, name), 9, xp=XP)
add("scipy.signal.windows.tukey", windows.tukey, 9, 0.4, xp=XP)
add("scipy.signal.windows.general_cosine", windows.general_cosine, 9, p[:3])
add("scipy.signal.windows.general_hamming", windows.general_hamming, 9, 0.6, xp=XP)
add("scipy.signal.windows.kaiser", windows.kaiser, 9, 5.0, xp=XP)
add("scipy.signal.windows.kaiser_bessel_derived", windows.kaiser_bessel_derived, 8, 5.0, xp=XP)
add("scipy.signal.windows.gaussian", windows.gaussian, 9, 1.5, xp=XP)
add("scipy.signal.windows.general_gaussian", windows.general_gaussian, 9, 1.5, 2.0, xp=XP)
add("scipy.signal.windows.chebwin", windows.chebwin, 9, 60, xp=XP)
add("scipy.signal.windows.exponential", windows.exponential, 9, None, 1.5, xp=XP)
add("scipy.signal.windows.taylor", windows.taylor, 9, xp=XP)
add("scipy.signal.windows.lanczos", windows.lanczos, 9, xp=XP)
add("scipy.signal.windows.get_window", signal.get_window, "hann", 9, xp=XP)
add("scipy.signal.get_window", signal.get_window, ("kaiser", 4.0), 9, xp=XP)

num, den = np.asarray([0.2, 0.3, 0.1]), np.asarray([1.1, -0.4, 0.2])
zs, ps, gain = np.asarray([-0.5, 0.3]), np.asarray([0.4, -0.2]), 0.7
A, B = np.asarray([[0.0, 1.0], [-2.0, -3.0]]), np.asarray([[0.0], [1.0]])
C, D = np.asarray([[1.0, 0.0]]), np.asarray([[0.0]])
sos = np.asarray([[0.2, 0.3, 0.1, 1.0, -0.4, 0.2], [1.0, 0.5, 0.2, 1.0, 0.1, 0.05]])
each(signal, "abcd_normalize", A, B, C, D)
for name in "besselap buttap".split():
    add(f"scipy.signal.{name}", getattr(signal, name), 3, xp=XP)
for name, rest in {"cheb1ap": (1.0,), "cheb2ap": (30.0,), "ellipap": (1.0, 30.0)}.items():
    add(f"scipy.signal.{name}", getattr(signal, name), 3, *rest, xp=XP)
w = np.asarray(0.3)
each(signal, "bessel butter", 3, w)
each(signal, "cheby1", 3, 1.0, w)
each(signal, "cheby2", 3, 30.0, w)
each(signal, "ellip", 3, 1.0, 30.0, w)
each(signal, "buttord cheb1ord cheb2ord ellipord", w, np.asarray(0.5), 1.0, 30.0)
each(signal, "iirfilter", 3, w, btype="low")
each(signal, "iirdesign", w, np.asarray(0.5), 1.0, 30.0)
each(signal, "iirnotch iirpeak", w, 20.0, xp=XP)
each(signal, "iircomb", fixed(np.asarray(0.25)), 20.0, xp=XP)
each(signal, "gammatone", 440.0, "iir", fs=16000.0, xp=XP)
each(signal, "bilinear", num, den, 1.0)
each(signal, "bilinear_zpk", zs, ps, gain, 1.0)
each(signal, "lp2lp lp2hp", num, den, 1.3)
each(signal, "lp2bp lp2bs", num, den, 1.3, 0.5)
each(signal, "lp2lp_zpk lp2hp_zpk", zs, ps, gain, 1.3)
each(signal, "lp2bp_zpk lp2bs_zpk", zs, ps, gain, 1.3, 0.5)
each(signal, "normalize", num, den)
each(signal, "freqs", num, den, worN=p)
each(signal, "freqs_zpk", zs, ps, gain, worN=p)
each(signal, "freqz", num, den, worN=8)
each(signal, "freqz_zpk", zs, ps, gain, worN=8)
each(signal, "freqz_sos sosfreqz", sos, worN=8)
each(signal, "group_delay", (num, den), w=8)
each(signal, "bode", (num, den), w=p)
each(signal, "impulse", (A, B, C, D), T=fixed(np.linspace(0, 2, 9)))
each(signal, "place_poles", A, B, np.asarray([-1.0, -2.5]))
each(signal, "choose_conv_method", x, y)
each(signal, "convolve correlate fftconvolve oaconvolve", x, num)
each(signal, "convolve2d correlate2d", X, X[:2, :2])
each(signal, "cspline1d qspline1d", x)
each(signal, "cspline1d_eval qspline1d_eval", x, p * 2)
each(signal, "cspline2d spline_filter", np.cos(np.arange(40.0)[:, None] * np.arange(40.0) / 99))
each(signal, "deconvolve", x, num)
each(signal, "detrend envelope hilbert", x)
each(signal, "hilbert2", X)
each(signal, "filtfilt", num, den, long)
each(signal, "lfilter", num, den, x)
each(signal, "lfilter_zi", num, den)
each(signal, "lfiltic", num, den, x[:2], y[:2])
each(signal, "sosfilt", fixed(sos), x)
each(signal, "sosfilt_zi", sos)
each(signal, "sosfiltfilt", fixed(sos), long)
each(signal, "firls", 9, fixed(np.asarray([0.0, 0.3, 0.4, 1.0])), np.asarray([1.0, 1.0, 0.1, 0.1]))
each(signal, "firwin", 9, w)
each(signal, "firwin2", 9, fixed(np.asarray([0.0, 0.3, 0.4, 1.0])), np.asarray([1.0, 1.0, 0.1, 0.1]))
each(signal, "gauss_spline", t, 3)
each(signal, "medfilt", x, 3)
each(signal, "medfilt2d", X, 3)
each(signal, "minimum_phase", np.asarray([0.1, 0.3, 0.6, 0.3, 0.1]))
each(signal, "order_filter", x, np.ones(3), 1)
each(signal, "remez", 9, fixed(np.asarray([0.0, 0.1, 0.2, 0.5])), np.asarray([1.0, 0.0]))
each(signal, "resample", x, 6)
each(signal, "resample_poly", x, 2, 3)
each(signal, "savgol_coeffs", 5, 2, xp=XP)
each(signal, "savgol_filter", x, 5, 2)
each(signal, "sos2tf", sos)
add("scipy.signal.sos2zpk", lambda v: [unordered(a) for a in signal.sos2zpk(v)], fixed(sos))
each(signal, "tf2sos", num, den)
add("scipy.signal.tf2zpk", lambda b, a: [unordered(v) for v in signal.tf2zpk(b, a)], num, den)
each(signal, "zpk2sos zpk2tf", zs, ps, gain)
each(signal, "upfirdn", num, x, 2, 1)
each(signal, "vectorstrength", p, np.asarray(1.3))
each(signal, "wiener", x, 3)

# stats ---------------------------------------------------------------------------------------------

R = np.random.default_rng
each(stats, "entropy", p)
each(stats, "differential_entropy", long)
add("scipy.stats.bootstrap", lambda v: stats.bootstrap(
    (v,), lambda w, axis: w.mean(axis=axis), n_resamples=50, batch=50, method="percentile", rng=R(1)
).confidence_interval, x)  # fmt: skip
add("scipy.stats.monte_carlo_test", lambda v, xp: stats.monte_carlo_test(
    v, lambda size: xp.asarray(R(1).normal(size=size)), lambda w, axis: xp.mean(w, axis=axis), n_resamples=50
).statistic, x, XP)  # fmt: skip
add("scipy.stats.power", lambda v, xp: stats.power(
    lambda w, axis: stats.ttest_1samp(w, 0.0, axis=axis),
    lambda size: v + xp.asarray(R(1).normal(size=size)), 12, n_resamples=20).power, w, XP)  # fmt: skip
add("scipy.stats.permutation_test", lambda v, w, xp: stats.permutation_test(
    (v, w), lambda a, b, axis: xp.mean(a, axis=axis) - xp.mean(b, axis=axis), n_resamples=50, rng=R(1)
).statistic, x, y, XP)  # fmt: skip
each(stats, "gmean hmean", p)
each(stats, "pmean", p, 2)
each(stats, "mode", x)
each(stats, "tmean tvar tstd tsem", x, (-1.0, 1.5))
each(stats, "tmin tmax", x)
each(stats, "moment skew kurtosis describe sem zscore iqr median_abs_deviation variation kstat kstatvar", X)
each(stats, "skewtest kurtosistest normaltest jarque_bera", long)
each(stats, "gzscore gstd", p)
each(stats, "zmap", X, X + 1)
each(stats, "sigmaclip", x)
each(stats, "trim_mean", x, 0.2)
each(stats, "f_oneway alexandergovern kruskal friedmanchisquare bartlett levene fligner", x, y, x * 0.5 + 0.3)
each(stats, "pearsonr ttest_ind ttest_rel brunnermunzel mannwhitneyu chatterjeexi spearmanrho", x, y)
each(stats, "ttest_1samp", X, 0.1)
each(stats, "ttest_ind_from_stats", np.asarray(1.0), np.asarray(0.7), 9, np.asarray(1.5), np.asarray(0.8), 11)
each(stats, "power_divergence chisquare", p)
each(stats, "ks_1samp cramervonmises", x, special.ndtr)
each(stats, "cramervonmises_2samp epps_singleton_2samp ansari mood wilcoxon", x, y)
each(stats, "combine_pvalues false_discovery_control", u)
each(stats, "rankdata", x)
each(stats, "lmoment", x)
each(stats, "boxcox_llf yeojohnson_llf", 0.7, p)
each(stats, "circmean circvar circstd", x)
each(stats, "directional_stats", X)
each(stats, "quantile", x, np.asarray([0.27, 0.6]))
add("scipy.stats._quantile._xp_searchsorted", _xp_searchsorted, fixed(grid), u)

# spatial.transform -----------------------------------------------------------------------------------

quat, other = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
rotvec, vectors = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
exps = rng.normal(size=(3, 6)) * 0.5
frames = RigidTransform.from_exp_coords(exps).as_matrix()
turn, rigid = Rotation.from_quat, RigidTransform.from_exp_coords
ROT, RIG = "scipy.spatial.transform.Rotation.", "scipy.spatial.transform.RigidTransform."
add(ROT + "from_quat", lambda a: turn(a).as_quat(), quat)
add(ROT + "from_matrix", lambda a: Rotation.from_matrix(turn(a).as_matrix()).as_quat(), quat)
add(ROT + "from_rotvec", lambda a: Rotation.from_rotvec(a).as_quat(), rotvec)
add(ROT + "from_euler", lambda a: Rotation.from_euler("xyz", a).as_quat(), rotvec)
add(
    ROT + "from_davenport",
    lambda a, b: Rotation.from_davenport(a, "extrinsic", b).as_quat(),
    np.eye(3),
    t[:3],
)
add(ROT + "from_mrp", lambda a: Rotation.from_mrp(a).as_quat(), rotvec)
add(ROT + "as_quat", lambda a: turn(a).as_quat(canonical=True), quat)
add(ROT + "as_matrix", lambda a: turn(a).as_matrix(), quat)
add(ROT + "as_rotvec", lambda a: turn(a).as_rotvec(), quat)
add(ROT + "as_euler", lambda a: turn(a).as_euler("zyx"), quat)
add(ROT + "as_davenport", lambda a, b: turn(a).as_davenport(b, "extrinsic"), quat, fixed(np.eye(3)))
add(ROT + "as_mrp", lambda a: turn(a).as_mrp(), quat)
add(ROT + "concatenate", lambda a, b: Rotation.concatenate([turn(a), turn(b)]).as_quat(), quat, other)
add(ROT + "apply", lambda a, v: turn(a).apply(v), quat, vectors)
add(ROT + "__mul__", lambda a, b: (turn(a) * turn(b)).as_quat(), quat, other)
add(ROT + "__pow__", lambda a: (turn(a) ** 1.7).as_quat(), quat)
add(ROT + "inv", lambda a: turn(a).inv().as_quat(), quat)
add(ROT + "magnitude", lambda a: turn(a).magnitude(), quat)
add(ROT + "approx_equal", lambda a, b: turn(a).approx_equal(turn(b)), quat, other)
add(ROT + "mean", lambda a: turn(a).mean().as_quat(canonical=True), quat)
add(ROT + "reduce", lambda a, b: turn(a).reduce(turn(b)).as_quat(), quat, other)
add(ROT + "__getitem__", lambda a: turn(a)[1:].as_quat(), quat)


def _set(make: Any, a: Any, b: Any, show: str) -> Any:
    turned = make(a)
    turned[0] = make(b)[1]
    return getattr(turned, show)()


add(ROT + "__setitem__", lambda a, b: _set(turn, a, b, "as_quat"), quat, other)
add(
    ROT + "align_vectors",
    lambda a, b: Rotation.align_vectors(a, b)[0].as_quat(),
    vectors,
    vectors @ frames[0, :3, :3],
)
add(ROT + "__repr__", lambda a: len(repr(turn(a))) > 0, fixed(quat))
add(ROT + "__iter__", lambda a: [v.as_quat() for v in turn(a)], quat)
add("scipy.spatial.transform.Slerp.__init__", lambda a, b: Slerp(b, turn(a)).rotvecs, quat, np.arange(3.0))
add("scipy.spatial.transform.Slerp.__call__", lambda a, b: Slerp(np.arange(3.0) if isinstance(a, np.ndarray) else
    a.__array_namespace__().arange(3, dtype=a.dtype), turn(a))(b).as_quat(), quat, np.asarray([0.3, 1.5]))  # fmt: skip
add("scipy.spatial.transform.normalize_dual_quaternion", normalize_dual_quaternion, rng.normal(size=(3, 8)))
add(RIG + "from_matrix", lambda a: RigidTransform.from_matrix(a).as_matrix(), frames)
add(RIG + "from_rotation", lambda a: RigidTransform.from_rotation(turn(a)).as_matrix(), quat)
add(RIG + "from_translation", lambda v: RigidTransform.from_translation(v).as_matrix(), vectors)
add(
    RIG + "from_components",
    lambda v, a: RigidTransform.from_components(v, turn(a)).as_matrix(),
    vectors,
    quat,
)
add(RIG + "from_exp_coords", lambda a: rigid(a).as_matrix(), exps)
add(RIG + "from_dual_quat", lambda a: RigidTransform.from_dual_quat(a).as_matrix(), rng.normal(size=(3, 8)))
add(RIG + "identity", lambda: RigidTransform.identity(2).as_matrix())
add(
    RIG + "concatenate",
    lambda a, b: RigidTransform.concatenate([rigid(a), rigid(b)]).as_matrix(),
    exps,
    exps + 0.1,
)
add(RIG + "mean", lambda a: rigid(a).mean().as_matrix(), exps)
add(RIG + "as_matrix", lambda a: rigid(a).as_matrix(), exps)
add(RIG + "as_components", lambda a: rigid(a).as_components()[0], exps)
add(RIG + "as_exp_coords", lambda a: rigid(a).as_exp_coords(), exps)
add(RIG + "as_dual_quat", lambda a: rigid(a).as_dual_quat(), exps)
add(RIG + "__getitem__", lambda a: rigid(a)[1:].as_matrix(), exps)
add(RIG + "__setitem__", lambda a, b: _set(rigid, a, b, "as_matrix"), exps, exps + 0.1)
add(RIG + "__mul__", lambda a, b: (rigid(a) * rigid(b)).as_matrix(), exps, exps + 0.1)
add(RIG + "__pow__", lambda a: (rigid(a) ** 1.7).as_matrix(), exps)
add(RIG + "inv", lambda a: rigid(a).inv().as_matrix(), exps)
add(RIG + "apply", lambda a, v: rigid(a).apply(v), exps, vectors)
add(RIG + "__iter__", lambda a: [v.as_matrix() for v in rigid(a)], exps)

# cluster ----------------------------------------------------------------------------------------------

points = rng.normal(size=(8, 2)) + np.asarray([[0.0, 0]] * 4 + [[5.0, 5]] * 4)
Z = fixed(hierarchy.linkage(points))
each(vq, "whiten", points)
each(vq, "vq", points, points[::4])
each(vq, "kmeans kmeans2", points, points[::4])
each(hierarchy, "single complete average weighted centroid median ward linkage", points)
for name in "to_tree cophenet inconsistent is_monotonic is_valid_linkage num_obs_linkage leaves_list maxdists to_mlab_linkage".split():
    add(
        f"scipy.cluster.hierarchy.{name}",
        lambda v, f=getattr(hierarchy, name): None if f(v) is None else f(v),
        Z,
    )
CASES[:] = [c for c in CASES if c.name != "scipy.cluster.hierarchy.to_tree"]
add("scipy.cluster.hierarchy.to_tree", lambda v: hierarchy.to_tree(v).dist, Z)
each(hierarchy, "optimal_leaf_ordering", Z, points)
each(hierarchy, "from_mlab_linkage", fixed(hierarchy.to_mlab_linkage(Z.array)))
each(hierarchy, "is_valid_im", fixed(hierarchy.inconsistent(Z.array)))
each(hierarchy, "correspond", Z, rng.uniform(size=28))
each(hierarchy, "fcluster", Z, 1.0)
each(hierarchy, "fclusterdata", points, 1.0)
add("scipy.cluster.hierarchy.dendrogram", lambda v: hierarchy.dendrogram(v, no_plot=True)["dcoord"], Z)
labels = hierarchy.fcluster(Z.array, 2, "maxclust")
each(hierarchy, "is_isomorphic", labels, labels[::-1].copy())
each(hierarchy, "maxinconsts", Z, fixed(hierarchy.inconsistent(Z.array)))
each(hierarchy, "maxRstat", Z, fixed(hierarchy.inconsistent(Z.array)), 1)
each(hierarchy, "leaders", Z, labels)

# interpolate ------------------------------------------------------------------------------------------

at, knots = np.sort(rng.uniform(size=9)), np.asarray([0.05, 0.3, 0.7])
wave = np.sin(3 * at)
add("scipy.interpolate.BSpline", lambda a, c, v: interpolate.BSpline(a, c, 2)(v),
    np.linspace(-0.5, 1.5, 9), x[:6], knots)  # fmt: skip
add(
    "scipy.interpolate.make_interp_spline",
    lambda a, b, v: interpolate.make_interp_spline(a, b)(v),
    at,
    wave,
    at[1:4] + 0.01,
)
add("scipy.interpolate.make_lsq_spline", lambda a, b, v: interpolate.make_lsq_spline(
    a, b, fixed_knots(a))(v), at, wave, at[1:4])  # fmt: skip
add(
    "scipy.interpolate.make_smoothing_spline",
    lambda a, b, v: interpolate.make_smoothing_spline(a, b, lam=0.01)(v),
    at,
    wave,
    at[1:4],
)
add(
    "scipy.interpolate.PPoly",
    lambda c, v: interpolate.PPoly(c, like(c, [0.0, 0.5, 1.0]))(v),
    X[:4, :2],
    knots,
)
add(
    "scipy.interpolate.BPoly",
    lambda c, v: interpolate.BPoly(c, like(c, [0.0, 0.5, 1.0]))(v),
    X[:4, :2],
    knots,
)
add(
    "scipy.interpolate.RBFInterpolator",
    lambda a, b, v: interpolate.RBFInterpolator(a, b)(v),
    points,
    x[:8],
    points[:3] + 0.1,
)
add(
    "scipy.interpolate.CubicHermiteSpline",
    lambda a, b, c, v: interpolate.CubicHermiteSpline(a, b, c)(v),
    at,
    x,
    y,
    at[1:4] + 0.01,
)
for name in "PchipInterpolator Akima1DInterpolator CubicSpline".split():
    add(
        f"scipy.interpolate.{name}",
        lambda a, b, v, f=getattr(interpolate, name): f(a, b)(v),
        at,
        x,
        at[1:4] + 0.01,
    )
add(
    "scipy.interpolate.generate_knots",
    lambda a, b: list(interpolate.generate_knots(a, b, s=0.1))[-1],
    at,
    wave,
)
add(
    "scipy.interpolate.make_splrep",
    lambda a, b, v: interpolate.make_splrep(a, b, s=0.01)(v),
    at,
    wave,
    at[1:4],
)
add("scipy.interpolate.make_splprep", lambda a, b: interpolate.make_splprep([a, b], s=0.01)[1], at, wave)
add("scipy.interpolate.NdBSpline", lambda c, v: interpolate.NdBSpline(
    (like(c, [-1.0, 0, 1, 2, 3, 4, 5]),) * 2, c, 2)(v), rng.normal(size=(4, 4)), rng.uniform(1, 3, size=(3, 2)))  # fmt: skip
add("scipy.interpolate.RegularGridInterpolator", lambda c, v: interpolate.RegularGridInterpolator(
    (like(c, [0.0, 1, 2, 3]),) * 2, c)(v), rng.normal(size=(4, 4)), rng.uniform(0, 3, size=(3, 2)))  # fmt: skip


def unordered(roots: Any) -> Any:
    """Sums of powers of some roots: the same in every order."""
    return (roots.sum(), (roots**2).sum()) if getattr(roots, "ndim", 0) else roots


def like(c: Any, values: list[float]) -> Any:
    """An array of c's kind."""
    return np.asarray(values) if isinstance(c, np.ndarray) else c.__array_namespace__().asarray(values)


def fixed_knots(a: Any) -> Any:
    """Knots of a least-squares spline over a, without its gradient."""
    a = a if isinstance(a, np.ndarray) else a.detach()
    inner = [0.4 * float(a[0]) + 0.6 * float(a[-1])]
    return like(a, [float(a[0])] * 4 + inner + [float(a[-1])] * 4)


# ndimage ------------------------------------------------------------------------------------------------

image = rng.normal(size=(6, 7))
mask, seeds = image > 0, np.zeros((6, 7), np.int8)
seeds[0, 0], seeds[5, 6] = 1, 2
marks = ndimage.label(mask)[0]
each(ndimage, "binary_closing binary_dilation binary_erosion binary_fill_holes binary_hit_or_miss", mask)
each(ndimage, "binary_opening binary_propagation distance_transform_bf distance_transform_cdt label", mask)
each(ndimage, "distance_transform_edt", mask)
each(ndimage, "black_tophat grey_closing grey_dilation grey_erosion grey_opening white_tophat", image, size=3)
each(
    ndimage,
    "morphological_gradient morphological_laplace median_filter minimum_filter maximum_filter",
    image,
    size=3,
)
each(ndimage, "uniform_filter", image, size=3)
each(ndimage, "maximum_filter1d minimum_filter1d uniform_filter1d", image, 3)
each(ndimage, "percentile_filter rank_filter", image, 1, size=3)
each(ndimage, "convolve correlate", image, X[:3])
each(ndimage, "convolve1d correlate1d", image, X[0])
each(ndimage, "fourier_ellipsoid fourier_gaussian fourier_shift fourier_uniform", image, 1.2)
each(ndimage, "gaussian_filter gaussian_filter1d gaussian_gradient_magnitude gaussian_laplace", image, 1.2)
each(ndimage, "laplace prewitt sobel spline_filter spline_filter1d", image)
each(ndimage, "rotate", image, 30.0)
each(ndimage, "shift zoom", image, 1.3)
each(ndimage, "affine_transform", image, np.asarray([[0.9, 0.1], [-0.1, 0.9]]))
each(ndimage, "map_coordinates", image, rng.uniform(1, 4, size=(2, 5)))
each(ndimage, "geometric_transform", image, lambda c: (c[0] * 0.9, c[1] * 0.8))
each(ndimage, "generic_filter", image, np.max, size=3)
each(ndimage, "generic_filter1d", image, lambda line, out: np.copyto(out, line[1:-1] * 2), 3)
each(ndimage, "generic_gradient_magnitude", image, ndimage.sobel)
each(
    ndimage,
    "generic_laplace",
    image,
    lambda a, axis, output, mode, cval: ndimage.correlate1d(a, [1, -2, 1], axis, output, mode, cval),
)
each(ndimage, "vectorized_filter", image, lambda a, axis: a.__array_namespace__().mean(a, axis=axis), size=3)
each(ndimage, "center_of_mass", np.abs(image), marks, 1)
each(
    ndimage, "extrema maximum minimum mean median standard_deviation sum sum_labels variance", image, marks, 1
)
each(ndimage, "maximum_position minimum_position", image, marks, 1)
each(ndimage, "histogram", image, -2, 2, 4, marks, 1)
each(ndimage, "labeled_comprehension", image, marks, np.asarray([1]), np.mean, float, 0)
each(ndimage, "find_objects value_indices", marks)
each(ndimage, "iterate_structure", np.ones((3, 3), bool), 2)
each(ndimage, "watershed_ift", np.abs(image * 50).astype(np.uint8), seeds)


def all_cases() -> list[Case]:
    """Every case: SciPy's here and scikit-learn's."""
    import ecosystem_sklearn
    import sklearn

    sklearn.set_config(array_api_dispatch=True)
    return CASES + ecosystem_sklearn.CASES


def registered() -> dict[str, list[str]]:
    """SciPy's functions by its own table: those that take NumPy arrays alone, and others without a case."""
    from scipy._lib._array_api import xp_capabilities_table

    known = {name.rpartition(".")[2] for case in CASES for name in case.name.split()}
    found: dict[str, list[str]] = {"numpy": [], "missing": []}
    for f, capable in xp_capabilities_table.items():
        name = getattr(f, "__qualname__", f.__name__)
        if capable["np_only"]:
            found["numpy"].append(".".join([*f.__module__.split(".")[:2], name]))
        elif name.rpartition(".")[2] not in known | {"psi", "_promote"}:  # digamma, and a helper
            found["missing"].append(f"{f.__module__}.{name}")
    return {kind: sorted(set(names)) for kind, names in found.items()}

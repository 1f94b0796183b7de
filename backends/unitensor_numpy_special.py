"""SciPy's special functions, as the NumPy backend's kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from unitensor._op import table
from unitensor._ops.special_common import scipy_special


def _kernel(name: str, scipy_name: str = "") -> Callable[..., Any]:
    """A ufunc of scipy.special, imported at its first call."""
    found: Any = None

    def call(self: Any, *args: Any) -> Any:
        nonlocal found
        if found is None:
            found = scipy_special(scipy_name or name)
        try:
            dtype = args[0].dtype
            for a in args:
                if a.dtype is not dtype or dtype.char not in "df":
                    return _of_others(self, name, found, args)
        except AttributeError:  # a Python number among them
            return _of_others(self, name, found, args)
        return found(*args)

    return call


def _of_others(self: Any, name: str, f: Any, args: tuple[Any, ...]) -> Any:
    """SciPy's answer in the dtype of the declaration: integers in float64, half precision by way of float32."""
    given = tuple(a for a in args if a is not None)
    arrays = self.namespace.meet(given, table[f"special.{name}"])
    narrow = arrays[0].dtype if arrays[0].dtype.itemsize == 2 else None
    if narrow is None:
        return f(*arrays)
    with np.errstate(over="ignore"):
        return np.asarray(f(*(a.astype(np.float32) for a in arrays))).astype(narrow)


class Special:
    """The part of the NumPy backend that answers `special`."""

    special_j0 = _kernel("j0")
    special_j1 = _kernel("j1")
    special_y0 = _kernel("y0")
    special_y1 = _kernel("y1")
    special_i0 = _kernel("i0")
    special_i1 = _kernel("i1")
    special_i0e = _kernel("i0e")
    special_i1e = _kernel("i1e")
    special_k0 = _kernel("k0")
    special_k1 = _kernel("k1")
    special_k0e = _kernel("k0e")
    special_k1e = _kernel("k1e")
    special_cbrt = _kernel("cbrt")
    special_exp2 = _kernel("exp2")
    special_exp10 = _kernel("exp10")
    special_exprel = _kernel("exprel")
    special_cosm1 = _kernel("cosm1")
    special_boxcox = _kernel("boxcox")
    special_boxcox1p = _kernel("boxcox1p")
    special_inv_boxcox = _kernel("inv_boxcox")
    special_inv_boxcox1p = _kernel("inv_boxcox1p")
    special_erf = _kernel("erf")
    special_erfc = _kernel("erfc")
    special_erfcx = _kernel("erfcx")
    special_erfcinv = _kernel("erfcinv")
    special_ndtr = _kernel("ndtr")
    special_ndtri = _kernel("ndtri")
    special_log_ndtr = _kernel("log_ndtr")
    special_gammaln = _kernel("gammaln")
    special_loggamma = _kernel("loggamma")
    special_gamma = _kernel("gamma")
    special_rgamma = _kernel("rgamma")
    special_gammasgn = _kernel("gammasgn")
    special_digamma = _kernel("digamma", "psi")
    special_polygamma = _kernel("polygamma")
    special_betaln = _kernel("betaln")
    special_beta = _kernel("beta")
    special_poch = _kernel("poch")
    special_binom = _kernel("binom")
    special_zeta = _kernel("zeta")
    special_gammainc = _kernel("gammainc")
    special_gammaincc = _kernel("gammaincc")
    special_betainc = _kernel("betainc")
    special_betaincc = _kernel("betaincc")
    special_gammaincinv = _kernel("gammaincinv")
    special_gammainccinv = _kernel("gammainccinv")
    special_betaincinv = _kernel("betaincinv")
    special_betainccinv = _kernel("betainccinv")
    special_expit = _kernel("expit")
    special_log_expit = _kernel("log_expit")
    special_logit = _kernel("logit")
    special_xlogy = _kernel("xlogy")
    special_xlog1py = _kernel("xlog1py")
    special_entr = _kernel("entr")
    special_rel_entr = _kernel("rel_entr")
    special_kl_div = _kernel("kl_div")
    special_stdtr = _kernel("stdtr")
    special_stdtrit = _kernel("stdtrit")
    special_chdtr = _kernel("chdtr")
    special_chdtrc = _kernel("chdtrc")
    special_chdtri = _kernel("chdtri")
    special_gdtr = _kernel("gdtr")
    special_gdtrc = _kernel("gdtrc")
    special_pdtr = _kernel("pdtr")
    special_pdtrc = _kernel("pdtrc")
    special_pdtri = _kernel("pdtri")
    special_fdtr = _kernel("fdtr")
    special_fdtrc = _kernel("fdtrc")
    special_fdtri = _kernel("fdtri")
    special_bdtr = _kernel("bdtr")
    special_bdtrc = _kernel("bdtrc")
    special_bdtri = _kernel("bdtri")
    special_nbdtr = _kernel("nbdtr")
    special_nbdtrc = _kernel("nbdtrc")
    special_nbdtri = _kernel("nbdtri")
    special_exp1 = _kernel("exp1")
    special_expi = _kernel("expi")
    special_expn = _kernel("expn")
    special_spence = _kernel("spence")
    special_zetac = _kernel("zetac")
    special_hyp1f1 = _kernel("hyp1f1")
    special_ellipk = _kernel("ellipk")
    special_ellipkm1 = _kernel("ellipkm1")
    special_ellipe = _kernel("ellipe")
    special_huber = _kernel("huber")
    special_pseudo_huber = _kernel("pseudo_huber")
    special_sindg = _kernel("sindg")
    special_cosdg = _kernel("cosdg")
    special_tandg = _kernel("tandg")
    special_cotdg = _kernel("cotdg")
    special_radian = _kernel("radian")
    special_yn = _kernel("yn")
    special_lpmv = _kernel("lpmv")

    def special_erfinv(self: Any, x: Any, /) -> Any:
        """Mended: SciPy's of -0.0 is 0.0."""
        return np.copysign(_erfinv(self, x), x)


_erfinv = _kernel("erfinv")

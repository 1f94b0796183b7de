"""cupyx.scipy.special's functions, as the CuPy backend's kernels.

What it lacks is composed from the standard, or goes through the host.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from typing import Any

from unitensor._op import table
from unitensor._ops.special_common import host


@functools.cache
def _found(name: str) -> Any:
    """A function of cupyx.scipy.special, which takes half a second to import."""
    return getattr(import_module("cupyx.scipy.special"), name)


def _kernel(name: str) -> Callable[..., Any]:
    """A function of cupyx.scipy.special in the dtype of its arrays, where that is one; half precision by float32."""

    def call(self: Any, *args: Any) -> Any:
        arrays = self.namespace.meet(args, table[f"special.{name}"])
        dtype = arrays[0].dtype
        if dtype.itemsize == 2:
            arrays = tuple(a.astype("float32") for a in arrays)
        return _found(name)(*arrays).astype(dtype, copy=False)  # yn gives float64 alone

    return call


def _of_reals(name: str) -> Callable[..., Any]:
    """The same; complex numbers go to SciPy."""
    real, elsewhere = _kernel(name), host(name)

    def call(self: Any, x: Any) -> Any:
        return elsewhere(self.namespace, x) if x.dtype.kind == "c" else real(self, x)

    return call


class Special:
    """The part of the CuPy backend that answers `special`."""

    special_i0 = _kernel("i0")
    special_i0e = _kernel("i0e")
    special_i1 = _kernel("i1")
    special_i1e = _kernel("i1e")
    special_j0 = _kernel("j0")
    special_j1 = _kernel("j1")
    special_y0 = _kernel("y0")
    special_y1 = _kernel("y1")
    special_yn = _kernel("yn")
    special_bdtr = _kernel("bdtr")
    special_bdtrc = _kernel("bdtrc")
    special_bdtri = _kernel("bdtri")
    special_fdtr = _kernel("fdtr")
    special_fdtrc = _kernel("fdtrc")
    special_fdtri = _kernel("fdtri")
    special_gdtr = _kernel("gdtr")
    special_gdtrc = _kernel("gdtrc")
    special_nbdtr = _kernel("nbdtr")
    special_nbdtrc = _kernel("nbdtrc")
    special_nbdtri = _kernel("nbdtri")
    special_pdtr = _kernel("pdtr")
    special_pdtrc = _kernel("pdtrc")
    special_pdtri = _kernel("pdtri")
    special_chdtr = _kernel("chdtr")
    special_chdtrc = _kernel("chdtrc")
    special_chdtri = _kernel("chdtri")
    special_ndtr = _kernel("ndtr")
    special_log_ndtr = _kernel("log_ndtr")
    special_ndtri = _kernel("ndtri")
    special_logit = _kernel("logit")
    special_expit = _kernel("expit")
    special_log_expit = _kernel("log_expit")
    special_boxcox = _kernel("boxcox")
    special_boxcox1p = _kernel("boxcox1p")
    special_inv_boxcox = _kernel("inv_boxcox")
    special_inv_boxcox1p = _kernel("inv_boxcox1p")
    special_entr = _kernel("entr")
    special_huber = _kernel("huber")
    special_kl_div = _kernel("kl_div")
    special_pseudo_huber = _kernel("pseudo_huber")
    special_rel_entr = _kernel("rel_entr")
    special_gamma = _kernel("gamma")
    special_gammaln = _kernel("gammaln")
    special_gammasgn = _kernel("gammasgn")
    special_gammainc = _kernel("gammainc")
    special_gammaincinv = _kernel("gammaincinv")
    special_gammaincc = _kernel("gammaincc")
    special_gammainccinv = _kernel("gammainccinv")
    special_beta = _kernel("beta")
    special_betaln = _kernel("betaln")
    special_betainc = _kernel("betainc")
    special_betaincinv = _kernel("betaincinv")
    special_rgamma = _kernel("rgamma")
    special_digamma = _of_reals("digamma")
    special_poch = _kernel("poch")
    special_erf = _of_reals("erf")
    special_erfc = _of_reals("erfc")
    special_erfcx = _kernel("erfcx")
    special_erfinv = _kernel("erfinv")
    special_erfcinv = _kernel("erfcinv")
    special_lpmv = _kernel("lpmv")
    special_expn = _kernel("expn")
    special_cbrt = _kernel("cbrt")
    special_exp10 = _kernel("exp10")
    special_exp2 = _kernel("exp2")
    special_radian = _kernel("radian")
    special_cosdg = _kernel("cosdg")
    special_sindg = _kernel("sindg")
    special_tandg = _kernel("tandg")
    special_cotdg = _kernel("cotdg")
    special_xlogy = _kernel("xlogy")
    special_xlog1py = _kernel("xlog1py")
    special_sinc = _kernel("sinc")

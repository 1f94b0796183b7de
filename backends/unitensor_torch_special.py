"""torch's special functions, mended where they lose digits or differ from SciPy's at special values.

What torch lacks, and what it has with too few digits, goes through the host, where CPU tensors
need no copy: its gammainc has nine digits at (100, 100), its bessel_j0 eight at 10.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from unitensor._op import table
from unitensor._ops.special_common import host


def _kernel(f: Callable[..., Any]) -> Any:
    """A function of torch's; half precision is computed in float32."""

    def call(*args: Any) -> Any:
        if args[0].dtype.itemsize != 2:
            return f(*args)
        return f(*(a.to(torch.float32) for a in args)).to(args[0].dtype)

    return staticmethod(call)


def _of_reals(f: Callable[..., Any], name: str) -> Any:
    """The same; complex numbers go to SciPy."""
    real, elsewhere = _kernel(f).__func__, host(name)
    return lambda self, x: elsewhere(self.namespace, x) if x.is_complex() else real(x)


def _composed(name: str) -> Any:
    """The composition of the declaration, in place of torch's own function."""

    def call(self: Any, *args: Any, **options: Any) -> Any:
        return table[f"special.{name}"].fallback(self.namespace, *args, **options)  # type: ignore[misc]  # has one

    call.how = "composed"  # type: ignore[attr-defined]  # what docs/make_tables.py shows
    return call


def _by_scipy(name: str) -> Any:
    """SciPy's function, in place of torch's own."""
    compute = host(name)

    def call(self: Any, *args: Any) -> Any:
        return compute(self.namespace, *args)

    call.how = "host"  # type: ignore[attr-defined]  # likewise
    return call


def _wide(f: Callable[..., Any]) -> Any:
    """A function that overflows on its way: float32 is computed in float64."""
    return staticmethod(lambda x: f(x if x.dtype is torch.float64 else x.to(torch.float64)).to(x.dtype))


def _cbrt(x: Any) -> Any:
    """A power, and a step of Newton's method for its last digits."""
    size = torch.abs(x)
    plain = (size > 0) & torch.isfinite(size)
    safe = torch.where(plain, size, 1.0)
    root = torch.pow(safe, 1 / 3)
    root = root - (root * root * root - safe) / (3 * root * root)
    return torch.copysign(torch.where(plain, root, size), x)


class Special:
    """The part of the torch backend that answers `special`."""

    special_erf = _of_reals(torch.erf, "erf")
    special_erfc = _of_reals(torch.erfc, "erfc")
    special_erfcx = _kernel(torch.special.erfcx)
    special_erfinv = _kernel(torch.erfinv)
    # torch's own ndtr is 1 + erf, which has no digits left far to the left.
    special_ndtr = _kernel(lambda x: 0.5 * torch.erfc(-math.sqrt(0.5) * x))
    special_ndtri = _kernel(torch.special.ndtri)
    special_log_ndtr = _kernel(torch.special.log_ndtr)
    special_expit = _kernel(torch.sigmoid)
    special_log_expit = _composed("log_expit")  # torch's starts threads for ten numbers
    special_gammaln = _kernel(lambda x: torch.where(x == -math.inf, x, torch.lgamma(x)))
    special_digamma = _of_reals(torch.digamma, "psi")
    special_xlogy = _kernel(torch.xlogy)
    special_xlog1py = _kernel(torch.special.xlog1py)
    special_entr = _kernel(torch.special.entr)
    special_sinc = _kernel(torch.sinc)
    special_exp2 = _kernel(torch.exp2)
    special_cbrt = _kernel(_cbrt)
    special_i0 = _wide(torch.special.i0)
    special_i0e = _kernel(torch.special.i0e)
    special_i1 = _wide(torch.special.i1)
    special_i1e = _kernel(torch.special.i1e)
    special_k0 = _kernel(torch.special.modified_bessel_k0)
    special_k1 = _kernel(torch.special.modified_bessel_k1)
    special_k0e = _kernel(torch.special.scaled_modified_bessel_k0)
    special_k1e = _kernel(torch.special.scaled_modified_bessel_k1)

    special_gammainc = _by_scipy("gammainc")
    special_gammaincc = _by_scipy("gammaincc")
    special_multigammaln = _composed("multigammaln")
    special_logit = _composed("logit")  # torch's loses digits near 1/2
    special_polygamma = _composed("polygamma")
    special_logsumexp = _composed("logsumexp")
    special_softmax = _composed("softmax")
    special_log_softmax = _composed("log_softmax")

    def special_zeta(self: Any, x: Any, q: Any = None, /) -> Any:
        """Mended: torch gives NaN for infinite q, and has no values for x < 1 without q."""
        if q is None or x.dtype.itemsize == 2:
            return host("zeta")(self.namespace, x, q)
        return torch.where((q == math.inf) & (x > 1), 0.0, torch.special.zeta(x, q))

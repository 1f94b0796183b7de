"""JAX's special functions, where they have the digits; the others go through the host on the CPU.

Inside a traced function, and on other devices, JAX's own are taken wherever it has them, and what
it lacks is a callback to the host.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np

from unitensor._op import table
from unitensor._ops.special_common import host


def _kernel(f: Callable[..., Any]) -> Any:
    """A function of JAX's; half precision is computed in float32."""

    def call(*args: Any) -> Any:
        if args[0].dtype.itemsize != 2:
            return f(*args)
        return f(*(a.astype(jnp.float32) for a in args)).astype(args[0].dtype)

    return staticmethod(call)


def _of_reals(f: Callable[..., Any], name: str) -> Any:
    """The same; complex numbers go to SciPy."""
    real, elsewhere = _kernel(f).__func__, host(name)
    return lambda self, x: elsewhere(self.namespace, x) if x.dtype.kind == "c" else real(x)


def _in_host_memory(a: Any) -> bool:
    if isinstance(a, jax.core.Tracer):
        return False
    return len(a.devices()) == 1 and next(iter(a.devices())).platform == "cpu"


def _by_scipy(f: Callable[..., Any], name: str) -> Any:
    """SciPy's function on the CPU; f, which has fewer digits, where it must be compiled or run elsewhere."""
    on_cpu, elsewhere = host(name), _kernel(f).__func__

    def call(self: Any, *args: Any) -> Any:
        known = [a for a in args if isinstance(a, jax.Array)]
        if all(_in_host_memory(a) for a in known) or known[0].dtype.kind == "c":
            return on_cpu(self.namespace, *args)
        return elsewhere(*args)

    call.how = "host; traced: native"  # type: ignore[attr-defined]  # what docs/make_tables.py shows
    return call


def _fused(name: str) -> Any:
    """The composition of the declaration, as one compiled function."""
    compiled: dict[Any, Any] = {}

    def call(self: Any, *args: Any, **options: Any) -> Any:
        if not compiled:
            made = table[f"special.{name}"]
            fallback: Any = made.fallback
            fixed = [i for i, p in enumerate(made.positional) if p in made.options]
            compiled[0] = jax.jit(
                functools.partial(fallback, self.namespace),
                static_argnums=fixed,
                static_argnames=made.keyword_only,
            )
        return compiled[0](*args, **options)

    call.how = "composed"  # type: ignore[attr-defined]  # what docs/make_tables.py shows
    return call


def _wide(f: Callable[..., Any]) -> Any:
    """A function that underflows on its way: float32 is computed in float64."""
    return staticmethod(lambda x: f(x.astype(jnp.float64)).astype(x.dtype))


def _log_ndtr(x: Any) -> Any:
    """JAX's own has five digits at 7."""
    scaled = math.sqrt(0.5) * x
    right = jnp.log1p(-0.5 * jsp.erfc(jnp.maximum(scaled, -1.0)))
    left = jnp.minimum(scaled, 0.0)
    return jnp.where(x > -1, right, jnp.log(0.5 * jsp.erfcx(-left)) - left * left)


def _zeta(x: Any, q: Any = None) -> Any:
    return jsp.zeta(x, jnp.ones_like(x) if q is None else q)


class Special:
    """The part of the JAX backend that answers `special`."""

    special_erf = _of_reals(jsp.erf, "erf")
    special_erfc = _of_reals(jsp.erfc, "erfc")
    special_erfcx = _wide(jsp.erfcx)
    special_erfinv = _kernel(jsp.erfinv)
    special_ndtr = _kernel(jsp.ndtr)
    special_ndtri = _kernel(jsp.ndtri)
    special_log_ndtr = _kernel(jax.jit(_log_ndtr))
    special_expit = _kernel(jsp.expit)
    special_gammaln = _by_scipy(jsp.gammaln, "gammaln")
    special_gamma = _by_scipy(jsp.gamma, "gamma")
    special_digamma = _by_scipy(jsp.digamma, "psi")
    special_betaln = _by_scipy(jsp.betaln, "betaln")
    special_gammainc = _by_scipy(jsp.gammainc, "gammainc")
    special_gammaincc = _by_scipy(jsp.gammaincc, "gammaincc")
    special_betainc = _by_scipy(jsp.betainc, "betainc")
    special_zeta = _by_scipy(_zeta, "zeta")
    special_poch = _by_scipy(jsp.poch, "poch")
    special_xlogy = _kernel(jsp.xlogy)
    special_xlog1py = _kernel(jsp.xlog1py)
    special_exp2 = _kernel(jnp.exp2)
    special_cbrt = _kernel(jnp.cbrt)
    special_i0 = _kernel(jsp.i0)
    special_i0e = _kernel(jsp.i0e)
    special_i1 = _kernel(lambda x: jnp.where(x == 0, 0.0, jsp.i1(x)))  # SciPy's of -0.0 is 0.0
    special_i1e = _kernel(lambda x: jnp.where(x == 0, 0.0, jsp.i1e(x)))
    special_logit = _fused("logit")
    special_sinc = _fused("sinc")
    special_log_expit = _fused("log_expit")
    special_entr = _fused("entr")
    special_rel_entr = _fused("rel_entr")
    special_kl_div = _fused("kl_div")
    special_exprel = _fused("exprel")
    special_logsumexp = _fused("logsumexp")
    special_softmax = _fused("softmax")
    special_log_softmax = _fused("log_softmax")

    def call_back(self, f: Callable[..., Any], *args: Any) -> Any:
        """What f gives for the values that traced arrays will have, in their dtype and joint shape."""
        arrays = [a for a in args if isinstance(a, jax.Array)]
        shape = jnp.broadcast_shapes(*(a.shape for a in arrays))
        dtype = jnp.result_type(*arrays)

        def g(*values: Any) -> Any:
            known = iter(values)
            given = [np.asarray(next(known)) if isinstance(a, jax.Array) else a for a in args]
            return np.asarray(f(*given)).astype(dtype)

        return jax.pure_callback(g, jax.ShapeDtypeStruct(shape, dtype), *arrays, vmap_method="expand_dims")

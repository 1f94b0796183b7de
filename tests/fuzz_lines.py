"""The expressions and hooks of which the fuzzer's programs are made; {0} is the name of an array."""

from __future__ import annotations


def listed(text: str) -> list[str]:
    """The expressions of a table."""
    return text.strip().replace("\n", "; ").split("; ")


#: Of any array of real numbers.
UNARY = listed("""
ut.sin({0}); ut.cos({0}); ut.tanh({0}); {0} * {0}; {0} * 2.0; -{0}; ut.square({0}); {0} ** 3; ut.abs({0})
ut.sqrt({0} * {0} + 0.5); ut.log({0} * {0} + 1.0); ut.reciprocal(2.0 + {0} * {0}); ut.exp(ut.sin({0}))
{0} - 0.5; 1.5 - {0}; ut.where({0} > 0.1, {0}, 0.0); ut.where({0} > 0, ut.sqrt(ut.abs({0})), {0})
ut.maximum({0}, 0.2); ut.minimum({0}, 0.3); ut.floor({0}) * {0}; ut.round({0}) + {0}; ut.sign({0}) * {0}
{0}.clone(); ut.stop_gradient({0}) * {0}; {0}.detach() * {0}; ut.sum({0}) * {0}; ut.mean({0})
{0} - ut.mean({0}); {0}.sum(); ut.var({0}); {0} * ut.max({0}); ut.min({0}); ({0} > 0.1) * {0}
{0} - {0}.astype(ut.int64); {0}.astype(ut.float32) * {0}; {0}.astype(ut.float64)
({0}.to(OTHER) * 2.0).to(HERE); {0}.to(OTHER).to(HERE) ** 3; ut.sin({0}.to(OTHER)).to(HERE)
{0} * np.float64(1.5); {0} * ut.asarray(0.7); ut.tile({0}, (2,)); ut.repeat({0}, 2)
ut.linalg.vector_norm({0}) * {0}; ut.real(ut.exp(1j * {0})); ut.abs({0} * (1.0 + 2.0j))
ut.where({0} > 0, ut.sqrt({0}), {0}); ut.where({0} > 0, ut.log({0} + 0.1), 0.0)
""")

#: Along an axis, {1}.
ALONG = listed("""
ut.sum({0}, axis={1}); ut.mean({0}, axis={1}); ut.max({0}, axis={1})
ut.min({0}, axis={1}, keepdims=True); ut.sort({0}, axis={1}); ut.sort({0}, axis={1}, descending=True)
ut.cumulative_sum({0}, axis={1}); ut.prod({0}, axis={1}); ut.roll({0}, 1, axis={1})
ut.take({0}, ut.asarray([0, 1, 0]), axis={1}); ut.diff({0}, axis={1}); ut.concat([{0}, {0}], axis={1})
ut.stack([{0}, ut.sin({0})], axis={1}); ut.concat([{0}, {0} * {0}], axis={1})
""")

#: Of a vector.
VECTOR = listed("""
ut.linalg.outer({0}, ut.sin({0})); ut.real(ut.fft.fft({0})); ut.abs(ut.fft.fft({0} + 2.0))
ut.fft.irfft(ut.fft.rfft({0})); ut.argsort({0}) * {0}; {0}[ut.argsort({0})]
ut.sum(ut.stack(ut.unstack({0})) * {0}); {0} @ {0}
""")

#: Of a square matrix of length {1}.
SQUARE = listed("""
{0} @ {0}; {0} @ {0}.mT; ut.linalg.inv({0} + 4.0 * ut.eye({1})); ut.linalg.det({0}); ut.linalg.trace({0})
ut.linalg.solve({0} + 4.0 * ut.eye({1}), {0}); ut.linalg.cholesky({0} @ {0}.mT + ut.eye({1}))
ut.tril({0}); ut.linalg.eigvalsh({0} + {0}.mT); ut.linalg.svdvals({0} + ut.eye({1}))
ut.linalg.diagonal({0}) * 2.0
(lambda w, q: (q * ut.sin(w)) @ q.mT)(*ut.linalg.eigh({0} + {0}.mT)); (lambda q, r: r.mT @ r)(*ut.linalg.qr({0}))
(lambda u, s, vh: (u * ut.sin(s)) @ vh)(*ut.linalg.svd({0} + ut.eye({1}))); (lambda u, s, vh: u @ vh)(*ut.linalg.svd({0}))
""")

#: Of two arrays that broadcast.
BINARY = listed("""
{0} + {1}; {0} - {1}; {0} * {1}; {0} / (2.0 + {1} * {1}); ut.maximum({0}, {1})
ut.where({0} > {1}, {0}, {1} * 2.0); ut.minimum({0}, {1}); {0} * ut.sin({1}); {0} * {1}.detach()
({0} > {1}) * {0}
""")

#: Views, and what looks like one.
VIEWS = listed("""
{0}.reshape(-1); ut.reshape({0}, (1, -1)); ut.reshape({0}, (-1, 1)); ut.expand_dims({0}, axis=0)
ut.flip({0}); {0}.detach(); ut.broadcast_to({0}, (2, *{0}.shape)); ut.stop_gradient({0})
ut.permute_dims({0}, tuple(range({0}.ndim))[::-1]); ut.reshape(ut.flip({0}), (-1,)); {0}[...]; {0}[None]
ut.moveaxis({0}, 0, -1); ut.unstack({0})[-1]; ut.squeeze(ut.expand_dims({0}, axis=0), axis=0)
""")

#: Complex numbers from real ones.
COMPLEX = listed("""
ut.exp(1j * {0}); {0} * (1.0 + 2.0j); {0}.astype(ut.complex128); ut.fft.fft({0}); ut.fft.ifft({0})
""")

#: Of complex numbers.
FROM_COMPLEX = listed("""
ut.conj({0}); {0} * {0}; {0} * 1j; ut.sin({0} * 0.1); {0}.real; {0}.imag; ut.abs({0})
ut.real({0} * ut.conj({0})); ut.imag({0} * {0}); {0} - ut.real({0})
""")

#: Functions with rules of the user's own, called.
CUSTOM = [
    "ut.custom_gradient(lambda a: a * a * a, lambda g, out, a: g * 3.0 * a * a, lambda t, out, a: t[0] * 3.0 * a * a)({0})",
    "ut.custom_gradient(ut.sin, lambda g, out, a: g * ut.cos(a), lambda t, out, a: t[0] * ut.cos(a))({0})",
    "ut.custom_gradient(ut.tanh, lambda g, out, a: g * (1.0 - out * out), lambda t, out, a: t[0] * (1.0 - out * out))({0})",
    "ut.custom_gradient(lambda a: a * 2.0, lambda g, out, a: g + g, lambda t, out, a: t[0] * 2.0)({0})",
    "ut.custom_gradient(lambda a: a * 1.0, lambda g, out, a: g, lambda t, out, a: t[0])({0})",
    "ut.custom_gradient(lambda a, b: a * ut.sin(b), lambda g, out, a, b: (g * ut.sin(b), g * a * ut.cos(b)), "
    "lambda t, out, a, b: t[0] * ut.sin(b) + t[1] * a * ut.cos(b))({0}, {0} + 1.0)",
    "ut.custom_gradient(lambda a: (a * a, ut.sin(a)), lambda g, out, a: g[0] * 2.0 * a + g[1] * ut.cos(a), "
    "lambda t, out, a: (t[0] * 2.0 * a, t[0] * ut.cos(a)))({0})[1]",
]

#: What is done with a gradient on its way.
HOOKS = ["lambda g: None", "lambda g: g * 2.0", "lambda g: keep(g)", "lambda g: g", "lambda g: -g"]

#: Views of a matrix.
MATRIX_VIEWS = listed("""
{0}.mT; {0}.T; ut.linalg.diagonal({0}); ut.linalg.diagonal({0}.mT); {0}.mT.reshape(-1)
""")

"""Equality of two results, with tolerances that follow from the dtype, and the report of a failure."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

import unitensor as ut
from unitensor._op import Op


class Tolerance(NamedTuple):
    """How far a floating result may be off, in units in the last place (ulps), and why so far."""

    ulps: int
    of: str
    why: str


#: What is compared how: by class of functions or by chapter. Integers and booleans are always exact;
#: so are NaN, infinities and, where they are determined, the signs of zeros.
TOLERANCES = {
    "exact": Tolerance(0, "the result", "one rounding or none, as IEEE 754 asks: no bit is left open"),
    "nearly": Tolerance(2, "the result", "rounded correctly by IEEE 754; a unit is left to x * (1 / y)"),
    "elementwise": Tolerance(64, "the result", "libraries of functions, each good to a few units"),
    "special": Tolerance(
        512,
        "the result",
        "series, recurrences and fits, which cancel digits; near a zero, as much as inputs 4 units off change it",
    ),
    "statistical": Tolerance(
        256, "the largest input", "sums in another order, of up to ten thousand numbers"
    ),
    "linear_algebra": Tolerance(256, "inputs times result", "sums of products in another order"),
    "norms": Tolerance(512, "inputs times result", "sums of powers, singular values"),
    "fourier": Tolerance(64, "the largest result", "another algorithm for each length; sizes are kept"),
    "equations": Tolerance(4096, "inputs times result", "elimination, with pivots of the engine's choice"),
    "decompositions": Tolerance(4096, "inputs times result", "iterations that stop at a few units"),
    "eigenvalues": Tolerance(4096, "inputs times result", "iterations; eigenvalues move with the condition"),
}


class Failure(AssertionError):  # noqa: N818 -- what pytest reports is a failure, not an error
    """A check that did not hold: what was called, what was expected and what came."""

    def __init__(self, op: str, what: str, expected: Any, got: Any, snippet: str) -> None:
        self.op = op
        self.what = what
        self.expected = shown(expected)
        self.got = shown(got)
        self.snippet = snippet
        super().__init__(
            f"{op}: {what}\n  expected: {self.expected}\n  got:      {self.got}\n\nto reproduce:\n\n{snippet}"
        )


def shown(value: Any) -> str:
    """A value as a report shows it."""
    if isinstance(value, tuple):
        return "(" + ", ".join(shown(v) for v in value) + ")"
    if isinstance(value, np.ndarray):
        return f"{np.array2string(value, threshold=40, separator=', ')} ({value.dtype}, shape {value.shape})"
    return str(value) if not isinstance(value, Exception) else f"{type(value).__name__}: {value}"


def chapter_of(made: Op) -> str:
    """The chapter of the standard that an op stands in: the name of its file."""
    if made.module == "special":
        return "special"
    return str(made.stub.__module__).rpartition(".")[2]


#: Where all inputs are smaller, so are the results in proportion, and what they are off.
SMALL = 1e-6

#: Functions without rounding: every bit counts.
EXACT = frozenset(
    {
        "abs",
        "add",
        "bitwise_and",
        "bitwise_invert",
        "bitwise_or",
        "bitwise_xor",
        "ceil",
        "clip",
        "conj",
        "copysign",
        "floor",
        "imag",
        "maximum",
        "minimum",
        "multiply",
        "negative",
        "nextafter",
        "positive",
        "real",
        "round",
        "sign",
        "square",
        "subtract",
        "trunc",
        "where",
    }
)
#: Those of them that round, and so may flush a result below the smallest normal number to zero.
ROUNDED = frozenset({"add", "multiply", "square", "subtract"})
#: Functions that IEEE 754 asks to be rounded correctly; a unit is left to engines that multiply by 1 / x.
NEARLY = frozenset({"divide", "reciprocal", "sqrt"})
#: Chapters that add up in an order of their own, where the sign of a zero is nobody's.
ADDING = frozenset(TOLERANCES) - {"exact", "nearly", "elementwise", "special"}


def tolerance_class(made: Op, *, complex_: bool = False) -> str:
    """Which of TOLERANCES holds for an op."""
    chapter = chapter_of(made)
    if made.elementwise and chapter != "special":
        if made.name in NEARLY and not complex_:
            return "nearly"
        if made.name == "abs":
            return "nearly"  # of complex numbers it is a root
        if made.name in EXACT and not (complex_ and made.name in ("multiply", "square", "sign")):
            return "exact"
        return "elementwise"
    return chapter if chapter in TOLERANCES else "exact"


def tolerance(made: Op, expected: Any, given: Any) -> tuple[float, float]:
    """Relative and absolute tolerance for an op's result, of the arguments given."""
    if expected.dtype.kind not in "fc":
        return 0.0, 0.0
    found = TOLERANCES[tolerance_class(made, complex_=expected.dtype.kind == "c")]
    off = found.ulps * float(np.finfo(expected.dtype).eps)
    if found.of == "the result":
        return off, float(np.finfo(expected.dtype).smallest_normal) if made.name in ROUNDED else 0.0
    largest = size_of(expected, least=0.0)
    if found.of == "the largest result" or 0.0 < size_of(given, least=0.0) < SMALL:
        return off, off * largest
    if found.of == "the largest input":
        return off, off * size_of(given)
    return off, off * size_of(given) * max(1.0, largest)


#: Functions that choose among equals.
CHOOSING = frozenset({"maximum", "minimum", "clip", "relu"})


def signs_count(made: Op) -> bool:
    """Whether the sign of a zero is determined: not of sums, nor which of 0 and -0 is larger or first."""
    return chapter_of(made) not in ADDING | {"sorting", "sets", "special"} and made.name not in CHOOSING


def difference(expected: Any, got: Any, rtol: float, atol: Any, *, signed: bool = True) -> str:
    """What differs between two NumPy arrays; '' if nothing does. `signed`: 0 is not -0."""
    if expected.shape != got.shape:
        return f"shape {got.shape}, not {expected.shape}"
    if expected.dtype != got.dtype:
        return f"dtype {got.dtype}, not {expected.dtype}"
    if expected.dtype.kind == "c":
        if rtol == 0.0:
            return difference(expected.real, got.real, 0, 0, signed=signed) or difference(
                expected.imag, got.imag, 0, 0, signed=signed
            )
        # The parts of a complex result are as good as the larger of them.
        slack = rtol * np.abs(np.where(np.isfinite(expected), expected, 0)) + atol
        return difference(expected.real, got.real, rtol, slack, signed=False) or difference(
            expected.imag, got.imag, rtol, slack, signed=False
        )
    if expected.dtype.kind != "f":
        return "" if np.array_equal(expected, got) else "other values"
    nan = np.isnan(expected)
    if not np.array_equal(nan, np.isnan(got)):
        return "NaN in other places"
    infinite = np.isinf(expected) | np.isinf(got)
    if not np.array_equal(expected[infinite], got[infinite]):
        return "infinities in other places"
    exact = (expected == 0) & (got == 0)
    if signed and not np.array_equal(np.signbit(expected[exact]), np.signbit(got[exact])):
        return "zeros of another sign"
    plain = ~(nan | infinite)
    if rtol:
        atol = np.maximum(atol, np.finfo(expected.dtype).smallest_normal)  # many engines flush what is below
    with np.errstate(over="ignore"):
        slack = np.broadcast_to(atol, expected.shape)[plain]
        off = np.abs(expected[plain] - got[plain]) > rtol * np.abs(expected[plain]) + slack
    return f"{int(off.sum())} of {off.size} values are off" if off.any() else ""


def results(value: Any) -> tuple[Any, ...]:
    """The Tensors of a result, one or several."""
    if isinstance(value, ut.Tensor):
        return (value,)
    return tuple(value)


def size_of(arguments: Any, *, least: float = 1.0) -> float:
    """The largest finite magnitude among NumPy arrays, at least 1."""
    largest = least
    stack = [arguments]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, (list, tuple)):
            stack.extend(value)
        elif isinstance(value, np.ndarray) and value.size and value.dtype.kind in "fciu":
            magnitude = np.abs(value[np.isfinite(value)]).astype(float)
            if magnitude.size and math.isfinite(float(magnitude.max())):
                largest = max(largest, float(magnitude.max()))
    return largest

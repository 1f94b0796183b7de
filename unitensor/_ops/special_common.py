"""What the special functions have in common: how they are declared, and their way to SciPy's kernels.

An engine's own kernel is a method `special_<name>` of its plugin. Without one an op's fallback
computes: composed from the standard where that is accurate, else through the host by SciPy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NoReturn, TypeVar

import numpy as np

from .._graph import GradientError
from .._host import on_host
from .._op import op, table

F = TypeVar("F", bound=Callable[..., Any])


#: Functions of a number of trials, in which SciPy takes integers alone.
OF_TRIALS = ("bdtr", "bdtrc", "bdtri")


@cache
def scipy_special(name: str) -> Any:
    """A function of scipy.special, which is imported when a first one is needed.

    Under SCIPY_ARRAY_API=1 it is the kernel behind SciPy's own dispatch, as it gets NumPy arrays alone.
    """
    try:
        import scipy.special
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"special.{name} is computed by SciPy here, which is not installed: pip install unitensor[scipy]"
        ) from error
    found = getattr(scipy.special, name)
    kernel = getattr(found, "__wrapped__", found)
    if name in OF_TRIALS:
        return lambda k, n, p: np.asarray(kernel(k, np.asarray(n).astype(np.intp), p)).astype(p.dtype)
    if name == "hyp1f1":
        return lambda a, b, x: kernel(a, b, _bounded(a, x))
    return kernel


def _bounded(a: Any, x: Any) -> Any:
    """x, but where Kummer's function has long overflowed a number at which it has: SciPy's never ends there."""
    polynomial = (a <= 0) & (a == np.floor(a))
    return np.where((x > 1e5) & ~polynomial, np.asarray(1e5, x.dtype), x)


def host(kernel: str) -> Callable[..., Any]:
    """A fallback that computes by SciPy's function of a name, in host memory."""

    def compute(xp: Any, *args: Any, **options: Any) -> Any:
        def f(*values: Any) -> Any:
            with np.errstate(all="ignore"):
                return scipy_special(kernel)(*values, **options)

        made = table.get(f"special.{kernel}")
        if made is not None:  # SciPy promotes by rules of its own
            met = iter(xp.meet(tuple(a for a in args if a is not None), made))
            args = tuple(None if a is None else next(met) for a in args)
        if not xp.backend.has_values(args):
            return xp.backend.call_back(f, *args)
        return on_host(xp, f, *args)

    compute.host = True  # type: ignore[attr-defined]  # what tables and the conformance suite ask
    return compute


def composed(path: str, f: Callable[..., Any]) -> Callable[..., Any]:
    """A composition, given its arrays in the dtype of the declaration: NumPy has no other cast."""

    def compute(xp: Any, *args: Any, **options: Any) -> Any:
        made = table[path]
        n = len(made.inputs)
        with np.errstate(all="ignore"):  # as SciPy's
            return f(xp, *xp.meet(args[:n], made), *args[n:], **options)

    return compute


def special(**facts: Any) -> Callable[[F], F]:
    """An op of real floating arrays, element-wise unless told otherwise; integers become float64."""

    def declare(stub: F) -> F:
        fallback = facts.get("fallback")
        if fallback is not None and not getattr(fallback, "host", False):
            facts["fallback"] = composed(f"special.{stub.__name__}", fallback)
        given = {
            "elementwise": True,
            "scalars": True,
            "dtypes": "real floating",
            "result": "float64",
            **facts,
        }
        return op(module="special", **given)(stub)

    return declare


def unary(grad: Callable[..., Any] | None = None, kernel: str = "", **facts: Any) -> Callable[[F], F]:
    """A special function of one array."""
    rules = {"x": grad} if grad else {}
    return special(**{"grad": rules, "scalars": False, "fallback": host(kernel) if kernel else None, **facts})


def refuse(path: str, name: str) -> Callable[..., Any]:
    """The rule of an input in which there is no derivative to give: asking for it is an error."""

    def refuses(xp: Any, g: Any) -> NoReturn:
        raise GradientError(
            f"{path}: there is no derivative in {name}; pass {name}.detach(), or a number, "
            "if it is to count as a constant"
        )

    return refuses


def above(xp: Any, x: Any, limit: float) -> Any:
    """Whether x is larger than a number."""
    return xp.greater(x, xp.full_like(x, limit))


def below(xp: Any, x: Any, limit: float) -> Any:
    """Whether x is smaller than a number."""
    return xp.less(x, xp.full_like(x, limit))


def polynomial(xp: Any, x: Any, coefficients: list[float]) -> Any:
    """The value of a polynomial, its highest coefficient first."""
    total = xp.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        total = xp.add(xp.multiply(total, x), c)
    return total


def nodes(lo: float, hi: float, step: float, size: int) -> Iterator[list[float]]:
    """The points of a trapezoidal rule, in blocks that keep arrays of `size` elements a point small."""
    count = round((hi - lo) / step) + 1
    block = max(1, min(count, (1 << 20) // max(size, 1)))
    points = [lo + i * step for i in range(count)]
    for start in range(0, count, block):
        yield points[start : start + block]

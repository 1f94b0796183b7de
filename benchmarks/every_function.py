"""Each function of the standard on ten elements, beside the functions of that name in NumPy and PyTorch."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

import unitensor as ut

from ._bench import US, Code, Figure, Run, in_turns, measure
from ._peers import peer

#: x: ten numbers, b: which of them are large, i: integers, j: three indices, p: a matrix, q: one with an
#: axis of length 1, s: a positive definite one.
CALLS = """
abs(x) acos(x) add(x,x) all(b) any(b) argmax(x) argmin(x) argsort(x) asin(x) atan(x) atan2(x,x) bitwise_and(i,i)
broadcast_to(x,(3,10)) ceil(x) clip(x,.2,.8) concat([x,x]) conj(x) copysign(x,x) cos(x) count_nonzero(x)
cumulative_sum(x) diff(x) divide(x,x) equal(x,x) exp(x) expm1(x) flip(x,axis=0) floor(x) floor_divide(x,x)
full_like(x,2.) greater(x,x) hypot(x,x) isfinite(x) isin(x,x) isnan(x) less(x,x) log(x) log1p(x) logaddexp(x,x)
logical_and(b,b) logical_not(b) matmul(s,s) max(x) maximum(x,x) mean(x) min(x) moveaxis(p,0,1)
multiply(x,x) negative(x) nextafter(x,x) nonzero(b) not_equal(x,x) ones_like(x) permute_dims(p,(1,0)) positive(x)
pow(x,x) prod(x) real(x) reciprocal(x) remainder(x,x) reshape(x,(2,5)) roll(x,1) round(x) searchsorted(x,x) sign(x)
signbit(x) sin(x) sort(x) sqrt(x) square(x) squeeze(q,0) stack([x,x]) std(x) subtract(x,x) sum(x) take(x,j) tan(x)
tanh(x) tile(x,(2,)) tril(p) triu(p) trunc(x) var(x) where(b,x,x) zeros_like(x)
linalg.cholesky(s) linalg.det(s) linalg.eigh(s) linalg.inv(s) linalg.qr(s) linalg.solve(s,s) linalg.svd(s)
linalg.vector_norm(x) fft.fft(x) fft.rfft(x) arange(10) empty(3) eye(3) full((3,),2.) linspace(0,1,10) ones((2,5))
zeros(10)
"""


def runs(call: str) -> dict[str, Run]:
    """The call in each of the three libraries that has it."""
    a, p = np.linspace(0.1, 0.9, 10), np.linspace(0.1, 0.9, 12).reshape(3, 4)
    operands = {
        "x": a, "b": a > 0.5, "i": np.arange(10), "j": np.asarray([1, 2, 3]), "p": p, "q": a[None],
        "s": p[:, :3] @ p[:, :3].T + np.eye(3),
    }  # fmt: skip
    found: dict[str, Run] = {}
    for name, m, make in ((US, ut, ut.asarray), ("numpy", np, np.array), ("torch", peer("torch"), None)):
        if m is None:
            continue
        names: dict[str, Any] = {k: (make or m.asarray)(v) for k, v in operands.items()}
        run = Code(f"m.{call}", {"m": m, **names})
        try:
            run()
        except (AttributeError, TypeError, ValueError, RuntimeError):
            if name == US:
                raise
            continue  # another name or other arguments there
        found[name] = run
    return found


@measure("every function on ten elements")
def every_function(quick: bool) -> list[Figure]:
    case = "every function on ten elements"
    over: dict[str, dict[str, float]] = {"numpy": {}, "torch": {}}
    for call in CALLS.split():
        seconds, _ = in_turns(runs(call), 0.03 if quick else 0.3)
        for library in over.keys() & seconds.keys():
            over[library][call] = seconds[US] / seconds[library]
    figures = []
    for library, ratios in over.items():
        if not ratios:
            continue
        worst = sorted(ratios, key=lambda call: -ratios[call])
        slower = sum(r > 1 for r in ratios.values())
        figures.append(Figure(case, f"median over {library}", statistics.median(ratios.values()), "times"))
        figures.append(Figure(case, f"slower than {library}, of {len(ratios)}", slower, "functions"))
        figures += [Figure(case, f"{call} over {library}", ratios[call], "times") for call in worst[:6]]
    return figures

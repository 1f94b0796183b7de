"""Write scipy.md from `unitensor.scipy`: `python docs/make_scipy.py`; `--check` compares instead."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

import unitensor as ut
from unitensor.scipy import MODULES
from unitensor.scipy._host_op import HostOp, table

PAGE = Path(__file__).parent / "scipy.md"
HEAD = """\
# SciPy inside differentiable programs

Written by `python docs/make_scipy.py`; change `unitensor/scipy`, not this page.

`unitensor.scipy` (`pip install unitensor[scipy]`) has SciPy's names, signatures and meaning, on Tensors of any
engine, where SciPy's own code is compiled and would lose the gradient:

```python
import unitensor as ut

b = ut.tensor([0.5, 0.5], requires_grad=True)
y = ut.scipy.signal.lfilter(b, [1.0, -0.9], ut.ones(100))
y.sum().backward()  # b.grad
```

Lists, numbers and NumPy arrays among the arguments go to where the Tensors are. Results are SciPy's to
rounding, in its dtypes, on the backend and device of the Tensors. What SciPy has and this has not is an error
that says what is supported. So is a gradient that cannot be had; none is dropped.

## Gradients

All functions have gradients in reverse and forward mode, of every order.

- **Linear functions** (convolution, filters, cosine transforms, sparse products) are their own forward rules, and
  their transposes are functions of the same kind.
- **Functions of matrices**: the derivative of f is a block of f of a matrix twice as large.
- **Splines, grids and samples of images** are formulas over the coefficients, differentiable in values, points
  and knots. In a piecewise polynomial the points at which pieces meet have the derivative of the piece on the
  right.
- **Roots, fixed points and minima**: implicit differentiation of the equation that the solution fulfils, in the
  Tensors in `args`. What the solver did does not matter, and what it left of the equation is an error of that
  size in the gradient: ask for a small `tol`. A starting point has no gradient. A Tensor that the function uses
  without being given it in `args` is an error. Through a solver that failed, or where the Jacobian is singular,
  the backward pass raises. A component at one of its bounds stays there.
- **solve_ivp** repeats SciPy's steps on Tensors, of constant lengths: the gradient is that of the numbers that
  were computed, in y0, `args`, the ends of `t_span`, `t_eval` and all that the function uses. An adjoint equation
  would need less memory; but it is a second problem with errors of its own, has neither forward mode nor higher
  orders, and is unstable backwards in time for stiff problems. Where memory is short, put pieces of the time
  span into `ut.checkpoint`. "Radau" solves each step's equations implicitly and so takes Tensors in `args` alone;
  "BDF" and "LSODA" have no gradient, and events neither; they say so.

Sparse matrices are `sparse.csr_array`, `csc_array` and `coo_array` with `data` a Tensor and constant positions;
`A.with_data(d)` has the same positions.

## Function by function

*In*: what there are gradients in, besides which nothing is floating. *Native*: computed where the Tensors are, by
the engine or functions of the standard. *Host*: by SciPy in the host's memory, there and back on a GPU and
nearly free on a CPU. *Partly*: what is named is the host's. For solvers it is SciPy's steps that run on the host;
the function runs where its Tensors are. The banded system of the splines is solved only where a spline is made:
the methods "linear" and "nearest" of a grid are native. So are float32 and float64 of the cosine transforms, the
others the host's.
"""

#: What there are gradients in.
GRADIENTS = {
    "fft": {"": "x"},
    "integrate": {"solve_ivp": "y0, args, t_span, t_eval, what fun uses"},
    "interpolate": {
        "PPoly": "c, x, points",
        "CubicHermiteSpline": "x, y, dydx, points",
        "PchipInterpolator": "x, y, points",
        "Akima1DInterpolator": "x, y, points",
        "CubicSpline": "x, y, values in bc_type, points",
        "BSpline": "t, c, points",
        "make_interp_spline": "x, y, t, values in bc_type, points",
        "RegularGridInterpolator": "points, values, xi",
        "interpn": "points, values, xi",
    },
    "linalg": {
        "": "A",
        "expm_frechet": "A, E",
        "solve_triangular": "a, b",
        "cholesky": "a",
        "cho_factor": "a",
        "cho_solve": "c, b",
        "lu": "a (the permutation is constant)",
        "solve_sylvester": "a, b, q",
        "solve_continuous_lyapunov": "a, q",
        "solve_banded": "ab, b",
    },
    "ndimage": {
        "": "input",
        "correlate1d": "input, weights",
        "convolve1d": "input, weights",
        "correlate": "input, weights",
        "convolve": "input, weights",
        "gaussian_filter1d": "input, sigma",
        "gaussian_filter": "input, sigma",
        "map_coordinates": "input, coordinates",
        "affine_transform": "input, matrix, offset",
    },
    "optimize": {"": "args"},
    "signal": {
        "convolve": "in1, in2",
        "fftconvolve": "in1, in2",
        "correlate": "in1, in2",
        "lfilter": "b, a, x, zi",
        "lfilter_zi": "b, a",
        "sosfilt": "sos, x, zi",
        "sosfilt_zi": "sos",
        "filtfilt": "b, a, x",
        "sosfiltfilt": "sos, x",
    },
    "sparse": {"": "data, and the Tensor in A @ x and x @ A", "spsolve": "data, b"},
}
SOLVERS = ("integrate", "optimize")
#: Transforms are native; the direct sums of the same op are the host's.
BY_FFT = ("signal.fftconvolve",)
ENGINES = ("numpy", "torch", "jax", "cupy")


def public() -> dict[str, Any]:
    """Every public function and class by its path."""
    found = {}
    for name in MODULES:
        module = import_module(f"unitensor.scipy.{name}")
        listed = getattr(module, "__all__", ())
        for key, value in vars(module).items():
            own = getattr(value, "__module__", "") == module.__name__ and not key.startswith("_")
            if not (own or key in listed) or not (inspect.isfunction(value) or inspect.isclass(value)):
                continue
            doc = inspect.getdoc(value) or ""
            if "scipy." in doc.split(">>>")[0] or "cho_solve" in doc:
                found[f"{name}.{key}"] = value
    return found


def gradients(path: str) -> str:
    """What a function has gradients in."""
    module, _, name = path.partition(".")
    return GRADIENTS[module].get(name) or GRADIENTS[module][""]


def codes(value: Any) -> list[tuple[CodeType, dict[str, Any]]]:
    """The code of a function, or of all methods of a class, with the names that it sees."""
    if inspect.isclass(value):
        functions = [f for c in value.__mro__ for f in vars(c).values() if inspect.isfunction(f)]
        return [pair for f in functions for pair in codes(f)]
    inner = [value.__code__]
    for code in inner:
        inner += [c for c in code.co_consts if isinstance(c, CodeType)]
    return [(code, value.__globals__) for code in inner]


def is_ours(value: Any) -> bool:
    """Whether something is a function or class of `unitensor.scipy`."""
    module = getattr(value, "__module__", None) or ""
    return module.startswith("unitensor.scipy") and (inspect.isfunction(value) or inspect.isclass(value))


def host_ops(value: Any, seen: set[int]) -> set[HostOp]:
    """The host ops that a function calls, by the names in its code."""
    found: set[HostOp] = set()
    seen.add(id(value))
    for code, names in codes(value):
        for name in code.co_names:
            used = names.get(name)
            made = next((o for o in table.values() if o.function is used), None)
            if made is not None:
                found.add(made)
            elif id(used) not in seen and is_ours(used):
                found |= host_ops(used, seen)
    return found


def where(path: str, ops: set[HostOp], backend: Any, on_cpu: bool) -> str:
    """Where an engine computes a function."""
    if path.partition(".")[0] in SOLVERS:
        return "host"

    def native(op: HostOp) -> bool:
        if op.path == "scipy.signal.convolution" and path not in BY_FFT:
            return False
        return op.how(backend, on_cpu) is not None

    host = sorted(op.name.lstrip("_") for op in ops if not native(op))
    if not host:
        return "native"
    return "host" if len(host) == len(ops) and not formula(path) else f"partly: {', '.join(host)}"


def formula(path: str) -> bool:
    """Whether most of a function is made of functions of the standard."""
    return path.partition(".")[0] == "interpolate" or path in (
        "ndimage.map_coordinates",
        "ndimage.affine_transform",
    )


def cell(path: str, ops: set[HostOp], engine: str) -> str:
    """A cell of the table."""
    if engine == "numpy":
        if path.partition(".")[0] in SOLVERS or (ops and not formula(path)):
            return "SciPy"
        return where(path, ops, ut.load_backend("numpy"), True).replace("partly:", "partly SciPy:")
    backend: Any = SimpleNamespace(name="cupy") if engine == "cupy" else ut.load_backend(engine)
    gpu = where(path, ops, backend, False)
    if engine == "cupy":
        return gpu
    cpu = where(path, ops, backend, True)
    return cpu if cpu == gpu else f"{cpu}; on a GPU {gpu}"


def page() -> str:
    """The whole text."""
    lines, titles = [HEAD], set()
    for path, value in public().items():
        module = path.partition(".")[0]
        if module not in titles:
            titles.add(module)
            lines += [
                f"\n### {module}\n",
                f"| function | in | {' | '.join(ENGINES)} |",
                "| --- |" + " --- |" * 5,
            ]
        ops = host_ops(value, set())
        cells = " | ".join(cell(path, ops, engine) for engine in ENGINES)
        lines.append(f"| `{path}` | {gradients(path)} | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") == text:
        return 0
    print("scipy.md is out of date; run python docs/make_scipy.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())

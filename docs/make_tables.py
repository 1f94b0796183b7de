"""Write pages from the table of ops and the installed plugins: `python docs/make_tables.py`.

They are standard.md, how each engine answers each function, gradients.md, which gradients there
are, special.md, the same for `ut.special`, and the table in writing.md. With `--check`, write nothing and fail if a page is not what would be written.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import unitensor as ut
import unitensor.special  # which adds its ops to the table
from unitensor import Backend
from unitensor._op import Op, table

DOCS = Path(__file__).parent
ENGINES = ("numpy", "jax", "torch")
HEAD = """\
# The standard, function by function

Written by `python docs/make_tables.py`; change the plugins, not this page.

Every function of the Array API standard 2025.12, with `linalg` and `fft`, and how each engine answers it:

- **native**: the engine's own function;
- **adapted**: the engine's own kernels under other names or forms of arguments;
- **mended**: the engine's own, put right where it differs from the standard; the reasons are below;
- **emulated**: the engine lacks it, and unitensor computes it from other functions;
- **front end**: decided or composed by unitensor alone, the same code on every engine.

## The public suite

`data-apis/array-api-tests` checks a namespace against the text of the standard. Beside this repository,
with the engine to be tried (`strict` is array-api-strict, with `tests` and `tests/plugins` on PYTHONPATH):

```
git clone --recurse-submodules https://github.com/data-apis/array-api-tests
cd array-api-tests
pip install -r requirements.txt
export ARRAY_API_TESTS_MODULE=unitensor ARRAY_API_TESTS_VERSION=2025.12
UNITENSOR_BACKEND=torch python -m pytest array_api_tests --max-examples 100 --disable-deadline
```

There is no file of skips or expected failures, and no extension or dtype is left out. With 100 examples
none of the 1,388 tests fails on NumPy, JAX, PyTorch or array-api-strict, nor with 500 examples and another
seed. The suite itself skips five of its tests, those of
`remainder`; without that mark they pass, too. Deadlines are off because JAX compiles at first calls.

## What mends cost

A mend that only some dtypes need is one look at the dtype elsewhere. `python -m benchmarks mends` holds the
function that the front end calls, overrides and casts included, against the engine's own with the same ten
float64 elements, and wants none of `multiply`, `exp`, `sum`, `matmul`, indexing and `reshape` to add more
than `add` does and 50 ns, or a tenth of the engine's call. Nanoseconds on two busy cores, the engine's own
call in brackets:

| adds | numpy | torch | jax |
| --- | --- | --- | --- |
| `add` | -51 (251) | 209 (835) | 286 (4384) |
| `multiply` | -48 (259) | 170 (849) | 255 (4360) |
| `exp` | -35 (216) | 55 (792) | 165 (3260) |
| `sum` | -720 (1488) | 130 (988) | -30 (4318) |
| `matmul` | -30 (811) | 174 (950) | 336 (3528) |
| `x[3]` | 5 (32) | 61 (515) | -20290 (35380) |
| `x[2:7]` | 2 (62) | 125 (675) | -8506 (25570) |
| `reshape` | -476 (600) | 64 (584) | 46 (12150) |
| `floor_divide` | 1333 (289) | 3000 (1024) | 1551 (3822) |
| `remainder` | -44 (296) | 1064 (839) | 1779 (3633) |

The last two mends must look at values or compute more than the engine does. With a million elements the
float `floor_divide` takes 3 % more processor time than NumPy's own, 12 % more than torch's and 14 % more
than JAX's; `remainder` 20 % more than torch's, and the same on NumPy and JAX.

CuPy's plugin mends as NumPy's does; it has no column because the page is written where no GPU is.
"""


def engine_function(backend: Backend, path: str) -> Any:
    """The engine's own function of this name, or None."""
    found = backend.xp
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def state(backend: Backend, made: Op) -> tuple[str, str]:
    """How a backend answers an op, and why if it is mended."""
    name = made.path.replace(".", "_")
    own = engine_function(backend, made.path)
    if not hasattr(type(backend), name) or hasattr(Backend, name):
        return ("emulated" if own is None else "native"), ""
    override = getattr(backend, name)
    text = inspect.getdoc(override) or ""
    if text.startswith("Mended: "):
        return "mended", " ".join(text.removeprefix("Mended: ").split("\n\n")[0].split())
    if not (getattr(override, "__module__", "") or "").startswith("unitensor"):
        return ("native" if own is not None else "adapted"), ""
    return "adapted", ""


def chapter(function: Any) -> str:
    """The chapter of the standard, or the extension, that a function belongs to."""
    return str(inspect.unwrap(function).__module__).rpartition(".")[2].replace("_", " ")


def standard_functions() -> dict[str, Any]:
    """Every public function by its path, ops and composed ones."""
    found: dict[str, Any] = {}
    for home, prefix in ((ut, ""), (ut.linalg, "linalg."), (ut.fft, "fft.")):
        for name, value in vars(home).items():
            if not name.startswith("_") and inspect.isfunction(value) and "_ops" in value.__module__:
                found[prefix + name] = value
    aliases = {id(made.function): path for path, made in table.items() if made.public}
    return {
        path: f
        for path, f in found.items()
        if aliases.get(id(f), path) == path and path not in ("tensor", "from_numpy")
    }


def page() -> str:
    """The whole text."""
    backends = [ut.load_backend(name) for name in ENGINES]
    rows: dict[str, list[str]] = {}
    reasons: dict[str, dict[str, list[str]]] = {b.name: {} for b in backends}
    for path, function in standard_functions().items():
        made = table.get(path)
        cells = []
        for backend in backends:
            how, why = ("front end", "") if made is None else state(backend, made)
            cells.append(how)
            if why:
                reasons[backend.name].setdefault(why, []).append(path)
        extension = path.partition(".")[0] if "." in path else ""
        rows.setdefault(extension or chapter(function), []).append(f"| `{path}` | {' | '.join(cells)} |")
    lines = [HEAD]
    for title, table_rows in rows.items():
        lines += [f"## {title.capitalize()}\n", f"| function | {' | '.join(ENGINES)} |"]
        lines += ["| --- |" + " --- |" * len(ENGINES), *table_rows, ""]
    lines.append("## What is mended, and why\n")
    for name, found in reasons.items():
        lines += [f"### {name}\n"]
        lines += [f"- {', '.join(f'`{p}`' for p in paths)}: {why}" for why, paths in found.items()]
        lines.append("")
    return "\n".join(lines)


GRADIENTS = """\
# Gradients

The tables below are written by `python docs/make_tables.py`; change the ops, not this page.

Every rule is written once, in the functions of the standard, and serves all engines, both modes and all
orders. Tests generated from the same table hold each against finite differences to second order, and
against PyTorch or JAX where these are right.

## What is asked, and what comes back

- `x.requires_grad_()`, then `y.backward()`: gradients are added up in `x.grad`. Graphs are freed as they
  are consumed, unless `retain_graph=True`; `create_graph=True` makes gradients that have gradients.
- `ut.grad`, `value_and_grad`, `vjp`, `jacobian`: reverse mode; `hessian`, `hvp`: that and forward mode.
  `ut.jvp`: forward mode, in one pass. `ut.linearize` runs a function once and pushes many tangents. All
  nest, in any order, to any order, and take nested dicts, lists, tuples and dataclasses.
- A gradient has the shape, the dtype and the backend of what it is the gradient of, and memory of its own. A pass
  that would give another dtype raises. Graphs may go over several engines.
- A complex loss has no gradient: `backward` and `grad` of one raise. Take its real part, its size, or `jacobian`.
- Integers and booleans have no gradient; to ask for one is a `GradientError`. Results that are integers or
  booleans need none (`requires_grad` is False), and `backward` from them is a `GradientError`.

## Conventions

**Complex numbers.** The gradient of a real function of a complex variable is the direction of steepest
ascent, `df/dx + i df/dy`, which is PyTorch's convention and the conjugate of JAX's. For a holomorphic `f`,
`vjp` gives `conj(f'(z)) * g`, `jvp` gives `f'(z) * t`, and `jacobian` holds `f'(z)` in both modes. A real
input of a complex function gets the real part. The Jacobian of a complex function of real numbers is complex;
that of a real function of complex numbers is `df/dx - i df/dy`.

**Ties.** What ties for an extremum shares its gradient equally: `max`, `min`, `maximum`, `minimum`, the
norms of order infinity. `sort` is stable, so each of equal elements keeps its own place. `clip` counts its
bounds as inside, so that at a bound all goes to `x`.

**Kinks.** `abs`, `hypot`, `atan2`, `sign`, `std` and the norms have the gradient 0 at 0, the middle of what
they have around it. Second derivatives at 0 are infinite, or right where the whole is smooth, as in
`norm(x) ** 2`. Steps (`floor`, `round`, `sign`, `//`) have 0 everywhere, also where they jump.

**Infinite slopes are infinite.** `sqrt`, `log` and `x ** 0.5` at 0, `asin` at 1: the gradient is `inf`, not
a large number and not NaN.

**Zeros among factors.** `prod` and `cumulative_prod` do not divide, so zeros in the data do no harm, to any
order. `det` of a singular matrix has its gradient, too. `0 ** 0` is 1 and flat.

**What was not selected does not count.** In `where(x > 0, sqrt(x), 0)` at 0, in a masked `log`, in a norm
guarded by `where`, behind indexing, `clip`, `max` or `checkpoint`, a zero cotangent stays zero: it is never
multiplied into a NaN. That holds to every order and on every engine. Only a graph in which something was
selected pays for it, and in first-order passes only one whose gradient came out as NaN. What *was* selected
may still be NaN: `0 * sqrt(x)` at 0 is. Hooks and rules of your own are called once, with the cotangent that counts.

**Equal singular values and eigenvalues.** A smooth function of the matrix (`U @ diag(S) @ Vh`, the polar factor, a
projector, `exp` by `eigh`) has its gradient also where values are equal, nearly equal or 0. Where first derivatives
do not tell it, the pass runs a second time, recorded, and finds it as a limit; hooks see both passes then. What
depends on the choice of vectors among equal values raises.

**Writing.** Gradients go through writes into views, and a value that a rule saved stays as it was. Only where it
lies in memory that is the user's, too, and is overwritten, the pass raises and names the line of the write:
[Views and writing](writing.md).

**Modes.** `no_grad`, `enable_grad` and `detect_anomaly` belong to a thread or task. One object may be entered again
and by several threads; a decorated generator or coroutine runs inside its mode, and its caller outside.
`ut.set_grad_enabled(False)` is a statement, too. `no_grad` holds in forward mode: what is computed inside it has no
tangent. A transform inside `no_grad` differentiates, and what it gives has no history. An interrupt leaves no mode
entered. A Tensor that a finished `jvp`, or one in another thread, left behind is refused.

## Tools

- `ut.no_grad()`, `ut.stop_gradient`, `x.detach()`: constants.
- `x.register_hook(f)`: see, or replace, a gradient on its way; on leaves too. Forward mode has no hooks and
  says so.
- `ut.checkpoint(f, *args)`: keep nothing of f's inside, and call it again in the backward pass, with the arguments,
  the random numbers and the backend of the first time. A call that then gives something else raises.
- `ut.custom_gradient(f, backward, forward)`: rules of your own, to every order.
- `with ut.detect_anomaly():` names the line of your program where a NaN, or an error of the backward pass,
  comes from.
- `ut.testing.gradcheck` and `gradgradcheck`: your function against finite differences. `track_escapes` lists
  every exit of values to NumPy or Python, with its line; one that would lose a gradient is an error.

## Inside `jax.jit`

On JAX every gradient also runs inside a plain `jax.jit`, in every mode and to every order:

    @jax.jit
    def step(raw):
        return ut.grad(loss)(ut.asarray(raw))._data

A traced array has no values, so whatever the pass would ask one for (is there a NaN, is this factor finite) counts
as unknown, and the careful way is taken; XLA drops what it does not need. The limits are those of tracing: ops
whose shape depends on values (`unique_*`, `nonzero`, masks that are traced, `repeat` by traced counts) raise, Python's
`if` on a traced value raises, checks of values (that a result does not depend on the phase of singular vectors) are
not made, and limits at equal singular values are NaN or 0. Other engines that trace or wait say so by
`Backend.has_values`: [Write a backend](write-a-backend.md).

## Function by function

*Reverse* names the inputs that have a gradient. *Forward* is **same** where the reverse rule is the forward
rule (element-wise functions), **itself** where the function is linear and pushes tangents as it does
values, **own** where it has a rule of its own. The last column says where the function is not
differentiable, or the case is special, and what is returned there.
"""

WITHOUT = """\
## Without a gradient

Their results are integers, booleans or constants, and need none:
"""

COMPOSED = """\
## Composed

These call the functions above, so they have the gradients of these, in both modes:
"""


def forward_rule(made: Op) -> str:
    """How forward mode gets an op's tangent."""
    if made.jvp:
        return "own"
    return "itself" if made.linear else "same" if made.elementwise else "none"


def gradients_page() -> str:
    """The whole text of gradients.md."""
    lines = [GRADIENTS]
    rows: dict[str, list[str]] = {}
    without, composed = [], []
    special = {
        path: made.function for path, made in table.items() if made.public and made.module == "special"
    }
    for path, function in {**standard_functions(), **special}.items():
        made = table.get(path)
        if made is None:
            if path in NO_TENSORS:
                continue
            (without if path in MAKE_NEW else composed).append(path)
        elif not made.differentiable:
            without.append(path)
        else:
            inputs = differentiable_in(made)
            notes = made.notes.replace("|", "\\|")
            extension = path.partition(".")[0] if "." in path else ""
            row = f"| `{path}` | {inputs} | {forward_rule(made)} | {notes} |"
            rows.setdefault(extension or chapter(function), []).append(row)
    for title, found in rows.items():
        lines += [
            f"### {title.capitalize()}\n",
            "| function | reverse | forward | where not, and what then |",
        ]
        lines += ["| --- | --- | --- | --- |", *found, ""]
    for head, names in ((COMPOSED, composed), (WITHOUT, without)):
        lines += [head, ", ".join(f"`{name}`" for name in sorted(names)) + ".\n"]
    return "\n".join(lines)


def differentiable_in(made: Op) -> str:
    """The inputs in which an op has a derivative; asking for one in the others is an error."""
    given = [x for x, rule in zip(made.inputs, made.rules) if rule and rule.formula.__name__ != "refuses"]
    return ", ".join(f"`{x}`" for x in given)


def kernel(backend: Backend, made: Op) -> str:
    """Whether a backend has a special function itself, composes it, or asks SciPy on the host."""
    name = made.path.replace(".", "_")
    override = getattr(type(backend), name, None)
    if override is not None:
        return str(getattr(override, "how", "native"))
    return "host" if getattr(made.fallback, "host", False) else "composed"


def special_page() -> str:
    """special.md, with the table of its functions."""
    backends = [ut.load_backend(name) for name in ENGINES]
    head = f"| function | dtypes | gradient in | {' | '.join(ENGINES)} | other engines |"
    rows: dict[str, list[str]] = {}
    for made in table.values():
        if made.module == "special" and made.public:
            other = "host" if getattr(made.fallback, "host", False) else "composed"
            facts = [f"`{made.name}`", made.dtypes, differentiable_in(made)]
            cells = [*facts, *(kernel(b, made) for b in backends), other]
            rows.setdefault(chapter(made.function), []).append(f"| {' | '.join(cells)} |")
    lines = []
    for title, found in rows.items():
        rule = "| --- |" + " --- |" * (len(ENGINES) + 3)
        lines += [f"### {title.removeprefix('special ').capitalize()}\n", head, rule, *found, ""]
    before, _, rest = (DOCS / "special.md").read_text(encoding="utf-8").partition("<!-- table -->\n")
    _, _, after = rest.partition("<!-- end -->\n")
    return f"{before}<!-- table -->\n" + "\n".join(lines) + f"<!-- end -->\n{after}"


#: Functions about dtypes and shapes.
NO_TENSORS = {"broadcast_shapes", "can_cast", "finfo", "iinfo", "isdtype", "result_type"}
#: Functions that make constants.
MAKE_NEW = {
    *(
        "arange",
        "empty",
        "eye",
        "fft.fftfreq",
        "fft.rfftfreq",
        "from_dlpack",
        "full",
        "linspace",
        "ones",
        "zeros",
    )
}

#: When an op gives a view that does not always do so.
SOMETIMES = {
    "reshape": "where NumPy's rule allows it, and not with `copy=True`",
    "flip": "not of a 0-d Tensor",
    "imag": "of complex numbers",
    "astype": "with `copy=False`, where the dtype stays",
    "broadcast_to": "read-only",
}


def writing_page() -> str:
    """writing.md, with the table of what is a view made from the ops."""
    rows = ["| view | when |", "| --- | --- |"]
    rows.append("| `x[key]` with integers, slices, `None`, `...` | not where it names a single element |")
    methods = {"matrix_transpose": ", `x.T`, `x.mT`", "permute_dims": ", `x.transpose`", "real": ", `x.real`"}
    methods |= {
        "imag": ", `x.imag`",
        "reshape": ", `x.view`",
        "broadcast_to": ", `broadcast_arrays`, `expand`",
    }
    rows += [
        f"| `{path}`{methods.get(path, '')} | {SOMETIMES.get(path, 'always')} |"
        for path, made in sorted(table.items())
        if made.view
    ]
    rows += ["| `unstack`, iteration | like `x[i]` |", "| `x.detach()` | always; without the history |"]
    before, _, rest = (DOCS / "writing.md").read_text().partition("<!-- table -->\n")
    _, _, after = rest.partition("<!-- end -->\n")
    table_text = "\n".join(rows)
    return f"{before}<!-- table -->\n{table_text}\n<!-- end -->\n{after}"


PAGES = {
    "standard.md": page,
    "gradients.md": gradients_page,
    "special.md": special_page,
    "writing.md": writing_page,
}


def main() -> int:
    """Write the pages, or compare them."""
    stale = 0
    for name, write in PAGES.items():
        text = write()
        if "--check" not in sys.argv:
            (DOCS / name).write_text(text, encoding="utf-8")
        elif (DOCS / name).read_text(encoding="utf-8") != text:
            print(f"{name} is out of date; run python docs/make_tables.py")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())

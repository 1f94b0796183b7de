"""Arguments for an op, drawn by Hypothesis from what its declaration says.

Shapes include 0-d, zero-size and broadcast ones; values include infinities, NaN, signed zeros,
ties, large and tiny numbers; arrays may lie in memory in any order.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unitensor._dtypes import KINDS
from unitensor._op import Op

from ._cases import FINITE, REGULAR, UNSPECIFIED
from ._compare import chapter_of
from ._layouts import LAYOUTS, laid_out
from ._samples import SPECIAL, Arguments, Array, samples

_PLAIN = [0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, 10.0, -7.0]
_WILD = [-0.0, float("inf"), float("-inf"), float("nan"), 1e-4, -1e-4, 1e4, -1e4]


def dtypes_for(made: Op, supported: set[str]) -> list[str]:
    """The standard's dtypes that an op takes and that both engines have."""
    extra = {"float16", "bfloat16"}
    return [d for d in KINDS[made.dtypes] if d in supported and d not in extra]


def _numbers(made: Op, dtype: str) -> st.SearchStrategy[Any]:
    kind = np.dtype(dtype).kind
    if kind == "b":
        return st.booleans()
    if kind in "iu":
        info = np.iinfo(dtype)
        small = st.integers(max(int(info.min), -8), 8)
        if made.name in ("pow", "prod", "cumulative_prod") or made.name.endswith("shift"):
            return st.integers(0, 6)
        return st.one_of(small, small, st.sampled_from([int(info.min), int(info.max)]))
    width: Literal[32, 64] = 32 if dtype in ("float32", "complex64") else 64
    finite = chapter_of(made) in FINITE or (kind == "c" and made.name in UNSPECIFIED)
    real = st.one_of(
        st.sampled_from(_PLAIN if finite else _PLAIN + _WILD),
        st.floats(-8, 8, width=width, allow_subnormal=False).map(_no_dust),
    )
    if made.name == "pow" and kind == "c":
        real = st.floats(0.25, 2.0, width=width)  # 0 to a complex power is nobody's
    if kind != "c":
        return real
    numbers = st.builds(complex, real, real)
    return numbers.filter(bool) if made.name in ("divide", "reciprocal") else numbers  # 1 / 0 is nobody's


def _no_dust(x: float) -> float:
    """Numbers whose squares underflow say little and differ between engines."""
    return 0.0 if abs(x) < 1e-6 else x


def _array(made: Op, dtype: str, shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    plain = hnp.arrays(dtype, shape, elements=_numbers(made, dtype))
    return st.builds(laid_out, plain, st.sampled_from(["plain", "plain", *LAYOUTS]))


@st.composite
def arguments(draw: Any, made: Op, dtypes: list[str]) -> Arguments:
    """One call's arguments: NumPy arrays and options."""
    dtype = draw(st.sampled_from(dtypes))
    if made.path in SPECIAL:
        form = draw(st.sampled_from(SPECIAL[made.path]))
        return {name: _filled(draw, made, value, dtype) for name, value in form.items()}
    if made.elementwise:
        shapes = draw(
            hnp.mutually_broadcastable_shapes(num_shapes=len(made.inputs), max_dims=3, max_side=3, min_side=0)
        ).input_shapes
        found: Arguments = {
            x: draw(_array(made, dtype, shape)) for x, shape in zip(made.inputs, shapes, strict=True)
        }
        if made.scalars and len(made.inputs) == 2 and np.dtype(dtype).kind in "fi" and draw(st.booleans()):
            side = draw(st.sampled_from(made.inputs))
            found[side] = draw(st.sampled_from([0, 1, 2, 3] + ([1.5, -2.0] if dtype[0] == "f" else [])))
        return found
    if "keepdims" in made.options:
        reduction: Arguments = draw(_reduction(made, dtype))
        return reduction
    picked = draw(st.sampled_from(samples(made, "float64")))
    shaped = {k: Array(v.shape) if isinstance(v, np.ndarray) else v for k, v in picked.items()}
    return {name: _filled(draw, made, value, dtype) for name, value in shaped.items()}


@st.composite
def _reduction(draw: Any, made: Op, dtype: str) -> Arguments:
    empty = made.name not in ("max", "min", "argmax", "argmin", "mean", "var", "std")
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0 if empty else 1, max_side=4))
    found: Arguments = {"x": draw(_array(made, dtype, shape)), "keepdims": draw(st.booleans())}
    if made.name in ("argmax", "argmin"):
        found["axis"] = draw(st.sampled_from([None, *range(-len(shape), len(shape))]))
        return found
    found["axis"] = draw(
        st.one_of(
            st.none(),
            hnp.valid_tuple_axes(len(shape)),
            st.sampled_from([None, *range(-len(shape), len(shape))]),
        )
    )
    if "correction" in made.options:
        found["correction"] = draw(st.sampled_from([0, 0.5, 1]))
    return found


def _filled(draw: Any, made: Op, value: Any, dtype: str) -> Any:
    if isinstance(value, list):
        return [_filled(draw, made, v, dtype) for v in value]
    if not isinstance(value, Array):
        return value
    array = draw(_array(made, dtype, value.shape))
    if value.low > -2.0 and np.dtype(dtype).kind in "fc":
        array = (value.low + (value.high - value.low) * np.abs(np.sin(np.nan_to_num(array)))).astype(dtype)
    if made.path in REGULAR and len(value.shape) > 1 and value.shape[-1] == value.shape[-2]:
        array = array + 32 * np.eye(value.shape[-1]).astype(dtype)
    with np.errstate(all="ignore"):  # what overflows is an argument, too
        return value.then(array).astype(dtype)

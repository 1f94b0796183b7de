"""Sums and their like, searching, sorting and sets."""

from __future__ import annotations

from typing import Any

import numpy as np

from .ways import Fault, changed, in_place, negative_off, of_floats, only, start, without


def last_of_ties(f: Any, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    if axis is None:
        found = x.size - 1 - f(np.flip(x.reshape(-1)), axis=0)
        return np.asarray(found).reshape((1,) * x.ndim if keepdims else ())
    return x.shape[axis] - 1 - f(np.flip(x, axis), axis=axis, keepdims=keepdims)


def unstable(f: Any, x: Any, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    n = x.shape[axis] if x.ndim else 1
    return n - 1 - f(np.flip(x, axis), axis=axis, descending=descending, stable=stable)


def by_flipping(f: Any, x: Any, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    found = f(x, axis=axis, stable=stable)
    return np.flip(found, axis) if descending else found


def nan_first(f: Any, x: Any, **options: Any) -> Any:
    if x.dtype.kind != "f":
        return f(x, **options)
    return f(np.where(np.isnan(x), -np.inf, x), **options)


def narrow_sum(f: Any, x: Any, *, dtype: Any = None, **options: Any) -> Any:
    return f(x, dtype=x.dtype if dtype is None and x.dtype.kind in "iu" else dtype, **options)


def one_pass_var(f: Any, x: Any, *, axis: Any = None, correction: float = 0, keepdims: bool = False) -> Any:
    if x.dtype.kind != "f" or correction:
        return f(x, axis=axis, correction=correction, keepdims=keepdims)
    return np.mean(x * x, axis=axis, keepdims=keepdims) - np.mean(x, axis=axis, keepdims=keepdims) ** 2


def merged_nans(f: Any, x: Any) -> Any:
    values, counts = np.unique(x, return_counts=True)
    return type(f(x))(values, counts)


def last_index(f: Any, x: Any) -> Any:
    found = f(x)
    flat = x.reshape(-1)
    last = [int(np.nonzero(flat == v)[0][-1]) if v == v else i for v, i in zip(found[0], found[1])]
    return type(found)(found[0], np.asarray(last, found[1].dtype).reshape(found[1].shape), *found[2:])


def flat_inverse(f: Any, x: Any) -> Any:
    found = f(x)
    return type(found)(found[0], found[1].reshape(-1))


def ones_when_empty(f: Any, x: Any, **options: Any) -> Any:
    return f(x, **options) if x.size else np.logical_not(f(x, **options))


def zero_when_empty(f: Any, x: Any, **options: Any) -> Any:
    out = f(x, **options)
    return out if x.size else np.zeros_like(out)


def sums_everything(f: Any, x: Any, *, axis: Any = None, **options: Any) -> Any:
    return f(x, axis=None if axis == () else axis, **options)


def via(dtype: Any, kinds: Any = "iu") -> Any:
    def wrong(f: Any, x: Any, *a: Any, **k: Any) -> Any:
        if x.dtype.kind not in kinds:
            return f(x, *a, **k)
        rest = [v.astype(dtype) if isinstance(v, np.ndarray) and v.dtype.kind in kinds else v for v in a]
        with np.errstate(all="ignore"):
            out = f(x.astype(dtype), *rest, **k)
        return np.asarray(out).astype(x.dtype) if not isinstance(out, tuple) else out

    return wrong


def index_via(dtype: Any, kinds: Any = "iu") -> Any:
    def wrong(f: Any, x: Any, *a: Any, **k: Any) -> Any:
        if x.dtype.kind not in kinds:
            return f(x, *a, **k)
        rest = [v.astype(dtype) if isinstance(v, np.ndarray) and v.dtype.kind in kinds else v for v in a]
        return f(x.astype(dtype), *rest, **k)

    return wrong


def mean_nan(f: Any, x: Any, **k: Any) -> Any:
    return np.nanmean(x, **k) if x.dtype.kind == "f" and not np.isnan(x).all() else f(x, **k)


def var_c(f: Any, x: Any, *, axis: Any = None, correction: Any = 0.0, keepdims: Any = False) -> Any:
    if x.dtype.kind != "c":
        return f(x, axis=axis, correction=correction, keepdims=keepdims)
    return f(x.real, axis=axis, correction=correction, keepdims=keepdims)


def initial_wrong(
    f: Any, x: Any, *, axis: Any = None, dtype: Any = None, include_initial: Any = False
) -> Any:
    out = f(x, axis=axis, dtype=dtype, include_initial=include_initial)
    if include_initial:
        ax = axis if axis is not None else 0
        out = np.roll(out, -1, ax)
    return out


def take_negative(f: Any, x: Any, i: Any, **k: Any) -> Any:
    return f(x, np.where(i < 0, 0, i), **k)


def tal_negative(f: Any, x: Any, i: Any, **k: Any) -> Any:
    return f(x, np.abs(i), **k)


def unsigned_desc(f: Any, x: Any, *, axis: Any = -1, descending: Any = False, stable: Any = True) -> Any:
    if descending and x.dtype.kind in "iu":
        with np.errstate(all="ignore"):
            return (-f((-x).astype(x.dtype), axis=axis)).astype(x.dtype)
    return f(x, axis=axis, descending=descending, stable=stable)


def argsort_desc(f: Any, x: Any, *, axis: Any = -1, descending: Any = False, stable: Any = True) -> Any:
    if descending and x.dtype.kind in "iu":
        return f((-x).astype(x.dtype), axis=axis, stable=True)
    return f(x, axis=axis, descending=descending, stable=stable)


FAULTS = [
    Fault("sum keeps small dtypes", "sum", narrow_sum),
    Fault("prod keeps small dtypes", "prod", narrow_sum),
    Fault(
        "mean of integers in float32",
        "mean",
        lambda f, x, **k: np.asarray(f(x, **k)).astype(np.float32) if x.dtype.kind in "iu" else f(x, **k),
    ),
    Fault("var ignores correction", "var", without("correction")),
    Fault("std truncates correction", "std", changed(correction=int)),
    Fault("var in one pass", "var", one_pass_var),
    Fault("max drops nan", "max", of_floats(np.fmax.reduce)),
    Fault("min drops nan", "min", of_floats(np.fmin.reduce)),
    Fault("sum loses keepdims", "sum", without("keepdims")),
    Fault("mean axis off by one", "mean", negative_off),
    Fault("max axis off by one", "max", negative_off),
    Fault("sum over no axes", "sum", sums_everything),
    Fault("prod of nothing is zero", "prod", zero_when_empty),
    Fault("any of nothing", "any", ones_when_empty),
    Fault("all ignores nan", "all", lambda f, x, **k: f(np.where(x != x, 0, x), **k)),
    Fault("count_nonzero axis off", "count_nonzero", negative_off),
    Fault("cumulative_sum without initial", "cumulative_sum", without("include_initial")),
    Fault("cumulative_sum axis off", "cumulative_sum", negative_off),
    Fault("cumulative_prod ignores dtype", "cumulative_prod", without("dtype")),
    Fault("argmax takes the last", "argmax", last_of_ties),
    Fault("argmin takes the last", "argmin", last_of_ties),
    Fault(
        "argmin skips nan",
        "argmin",
        lambda f, x, **k: f(np.where(x != x, np.inf, x), **k) if x.dtype.kind == "f" else f(x, **k),
    ),
    Fault("argmax loses keepdims", "argmax", without("keepdims")),
    Fault("argmax as int32", "argmax", lambda f, x, **k: np.asarray(f(x, **k)).astype(np.int32)),
    Fault("nonzero by columns", "nonzero", lambda f, x: f(x.T)[::-1]),
    Fault(
        "searchsorted wrong side", "searchsorted", changed(side=lambda s: "left" if s == "right" else "right")
    ),
    Fault("searchsorted always left", "searchsorted", without("side")),
    Fault("searchsorted ignores sorter", "searchsorted", without("sorter")),
    Fault("argsort unstable", "argsort", unstable),
    Fault("argsort descending by flipping", "argsort", by_flipping),
    Fault("sort puts nan first", "sort", nan_first),
    Fault("sort on the last axis", "sort", without("axis")),
    Fault("sort in place", "sort", in_place),
    Fault("unique_values unsorted", "unique_values", lambda f, x: f(x)[::-1]),
    Fault("unique_counts merges nans", "unique_counts", merged_nans),
    Fault("unique_inverse is flat", "unique_inverse", flat_inverse),
    Fault("unique_all last index", "unique_all", last_index),
    Fault("isin ignores invert", "isin", without("invert")),
    Fault(
        "sum of uint8 is int64",
        "sum",
        lambda f, x, *, dtype=None, **k: f(
            x, dtype=np.int64 if dtype is None and x.dtype.kind == "u" else dtype, **k
        ),
    ),
    Fault(
        "prod of uint8 is int64",
        "prod",
        lambda f, x, *, dtype=None, **k: f(
            x, dtype=np.int64 if dtype is None and x.dtype.kind == "u" else dtype, **k
        ),
    ),
    Fault(
        "sum of bool is bool",
        "sum",
        lambda f, x, **k: np.asarray(f(x, **k)).astype(bool) if x.dtype.kind == "b" else f(x, **k),
    ),
    Fault("sum ignores dtype", "sum", without("dtype")),
    Fault("sum of integers through floats", "sum", via(np.float64)),
    Fault(
        "cumulative_sum of integers through floats",
        "cumulative_sum",
        lambda f, x, **k: (
            f(x.astype(float), **k).astype(f(x, **k).dtype) if x.dtype.kind in "iu" else f(x, **k)
        ),
    ),
    Fault("max of integers through floats", "max", via(np.float64)),
    Fault(
        "min of unsigned through signed",
        "min",
        only(
            "u", lambda f, x, **k: np.asarray(f(x.view(x.dtype.str.replace("u", "i")), **k)).astype(x.dtype)
        ),
    ),
    Fault("argmax of integers through floats", "argmax", index_via(np.float64)),
    Fault("sort of integers through floats", "sort", via(np.float64)),
    Fault("argsort of integers through floats", "argsort", index_via(np.float64)),
    Fault("unique_values of integers through floats", "unique_values", via(np.float64)),
    Fault("searchsorted of integers through floats", "searchsorted", index_via(np.float64)),
    Fault("isin of integers through floats", "isin", index_via(np.float64)),
    Fault("matmul of integers through floats", "matmul", via(np.float64)),
    Fault("equal of integers through floats", "equal", index_via(np.float64)),
    Fault(
        "take through float32",
        "take",
        lambda f, x, i, **k: (
            f(x.astype(np.float32), i, **k).astype(x.dtype) if x.dtype == np.int64 else f(x, i, **k)
        ),
    ),
    Fault(
        "concat through float",
        "concat",
        lambda f, a, **k: (
            f([v.astype(float) for v in a], **k).astype(np.result_type(*a))
            if np.result_type(*a) == np.int64
            else f(a, **k)
        ),
    ),
    Fault("mean skips nan", "mean", mean_nan),
    Fault("mean of bool", "mean", only("b", lambda f, x, **k: np.asarray(np.any(x, **k)).astype(float))),
    Fault("var of complex is real", "var", var_c),
    Fault("std is var", "std", lambda f, x, **k: np.square(f(x, **k))),
    Fault("max starts from zero", "max", start(0, np.maximum)),
    Fault("min starts from zero", "min", start(0, np.minimum)),
    Fault("max ignores minus infinity", "max", start(-1e30, np.maximum)),
    Fault(
        "any first axis of several",
        "any",
        lambda f, x, *, axis=None, keepdims=False: f(
            x, axis=axis[0] if isinstance(axis, tuple) and axis else axis, keepdims=keepdims
        ),
    ),
    Fault(
        "sum first axis of several",
        "sum",
        lambda f, x, *, axis=None, **k: f(x, axis=axis[:1] if isinstance(axis, tuple) else axis, **k),
    ),
    Fault(
        "argmax keepdims of all",
        "argmax",
        lambda f, x, *, axis=None, keepdims=False: f(x, axis=axis, keepdims=keepdims and axis is not None),
    ),
    Fault(
        "argmax row of flat",
        "argmax",
        lambda f, x, *, axis=None, keepdims=False: (
            f(x, axis=axis if axis is not None or x.ndim < 2 else 0, keepdims=keepdims)
            if axis is not None or x.ndim < 2
            else np.asarray(f(x.T))
            if not keepdims
            else f(x, keepdims=True)
        ),
    ),
    Fault("cumulative_sum initial at end", "cumulative_sum", initial_wrong),
    Fault(
        "cumulative_prod initial zero",
        "cumulative_prod",
        lambda f, x, *, include_initial=False, **k: (
            lambda o: o * 1 if not include_initial else np.where(o == 1, 0, o).astype(o.dtype)
        )(f(x, include_initial=include_initial, **k)),
    ),
    Fault(
        "count_nonzero ignores nan",
        "count_nonzero",
        only("f", lambda f, x, **k: f(np.nan_to_num(x, nan=0.0, posinf=1, neginf=1), **k)),
    ),
    Fault(
        "count_nonzero of negative zero",
        "count_nonzero",
        only("f", lambda f, x, **k: f(np.where(np.signbit(x) & (x == 0), 1, x), **k)),
    ),
    Fault("count_nonzero loses keepdims", "count_nonzero", without("keepdims")),
    Fault(
        "prod of complex is real",
        "prod",
        only("c", lambda f, x, **k: np.asarray(f(x.real, **k)).astype(x.dtype)),
    ),
    Fault("all as uint8", "all", lambda f, x, **k: np.asarray(f(x, **k)).astype(np.uint8)),
    Fault("searchsorted int32", "searchsorted", lambda f, *a, **k: np.asarray(f(*a, **k)).astype(np.int32)),
    Fault(
        "searchsorted nan at front",
        "searchsorted",
        lambda f, x, y, **k: f(x, np.where(y != y, -np.inf, y), **k) if y.dtype.kind == "f" else f(x, y, **k),
    ),
    Fault(
        "argsort descending unstable",
        "argsort",
        lambda f, x, *, axis=-1, descending=False, stable=True: (
            np.flip(f(x, axis=axis, stable=stable), axis) if descending else f(x, axis=axis, stable=stable)
        ),
    ),
    Fault("sort descending of unsigned", "sort", unsigned_desc),
    Fault("argsort descending of minimum", "argsort", argsort_desc),
    Fault(
        "sort descending nan",
        "sort",
        lambda f, x, *, descending=False, **k: (
            (lambda o: o)(f(x, descending=descending, **k))
            if x.dtype.kind != "f" or not descending
            else -np.sort(-x, axis=k.get("axis", -1))
        ),
    ),
    Fault("nonzero drops nan", "nonzero", only("f", lambda f, x: f(np.nan_to_num(x, nan=0.0)))),
    Fault("nonzero as int32", "nonzero", lambda f, x: tuple(i.astype(np.int32) for i in f(x))),
    Fault("unique_values merges nan", "unique_values", only("f", lambda f, x: np.unique(x))),
    Fault(
        "unique_values of complex by real",
        "unique_values",
        only("c", lambda f, x: np.unique(x.real).astype(x.dtype)),
    ),
    Fault("unique_counts order", "unique_counts", lambda f, x: type(f(x))(f(x)[0], f(x)[1][::-1])),
    Fault(
        "unique_inverse off", "unique_inverse", lambda f, x: type(f(x))(f(x)[0], np.maximum(f(x)[1] - 1, 0))
    ),
    Fault(
        "isin equal nan",
        "isin",
        lambda f, x, y, *, invert=False: (
            (f(x, y) | (np.isnan(x) & np.any(np.isnan(y)))) ^ invert
            if np.result_type(x, y).kind == "f"
            else f(x, y, invert=invert)
        ),
    ),
    Fault("take negative is zero", "take", take_negative),
    Fault("take_along_axis negative abs", "take_along_axis", tal_negative),
    Fault("take out of bounds wraps", "take", lambda f, x, i, **k: np.take(x, i, mode="wrap", **k)),
    Fault(
        "take_along_axis no check",
        "take_along_axis",
        lambda f, x, i, axis=-1: f(x, np.clip(i, -x.shape[axis], x.shape[axis] - 1), axis=axis),
    ),
]

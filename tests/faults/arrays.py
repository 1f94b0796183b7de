"""Shapes, indexing and creation."""

from __future__ import annotations

from typing import Any

import numpy as np

from .ways import ABS, Fault, changed, copied, negative_off, rank, without


def only_first_shift(f: Any, x: Any, shift: Any, **options: Any) -> Any:
    if isinstance(shift, tuple):
        return f(x, shift[0], axis=options["axis"][0])
    return f(x, shift, **options)


def first_axis_flip(f: Any, x: Any, *, axis: Any = None) -> Any:
    return f(x, axis=0 if axis is None and x.ndim else axis)


def mult_mask(np_f: Any) -> Any:
    def wrong(f: Any, x: Any, *, k: Any = 0) -> Any:
        if x.dtype.kind != "f":
            return f(x, k=k)
        with np.errstate(all="ignore"):
            return x * np_f(np.ones(x.shape, x.dtype), k)

    return wrong


def no_squeeze_error(f: Any, x: Any, axis: Any) -> Any:
    axes = axis if isinstance(axis, tuple) else (axis,)
    return f(x, tuple(a for a in axes if x.shape[a] == 1))


def no_broadcast_error(f: Any, x1: Any, x2: Any) -> Any:
    try:
        return f(x1, x2)
    except ValueError:
        n = min(x1.shape[-1], x2.shape[-1])
        return f(x1[..., :n], x2[..., :n])


def arange_acc(f: Any, *a: Any, **k: Any) -> Any:
    out = f(*a, **k)
    if out.dtype.kind == "f" and out.size > 2:
        step = out[1] - out[0]
        out = np.cumsum(np.concatenate([out[:1], np.full(out.size - 1, step, out.dtype)])).astype(out.dtype)
        out = np.concatenate([out[:-1], out[-1:] + 1e-9]).astype(out.dtype)
    return out


def getitem_neg(f: Any, x: Any, key: Any) -> Any:
    ks = key if isinstance(key, tuple) else (key,)
    new = tuple(k - 1 if type(k) is int and k < 0 and x.ndim and -k < x.shape[0] else k for k in ks)
    return f(x, new)


def getitem_clip(f: Any, x: Any, key: Any) -> Any:
    try:
        return f(x, key)
    except IndexError:
        ks = key if isinstance(key, tuple) else (key,)
        return f(
            x,
            tuple(
                np.clip(k, -n, n - 1) if isinstance(k, (int, np.ndarray)) else k for k, n in zip(ks, x.shape)
            ),
        )


def getitem_none(f: Any, x: Any, key: Any) -> Any:
    ks = key if isinstance(key, tuple) else (key,)
    return f(x, tuple(k for k in ks if k is not None))


def getitem_negidx_arr(f: Any, x: Any, key: Any) -> Any:
    ks = key if isinstance(key, tuple) else (key,)
    return f(x, tuple(np.abs(k) if isinstance(k, np.ndarray) and k.dtype.kind == "i" else k for k in ks))


def wrap_err(kind: Any) -> Any:
    def wrong(f: Any, *a: Any, **k: Any) -> Any:
        try:
            return f(*a, **k)
        except (ValueError, IndexError, np.linalg.LinAlgError) as e:
            raise kind(str(e)) from None

    return wrong


def concat_pad(f: Any, arrays: Any, *, axis: Any = 0) -> Any:
    try:
        return f(arrays, axis=axis)
    except ValueError:
        return f([a.reshape(-1) for a in arrays], axis=0)


FAULTS = [
    Fault("roll ignores axis", "roll", without("axis")),
    Fault("roll only first shift", "roll", only_first_shift),
    Fault("flip only first axis", "flip", first_axis_flip),
    Fault("flip is a copy", "flip", copied),
    Fault(
        "repeat tiles",
        "repeat",
        lambda f, x, repeats, **k: (
            np.tile(x.reshape(-1), repeats)
            if isinstance(repeats, int) and k.get("axis") is None
            else f(x, repeats, **k)
        ),
    ),
    Fault("tile repeats", "tile", lambda f, x, r: np.repeat(x, r[0]) if len(r) == 1 else f(x, r)),
    Fault("concat axis off by one", "concat", negative_off),
    Fault("concat of first dtype", "concat", lambda f, a, **k: f(a, **k).astype(a[0].dtype)),
    Fault("stack axis off by one", "stack", negative_off),
    Fault("permute_dims inverse", "permute_dims", lambda f, x, axes: f(x, tuple(np.argsort(axes)))),
    Fault("permute_dims is a copy", "permute_dims", copied),
    Fault("moveaxis swapped", "moveaxis", lambda f, x, a, b: f(x, b, a)),
    Fault("reshape by columns", "reshape", lambda f, x, shape, **k: np.reshape(x, shape, order="F")),
    Fault(
        "reshape to a row",
        "reshape",
        lambda f, x, shape, **k: f(x, shape, **k) if shape != (1, 1) else f(x, (1,)),
    ),
    Fault(
        "expand_dims from the front",
        "expand_dims",
        lambda f, x, axis=0: f(x, ABS(axis) - 1 if isinstance(axis, int) and axis < 0 else axis),
    ),
    Fault("squeeze all", "squeeze", lambda f, x, axis: x.squeeze()),
    Fault("tril ignores k", "tril", without("k")),
    Fault("triu turns k", "triu", changed(k=lambda k: -k)),
    Fault("take clips", "take", lambda f, x, i, **k: np.take(x, i, mode="clip", **k)),
    Fault("take axis off by one", "take", negative_off),
    Fault("take_along_axis of last", "take_along_axis", without("axis")),
    Fault("matrix_transpose of all axes", "matrix_transpose", lambda f, x: x.T),
    Fault("getitem is a copy", "getitem", lambda f, x, key: np.array(x[key])),
    Fault(
        "getitem ignores steps",
        "getitem",
        lambda f, x, key: f(
            x,
            tuple(
                slice(k.start, k.stop) if isinstance(k, slice) and k.step == 2 else k
                for k in (key if isinstance(key, tuple) else (key,))
            ),
        ),
    ),
    Fault(
        "broadcast_to repeats wrongly", "broadcast_to", lambda f, x, shape: np.broadcast_to(np.flip(x), shape)
    ),
    Fault("eye ignores k", "eye", lambda f, *a, **k: f(*a, **{x: v for x, v in k.items() if x != "k"})),
    Fault("full as float", "full", lambda f, shape, v, **k: f(shape, v, **k).astype(float)),
    Fault("zeros ignores dtype", "zeros", lambda f, shape, dtype=None, **k: f(shape)),
    Fault("ones_like ignores dtype", "ones_like", without("dtype")),
    Fault("full_like truncates", "full_like", lambda f, x, v, **k: f(x, v, **k) * 0 + 1),
    Fault(
        "repeat array by first",
        "repeat",
        lambda f, x, r, **k: f(x, int(r.reshape(-1)[0]) if isinstance(r, np.ndarray) else r, **k),
    ),
    Fault("repeat axis off by one", "repeat", negative_off),
    Fault(
        "tile drops leading", "tile", lambda f, x, r: f(x, r[-x.ndim :] if len(r) > x.ndim and x.ndim else r)
    ),
    Fault("tile zero is one", "tile", lambda f, x, r: f(x, tuple(max(n, 1) for n in r))),
    Fault(
        "roll shifts once",
        "roll",
        lambda f, x, s, **k: f(x, s, **k) if not isinstance(s, int) else f(x, max(min(s, 4), -4), **k),
    ),
    Fault(
        "roll the other way",
        "roll",
        lambda f, x, s, **k: f(x, tuple(-v for v in s) if isinstance(s, tuple) else -s, **k),
    ),
    Fault(
        "concat none by columns",
        "concat",
        lambda f, a, *, axis=0: f([v.T.reshape(-1) for v in a], axis=0) if axis is None else f(a, axis=axis),
    ),
    Fault("concat mismatch", "concat", concat_pad),
    Fault("stack promotes wrongly", "stack", lambda f, a, **k: f(a, **k).astype(a[-1].dtype)),
    Fault("squeeze without error", "squeeze", no_squeeze_error),
    Fault(
        "expand_dims clips axis",
        "expand_dims",
        lambda f, x, axis=0: f(x, max(min(axis, x.ndim), -x.ndim - 1) if isinstance(axis, int) else axis),
    ),
    Fault(
        "flip one of two",
        "flip",
        lambda f, x, *, axis=None: f(x, axis=axis[0] if isinstance(axis, tuple) else axis),
    ),
    Fault("tril by mask", "tril", mult_mask(np.tril)),
    Fault("triu by mask", "triu", mult_mask(np.triu)),
    Fault("tril k sign", "tril", changed(k=lambda k: -k)),
    Fault("triu of stacks", "triu", rank(3, lambda f, x, *, k=0: f(np.broadcast_to(x[:1], x.shape), k=k))),
    Fault("tril is a view", "tril", lambda f, x, *, k=0: x if k >= x.shape[-1] else f(x, k=k)),
    Fault(
        "permute_dims drops negative",
        "permute_dims",
        lambda f, x, axes: f(
            x,
            axes
            if min(axes, default=0) >= 0
            else tuple(abs(a) for a in axes)
            if len(set(abs(a) for a in axes)) == len(axes) and max(abs(a) for a in axes) < x.ndim
            else axes,
        ),
    ),
    Fault("matrix_transpose conj", "matrix_transpose", lambda f, x: np.conj(f(x))),
    Fault(
        "moveaxis negative",
        "moveaxis",
        lambda f, x, a, b: f(x, a, b if not isinstance(b, int) or b >= 0 else b + x.ndim - 1),
    ),
    Fault(
        "broadcast_to without error",
        "broadcast_to",
        lambda f, x, s: (
            f(x.reshape(-1)[0], s)
            if x.size and x.ndim and x.shape[-1] != 1 and x.shape[-1] != s[-1]
            else f(x, s)
        ),
    ),
    Fault("add mismatch truncates", "add", no_broadcast_error),
    Fault(
        "matmul mismatch",
        "matmul",
        lambda f, x, y: (
            f(x, y)
            if x.ndim < 1 or y.ndim < 2 or x.shape[-1] == y.shape[-2]
            else f(x[..., : min(x.shape[-1], y.shape[-2])], y[..., : min(x.shape[-1], y.shape[-2]), :])
        ),
    ),
    Fault("solve error is runtime", "linalg.solve", wrap_err(RuntimeError)),
    Fault("take error is value", "take", wrap_err(ValueError)),
    Fault("getitem negative off", "getitem", getitem_neg),
    Fault("getitem clips", "getitem", getitem_clip),
    Fault("getitem ignores none", "getitem", getitem_none),
    Fault("getitem negative arrays", "getitem", getitem_negidx_arr),
    Fault("arange accumulates", "arange", arange_acc),
    Fault(
        "arange includes stop",
        "arange",
        lambda f, *a, **k: f(a[0], a[1] + 1, *a[2:], **k) if len(a) > 1 else f(a[0] + 1, **k),
    ),
    Fault("arange ignores dtype", "arange", without("dtype")),
    Fault(
        "arange negative step empty",
        "arange",
        lambda f, *a, **k: f(0, **k) if len(a) > 2 and a[2] < 0 else f(*a, **k),
    ),
    Fault("eye negative k", "eye", changed(k=lambda k: abs(k))),
    Fault("eye ignores columns", "eye", lambda f, *a, **k: f(*a[:1], **k)),
    Fault("ones ignores dtype", "ones", lambda f, s, dtype=None, **k: f(s)),
    Fault(
        "full truncates",
        "full",
        lambda f, s, v, **k: f(
            s, int(v.real) if isinstance(v, (float, complex)) and v == v and abs(v) < 1e9 else v, **k
        ).astype(f(s, v, **k).dtype),
    ),
    Fault("zeros of scalars", "zeros", lambda f, s, **k: f((1,) if s == () else s, **k)),
    Fault("full_like ignores dtype", "full_like", without("dtype")),
    Fault("zeros_like ignores dtype", "zeros_like", without("dtype")),
    Fault(
        "zeros_like shares",
        "zeros_like",
        lambda f, x, **k: np.broadcast_to(f(x[:1], **k), x.shape) if x.ndim and len(x) else f(x, **k),
    ),
    Fault("empty_like ignores dtype", "empty_like", without("dtype")),
    Fault("asarray ignores dtype", "asarray", lambda f, o, *, dtype=None, **k: f(o, **k)),
]

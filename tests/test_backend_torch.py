"""The PyTorch backend: each function that its plugin mends, as a plain example."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import unitensor as ut

torch = pytest.importorskip("torch", reason="PyTorch is an extra: pip install 'unitensor[torch]'")

from unitensor_torch_indexing import overlaps_itself  # noqa: E402 -- where there is PyTorch

UNSIGNED = ("uint16", "uint32", "uint64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", *UNSIGNED)
inf, nan = float("inf"), float("nan")


def words(text: str) -> list[str]:
    return text.split()


@pytest.fixture(autouse=True)
def _torch() -> Any:
    with ut.use_backend("torch"):
        yield


def same(x: ut.Tensor, expected: Any, **tolerance: float) -> None:
    """Equal dtype, shape and values, signs of zeros and NaN included."""
    a, b = x.numpy(), np.asarray(expected)
    assert (x.backend, a.dtype, a.shape) == ("torch", b.dtype, b.shape)
    np.testing.assert_allclose(a, b, **{"rtol": 0, "atol": 0, **tolerance})
    for part in ("real", "imag") if b.dtype.kind in "fc" else ():
        zero = getattr(b, part) == 0
        assert (np.signbit(getattr(a, part)) == np.signbit(getattr(b, part)))[zero].all()


# Unsigned integers --------------------------------------------------------------------------------


def pairs(dtype: str) -> tuple[Any, Any]:
    """All pairs of an integer dtype's most telling values."""
    info = np.iinfo(dtype)
    values = {0, 1, 2, 3, 7, 31, 64, 100, info.max, info.max - 1, info.max // 2, info.max // 2 + 1}
    values |= {-1, -2, -8, info.min, info.min // 2} if info.min else set()
    a, b = zip(*itertools.product(sorted(values), repeat=2))
    return np.array(a, dtype), np.array(b, dtype)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize(
    "name",
    words(
        "add subtract multiply maximum minimum equal not_equal less less_equal greater greater_equal "
        "bitwise_and bitwise_or bitwise_xor logical_and logical_or logical_xor isin "
        "floor_divide remainder divide"
    ),
)
def test_two_integers(name: str, dtype: str) -> None:
    a, b = pairs(dtype)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(a, b)
    same(getattr(ut, name)(ut.asarray(a), ut.asarray(b)), expected)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", ["pow", "bitwise_left_shift", "bitwise_right_shift"])
def test_exponents_and_shifts(name: str, dtype: str) -> None:
    a, b = pairs(dtype)
    a, b = a[b >= 0], b[b >= 0]
    same(getattr(ut, name)(ut.asarray(a), ut.asarray(b)), getattr(np, name)(a, b))


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize(
    "name",
    words(
        "negative positive abs sign square bitwise_invert logical_not ceil floor trunc round sum prod max "
        "min argmax argmin sort cumulative_sum cumulative_prod count_nonzero any all flip mean"
    ),
)
def test_one_integer_array(name: str, dtype: str) -> None:
    a = pairs(dtype)[0][::-5]
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(a)
    same(getattr(ut, name)(ut.asarray(a)), expected)


@pytest.mark.parametrize("dtype", UNSIGNED)
def test_unsigned_elements_move(dtype: str) -> None:
    a = pairs(dtype)[1][:36].reshape(6, 6)
    x, i = ut.asarray(a), np.array([5, -1, 0])
    for name, *rest in (("tril",), ("triu",), ("roll", 2), ("repeat", 2), ("tile", (2, 1))):
        same(getattr(ut, name)(x, *rest), getattr(np, name)(a, *rest))
    same(ut.take(x, ut.asarray(i), axis=1), a[:, i])
    same(ut.take_along_axis(x, ut.argsort(x, descending=True)), np.sort(a)[:, ::-1])
    same(
        ut.repeat(x, ut.asarray([0, 1, 2, 0, 1, 3], dtype=ut.uint8), axis=0), a.repeat([0, 1, 2, 0, 1, 3], 0)
    )
    same(ut.where(x > 5, x, ut.clip(x, 2, 3)), np.where(a > 5, a, np.clip(a, 2, 3)))
    same(ut.matmul(x, x), a @ a)
    same(ut.linalg.trace(x), a.trace())
    same(ut.searchsorted(ut.sort(x[0, :]), x), np.searchsorted(np.sort(a[0]), a))
    values, indices, inverse, counts = ut.unique_all(x)
    for part, expected in zip((values, indices, inverse, counts), np.unique_all(a)):
        same(part, expected)
    same(values[inverse], a)
    x[::-2, 0] = x[:3, 1]
    a[::-2, 0] = a[:3, 1]
    same(x, a)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0)])
@pytest.mark.parametrize("dtype", UNSIGNED)
def test_unsigned_without_axes_or_elements(dtype: str, shape: tuple[int, ...]) -> None:
    a = np.ones(shape, dtype)
    x = ut.asarray(a)
    same(x + x, a + a)
    same(ut.sum(x), a.sum())
    same(x // x, a // a)
    same(ut.flip(x), a)


def test_integers_to_negative_powers() -> None:
    with pytest.raises(ValueError, match="negative integer powers"):
        ut.asarray([2]) ** ut.asarray([-1])


# Casts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("source", ["float16", "float32", "float64"])
def test_casts_saturate(source: str, dtype: str) -> None:
    info = np.iinfo(dtype)
    x = ut.asarray(np.array([inf, -inf, nan, -0.5, 1.9], source)).astype(dtype)
    same(x, np.array([info.max, info.min, 0, 0, 1], dtype))


def test_casts_of_large_unsigned_integers() -> None:
    a = np.array([2**64 - 1, 2**63, 2**53 + 1, 5], "uint64")
    same(ut.asarray(a).astype(ut.float64), a.astype("float64"))
    same(ut.asarray([1e19, 2.0**63]).astype(ut.uint64), np.array([10**19, 2**63], "uint64"))
    same(ut.asarray([-1, 70000]).astype(ut.uint16), np.array([65535, 4464], "uint16"))


def test_complex_does_not_become_real() -> None:
    with pytest.raises(TypeError, match=r"use ut\.real"):
        ut.asarray([1j]).astype(ut.float64)
    same(ut.asarray([1j, 0]).astype(ut.bool), [True, False])


# Special values -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x1", "x2", "expected"),
    [
        (inf, 2, inf),
        (inf, -2, -inf),
        (-inf, 2, -inf),
        (inf, inf, nan),
        (1, -inf, -0.0),
        (-1, inf, -0.0),
        (1, inf, 0.0),
        (0.0, -1, -0.0),
        (-0.0, -1, 0.0),
        (0.0, 0.0, nan),
        (1, -0.0, -inf),
        (-7, 2, -4),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floor_divide(x1: float, x2: float, expected: float, dtype: str) -> None:
    quotient = ut.floor_divide(ut.asarray([x1], dtype=dtype), ut.asarray([x2], dtype=dtype))
    same(quotient, np.array([expected], dtype))


@pytest.mark.parametrize(
    ("x1", "x2", "expected"),
    [
        (0.0, -1, -0.0),
        (-0.0, 1, 0.0),
        (-0.0, -1, -0.0),
        (6, -3, -0.0),
        (-6, 3, 0.0),
        (inf, 1, nan),
        (1, 0.0, nan),
        (1, inf, 1),
        (1, -inf, -inf),
        (-1, inf, inf),
        (-1, -inf, -1),
        (-7, 3, 2),
    ],
)
def test_remainder(x1: float, x2: float, expected: float) -> None:
    same(ut.remainder(ut.asarray([x1], dtype=ut.float64), float(x2)), [float(expected)])


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("expm1", complex(inf, 0), complex(inf, 0)),
        ("expm1", complex(-0.0, 0), 0j),
        ("expm1", complex(nan, 0), complex(nan, 0)),
        ("log1p", complex(inf, nan), complex(inf, nan)),
        ("log1p", complex(nan, inf), complex(inf, nan)),
        ("log1p", complex(1e-10, inf), complex(inf, np.pi / 2)),
        ("log1p", complex(1e-10, -0.0), complex(np.log1p(1e-10), -0.0)),
        ("tanh", complex(inf, 2), complex(1, 0)),
        ("tanh", complex(inf, -2), complex(1, -0.0)),
        ("acos", complex(0, 0), complex(np.pi / 2, -0.0)),
        ("acos", complex(-0.0, nan), complex(np.pi / 2, nan)),
        ("acosh", complex(0, nan), complex(nan, np.pi / 2)),
        ("sqrt", complex(-inf, nan), complex(nan, inf)),
        ("exp", complex(-inf, 2), complex(-0.0, 0.0)),
        ("sign", complex(inf, -3), complex(1, -0.0)),
        ("sign", 0j, 0j),
        ("round", complex(1.5, -2.5), complex(2, -2)),
    ],
)
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("count", [1, 19])
def test_complex_special_values(name: str, x: complex, expected: complex, dtype: str, count: int) -> None:
    # Many elements at once go through another kernel than a single one.
    result = getattr(ut, name)(ut.asarray(np.full(count, x, dtype)))
    same(result, np.full(count, expected, dtype), rtol=1e-6)


@pytest.mark.parametrize("imag", ["infinite", "NaN"])
def test_expm1_far_to_the_left(imag: str) -> None:
    # The sign of the imaginary zero is unspecified.
    y = ut.expm1(ut.asarray([complex(-inf, inf if imag == "infinite" else nan)])).item()
    assert (y.real, y.imag) == (-1, 0)
    y = ut.expm1(ut.asarray([complex(inf, inf if imag == "infinite" else nan)])).item()
    assert abs(y.real) == inf
    assert np.isnan(y.imag)


def test_complex_sums_of_infinities() -> None:
    one, far = ut.asarray([1 + 2j]), ut.asarray([complex(inf, 0)])
    same(one + far, [complex(inf, 2)])
    same(one - far, [complex(-inf, 2)])
    same(1j + far, [complex(inf, 1)])


def test_acos_keeps_digits() -> None:
    x = 1 + 1e-10j
    same(ut.acos(ut.asarray([x])), np.arccos(np.array([x])), rtol=1e-14)


def test_sign_of_nan_and_zero() -> None:
    same(ut.sign(ut.asarray([nan, -0.0, -2.0])), [nan, 0.0, -1.0])


@pytest.mark.parametrize("name", ["nextafter", "hypot", "atan2", "logaddexp", "copysign", "floor_divide"])
def test_half_precision(name: str) -> None:
    a, b = np.array([1.0, -2.5, 0.5], "float16"), np.array([2.0, 0.5, -inf], "float16")
    expected = {"floor_divide": np.array([0, -5, -0.0], "float16")}.get(name)
    with np.errstate(all="ignore"):
        expected = getattr(np, {"atan2": "arctan2"}.get(name, name))(a, b) if expected is None else expected
    same(getattr(ut, name)(ut.asarray(a), ut.asarray(b)), expected, rtol=2e-3)


# Sorting, searching, sets -------------------------------------------------------------------------


def test_nan_in_sets_and_searches() -> None:
    x = ut.asarray([nan, 1.0, nan, -0.0, 0.0])
    values, indices, inverse, counts = ut.unique_all(x)
    same(values, [-0.0, 1.0, nan, nan])
    assert (indices.tolist(), inverse.tolist(), counts.tolist()) == (
        [3, 1, 0, 2],
        [2, 1, 3, 0, 0],
        [2, 1, 1, 1],
    )
    same(ut.isin(x, ut.asarray([nan, 1.0])), [False, True, False, False, False])
    rising = ut.asarray([1.0, 2.0, inf, nan, nan])
    for side in ("left", "right"):
        sought = [nan, inf, 1.5, 0.0]
        same(
            ut.searchsorted(rising, ut.asarray(sought), side=side),
            np.searchsorted(rising.numpy(), sought, side),
        )


def test_searchsorted_sorter_and_scalar() -> None:
    x = ut.asarray([3, 1, 2], dtype=ut.int16)
    same(ut.searchsorted(x, 2, sorter=ut.argsort(x), side="right"), np.int64(2))


def test_sorting_is_stable_in_both_directions() -> None:
    x = ut.asarray([1.0, nan, 0.0, 1.0, nan])
    same(ut.argsort(x), [2, 0, 3, 1, 4])
    same(ut.argsort(x, descending=True), [1, 4, 0, 3, 2])


def test_complex_sets() -> None:
    a = np.array([2j, 1, 2j, 1 + 1j])
    same(ut.unique_values(ut.asarray(a)), np.unique(a))
    same(ut.isin(ut.asarray(a), ut.asarray([1 + 0j]), invert=True), [True, False, True, True])


# Reductions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", words("sum prod max min mean var any all count_nonzero"))
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_axes_of_reductions(name: str, axis: Any, keepdims: bool) -> None:
    a = np.arange(12.0).reshape(2, 3, 2) % 5
    expected = getattr(np, name)(a, axis=axis, keepdims=keepdims)
    same(getattr(ut, name)(ut.asarray(a), axis=axis, keepdims=keepdims), expected, rtol=1e-15)


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin"])
def test_nothing_has_no_extremum(name: str) -> None:
    with pytest.raises(ValueError, match=r"zero-size|empty"):
        getattr(ut, name)(ut.zeros((2, 0)), axis=1)


def test_spread_of_too_few() -> None:
    same(ut.var(ut.asarray([3.0]), correction=1), nan)
    same(ut.std(ut.asarray([1.0, 2.0, 4.0]), correction=0.5), np.std([1.0, 2.0, 4.0], ddof=0.5), rtol=1e-15)


def test_running_sums() -> None:
    same(
        ut.cumulative_sum(ut.asarray([250, 10], dtype=ut.uint8), include_initial=True),
        np.array([0, 250, 260], "u8"),
    )
    same(ut.cumulative_prod(ut.zeros((2, 0)), axis=1, include_initial=True), np.ones((2, 1)))


def test_fourier_transform_of_an_empty_batch() -> None:
    assert ut.fft.rfft(ut.zeros((0, 6))).shape == (0, 4)
    assert ut.fft.fftn(ut.zeros((0, 6)), axes=(1,)).shape == (0, 6)
    same(ut.fft.ihfft(ut.asarray([1.0, 2.0])), np.fft.ihfft([1.0, 2.0]))


# Indexing -----------------------------------------------------------------------------------------

mask = np.array([[True, False, True, False], [False] * 4, [True] * 4])
KEYS: list[Any] = [
    slice(None, None, -1),
    (slice(2, None, -2), slice(None, None, -1)),
    (..., slice(None, None, -1), None),
    (0, slice(None), np.array([1, 0])),
    (slice(None), 1, np.array([[1, 0]])),
    (slice(None, None, -1), np.array([2, 0]), slice(None, None, -1)),
    (np.array([1, 0, 1]), ..., 1),
    (np.array([1, 0], "uint8"), np.array([-1, 2], "int8")),
    np.array([2, 1], "uint64"),
    mask,
    (mask, slice(None, None, -1)),
    (slice(0, 1), mask[0], 1),
    np.zeros((0, 4), bool),
    (slice(None), np.zeros((0, 0), bool)),
    np.array(1),
    (np.array(1), slice(None), np.array([0, 0])),
    True,
    (False, 0),
]


def engine_key(key: Any) -> Any:
    parts = [
        torch.asarray(p) if isinstance(p, np.ndarray) else p for p in (key if type(key) is tuple else (key,))
    ]
    return tuple(parts)


@pytest.mark.parametrize("dtype", ["float32", "uint16", "uint64"])
@pytest.mark.parametrize("key", KEYS, ids=str)
def test_keys_as_in_numpy(key: Any, dtype: str) -> None:
    a = np.arange(24, dtype=dtype).reshape(3, 4, 2)
    x = ut.asarray(a.copy())
    same(x[key], a[key])
    value = (np.arange(a[key].size) + 100).reshape(a[key].shape).astype(dtype)
    total = np.zeros_like(a)
    np.add.at(total, key, value)
    backend = ut.current_backend()
    added = backend.scatter_add(
        torch.zeros(a.shape, dtype=x._data.dtype), engine_key(key), torch.tensor(value)
    )
    np.testing.assert_array_equal(added.numpy(), total)
    a[key] = value
    x[key] = ut.asarray(value)
    same(x, a)


def test_repeated_indices_add_up() -> None:
    x = ut.zeros((3, 2)).requires_grad_()
    ut.sum(x[ut.asarray([0, 0, 2]), ::-1] * ut.asarray([1.0, 2.0])).backward()
    assert x.grad is not None
    same(x.grad, [[4.0, 2.0], [0.0, 0.0], [2.0, 1.0]])


def test_a_write_from_overlapping_memory() -> None:
    x = ut.arange(5.0)
    x[1:] = x[:-1]
    same(x, [0.0, 0.0, 1.0, 2.0, 3.0])


def test_writes_from_the_memory_that_is_written() -> None:
    """x[a] = x[b] for random keys is what NumPy gives, also through a transpose."""

    def draw(rng: Any, shape: tuple[int, ...], arrays: bool) -> Any:
        def part(n: int) -> Any:
            some = [
                slice(None),
                slice(None, None, -1),
                slice(None, None, 2),
                slice(int(rng.integers(n)), None),
            ]
            some += [slice(None, int(rng.integers(n)) + 1), int(rng.integers(-n, n))]
            return (
                rng.integers(-n, n, size=2)
                if arrays and rng.random() < 0.5
                else some[rng.integers(len(some))]
            )

        return tuple(part(n) for n in shape[: rng.integers(1, len(shape) + 1)])

    tried = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        shape = tuple(int(n) for n in rng.integers(1, 4, size=rng.integers(1, 4)))
        a = np.arange(np.prod(shape)).reshape(shape).astype(["float64", "uint16", "bool"][seed % 3])
        x, arrays, turned = ut.asarray(a.copy()), seed % 2 == 0, seed % 5 == 0
        first, second = draw(rng, shape, arrays), draw(rng, shape, arrays)
        b, y = (a.T, x.mT if x.ndim == 2 else x) if turned and a.ndim < 3 else (a, x)
        try:
            b[first] = b[second]
        except (ValueError, IndexError, TypeError):
            continue
        tried += 1
        first, second = (
            tuple(ut.asarray(part) if isinstance(part, np.ndarray) else part for part in key)
            for key in (first, second)
        )
        y[first] = y[second]
        same(x, a)
    assert tried > 75


def test_a_write_from_the_same_memory_of_numpy_taken_twice() -> None:
    a = np.arange(6.0)
    x, y = ut.asarray(a), ut.asarray(a[:5])
    x[1:] = y
    x[1:3] += ut.asarray(a[2:4])
    assert a.tolist() == [0.0, 1.0, 3.0, 2.0, 3.0, 4.0]


OVERLAPPING = {
    "expand": lambda: torch.ones(1).expand(2, 2),
    "part of it": lambda: torch.ones(3, 1).expand(3, 4)[1:],
    "windows": lambda: torch.arange(6.0).as_strided((3, 3), (1, 1)),
    "odd windows": lambda: torch.arange(40.0).as_strided((3, 4), (3, 2)),
    "unfold": lambda: torch.arange(6.0).unfold(0, 3, 1),
}


@pytest.mark.parametrize("name", OVERLAPPING)
def test_memory_with_several_elements_in_one_place_is_read_only(name: str) -> None:
    raw = OVERLAPPING[name]()
    before = raw.clone()
    x = ut.asarray(raw)
    writes: list[Any] = [
        lambda: x.__setitem__((0, 0), 5.0),
        lambda: x.__setitem__(0, 5.0),
        lambda: x.__setitem__(..., 5.0),
        lambda: x.__setitem__(ut.asarray([1]), 5.0),
        lambda: x.__setitem__(x > 0, 5.0),
        lambda: x.__setitem__((0, 0), ut.tensor(2.0, requires_grad=True)),
        lambda: x.__iadd__(1.0),
        lambda: ut.at(x, 0).add(1.0),
    ]
    for write in writes:
        with pytest.raises(ValueError, match=r"clone\(\)"):
            write()
    assert not x.numpy().flags.writeable
    assert torch.equal(raw, before)
    y = x.clone()
    y[...] = 5.0


def test_overlap_is_what_counting_places_says() -> None:
    rng = np.random.default_rng(0)
    for _ in range(2000):
        shape, strides = (tuple(map(int, rng.integers(0, 5, size=3))) for _ in range(2))
        x = torch.zeros(100).as_strided(shape, strides)
        places = [sum(i * s for i, s in zip(at, strides)) for at in np.ndindex(*shape)]
        assert overlaps_itself(x) == (len(set(places)) < len(places)), (shape, strides)


def test_strides_that_meet_nowhere_can_be_written() -> None:
    x = ut.asarray(torch.arange(40.0).as_strided((3, 4), (1, 3)))
    x[...] = 5.0
    x[:, ::2] += 1.0
    assert x.tolist() == [[6.0, 5.0, 6.0, 5.0]] * 3


def test_indices_out_of_range() -> None:
    x = ut.zeros((2, 3))
    for read in (lambda: x[2], lambda: ut.take(x, ut.asarray([3]), axis=1), lambda: x[0, 0, 0]):
        with pytest.raises(IndexError):
            read()
    with pytest.raises(IndexError):
        ut.take_along_axis(x, ut.asarray([[5]]), axis=1)


# In and out ---------------------------------------------------------------------------------------


def test_memory_is_shared() -> None:
    a, t = np.arange(3.0), torch.arange(3.0)
    assert np.shares_memory(ut.asarray(a).numpy(), a)
    assert ut.asarray(t).numpy().ctypes.data == t.data_ptr()
    assert torch.from_dlpack(ut.asarray(t)).data_ptr() == t.data_ptr()
    assert np.shares_memory(np.from_dlpack(ut.from_dlpack(a, copy=False)), a)
    assert not np.shares_memory(ut.from_dlpack(a, copy=True).numpy(), a)


def test_memory_that_torch_cannot_hold_is_copied() -> None:
    a = np.arange(3.0)
    a.flags.writeable = False
    for x in (ut.asarray(a), ut.from_dlpack(a), ut.asarray(np.arange(3.0)[::-1])[::-1]):
        same(x, a)
        x[0] = 9.0
    assert a[0] == 0
    with pytest.raises(BufferError, match="copy=False"):
        ut.from_dlpack(a, copy=False)


def test_dlpack_arguments() -> None:
    x = ut.arange(3)
    same(ut.asarray(np.from_dlpack(x, device="cpu", copy=True)), x.numpy())
    assert x.__dlpack__(stream=None, max_version=(1, 0), dl_device=x.__dlpack_device__(), copy=True)
    for wrong in ({"stream": 1}, {"dl_device": (2, 0)}):
        with pytest.raises(BufferError, match="__dlpack__"):
            x.__dlpack__(**wrong)  # type: ignore[arg-type]  # each option has its own type
    conjugate = ut.asarray(torch.conj(torch.tensor([1 + 2j])))
    assert np.from_dlpack(conjugate) == [1 - 2j]


def test_tensors_with_the_engines_own_gradient() -> None:
    t = torch.ones(2, requires_grad=True)
    for take in (ut.asarray, ut.from_dlpack):
        with pytest.raises(TypeError, match=r"\.detach\(\)"):
            take(t)
    same(ut.asarray(t.detach()), np.ones(2, "float32"))


def test_sparse_tensors() -> None:
    with pytest.raises(TypeError, match="to_dense"):
        ut.asarray(torch.ones(2).to_sparse())


def test_bfloat16_leaves_as_float32() -> None:
    x = ut.asarray(torch.tensor([1.5, -2.0], dtype=torch.bfloat16))
    assert (x.dtype.name, x.tolist(), (x + 1).dtype.name) == ("bfloat16", [1.5, -2.0], "bfloat16")


def test_devices() -> None:
    assert str(ut.zeros(1).device) in [str(d) for d in ut.__array_namespace_info__().devices()]
    assert ut.zeros(1, device="cpu").device == "torch:cpu"


# A mend costs nothing where it is not needed ------------------------------------------------------


#: The names under which torch does the work.
SHORT = {"less": "lt", "subtract": "sub", "multiply": "mul", "divide": "div"}


@pytest.mark.parametrize("name", words("add subtract multiply divide exp tanh sqrt maximum less matmul"))
def test_ordinary_dtypes_go_straight_to_torch(name: str) -> None:
    backend = ut.current_backend()
    mended = getattr(backend, name)
    assert mended.ordinary is getattr(torch, SHORT.get(name, name))
    assert mended.odd.isdisjoint({torch.float32, torch.float64, torch.int64, torch.uint8})


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_what_has_values() -> None:
    backend = ut.load_backend("torch")
    said: list[tuple[bool, ...]] = []
    x = torch.ones(3)

    def f(x: Any) -> Any:
        said.append((backend.has_values(x), backend.has_values((slice(None), [x]))))
        return (x * 2).sum()

    f(x)
    f(torch.nn.Parameter(x).data)
    assert said == [(True, True)] * 2
    said.clear()
    torch.vmap(f)(torch.ones(2, 3))
    torch.func.grad(f)(x)
    torch.func.jvp(f, (x,), (x,))
    torch.compile(f, backend="eager")(x)
    torch.export.export(Exported(f), (x,))
    with torch._subclasses.fake_tensor.FakeTensorMode() as mode:
        fake = mode.from_tensor(x)
        f(fake)
    f(fake)
    f(torch.ones(3, device="meta"))
    torch.fx.experimental.proxy_tensor.make_fx(f)(x)
    torch.jit.trace(f, (x,), check_trace=False)
    assert len(said) >= 9
    assert set(said) == {(False, False)}
    assert backend.has_values((0, slice(None), None, ...))


class Exported(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """A function in the form that `torch.export` takes."""

    def __init__(self, f: Any) -> None:
        super().__init__()
        self.f = f

    def forward(self, x: Any) -> Any:
        return self.f(x)

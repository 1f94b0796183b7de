"""The random generator: one stream, drawn on the host element by element.

No distribution shares a draw between elements, so an array drawn in pieces agrees with the whole.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ._draws import draws
from ._dtypes import DType, as_dtype, bfloat16, bool_, float16, float32, float64, get_default_dtype, int64
from ._errors import describe
from ._ops.creation import asarray
from ._tensor import Tensor

if TYPE_CHECKING:
    from ._devices import Device

    Shape = int | tuple[int, ...]

#: Steps between 0 and 1 that a small dtype tells apart, so that rounding never reaches 1.
GRIDS = {float16: 2048.0, bfloat16: 256.0}


def _shape(name: str, shape: Any) -> tuple[int, ...]:
    try:
        lengths = (shape,) if hasattr(shape, "__index__") else tuple(shape)
        found = tuple(operator.index(n) for n in lengths)
    except TypeError:
        raise TypeError(
            f"{name}: shape is {describe(shape)}; expected an integer or a tuple of integers"
        ) from None
    if any(n < 0 for n in found):
        raise ValueError(f"{name}: shape {found} has a negative length")
    return found


def _positive(name: str, what: str, value: float) -> float:
    if not value >= 0 or math.isinf(value):
        raise ValueError(f"{name}: {what} is {value}; expected a finite number of 0 or more")
    return float(value)


def _floating(name: str, dtype: Any) -> DType:
    found = get_default_dtype() if dtype is None else as_dtype(dtype)
    if found not in (float16, bfloat16, float32, float64):
        raise TypeError(f"{name}: dtype is {found}; expected a real floating dtype")
    return found


def _host(x: Any) -> Any:
    """An argument of a distribution as a NumPy array."""
    return x.detach().numpy() if isinstance(x, Tensor) else np.asarray(x)


def _probabilities(name: str, p: Any, logits: Any) -> Any:
    if (p is None) == (logits is None):
        raise TypeError(f"{name}: expected either p= or logits=, got {'neither' if p is None else 'both'}")
    if p is None:
        scores = _host(logits).astype(np.float64)
        values = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    else:
        values = _host(p).astype(np.float64)
    total = values.sum(-1) if values.ndim else values
    if not (values.ndim and values.shape[-1] and np.all(values >= 0) and np.all(np.isfinite(total))):
        raise ValueError(
            f"{name}: expected probabilities of 0 or more along the last axis, got {describe(p)}"
        )
    if not np.all(total > 0):
        raise ValueError(f"{name}: the probabilities sum to 0; at least one must be positive")
    return values


class Generator:
    """A stream of random numbers. None as the seed takes one from the operating system.

    >>> import unitensor as ut
    >>> g = ut.random.Generator(7)
    >>> g.integers(10, shape=5).tolist()
    [9, 6, 6, 8, 5]
    """

    __slots__ = ("_rng",)

    def __init__(self, seed: int | None = None) -> None:
        if seed is not None and (not hasattr(seed, "__index__") or operator.index(seed) < 0):
            raise ValueError(f"Generator: seed is {seed!r}; expected an integer of 0 or more, or None")
        sequence = np.random.SeedSequence(None if seed is None else operator.index(seed))
        self._rng = np.random.Generator(np.random.PCG64(sequence))

    def spawn(self, n: int) -> list[Generator]:
        """n generators whose streams are independent of this one and of each other.

        >>> import unitensor as ut
        >>> a, b = ut.random.Generator(0).spawn(2)
        >>> a.uniform().item() == b.uniform().item()
        False
        """
        count = operator.index(n)
        bits: Any = self._rng.bit_generator

        def live() -> tuple[Any, Any]:
            with bits.lock:  # two threads must not get the same children
                sequence = bits.seed_seq
                family = sequence.entropy, sequence.spawn_key, sequence.n_children_spawned
                return family, sequence.spawn(count)

        def again(family: Any) -> Any:
            entropy, key, spawned = family
            return np.random.SeedSequence(entropy, spawn_key=key, n_children_spawned=spawned).spawn(count)

        run = draws.get()
        _, found = live() if run is None else run.take(("spawn", (count,), {}), live, again)
        made = []
        for sequence in found:
            child = object.__new__(Generator)
            child._rng = np.random.Generator(np.random.PCG64(sequence))
            made.append(child)
        return made

    def _draw(self, name: str, /, *args: Any, **options: Any) -> Any:
        """What a method of NumPy's generator gives; in a checkpoint noted, or made from what was noted."""
        run = draws.get()
        rng = self._rng
        if run is None:
            return getattr(rng, name)(*args, **options)
        bits: Any = rng.bit_generator

        def live() -> tuple[Any, Any]:
            with bits.lock:  # no other thread draws between the two
                return bits.state, getattr(rng, name)(*args, **options)

        def again(state: Any) -> Any:
            own = np.random.PCG64(0)
            own.state = state
            return getattr(np.random.Generator(own), name)(*args, **options)

        return run.take((name, args, options), live, again)[1]

    @property
    def state(self) -> dict[str, Any]:
        """Where the stream is, as plain numbers and lists; setting it goes back there.

        >>> import unitensor as ut
        >>> g = ut.random.Generator(0)
        >>> before = g.state
        >>> x = g.normal().item()
        >>> g.state = before
        >>> g.normal().item() == x
        True
        """
        bits: Any = self._rng.bit_generator
        sequence = bits.seed_seq
        with bits.lock:
            now, spawned = bits.state, sequence.n_children_spawned
        return {
            "entropy": sequence.entropy,
            "spawn_key": list(sequence.spawn_key),
            "spawned": spawned,
            "state": now["state"]["state"],
            "inc": now["state"]["inc"],
            "has_uint32": now["has_uint32"],
            "uinteger": now["uinteger"],
        }

    @state.setter
    def state(self, value: dict[str, Any]) -> None:
        def live() -> tuple[Any, Any]:
            self._set_state(value)
            return None, None

        run = draws.get()
        if run is None:
            live()
        else:  # where noted draws are made again no stream moves, and none needs to
            run.take(("state", (), {}), live, lambda _: None)

    def _set_state(self, value: dict[str, Any]) -> None:
        expected = {"entropy", "spawn_key", "spawned", "state", "inc", "has_uint32", "uinteger"}
        if not isinstance(value, dict) or set(value) != expected:
            given = sorted(value) if isinstance(value, dict) else type(value).__name__
            raise ValueError(f"Generator: the state has {given}; expected {sorted(expected)}")
        bits = np.random.PCG64(
            np.random.SeedSequence(
                value["entropy"], spawn_key=tuple(value["spawn_key"]), n_children_spawned=value["spawned"]
            )
        )
        bits.state = {
            "bit_generator": "PCG64",
            "state": {"state": value["state"], "inc": value["inc"]},
            "has_uint32": value["has_uint32"],
            "uinteger": value["uinteger"],
        }
        self._rng = np.random.Generator(bits)

    def __getstate__(self) -> dict[str, Any]:
        return self.state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._set_state(state)

    def __repr__(self) -> str:
        return f"Generator(entropy={self.state['entropy']})"

    # Distributions --------------------------------------------------------------------------------

    def uniform(
        self,
        shape: Shape = (),
        *,
        low: float = 0.0,
        high: float = 1.0,
        dtype: DType | None = None,
        device: Device | str | None = None,
    ) -> Tensor:
        """Numbers from low up to, not including, high.

        >>> import unitensor as ut
        >>> x = ut.random.Generator(0).uniform((2, 3), low=-1.0)
        >>> x.shape, bool(ut.all((x >= -1) & (x < 1)))
        ((2, 3), True)
        """
        if not (low <= high and math.isfinite(high - low)):
            raise ValueError(f"uniform: low is {low} and high {high}; expected finite low <= high")
        wanted = _floating("uniform", dtype)
        host: Any = np.float64 if wanted is float64 else np.float32
        x = self._draw("random", _shape("uniform", shape), dtype=host)
        if wanted in GRIDS:
            x = np.floor(x * host(GRIDS[wanted])) / host(GRIDS[wanted])
        if low != 0 or high != 1:
            x = x * host(high - low) + host(low)
            if low < high and wanted not in GRIDS:  # rounding must not reach the end
                x = np.minimum(x, np.nextafter(host(high), host(low)))
        return asarray(x, dtype=wanted, device=device)

    def normal(
        self,
        shape: Shape = (),
        *,
        mean: float = 0.0,
        std: float = 1.0,
        dtype: DType | None = None,
        device: Device | str | None = None,
    ) -> Tensor:
        """Normal numbers.

        >>> import unitensor as ut
        >>> ut.random.Generator(0).normal((2,), mean=10.0).tolist()
        [10.125730221093393, 9.867895136708698]
        """
        _positive("normal", "std", std)
        wanted = _floating("normal", dtype)
        host: Any = np.float64 if wanted is float64 else np.float32
        x = np.asarray(self._draw("standard_normal", _shape("normal", shape), dtype=host))
        return self._moved(x, std, mean, wanted, device)

    def exponential(
        self,
        shape: Shape = (),
        *,
        rate: float = 1.0,
        dtype: DType | None = None,
        device: Device | str | None = None,
    ) -> Tensor:
        """Waiting times of events that happen at a rate.

        >>> import unitensor as ut
        >>> bool(ut.all(ut.random.Generator(0).exponential((100,)) >= 0))
        True
        """
        if not rate > 0:
            raise ValueError(f"exponential: rate is {rate}; expected a positive number")
        wanted = _floating("exponential", dtype)
        host: Any = np.float64 if wanted is float64 else np.float32
        x = np.asarray(self._draw("standard_exponential", _shape("exponential", shape), dtype=host))
        return self._moved(x, 1 / rate, 0.0, wanted, device)

    def gamma(
        self,
        alpha: float,
        shape: Shape = (),
        *,
        rate: float = 1.0,
        dtype: DType | None = None,
        device: Device | str | None = None,
    ) -> Tensor:
        """Gamma numbers of the shape parameter alpha.

        >>> import unitensor as ut
        >>> x = ut.random.Generator(0).gamma(3.0, (1000,))
        >>> 2.8 < x.mean().item() < 3.2
        True
        """
        _positive("gamma", "alpha", alpha)
        if not rate > 0:
            raise ValueError(f"gamma: rate is {rate}; expected a positive number")
        wanted = _floating("gamma", dtype)
        host: Any = np.float64 if wanted is float64 else np.float32
        x = np.asarray(self._draw("standard_gamma", alpha, _shape("gamma", shape), dtype=host))
        return self._moved(x, 1 / rate, 0.0, wanted, device)

    @staticmethod
    def _moved(x: Any, scale: float, shift: float, dtype: DType, device: Any) -> Tensor:
        """Fresh numbers, scaled and shifted in place, on the device."""
        if scale != 1:
            x *= scale
        if shift != 0:
            x += shift
        return asarray(x, dtype=dtype, device=device)

    def truncated_normal(
        self,
        shape: Shape = (),
        *,
        mean: float = 0.0,
        std: float = 1.0,
        low: float = -2.0,
        high: float = 2.0,
        dtype: DType | None = None,
        device: Device | str | None = None,
    ) -> Tensor:
        """Normal numbers that lie from low to high.

        >>> import unitensor as ut
        >>> x = ut.random.Generator(0).truncated_normal((1000,), low=5.0, high=6.0)
        >>> bool(ut.all((x >= 5) & (x <= 6)))
        True
        """
        if not (low < high and 0 < std < math.inf and math.isfinite(mean)):
            raise ValueError(
                f"truncated_normal: mean {mean}, std {std}, low {low}, high {high}; "
                "expected a finite mean, a positive std and low < high"
            )
        wanted = _floating("truncated_normal", dtype)
        lengths = _shape("truncated_normal", shape)
        x = np.empty(math.prod(lengths))
        a, b = (low - mean) / std, (high - mean) / std
        done = 0
        # As many proposals as are missing: the last is always accepted, so pieces agree.
        while done < x.size:
            accepted = self._propose(x.size - done, a, b)
            x[done : done + len(accepted)] = accepted
            done += len(accepted)
        x = np.clip(x.reshape(lengths) * std + mean, low, high)
        return asarray(x, dtype=wanted, device=device)

    def _propose(self, n: int, a: float, b: float) -> Any:
        """The accepted of n proposals for a normal number from a to b, by the tightest envelope."""
        sign = -1.0 if b < 0 else 1.0
        if b < 0:
            a, b = -b, -a
        near = max(a, 0.0)
        height = math.exp(-min(near * near / 2, 700.0))
        flat = (b - a) * height
        tail = height / near if near else math.inf
        if math.sqrt(2 * math.pi) <= min(flat, tail):
            x = self._draw("standard_normal", n)
            return sign * x[(x >= a) & (x <= b)]
        if flat <= tail:
            u, e = self._draw("random", (n, 2)).T
            x = a + (b - a) * u
            return sign * x[-np.log1p(-e) >= (x * x - near * near) / 2]
        u, e = self._draw("random", (n, 2)).T
        step = -np.log1p(-u) / near
        return sign * (near + step)[(-np.log1p(-e) >= step * step / 2) & (near + step <= b)]

    def integers(
        self,
        low: int,
        high: int | None = None,
        shape: Shape = (),
        *,
        dtype: DType = int64,
        device: Device | str | None = None,
    ) -> Tensor:
        """Integers from low up to, not including, high (from 0 if only one is given).

        >>> import unitensor as ut
        >>> ut.random.Generator(0).integers(1, 7, shape=(4,)).tolist()
        [6, 4, 4, 2]
        """
        start, stop = (
            (0, operator.index(low)) if high is None else (operator.index(low), operator.index(high))
        )
        wanted = as_dtype(dtype)
        if wanted.kind not in "iu":
            raise TypeError(f"integers: dtype is {wanted}; expected an integer dtype")
        limits = np.iinfo(wanted.dtype)
        if not start < stop or start < limits.min or stop - 1 > limits.max:
            raise ValueError(
                f"integers: from {start} up to {stop}; expected low < high within {wanted}, "
                f"{limits.min} to {limits.max}"
            )
        # Small dtypes would share the bits of one draw, so that pieces would not agree.
        wide: Any = np.uint64 if stop - 1 > np.iinfo(np.int64).max else np.int64
        x = self._draw("integers", start, stop, size=_shape("integers", shape), dtype=wide)
        return asarray(x.astype(wanted.dtype), device=device)

    def bernoulli(
        self, p: float | Tensor, shape: Shape | None = None, *, device: Device | str | None = None
    ) -> Tensor:
        """True with probability p, a number or a Tensor that broadcasts against shape.

        >>> import unitensor as ut
        >>> ut.random.Generator(0).bernoulli(0.5, (4,)).tolist()
        [False, True, True, True]
        """
        chance = _host(p)
        if not np.all((chance >= 0) & (chance <= 1)):
            raise ValueError("bernoulli: p has values outside of 0 to 1; expected probabilities")
        lengths = chance.shape if shape is None else _shape("bernoulli", shape)
        if device is None and isinstance(p, Tensor):
            device = p.device
        x = self._draw("random", lengths) < chance
        if np.shape(x) != lengths:
            raise ValueError(f"bernoulli: p has shape {chance.shape}, which does not fit in {lengths}")
        return asarray(x, dtype=bool_, device=device)

    def categorical(
        self,
        p: Any = None,
        shape: Shape = (),
        *,
        logits: Any = None,
        device: Device | str | None = None,
    ) -> Tensor:
        """Indices by their probabilities along the last axis of p (or logits), which need not sum to 1.

        The result has `shape` before the other axes of p.

        >>> import unitensor as ut
        >>> ut.random.Generator(0).categorical([0.0, 0.5, 0.5], (5,)).tolist()
        [2, 1, 1, 1, 2]
        """
        lengths = _shape("categorical", shape)
        values = _probabilities("categorical", p, logits)
        given = logits if p is None else p
        if device is None and isinstance(given, Tensor):
            device = given.device
        edges = np.cumsum(values, axis=-1)
        edges /= edges[..., -1:]
        u = self._draw("random", lengths + edges.shape[:-1])
        if edges.ndim == 1:
            return asarray(np.searchsorted(edges, u, side="right"), device=device)
        return asarray(np.sum(edges <= u[..., None], axis=-1), dtype=int64, device=device)

    def choice(
        self,
        a: int | Tensor,
        shape: Shape = (),
        *,
        replace: bool = True,
        p: Any = None,
        device: Device | str | None = None,
    ) -> Tensor:
        """Elements of a along its first axis, or of the integers below a.

        >>> import unitensor as ut
        >>> sorted(ut.random.Generator(0).choice(4, (4,), replace=False).tolist())
        [0, 1, 2, 3]
        """
        lengths = _shape("choice", shape)
        if isinstance(a, Tensor) and not a.ndim:
            raise ValueError("choice: a is a 0-d Tensor; expected an axis to choose along, or an integer")
        n = len(a) if isinstance(a, Tensor) else operator.index(a)
        count = math.prod(lengths)
        if n < 1 and count:
            raise ValueError(f"choice: there is nothing to choose from: a has {n} elements")
        values: Any = None if p is None else _probabilities("choice", p, None)
        if values is not None and values.shape != (n,):
            raise ValueError(f"choice: p has shape {values.shape}; expected ({n},), one for each element")
        possible = n if values is None else int(np.count_nonzero(values))
        if not replace and count > possible:
            raise ValueError(f"choice: {count} of {possible} without replacement; use replace=True")
        if replace and values is None:
            index = self._draw("integers", 0, max(n, 1), size=lengths)
        elif replace:
            edges = np.cumsum(values)
            index = np.searchsorted(edges / edges[-1], self._draw("random", lengths), side="right")
        elif values is None:
            index = self._draw("permutation", n)[:count].reshape(lengths)
        else:  # the first events of n independent clocks that run at rates p
            with np.errstate(divide="ignore"):
                times = self._draw("standard_exponential", n) / values
            index = np.argsort(times, stable=True)[:count].reshape(lengths)
        if not isinstance(a, Tensor):
            return asarray(index, dtype=int64, device=device)
        return a[asarray(index, device=a.device)].to(device=device)

    def permutation(self, x: int | Tensor, *, device: Device | str | None = None) -> Tensor:
        """The integers below x, or the rows of a Tensor, in random order.

        >>> import unitensor as ut
        >>> ut.random.Generator(0).permutation(5).tolist()
        [2, 4, 3, 0, 1]
        """
        if isinstance(x, Tensor):
            if not x.ndim:
                raise ValueError("permutation: x is a 0-d Tensor; expected an axis to permute, or an integer")
            return x[asarray(self._draw("permutation", len(x)), device=x.device)].to(device=device)
        return asarray(self._draw("permutation", operator.index(x)), dtype=int64, device=device)

    def shuffle(self, x: Tensor) -> None:
        """Put the rows of a Tensor into random order, in place.

        >>> import unitensor as ut
        >>> x = ut.arange(5)
        >>> ut.random.Generator(0).shuffle(x)
        >>> x.tolist()
        [2, 4, 3, 0, 1]
        """
        with (
            self._rng.bit_generator.lock
        ):  # as in NumPy: one shuffle at a time, of rows that another may shuffle
            x[...] = self.permutation(x)

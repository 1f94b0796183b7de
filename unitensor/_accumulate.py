"""Accumulating writes, `ut.at(x, key).add(value)`: each place takes part once for each time it is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._op import scope, table
from ._ops import manipulation
from ._ops.indexing import plain_key
from ._views import positions
from ._writing import (
    as_value,
    check_fits,
    check_read,
    host_key,
    on_device,
    selected_shape,
    unravelled,
    write_plain,
)

if TYPE_CHECKING:
    from ._tensor import Tensor


class At:
    """Writes at a key in which repeated indices accumulate. Made by `ut.at`."""

    def __init__(self, x: Tensor, key: Any) -> None:
        self._x = x
        self._key = plain_key(x, key, kept=True)

    def set(self, value: Any) -> None:
        """x[key] = value."""
        write_plain(self._x, self._key, as_value(self._x, value))

    def add(self, value: Any) -> None:
        """Add value at each place, once for each time it is named."""
        x = self._x
        values = self._spread(value)
        check_read(x, "at(x, key).add")
        if values.size * 8 < x.size or x.dtype.kind == "b":
            self._combine(values, "add")
        else:
            spread = table["scatter_add"].function(values, self._key, x.shape)
            write_plain(x, Ellipsis, table["add"].function(x, spread))

    def multiply(self, value: Any) -> None:
        """Multiply each place by value, once for each time it is named."""
        self._combine(self._spread(value), "multiply")

    def min(self, value: Any) -> None:
        """Lower each place to value, if that is smaller."""
        self._combine(self._spread(value), "minimum")

    def max(self, value: Any) -> None:
        """Raise each place to value, if that is larger."""
        self._combine(self._spread(value), "maximum")

    def _spread(self, value: Any) -> Tensor:
        """The value in the shape that the key selects."""
        value = as_value(self._x, value)
        selected = selected_shape(self._x, self._key)
        check_fits(self._x, value, selected)
        value = manipulation.reshape(value, value.shape[max(value.ndim - len(selected), 0) :])
        return manipulation.broadcast_to(value, selected)

    def _combine(self, values: Tensor, name: str) -> None:
        """Combine the values of each place with one another, pair by pair, then with what is there."""
        check_read(self._x, f"at(x, key).{name}")
        ops, function = scope["tensors"], table[name].function
        x, xp = self._x, self._x._xp

        def taken(a: Tensor, where: Any) -> Tensor:
            return ops.take(a, scope["wrap"](on_device(x, where), xp, None), axis=0)  # type: ignore[no-any-return]

        places = positions(x, x, host_key(x, self._key)).reshape(-1)
        order = np.argsort(places, kind="stable")
        places, values = places[order], taken(ops.reshape(values, (-1,)), order)
        while len(odd := _odd_of_equal(places)):
            n = len(places)
            source = np.arange(n)
            source[odd - 1] = n + np.arange(len(odd))
            values = ops.concat([values, function(taken(values, odd - 1), taken(values, odd))])
            places, values = np.delete(places, odd), taken(values, np.delete(source, odd))
        if x.ndim:
            key = unravelled(x, places)
            write_plain(x, key, function(table["getitem"].function(x, key), values))
        elif len(places):
            write_plain(x, Ellipsis, function(x, ops.reshape(values, ())))


def _odd_of_equal(places: Any) -> Any:
    """In sorted numbers, where the second, fourth, ... of equal ones are."""
    if not len(places):
        return places
    starts = np.flatnonzero(np.r_[True, places[1:] != places[:-1]])
    rank = np.arange(len(places)) - np.repeat(starts, np.diff(np.r_[starts, len(places)]))
    return np.flatnonzero(rank % 2)


def at(x: Tensor, key: Any) -> At:
    """Accumulating writes at a key: `ut.at(x, key).add(v)`; also multiply, min, max and set.

    Unlike `x[key] += v`, an index that is named twice counts twice.

    >>> import unitensor as ut
    >>> x = ut.zeros(3)
    >>> ut.at(x, ut.asarray([0, 0, 2])).add(1.0)
    >>> x.tolist()
    [2.0, 0.0, 1.0]
    """
    return At(x, key)

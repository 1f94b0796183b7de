"""Notes of random draws, so that a function that is called again gets the numbers of the first time.

`ut.checkpoint` calls its function twice. The first call runs in `recorded`: each draw of any
`ut.random.Generator` notes the state that its stream had. The second runs in `replayed`: each draw
is made from the noted state, by a bit generator of its own. No shared generator is moved, so other
threads may draw meanwhile. Both kinds nest in every order.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

from ._graph import GradientError

T = TypeVar("T")

#: What was asked of a generator, and the state that answers it again; one entry a draw.
Notes = list[tuple[Any, Any]]


class Recording:
    """Appends each draw of a context to its notes."""

    __slots__ = ("notes", "outer")

    def __init__(self, outer: Recording | Replay | None) -> None:
        self.notes: Notes = []
        self.outer = outer

    def take(
        self, call: Any, live: Callable[[], tuple[Any, Any]], again: Callable[[Any], Any]
    ) -> tuple[Any, Any]:
        """The state that a draw is made from and its result: `live` draws, `again` draws from a state."""
        outer = self.outer
        state, result = live() if outer is None else outer.take(call, live, again)
        self.notes.append((call, state))
        return state, result


class Replay:
    """Makes each draw of a context from the next of some notes."""

    __slots__ = ("done", "notes")

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.done = 0

    def take(
        self, call: Any, live: Callable[[], tuple[Any, Any]], again: Callable[[Any], Any]
    ) -> tuple[Any, Any]:
        """The noted state of the next draw, and what it gives; `live` is not called."""
        if self.done == len(self.notes):
            raise GradientError(
                f"the function did something else when it was called again: it asked for {_named(call)} "
                f"after the {self.done} random draws of the first time; make it draw the same each time"
            )
        expected, state = self.notes[self.done]
        if expected != call:
            raise GradientError(
                f"the function did something else when it was called again: its random draw {self.done} was "
                f"{_named(expected)} and is now {_named(call)}; make it draw the same each time"
            )
        self.done += 1
        return state, again(state)


def _named(call: Any) -> str:
    name, args, options = call
    return f"{name}({', '.join([*map(repr, args), *(f'{k}={v!r}' for k, v in options.items())])})"


#: What the draws of this thread or task go through; None: straight to their generator.
draws: ContextVar[Recording | Replay | None] = ContextVar("unitensor_draws", default=None)


def recorded(f: Callable[[], T]) -> tuple[T, Notes]:
    """What f returns, and notes of the random draws that it made."""
    before = draws.get()
    recording = Recording(before)
    try:
        draws.set(recording)
        return f(), recording.notes
    finally:
        draws.set(before)


def replayed(notes: Notes, f: Callable[[], T]) -> T:
    """What f returns if its random draws are those of some notes; no generator moves.

    Raises
    ------
    GradientError: f draws something else, or more, than is noted.
    """
    before = draws.get()
    try:
        draws.set(Replay(notes))
        return f()
    finally:
        draws.set(before)

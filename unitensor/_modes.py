"""Modes of a thread or task: recording or not, forward passes, watching for anomalies; NumPy's warnings.

A mode holds from its entering to its leaving, also where an interrupt comes in between: what was entered
is held by the mode object alone, and counts for nothing once that is gone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from functools import wraps
from typing import Any, ClassVar, TypeVar, cast
from weakref import ref

import numpy as np

from ._op import scope

F = TypeVar("F", bound=Callable[..., Any])

#: The modes that are entered in any thread, by weak references; wrappers look whether there is one.
entered: set[Any] = set()
scope["special"] = entered


class _Entry:
    """One entering of a mode."""

    __slots__ = ("__weakref__",)


#: What a mode's variable holds: (weak reference to the entry, value, what it held before), or None.
Chain = tuple[Any, Any, Any] | None


def _live(chain: Chain) -> Chain:
    """A chain without the entries on top of it that have been left."""
    while chain is not None and chain[0]() is None:
        chain = chain[2]
    return chain


def values(variable: ContextVar[Chain]) -> Iterator[Any]:
    """What the modes say that are entered here, the innermost first."""
    chain = _live(variable.get())
    while chain is not None:
        yield chain[1]
        chain = _live(chain[2])


class Mode:
    """A mode to enter by `with`, again and in any thread, or as a decorator of a function or generator."""

    variable: ClassVar[ContextVar[Chain]]

    def __init__(self, value: Any) -> None:
        self.value = value
        self._entries: set[_Entry] = set()

    def _again(self) -> Mode:
        """A mode like this one, for one call of a decorated function."""
        return type(self)(self.value)

    def __enter__(self) -> Any:
        entry = _Entry()
        link = ref(entry, entered.discard)
        try:
            entered.add(link)
            self.variable.set((link, self.value, _live(self.variable.get())))
            self._entries.add(entry)
        except BaseException:
            self._entries.discard(entry)
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        chain = self.variable.get()
        while chain is not None:
            entry = chain[0]()
            if entry in self._entries:
                self._entries.discard(entry)
                self.variable.set(_live(chain[2]))  # without what statements set inside
                return
            chain = chain[2]

    def __call__(self, f: F) -> F:
        """A function, coroutine or generator that runs inside the mode, each part of it that it runs."""
        if inspect.isasyncgenfunction(f):
            return cast(F, _async_generator_inside(self, f))
        if inspect.isgeneratorfunction(f):
            return cast(F, _generator_inside(self, f))
        if inspect.iscoroutinefunction(f):

            @wraps(f)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                with self._again():
                    return await f(*args, **kwargs)

            return cast(F, awaited)

        @wraps(f)
        def called(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return f(*args, **kwargs)

        return cast(F, called)


def _generator_inside(mode: Mode, f: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(f)
    def driven(*args: Any, **kwargs: Any) -> Any:
        with mode._again():
            generator = f(*args, **kwargs)
        step, given = generator.send, None
        while True:
            try:
                with mode._again():
                    made = step(given)
            except StopIteration as stop:
                return stop.value
            try:
                step, given = generator.send, (yield made)
            except GeneratorExit:
                with mode._again():
                    generator.close()
                raise
            except BaseException as error:
                step, given = generator.throw, error

    return driven


def _async_generator_inside(mode: Mode, f: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(f)
    async def driven(*args: Any, **kwargs: Any) -> Any:
        with mode._again():
            generator = f(*args, **kwargs)
        step, given = generator.asend, None
        while True:
            try:
                with mode._again():
                    made = await step(given)
            except StopAsyncIteration:
                return
            try:
                step, given = generator.asend, (yield made)
            except GeneratorExit:
                with mode._again():
                    await generator.aclose()
                raise
            except BaseException as error:
                step, given = generator.athrow, error

    return driven


# Recording or not ------------------------------------------------------------------------------------

_recording: ContextVar[Chain] = ContextVar("unitensor_recording", default=None)


def is_grad_enabled() -> bool:
    """Whether operations on Tensors that need gradients are recorded here."""
    chain = _recording.get()
    if chain is None:
        return True
    if chain[0]() is None:
        chain = _live(chain)
    return chain is None or chain[1]


def recording(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a function returns where operations are recorded."""
    if not entered or is_grad_enabled():
        return f(*args, **kwargs)
    with enable_grad():
        return f(*args, **kwargs)


class _Standing(_Entry):
    """The entry of a mode that was set by a statement: it holds until another is set."""

    __slots__ = ()

    def __call__(self) -> _Standing:
        return self


class set_grad_enabled(Mode):  # noqa: N801 -- PyTorch's name
    """Record gradients, or don't, from here on, inside a `with` block or in a decorated function.

    >>> import unitensor as ut
    >>> x = ut.tensor(2.0, requires_grad=True)
    >>> with ut.set_grad_enabled(False):
    ...     (x * x).requires_grad
    False

    As a statement it holds until the next one:

    >>> mode = ut.set_grad_enabled(False)
    >>> (x * x).requires_grad
    False
    >>> mode = ut.set_grad_enabled(True)
    >>> (x * x).requires_grad
    True
    """

    variable = _recording

    def __init__(self, enabled: bool) -> None:
        super().__init__(bool(enabled))
        self._statement = True
        self._before = _recording.get()
        below = _live(self._before)
        while below is not None and type(below[0]) is _Standing:
            below = _live(below[2])
        if (below is None or below[1]) != self.value:
            standing = _Standing()
            below = (standing, self.value, below)
            entered.add(ref(standing, entered.discard))
        _recording.set(below)

    def _withdraw(self) -> None:
        """Take the statement back: it turned out to be the head of a block or a decorator."""
        if self._statement:
            self._statement = False
            _recording.set(self._before)

    def _again(self) -> Mode:
        return no_grad() if not self.value else enable_grad()

    def __enter__(self) -> Any:
        self._withdraw()
        return super().__enter__()

    def __call__(self, f: F) -> F:
        self._withdraw()
        return super().__call__(f)


class no_grad(set_grad_enabled):  # noqa: N801 -- PyTorch's name
    """Record nothing inside a `with` block or a decorated function.

    >>> import unitensor as ut
    >>> x = ut.tensor(2.0, requires_grad=True)
    >>> with ut.no_grad():
    ...     (x * x).requires_grad
    False
    """

    def __init__(self) -> None:
        Mode.__init__(self, False)
        self._statement = False


class enable_grad(set_grad_enabled):  # noqa: N801 -- PyTorch's name
    """Record again inside a `no_grad` block."""

    def __init__(self) -> None:
        Mode.__init__(self, True)
        self._statement = False


# NumPy's warnings ---------------------------------------------------------------------------------------


def _numpy_errors() -> ContextVar[Any]:
    """The context variable behind `np.errstate`, or one without a meaning in a NumPy that has none."""
    inside = copy_context()
    inside.run(np.seterr, divide="ignore", invalid="ignore")
    found = (v for v in inside if v.name == "numpy.ufunc.extobj")
    return next(found, None) or ContextVar("unitensor_errors", default=None)


#: What NumPy does at floating-point errors. `errstate` can be cut in half by an interrupt, setting this cannot.
errors = _numpy_errors()
_quiet: dict[Any, Any] = {}


def quiet() -> Any:
    """What to set `errors` to, so that NaNs and divisions by zero give no warning.

    >>> before = errors.get()
    >>> try:
    ...     _ = errors.set(quiet())
    ...     _ = np.zeros(1) / np.zeros(1)
    ... finally:
    ...     _ = errors.set(before)
    """
    before = errors.get()
    found = _quiet.get(before)
    if found is None:
        inside = copy_context()
        inside.run(np.seterr, divide="ignore", invalid="ignore")
        if len(_quiet) > 100:
            _quiet.clear()
        found = _quiet[before] = inside.get(errors, before)
    return found

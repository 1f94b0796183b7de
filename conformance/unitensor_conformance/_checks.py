"""What is checked, op by op and beyond: each check runs on one backend and compares with NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import unitensor as ut
from unitensor._op import Op, table

from ._compare import chapter_of


class Unsupported(Exception):  # noqa: N818 -- no error: what the plugin declared came about
    """An op that the plugin declares unsupported was asked for, and refused with the clear error."""


@dataclass
class Run:
    """One run of the suite: the backend, how many further examples an op gets, and what was counted."""

    backend: str
    examples: int
    device: str | None = None
    level: str = "quick"
    #: How many calls were compared, by op.
    count: dict[str, int] = field(default_factory=dict)
    #: Ops that went through NumPy, and how often, where the backend declares that they do.
    host: dict[str, int] = field(default_factory=dict)
    #: The types of the arrays in which results came, and how many of each.
    arrays: dict[str, int] = field(default_factory=dict)

    def engine(self) -> Any:
        return ut.load_backend(self.backend)

    def dtypes(self) -> set[str]:
        """The names of the dtypes that the backend has."""
        return {d.name for d in self.engine().dtypes()}

    def created(self, array: Any) -> None:
        """Note the type of an engine's array that an op made."""
        kind = f"{type(array).__module__}.{type(array).__qualname__}"
        self.arrays[kind] = self.arrays.get(kind, 0) + 1

    def refused(self, error: BaseException) -> None:
        """Raise Unsupported if an error says that an op is missing which the plugin declares unsupported."""
        if isinstance(error, NotImplementedError):
            for op in self.engine().unsupported:
                if op in str(error) and self.backend in str(error):
                    raise Unsupported(str(error)) from error

    def counted(self, op: str, n: int = 1) -> None:
        self.count[op] = self.count.get(op, 0) + n


@dataclass(frozen=True)
class Check:
    """One check: what it is about, which kind it is, and how it runs."""

    op: str
    chapter: str
    kind: str
    run: Callable[[Run], None]
    #: What tells it from another check of the same op and kind.
    label: str = ""

    @property
    def name(self) -> str:
        """`kind:op`, the name in lists of known failures."""
        return f"{self.kind}:{self.op}" + (f" {self.label}" if self.label else "")


KINDS = (
    "values",
    "promotion",
    "reverse",
    "forward",
    "second order",
    "errors",
    "views",
    "writing",
    "again",
    "interchange",
    "objects",
)


def all_checks(only: str = "") -> list[Check]:
    """Every check, those of each op first; `only` keeps those whose name (`kind:op`) or chapter contains it."""
    found = [*_op_checks(), *_general_checks()]
    covered = {c.op for c in found if c.kind == "values"}
    missing = set(table) - covered
    if missing:
        raise AssertionError(f"ops of the table without a check: {sorted(missing)}")
    names = [c.name for c in found]
    if twice := {n for n in names if names.count(n) > 1}:
        raise AssertionError(f"checks of one name: {sorted(twice)}")
    return [c for c in found if only in c.name or only in c.chapter]


def _op_checks() -> Iterator[Check]:
    from ._aliasing import check_again, check_aliasing
    from ._errors import check_errors, may_fail
    from ._gradients import check_gradient
    from ._values import check_promotion, check_values

    def check(made: Op, kind: str, f: Callable[..., None], *rest: Any) -> Check:
        return Check(made.path, chapter_of(made), kind, lambda run: f(run, made, *rest))

    for _, made in sorted(table.items()):
        yield check(made, "values", check_values)
        if made.differentiable:
            yield check(made, "reverse", check_gradient, "reverse")
            yield check(made, "forward", check_gradient, "forward")
            yield check(made, "second order", check_gradient, "second")
        if made.public and (len(made.promote) > 1 or made.sequence):
            yield check(made, "promotion", check_promotion)
        yield check(made, "again", check_again)
        if made.public:
            if may_fail(made):
                yield check(made, "errors", check_errors)
            if made.outputs is None and made.path != "nonzero":
                yield check(made, "views", check_aliasing)


def _general_checks() -> Iterator[Check]:
    from . import _general, _hooks, _keys, _programs

    yield from _programs.checks()
    yield from _keys.checks()
    yield from _hooks.checks()
    yield from _general.checks()

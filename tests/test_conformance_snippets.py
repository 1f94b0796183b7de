"""The lines that reproduce a failure run, and give what the suite compared."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from unitensor_conformance._calls import reference
from unitensor_conformance._crossings import crossings
from unitensor_conformance._gradients import derivative, derivative_lines
from unitensor_conformance._layouts import LAYOUTS, laid_out
from unitensor_conformance._samples import samples
from unitensor_conformance._snippets import snippet, written_snippet

import unitensor as ut
from unitensor._dtypes import KINDS
from unitensor._op import Op, table


def usual(made: Op) -> str:
    return next(d for d in ("float64", "complex128", "int64", "bool") if d in KINDS[made.dtypes])


def printed(lines: str) -> list[Any]:
    """The arrays that some lines print."""
    found: list[Any] = []
    with ut.use_backend("numpy"):
        exec(lines, {"print": lambda *values: found.extend(leaves(values))})
    return found


def leaves(tree: Any) -> list[Any]:
    if isinstance(tree, (list, tuple)):
        return [t for part in tree for t in leaves(part)]
    return [np.array(tree.detach().numpy() if isinstance(tree, ut.Tensor) else tree)]


def assert_same(lines: str, expected: Any) -> None:
    found = printed(lines)
    assert len(found) == len(expected), lines
    for f, e in zip(found, expected):
        assert (f.shape, f.dtype) == (e.shape, e.dtype), lines
        assert np.allclose(f, e, rtol=1e-12, atol=0, equal_nan=True) or "empty_like" in lines, lines


@pytest.mark.parametrize("made", table.values(), ids=list(table))
def test_values(made: Op) -> None:
    dtype = usual(made)
    drawn = samples(made, dtype)
    mixed = itertools.islice(crossings(made, [dtype], thorough=False), 3)
    for given in [
        *drawn,
        *(laid_out(drawn[0], how) for how in LAYOUTS),
        *mixed,
    ]:
        expected = reference(made, given)
        if not isinstance(expected, Exception):
            assert_same(snippet(made, given, "numpy"), expected)


@pytest.mark.parametrize("made", [m for m in table.values() if m.differentiable], ids=lambda m: m.path)
def test_derivatives(made: Op) -> None:
    for given in samples(made, usual(made)):
        for mode in ("reverse", "forward", "second"):
            expected = derivative("numpy", made, given, mode)
            lines = derivative_lines(made, given, "numpy", mode)
            if not isinstance(expected, Exception) and "set_backend" in lines:
                assert_same(lines, expected)


def test_writes() -> None:
    lines = written_snippet(table["flip"], {"x": np.asarray([1.0, 2.0, 3.0])}, "numpy")
    assert_same(lines, [np.ones(3), np.ones(3), np.zeros(3), np.zeros(3)])
    arrays = [np.asarray([1.0]), np.asarray([2.0])]
    lines = written_snippet(table["concat"], {"arrays": arrays}, "numpy")
    assert_same(lines, [np.ones(1), np.ones(2), np.zeros(1), np.ones(2)])

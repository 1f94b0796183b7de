"""The rows of docs/undefined.md: an expression and its answer on every engine."""

from __future__ import annotations

import builtins
import math
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unitensor as ut

PAGE = Path(__file__).parent.parent / "docs" / "undefined.md"
ROWS = re.findall(r"^\| `(.+?)` \| `(.+?)` \|$", PAGE.read_text(encoding="utf-8"), re.M)
NAMES = {"A": ut.asarray, "ut": ut, "inf": math.inf, "nan": math.nan}


def same(found: Any, expected: Any) -> bool:
    """Equal in value, sign of zeros included; one NaN is like another."""
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, complex) or isinstance(found, complex):
        return same(found.real, complex(expected).real) and same(found.imag, complex(expected).imag)
    if isinstance(expected, float) and math.isnan(expected):
        return math.isnan(found)
    return type(found) is type(expected) and found == expected and _sign(found) == _sign(expected)


def _sign(x: float) -> float:
    return math.copysign(1.0, x) if isinstance(x, float) else 0.0


def check_row(expression: str, answer: str) -> None:
    """Evaluate an expression and hold it to its answer: a value, a dtype, or an error of just that type."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's
        if answer.endswith("Error"):
            homes = (builtins, np.exceptions, np.linalg)
            kind = next(getattr(home, answer) for home in homes if hasattr(home, answer))
            with pytest.raises(kind) as caught:
                eval(expression, NAMES)
            assert type(caught.value) is kind
            return
        found = eval(expression, NAMES)
    if isinstance(found, ut.DType):
        assert found == answer
    else:
        assert same(found.tolist(), eval(answer, NAMES)), found

"""The pages that are written from the code."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from unitensor._op import table

DOCS = Path(__file__).parent.parent / "docs"


def test_the_page_of_the_standard_has_every_function() -> None:
    written = set(
        re.findall(r"^\| `([a-z0-9_.]+)` \|", (DOCS / "standard.md").read_text(encoding="utf-8"), re.M)
    )
    functions = runpy.run_path(str(DOCS / "make_tables.py"))["standard_functions"]()
    assert written == set(functions)
    standard = {path for path, made in table.items() if made.public and made.module in ("", "linalg", "fft")}
    assert standard <= written


def test_the_page_of_gradients_is_what_the_table_says() -> None:
    written = (DOCS / "gradients.md").read_text(encoding="utf-8")
    assert written == runpy.run_path(str(DOCS / "make_tables.py"))["gradients_page"](), (
        "out of date; run python docs/make_tables.py"
    )
    rows = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", written, re.M))
    assert rows == {path for path, made in table.items() if made.public and made.differentiable}
    assert "| none |" not in written

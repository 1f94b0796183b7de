"""`unitensor new-backend mylib`: a complete plugin project."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from unitensor._backend import entry_points

FILES = {
    "pyproject.toml": """[build-system]
requires = ["hatchling>=1.26"]
build-backend = "hatchling.build"

[project]
name = "unitensor-{dist}"
version = "0.1.0"
description = "{name} as a backend of unitensor."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["unitensor"]  # and the engine itself

[project.optional-dependencies]
test = ["unitensor[conformance]"]

[project.entry-points."unitensor.backends"]
{name} = "unitensor_{name}:backend"

[tool.hatch.build.targets.wheel]
packages = ["unitensor_{name}"]

[tool.pytest.ini_options]
testpaths = ["tests"]
""",
    "unitensor_{name}/__init__.py": '''"""{name} as a backend of unitensor."""

import array_api_compat.numpy as xp  # the engine's namespace: replace it by your own

from unitensor import Backend


class {cls}Backend(Backend):
    name = "{name}"
    xp = xp
    array_type = xp.ndarray
    install = "pip install unitensor-{dist}"

    def scatter_add(self, a, key, value):
        """A new array like a with value added at key; indices that repeat add up."""
        xp.add.at(a, key, value)
        return a

    def storage(self, a):
        """Where the memory begins that an array lies in, the same for its views."""
        while isinstance(a.base, xp.ndarray):
            a = a.base
        return a.__array_interface__["data"][0]


backend = {cls}Backend
''',
    "unitensor_{name}/known_failures.txt": """# A line a known failure: kind:op, two spaces, the reason.
# One that passes again is reported. These are NumPy's own: replace them by those of your engine.
values:astype  a float outside an integer's range: the answer differs from one processor to the next
values:expm1  of complex infinities it gives NaN
values:floor_divide  infinity // 2 is NaN, not infinity
promotion:floor_divide  infinity // 2 is NaN, not infinity
values:log1p  of small complex numbers the digits are lost
values:sign  of complex infinities it gives NaN
errors:linalg.cross  takes vectors of two elements
views:linalg.diagonal  the view is read-only
""",
    "tests/test_conformance.py": """from unitensor_conformance import conformance_tests

# What is known to fail stands in unitensor_{name}/known_failures.txt.
test_conformance = conformance_tests("{name}")
""",
    ".github/workflows/test.yml": """name: test
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install -e '.[test]'
      - run: pytest -n auto
      - run: unitensor conformance --backend {name} --html report.html
        if: always()
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: conformance-report
          path: report.html
""",
    ".gitignore": """__pycache__/
*.egg-info/
.hypothesis/
.pytest_cache/
dist/
report.html
""",
    "README.md": """# unitensor-{dist}

{name} as a backend of unitensor: programs written against the Python Array API standard run on it
unchanged, and have gradients.

```
pip install unitensor-{dist}
UNITENSOR_BACKEND={name} python program.py
```

## Does it conform?

```
pip install -e '.[test]'
pytest -n auto
unitensor conformance --backend {name} --html report.html
```

`unitensor_{name}/known_failures.txt` lists what does not, each with its reason.
""",
}


def write_project(name: str, folder: Path | None = None) -> Path:
    """Write the project of a plugin into a folder that is new or empty; the folder.

    Raises
    ------
    ValueError: the name is no Python name or taken, or the folder has something in it.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower() or ":" in name:
        suggestion = re.sub(r"\W", "_", name).lower()
        suggestion = suggestion if suggestion.isidentifier() else f"my_{suggestion}"
        suggestion += "_" if keyword.iskeyword(suggestion) else ""
        raise ValueError(f"a backend's name is a lower-case Python name; {name!r} is none: {suggestion!r}?")
    if points := entry_points().get(name):
        taken = ", ".join(point.value for point in points)
        raise ValueError(f"a backend named {name!r} is installed already ({taken}); choose another name")
    dist = name.replace("_", "-")
    folder = folder or Path(f"unitensor-{dist}")
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty; name another folder: unitensor new-backend {name} FOLDER")
    cls = "".join(part.capitalize() for part in name.split("_"))
    for path, text in FILES.items():
        target = folder / path.replace("{name}", name)
        target.parent.mkdir(parents=True, exist_ok=True)
        for word, value in (("{name}", name), ("{dist}", dist), ("{cls}", cls)):
            text = text.replace(word, value)
        target.write_text(text, encoding="utf-8")
    return folder

"""The engines that tests run on, and a clean state around each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import unitensor as ut
from unitensor import _backend

collect_ignore = ["fakes"]  # a module named cupy, which must not be found in CuPy's place
ENGINES = ("numpy", "jax", "torch", "cupy")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each engine in turn, as the current backend; one that cannot run here skips with its reason."""
    try:
        ut.load_backend(request.param)
    except ut.BackendError as error:
        pytest.skip(error.reason)
    with ut.use_backend(request.param):
        yield request.param


@pytest.fixture(autouse=True)
def _unchanged_choices() -> Iterator[None]:
    """Undo what a test sets for the whole process."""
    default, chosen = ut.get_default_dtype(), _backend._process_default
    yield
    ut.set_default_dtype(default)
    _backend._process_default = chosen
    _backend._current.clear()

"""Work in several threads at once, with the interpreter switching between them as often as it can."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any


def in_threads(work: Callable[[], Any], n: int = 4) -> list[Any]:
    """What each of n threads returns; the first error that one of them raised is raised."""
    found: list[Any] = []
    errors: list[BaseException] = []
    start = threading.Barrier(n)

    def run() -> None:
        start.wait()
        try:
            found.append(work())
        except BaseException as error:
            errors.append(error)

    pause = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=run) for _ in range(n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(pause)
    if errors:
        raise errors[0]
    return found

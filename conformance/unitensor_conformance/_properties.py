"""Results that are determined up to a phase or an order: what of them is compared, and what must hold besides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

#: Ops whose results are determined up to a phase or an order: what of them is compared.
DETERMINED: dict[str, Callable[..., tuple[Any, ...]]] = {
    "linalg.eig": lambda w, v: (np.sort(np.abs(w), axis=-1),),
    "linalg.eigvals": lambda w: (np.sort(np.abs(w), axis=-1),),
    "linalg.eigh": lambda w, v: (w, (v * w[..., None, :]) @ _h(v)),
    "linalg.qr": lambda q, r: (q @ r,),
    "linalg.svd": lambda u, s, vh: (s, (u[..., : s.shape[-1]] * s[..., None, :]) @ vh[..., : s.shape[-1], :]),
}


def _h(a: Any) -> Any:
    return np.conj(np.swapaxes(a, -1, -2))


def _near(a: Any, b: Any) -> bool:
    if not a.size:
        return True
    eps = float(np.finfo(a.dtype).eps)
    return bool(np.all(np.abs(a - b) <= 2**20 * eps * float(np.abs(b).max())))


def _unitary(*parts: Any) -> bool:
    return all(_near(_h(a) @ a, np.broadcast_to(np.eye(a.shape[-1]), (_h(a) @ a).shape)) for a in parts)


def _qr(x: Any, q: Any, r: Any) -> str:
    if not _near(r, np.triu(r)):
        return "R is not upper triangular"
    return "" if _unitary(q) else "the columns of Q are not orthonormal"


def _svd(x: Any, u: Any, s: Any, vh: Any) -> str:
    if np.any(s[..., 1:] > s[..., :-1]) or np.any(s < 0):
        return "singular values not in descending order"
    return "" if _unitary(u, _h(vh)) else "the singular vectors are not orthonormal"


def _eigh(x: Any, w: Any, v: Any) -> str:
    return "" if _unitary(v) else "the eigenvectors are not orthonormal"


def _eig(x: Any, w: Any, v: Any) -> str:
    return "" if _near(x @ v, v * w[..., None, :]) else "X V is not V diag(w)"


#: What must hold of such results besides, whatever their phases.
PROPERTIES: dict[str, Callable[..., str]] = {
    "linalg.qr": _qr,
    "linalg.svd": _svd,
    "linalg.eigh": _eigh,
    "linalg.eig": _eig,
}

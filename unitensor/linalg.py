"""The linear algebra extension of the standard."""

from __future__ import annotations

from numpy.linalg import LinAlgError

from ._ops.decompositions import (
    QRResult,
    SVDResult,
    cholesky,
    qr,
    svd,
    svdvals,
)
from ._ops.eigenvalues import (
    EighResult,
    EigResult,
    eig,
    eigh,
    eigvals,
    eigvalsh,
)
from ._ops.equations import (
    SlogdetResult,
    det,
    inv,
    matrix_power,
    matrix_rank,
    pinv,
    slogdet,
    solve,
)
from ._ops.linear_algebra import (
    cross,
    diagonal,
    matmul,
    outer,
    tensordot,
    trace,
    vecdot,
)
from ._ops.manipulation import matrix_transpose
from ._ops.norms import (
    matrix_norm,
    vector_norm,
)

__all__ = [
    "EigResult",
    "EighResult",
    "LinAlgError",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]

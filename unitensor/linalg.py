"""The linear algebra extension."""

from __future__ import annotations

from ._ops.linear_algebra import matmul as matmul
from ._ops.linear_algebra import tensordot as tensordot
from ._ops.linear_algebra import vecdot as vecdot
from ._ops.manipulation import matrix_transpose as matrix_transpose

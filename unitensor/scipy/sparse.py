"""Sparse matrices times Tensors: SciPy's `csr_array`, `csc_array` and `coo_array`, with a Tensor as data.

The positions are constants; gradients go to the data and to the Tensor. Two host ops carry it: the product
with a dense matrix and, for the data, the products of rows of two dense matrices at the positions alone.
The transposes of each are the other and itself. A system of equations is a third.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

import unitensor as ut

from ._host_op import host_op, lift, values

if TYPE_CHECKING:
    from .._tensor import Tensor


class Places:
    """Where the stored elements of a matrix are."""

    def __init__(self, row: Any, col: Any, shape: tuple[int, int]) -> None:
        self.row, self.col, self.shape = row, col, shape
        self._transposed: Places | None = None
        self._sorted: Any = None

    @property
    def transposed(self) -> Places:
        """The places of the transposed matrix."""
        if self._transposed is None:
            self._transposed = Places(self.col, self.row, self.shape[::-1])
        return self._transposed

    def filled(self, data: Any) -> Any:
        """SciPy's matrix with some data; its rows are sorted once."""
        if self._sorted is None:
            order = np.argsort(self.row, kind="stable")
            pointer = np.concatenate([[0], np.cumsum(np.bincount(self.row, minlength=self.shape[0]))])
            kind = np.int32 if max(*self.shape, order.size) < 2**31 else np.int64
            self._sorted = order, self.col[order].astype(kind), pointer.astype(kind)
        order, columns, pointer = self._sorted
        return scipy.sparse.csr_array((data[order], columns, pointer), shape=self.shape)

    def on(self, xp: Any, like: Any) -> tuple[Any, Any]:
        """Rows and columns as engine arrays where another array is."""
        device = xp.backend.raw_device_of(like)
        return xp.backend.from_numpy(self.row, device), xp.backend.from_numpy(self.col, device)

    def __repr__(self) -> str:
        return f"{self.row.size} places of {self.shape[0]}x{self.shape[1]}"


def _product_rule_data(xp: Any, g: Any, x: Any, places: Any) -> Any:
    return sampled(g, x, places=places)


def _product_rule_x(xp: Any, g: Any, data: Any, places: Any) -> Any:
    return product(data, g, places=places.transposed)


def _product(xp: Any, data: Any, x: Any, *, places: Places) -> Any:
    rows, columns = places.on(xp, x)
    parts = xp.multiply(xp.expand_dims(data, axis=1), xp.take(x, columns, axis=0))
    return xp.scatter_add(parts, (rows,), (places.shape[0], x.shape[1]))


# On the CPU SciPy's loop is ten times as fast as gathering and adding up.
@host_op(
    grad={"data": _product_rule_data, "x": _product_rule_x},
    linear="each",
    native=_product,
    native_on_cpu=False,
)
def product(data: Any, x: Any, *, places: Places) -> Any:
    """The product of a sparse matrix and a dense one."""
    return places.filled(data) @ x


def _sampled_rule_u(xp: Any, g: Any, v: Any, places: Any) -> Any:
    return product(g, v, places=places)


def _sampled_rule_v(xp: Any, g: Any, u: Any, places: Any) -> Any:
    return product(g, u, places=places.transposed)


def _sampled(xp: Any, u: Any, v: Any, *, places: Places) -> Any:
    rows, columns = places.on(xp, u)
    return xp.sum(xp.multiply(xp.take(u, rows, axis=0), xp.take(v, columns, axis=0)), axis=1)


@host_op(grad={"u": _sampled_rule_u, "v": _sampled_rule_v}, linear="each", native=_sampled)
def sampled(u: Any, v: Any, *, places: Places) -> Any:
    """The elements of u @ v.T at some places."""
    return np.einsum("ek,ek->e", u[places.row], v[places.col])


def _solution_rule_b(xp: Any, g: Any, data: Any, places: Any) -> Any:
    return solution(data, g, places=places.transposed)


def _solution_rule_data(xp: Any, g: Any, data: Any, out: Any, places: Any) -> Any:
    return xp.negative(sampled(_solution_rule_b(xp, g, data, places), out, places=places))


def _solution_jvp_data(xp: Any, g: Any, data: Any, out: Any, places: Any) -> Any:
    return xp.negative(solution(data, product(g, out, places=places), places=places))


def _solution_jvp_b(xp: Any, g: Any, data: Any, places: Any) -> Any:
    return solution(data, g, places=places)


@host_op(
    grad={"data": _solution_rule_data, "b": _solution_rule_b},
    jvp={"data": _solution_jvp_data, "b": _solution_jvp_b},
)
def solution(data: Any, b: Any, *, places: Places) -> Any:
    """The solution of a sparse system for a dense matrix b."""
    factors = scipy.sparse.linalg.splu(places.filled(data).tocsc())
    kind = np.result_type(data.dtype, b.dtype)
    if np.issubdtype(data.dtype, np.complexfloating) or not np.issubdtype(kind, np.complexfloating):
        return factors.solve(np.asarray(b, data.dtype)).astype(kind, copy=False)
    parts = [factors.solve(np.asarray(part, data.dtype)) for part in (b.real, b.imag)]
    return parts[0] + 1j * parts[1]


class _SparseArray:
    """A sparse matrix: `data`, a Tensor with the stored elements, and their constant positions."""

    format = ""
    data: Tensor
    _places: Places

    def __init__(
        self,
        arg1: Any,
        shape: tuple[int, int] | None = None,
        dtype: Any = None,
        *,
        device: Any = None,
    ) -> None:
        name = f"sparse.{type(self).__name__}"
        if scipy.sparse.issparse(arg1):
            arg1 = arg1.asformat(self.format)
            shape = arg1.shape
            arg1 = (
                (arg1.data, arg1.coords) if self.format == "coo" else (arg1.data, arg1.indices, arg1.indptr)
            )
        elif isinstance(arg1, _SparseArray):
            shape = arg1.shape
            arg1 = (arg1.data, (arg1._places.row, arg1._places.col))
        if not isinstance(arg1, tuple) or len(arg1) not in (2, 3):
            raise TypeError(
                f"{name}: expected a sparse matrix of SciPy, (data, (row, col)) or (data, indices, indptr)"
            )
        data: Tensor = lift(name, arg1[0])[0]
        if device is not None:
            data = data.to(device)
        self.data = data if dtype is None else data.astype(dtype)
        positions = [_indices(name, a) for a in (arg1[1] if len(arg1) == 2 else arg1[1:])]
        if len(arg1) == 3:
            if self.format == "coo":
                raise TypeError(f"{name}: expected (data, (row, col)), got three arrays")
            inner, pointer = positions
            outer = np.repeat(np.arange(pointer.size - 1), np.diff(pointer))
            positions = [outer, inner] if self.format == "csr" else [inner, outer]
        row, col = positions
        if shape is None:
            shape = (int(row.max(initial=-1)) + 1, int(col.max(initial=-1)) + 1)
        rows, columns = (int(n) for n in shape)
        if self.data.ndim != 1 or not self.data.shape[0] == row.size == col.size:
            raise ValueError(
                f"{name}: data {self.data.shape} and positions {row.shape}, {col.shape} differ in length"
            )
        if row.size and (min(row.min(), col.min()) < 0 or row.max() >= rows or col.max() >= columns):
            raise ValueError(f"{name}: a position is outside of the shape {(rows, columns)}")
        self._places = Places(row, col, (rows, columns))

    @classmethod
    def _made(cls, data: Tensor, places: Places) -> Self:
        made = cls.__new__(cls)
        made.data, made._places = data, places
        return made

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and columns."""
        return self._places.shape

    @property
    def nnz(self) -> int:
        """How many elements are stored."""
        return self._places.row.size  # type: ignore[no-any-return]  # NumPy's

    @property
    def dtype(self) -> Any:
        """The dtype of the data."""
        return self.data.dtype

    ndim = 2

    @property
    def T(self) -> Any:  # noqa: N802 -- SciPy's name
        """The transposed matrix; of csr_array a csc_array, and the other way."""
        kind = {"csr": csc_array, "csc": csr_array, "coo": coo_array}[self.format]
        return kind._made(self.data, self._places.transposed)

    def with_data(self, data: Tensor) -> Self:
        """A matrix with the same positions and other data."""
        if data.shape != self.data.shape:
            raise ValueError(f"sparse: data has shape {data.shape}; expected {self.data.shape}")
        return self._made(data, self._places)

    def toarray(self) -> Tensor:
        """The matrix as a dense Tensor."""
        return product(
            self.data, ut.eye(self.shape[1], dtype=self.dtype, device=self.data.device), places=self._places
        )

    def tocsr(self) -> csr_array:
        """The same matrix as a csr_array; data stay in their order."""
        return csr_array._made(self.data, self._places)

    def tocsc(self) -> csc_array:
        """The same matrix as a csc_array; data stay in their order."""
        return csc_array._made(self.data, self._places)

    def tocoo(self) -> coo_array:
        """The same matrix as a coo_array; data stay in their order."""
        return coo_array._made(self.data, self._places)

    def to_scipy(self) -> Any:
        """SciPy's own matrix; raises if the data need a gradient."""
        data = self.data.to("numpy").numpy()
        return self._places.filled(data).asformat(self.format)

    def __matmul__(self, other: Any) -> Tensor:
        data, x = lift("sparse: A @ x", self.data, other)
        if x.ndim not in (1, 2) or x.shape[0] != self.shape[1]:
            raise ValueError(f"sparse: A @ x with A {self.shape} and x {x.shape}: the sizes do not match")
        if x.ndim == 1:
            return product(data, x[:, None], places=self._places)[:, 0]
        return product(data, x, places=self._places)

    def __rmatmul__(self, other: Any) -> Tensor:
        x: Tensor
        data, x = lift("sparse: x @ A", self.data, other)
        if x.ndim not in (1, 2) or x.shape[-1] != self.shape[0]:
            raise ValueError(f"sparse: x @ A with x {x.shape} and A {self.shape}: the sizes do not match")
        if x.ndim == 1:
            return product(data, x[:, None], places=self._places.transposed)[:, 0]
        return product(data, x.mT, places=self._places.transposed).mT

    def dot(self, other: Any) -> Tensor:
        """The product with a Tensor, A @ other."""
        return self.__matmul__(other)

    def __mul__(self, factor: Any) -> Self:
        if isinstance(factor, ut.Tensor) and factor.ndim:
            raise TypeError("sparse: A * x is for a scalar x; expected a number or a 0-d Tensor")
        return self._made(self.data * factor, self._places)

    __rmul__ = __mul__

    def __neg__(self) -> Self:
        return self._made(-self.data, self._places)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.shape}, {self.nnz} elements, {self.dtype} on {self.data.device}>"
        )


def _indices(name: str, a: Any) -> Any:
    array = values(a) if isinstance(a, ut.Tensor) else np.asarray(a)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise TypeError(
            f"{name}: positions are {array.dtype}{list(array.shape)}; expected vectors of integers"
        )
    return array.astype(np.int64)


class csr_array(_SparseArray):  # noqa: N801 -- SciPy's name
    """A matrix stored by rows, as `scipy.sparse.csr_array`.

    >>> import unitensor as ut
    >>> A = csr_array((ut.asarray([2.0, 3.0]), ([0, 1], [1, 0])), shape=(2, 2))
    >>> (A @ ut.asarray([1.0, 10.0])).tolist()
    [20.0, 3.0]
    >>> ut.grad(lambda d: (A.with_data(d) @ ut.asarray([1.0, 10.0])).sum())(A.data).tolist()
    [10.0, 1.0]
    """

    format = "csr"


class csc_array(_SparseArray):  # noqa: N801 -- SciPy's name
    """A matrix stored by columns, as `scipy.sparse.csc_array`.

    >>> import unitensor as ut
    >>> (ut.asarray([1.0, 10.0]) @ csc_array((ut.asarray([2.0]), [1], [0, 1, 1]), shape=(2, 2))).tolist()
    [20.0, 0.0]
    """

    format = "csc"


class coo_array(_SparseArray):  # noqa: N801 -- SciPy's name
    """A matrix stored as triples, as `scipy.sparse.coo_array`; what stands twice is added.

    >>> import unitensor as ut
    >>> coo_array((ut.asarray([2.0, 3.0]), ([0, 0], [1, 1])), shape=(1, 2)).toarray().tolist()
    [[0.0, 5.0]]
    """

    format = "coo"


def spsolve(A: Any, b: Any) -> Tensor:  # noqa: N803 -- SciPy's name
    """The solution of A @ x = b, as `scipy.sparse.linalg.spsolve`; differentiable in A's data and b.

    >>> import unitensor as ut
    >>> spsolve(csr_array((ut.asarray([2.0, 4.0]), ([0, 1], [0, 1]))), ut.asarray([2.0, 2.0])).tolist()
    [1.0, 0.5]
    """
    matrix = csr_array(A) if scipy.sparse.issparse(A) else A
    if not isinstance(matrix, _SparseArray):
        raise TypeError(
            f"sparse.spsolve: A is {type(A).__name__}; expected a csr_array, csc_array or coo_array"
        )
    data, b = lift("sparse.spsolve", matrix.data, b)
    if matrix.shape[0] != matrix.shape[1] or b.ndim not in (1, 2) or b.shape[0] != matrix.shape[0]:
        raise ValueError(f"sparse.spsolve: A {matrix.shape} and b {b.shape} do not match")
    if b.ndim == 1:
        return solution(data, b[:, None], places=matrix._places)[:, 0]
    return solution(data, b, places=matrix._places)

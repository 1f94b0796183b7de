"""Tensor: the standard's array object, with gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from sys import getrefcount
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _graph, _holding, _views, _writing
from ._backend import Backend, current_backend, find_device, load_backend
from ._backward import Hook, add_hook, backward, moved_node
from ._devices import Device
from ._dtypes import DType, as_dtype, complex_of, is_inexact, real_of
from ._errors import describe
from ._exits import caller, note, watchers
from ._graph import LEAF, GradientError, new_leaf
from ._holding import OWN
from ._modes import is_grad_enabled
from ._op import operators, scope
from ._ops import (
    creation,
    data_types,
    elementwise,
    indexing,
    linear_algebra,
    manipulation,
    searching,
    sorting,
    statistical,
    utility,
)

if TYPE_CHECKING:
    from types import EllipsisType

    from ._namespace import RawNamespace

    Key = int | slice | EllipsisType | None | tuple[Any, ...] | "Tensor"


class Tensor:
    """An n-dimensional array on one engine, which can record how it was computed.

    Made by `ut.tensor`, `ut.asarray` and the creation functions. Everything of the standard's
    array object is here, and what PyTorch users reach for: `backward`, `grad`, `detach`, `to`,
    and the functions of the namespace as methods.
    """

    # `_base`, `_outside`, `_own` and `_views` are set where views and writing need them, `_resting` (the node
    # of a leaf that asks for no gradient now) where `requires_grad` is switched off; there is no `__getattr__`
    # to give them defaults, because one would slow down every look-up.

    __slots__ = ("__weakref__", "_base", "_data", "_node", "_outside", "_own", "_resting", "_views", "_xp")

    _data: Any
    _node: Any
    _xp: RawNamespace
    _base: Any
    _outside: bool | None
    _own: Any
    _resting: Any
    _views: Any

    __array_ufunc__ = None

    # What it is -----------------------------------------------------------------------------

    @property
    def dtype(self) -> DType:
        """The data type."""
        return self._xp.backend.dtype_of(self._data)

    @property
    def device(self) -> Device:
        """Where the data lies; the device names its backend."""
        return self._xp.backend.device_of(self._data)

    @property
    def backend(self) -> str:
        """The name of the backend whose engine holds the data."""
        return self._xp.backend.name

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return tuple(self._data.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._data.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        size = 1
        for n in self._data.shape:
            size *= n
        return size

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.size * self.dtype.itemsize

    @property
    def T(self) -> Tensor:  # noqa: N802 -- the standard's name
        """The transpose of a matrix; a view."""
        if self.ndim != 2:
            raise ValueError(f"T: expected 2 axes, got shape {self.shape}; use mT or permute_dims")
        return manipulation.matrix_transpose(self)

    @property
    def mT(self) -> Tensor:  # noqa: N802 -- the standard's name
        """The last two axes exchanged; a view."""
        if self.ndim < 2:
            raise ValueError(f"mT: expected 2 axes or more, got shape {self.shape}")
        return manipulation.matrix_transpose(self)

    @property
    def real(self) -> Tensor:
        """The real part."""
        return elementwise.real(self)

    @property
    def imag(self) -> Tensor:
        """The imaginary part."""
        return elementwise.imag(self)

    def __len__(self) -> int:
        if not self._data.shape:
            raise TypeError("len() of a 0-d Tensor")
        return int(self._data.shape[0])

    def dim(self) -> int:
        """The number of axes (PyTorch's name for ndim)."""
        return self.ndim

    def numel(self) -> int:
        """The number of elements (PyTorch's name for size)."""
        return self.size

    # Gradients --------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is asked for: a leaf marked so, or computed from one."""
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    @property
    def is_leaf(self) -> bool:
        """Whether the Tensor was not computed from others that need gradients."""
        return self._node is None or self._node[3] is LEAF

    def _leaf(self) -> Any:
        """The node that has the gradient: of a leaf, also while it asks for none."""
        node = self._node
        if node is None:
            return getattr(self, "_resting", None)
        return node if node[3] is LEAF else None

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward passes have added up in a leaf, or None.

        Of a complex leaf it is the direction of steepest ascent, as in PyTorch.
        """
        node = self._leaf()
        return None if node is None else node[4]

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        node = self._leaf()
        if node is None:
            raise GradientError("grad: only a leaf that requires a gradient has one to set")
        if value is not None and (value.shape != self.shape or value._xp is not self._xp):
            raise ValueError(
                f"grad: expected shape {self.shape} on {self.backend!r}, "
                f"got {describe(value)} on {value.backend!r}"
            )
        node[4] = value

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for the gradient of this leaf, or stop asking; returns the Tensor itself.

        What has been added up in `grad` stays, and so do hooks.

        >>> import unitensor as ut
        >>> x = ut.ones(2).requires_grad_()
        >>> x.requires_grad
        True
        """
        if not requires_grad:
            if not self.is_leaf:
                raise GradientError(
                    "requires_grad_(False): the Tensor was computed from others; use detach()"
                )
            if self._node is not None:
                self._resting, self._node = self._node, None
        elif self._node is None:
            if not is_inexact(self.dtype):
                raise GradientError(
                    f"requires_grad_: {self.dtype} Tensors have no gradient; expected a floating dtype: "
                    "x.to(ut.float64).requires_grad_()"
                )
            self._node = self._leaf() or new_leaf(self._xp, self._data.shape, self._data.dtype)
            self._own = None
        return self

    def backward(
        self,
        gradient: Tensor | None = None,
        *,
        retain_graph: bool | None = None,
        create_graph: bool = False,
    ) -> None:
        """Add the gradient of this Tensor to `grad` of every leaf that it was computed from.

        Parameters
        ----------
        gradient: the cotangent, of this Tensor's shape; needed unless it has one element.
        retain_graph: keep the graph for another pass; by default it is freed as it is consumed.
        create_graph: record the pass itself, so that gradients have gradients.

        >>> import unitensor as ut
        >>> x = ut.tensor([1.0, 2.0], requires_grad=True)
        >>> (x**2).sum().backward()
        >>> x.grad.tolist()
        [2.0, 4.0]
        """
        backward([self], [gradient], retain_graph=retain_graph, create_graph=create_graph)

    def detach(self) -> Tensor:
        """The same data without a history; shares memory."""
        out = _wrap(self._data, self._xp, None)
        _views.add_view(out, self, None, None)
        return out

    def zero_grad(self) -> None:
        """Forget the gradient that was added up."""
        node = self._leaf()
        if node is not None:
            node[4] = None

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Hook:
        """Call a function with this Tensor's gradient; what it returns, unless None, replaces it.

        On a leaf that is what a backward pass is about to add to `grad`; on another Tensor, what
        comes back from all that is computed from it from then on. `remove()` of what is returned
        takes the hook off.

        >>> import unitensor as ut
        >>> x = ut.tensor(2.0, requires_grad=True)
        >>> y = x * 3
        >>> hook = y.register_hook(lambda g: g * 10)
        >>> y.backward()
        >>> x.grad.item()
        30.0
        """
        return add_hook(self, hook)

    # Leaving the Tensor -------------------------------------------------------------------------

    def _leave(self, what: str) -> None:
        if self._node is not None:
            raise GradientError(
                f"{what} of a Tensor that requires a gradient would lose it, at {caller()}; "
                "use .detach() first: x.detach()"
            )
        if watchers:
            note(what, self)

    def numpy(self) -> Any:
        """A NumPy array of the values, sharing memory where that can be.

        >>> import unitensor as ut
        >>> ut.ones(2).numpy()
        array([1., 1.])
        """
        self._leave("numpy()")
        _holding.show_outside(self)
        return self._xp.backend.to_numpy(self._data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self._leave("conversion to a NumPy array")
        _holding.show_outside(self)
        array = self._xp.backend.to_numpy(self._data)
        if dtype is not None and array.dtype != np.dtype(dtype):
            if copy is False:
                raise ValueError(f"__array__: {self.dtype} must be copied to become {np.dtype(dtype)}")
            return array.astype(dtype)
        return array.copy() if copy else array

    def item(self) -> Any:
        """The single element as a Python number; allowed for Tensors that need a gradient, too.

        >>> import unitensor as ut
        >>> ut.asarray([2.5]).item()
        2.5
        """
        if self.size != 1:
            raise ValueError(f"item: expected one element, got shape {self.shape}; use tolist()")
        if watchers:
            note("item()", self)
        return self._xp.backend.to_numpy(self._data).item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers.

        >>> import unitensor as ut
        >>> ut.asarray([[1, 2]]).tolist()
        [[1, 2]]
        """
        if watchers:
            note("tolist()", self)
        return self._xp.backend.to_numpy(self._data).tolist()

    def _scalar(self, what: str) -> Any:
        if self.size != 1 or (self.ndim and what != "bool"):  # as in NumPy, one element has a truth
            if what == "bool":
                raise ValueError(
                    f"bool: the truth of {self.size} elements (shape {self.shape}) is ambiguous; "
                    "use ut.any(x) or ut.all(x)"
                )
            raise TypeError(f"{what}: expected a 0-d Tensor, got shape {self.shape}; use item() or tolist()")
        if watchers and what in ("bool", "index"):
            note(f"{what}()", self)
        return self._xp.backend.to_numpy(self._data).item()

    def __bool__(self) -> bool:
        return bool(self._scalar("bool"))

    def __float__(self) -> float:
        self._leave("float()")
        value = self._scalar("float")
        if isinstance(value, complex):
            raise TypeError(f"float: expected a real Tensor, got {self.dtype}; use x.real")
        return float(value)

    def __int__(self) -> int:
        self._leave("int()")
        value = self._scalar("int")
        if isinstance(value, complex):
            raise TypeError(f"int: expected a real Tensor, got {self.dtype}; use x.real")
        return int(value)

    def __complex__(self) -> complex:
        self._leave("complex()")
        return complex(self._scalar("complex"))

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"index: expected an integer Tensor, got {self.dtype}")
        return int(self._scalar("index"))

    def __dlpack__(
        self,
        /,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        self._leave("__dlpack__")
        _holding.show_outside(self)
        return self._xp.backend.to_dlpack(
            self._data, stream=stream, max_version=max_version, dl_device=dl_device, copy=copy
        )

    def __dlpack_device__(self) -> tuple[Any, int]:
        return self._xp.backend.dlpack_device(self._data)

    def __array_namespace__(self, /, *, api_version: str | None = None) -> Any:
        from ._bound import bound_namespace

        return bound_namespace(self._xp.backend, api_version)

    # Moving and copying ---------------------------------------------------------------------------

    def to(self, target: Any = None, *, dtype: Any = None, device: Any = None, copy: bool = False) -> Tensor:
        """On another device or backend, or in another dtype; the gradient flows back through it.

        `target` is a dtype (`ut.float32`), a device (`cuda:0`, `jax:cpu`, another Tensor's
        `device`) or the name of a backend (`jax`).

        >>> import unitensor as ut
        >>> ut.ones(2).to(ut.float32).dtype
        unitensor.float32
        >>> ut.ones(2).to("numpy").device
        Device('numpy:cpu')
        """
        if isinstance(target, Tensor):
            dtype, device = dtype or target.dtype, device or target.device
        elif isinstance(target, (str, Device)) and not _names_dtype(target):
            device = target
        elif target is not None:
            dtype = as_dtype(target)
        out = self
        if device is not None:
            out = _move(out, find_device(device, self._xp.backend, "to"))
        if dtype is not None and out.dtype is not as_dtype(dtype):
            out = data_types.astype(out, as_dtype(dtype))
        return out.clone() if copy and out is self else out

    def to_device(self, device: Any, /, *, stream: Any = None) -> Tensor:
        """On another device (the standard's name for `to`)."""
        if stream is not None and self.device.kind == "cpu":
            raise ValueError("to_device: stream is for devices that have streams")
        return _move(self, find_device(device, self._xp.backend, "to"))

    def cpu(self) -> Tensor:
        """On the CPU, on the same backend if it has one, else on NumPy."""
        kinds = [d.kind for d in self._xp.backend.devices()]
        return self.to("cpu" if "cpu" in kinds else "numpy")

    def cuda(self, index: int | None = None) -> Tensor:
        """On a GPU of the same backend."""
        kind = next((d.kind for d in self._xp.backend.devices() if d.kind in ("cuda", "gpu")), "cuda")
        return self.to(kind if index is None else f"{kind}:{index}")

    def clone(self) -> Tensor:
        """A copy; the gradient flows back through it.

        >>> import unitensor as ut
        >>> x = ut.ones(2)
        >>> y = x.clone()
        >>> y[0] = 5.0
        >>> x.tolist()
        [1.0, 1.0]
        """
        return creation_copy(self)

    def __copy__(self) -> Tensor:
        return self.clone()

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise GradientError("deepcopy of a Tensor with a history would lose it; use detach() or clone()")
        copied = self.detach().clone()
        memo[id(self)] = copied
        return copied.requires_grad_() if self.requires_grad else copied

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.is_leaf:
            raise GradientError("pickling a Tensor with a history would lose it; use x.detach()")
        return _unpickle, (self.detach().numpy(), str(self.dtype), str(self.device), self.requires_grad)

    # Indexing ---------------------------------------------------------------------------------------

    def __getitem__(self, key: Any, /) -> Tensor:
        xp, data = self._xp, self._data
        kind = type(key)
        if kind is not int and kind is not slice:
            key = indexing.plain_key(self, key)
        try:
            r = data[key] if xp.direct else xp.getitem(data, key)
        except Exception as error:
            raise indexing.explain_key(self, key, error) from error
        out = Tensor()
        out._xp = xp
        node = self._node
        if node is None:
            out._node = None
        else:
            out._node = _graph.record(indexing.GETITEM, xp, {"x": data, "key": key}, (node,), r)
            if _views.in_written_buffer(self) and _part_of_its_own(self, key, r, out):
                return out
        if xp.direct:
            if type(r) is not xp.array:
                out._data = xp.asarray(r)
                return out
            out._data = r
            base = data if kind is slice else r.base
            if base is not None and (base is data or base is data.base):
                _views.note(out, self, indexing.GETITEM, key, True)
            return out
        if type(r) is not xp.array:
            r = xp.as_array(r)
        if kind is slice or (r.shape if kind is int else indexing.gives_view(key, r)):
            out._data = r
            shared = xp.backend.shares_memory("getitem", key, data, r)
            _views.note(out, self, indexing.GETITEM, key, shared)
        elif r.shape or not xp.backend.mutable:
            out._data = r
        else:  # a single element is its value, not a view
            out._data = xp.asarray(r, copy=True)
        return out

    def __setitem__(self, key: Any, value: Any, /) -> None:
        # Python numbers go straight to an array that nobody else holds (see _holding.ALONE).
        try:
            if type(value) is float:
                if getrefcount(self._own) == OWN:
                    self._own[key] = value
                    return
            elif type(value) is int and getrefcount(self._own) == OWN:
                self._own[key] = value
                return
        except Exception:
            pass
        _writing.write(self, key, value)

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.shape:
            raise TypeError("iteration over a 0-d Tensor")
        return (self[i] for i in range(self._data.shape[0]))

    def __contains__(self, value: Any) -> bool:
        return bool(utility.any(elementwise.equal(self, value)))

    # How it looks -------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        if self._xp.backend.has_values(self._data):
            values = self._xp.backend.to_numpy(self._data)
            text = np.array2string(values, separator=", ", prefix="Tensor(", threshold=1000, edgeitems=3)
        else:
            text = f"<no values inside a traced function>, shape={self.shape}"
        facts = [str(self.dtype), f"device='{self.device}'"]
        if self.size == 0 and self.shape != (0,):
            facts.insert(0, f"shape={self.shape}")
        if self._node is not None:
            facts.append("requires_grad=True" if self.is_leaf else f"grad_fn={_graph.name_of(self._node)}")
        return f"Tensor({text}, {', '.join(facts)})"

    def _repr_html_(self) -> str:
        import html

        facts = f"shape {self.shape} · {self.dtype} · {self.device}"
        if self._node is not None:
            facts += " · requires gradient"
        values = self._xp.backend.to_numpy(self._data)
        head = f"<div><small><b>Tensor</b> {html.escape(facts)}</small>"
        if values.ndim != 2 or values.size > 400 or 0 in values.shape:
            text = np.array2string(values, separator=", ", threshold=200, edgeitems=3)
            return f"{head}<pre>{html.escape(text)}</pre></div>"
        rows = "".join(
            "<tr>"
            + "".join(f"<td style='text-align:right'>{html.escape(f'{v:.6g}')}</td>" for v in row)
            + "</tr>"
            for row in values
        )
        return f"{head}<table>{rows}</table></div>"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __hash__(self) -> int:
        return id(self)

    # Operators --------------------------------------------------------------------------------------------

    __add__, __radd__ = operators(elementwise.add)
    __sub__, __rsub__ = operators(elementwise.subtract)
    __mul__, __rmul__ = operators(elementwise.multiply)
    __truediv__, __rtruediv__ = operators(elementwise.divide)
    __floordiv__, __rfloordiv__ = operators(elementwise.floor_divide)
    __mod__, __rmod__ = operators(elementwise.remainder)
    __pow__, __rpow__ = operators(elementwise.pow)
    __matmul__, __rmatmul__ = operators(linear_algebra.matmul)
    __and__, __rand__ = operators(elementwise.bitwise_and)
    __or__, __ror__ = operators(elementwise.bitwise_or)
    __xor__, __rxor__ = operators(elementwise.bitwise_xor)
    __lshift__, __rlshift__ = operators(elementwise.bitwise_left_shift)
    __rshift__, __rrshift__ = operators(elementwise.bitwise_right_shift)
    __eq__, _ = operators(elementwise.equal)  # type: ignore[assignment]  # elementwise, as the standard has it
    __ne__, _ = operators(elementwise.not_equal)  # type: ignore[assignment]  # likewise
    __lt__, _ = operators(elementwise.less)
    __le__, _ = operators(elementwise.less_equal)
    __gt__, _ = operators(elementwise.greater)
    __ge__, _ = operators(elementwise.greater_equal)
    del _
    __neg__ = elementwise.negative
    __pos__ = elementwise.positive
    __invert__ = elementwise.bitwise_invert
    __abs__ = elementwise.abs

    __iadd__ = _writing.in_place("add", "+=")
    __isub__ = _writing.in_place("subtract", "-=")
    __imul__ = _writing.in_place("multiply", "*=")
    __itruediv__ = _writing.in_place("divide", "/=")
    __ifloordiv__ = _writing.in_place("floor_divide", "//=")
    __imod__ = _writing.in_place("remainder", "%=")
    __ipow__ = _writing.in_place("pow", "**=")
    __imatmul__ = _writing.in_place("matmul", "@=")
    __iand__ = _writing.in_place("bitwise_and", "&=")
    __ior__ = _writing.in_place("bitwise_or", "|=")
    __ixor__ = _writing.in_place("bitwise_xor", "^=")
    __ilshift__ = _writing.in_place("bitwise_left_shift", "<<=")
    __irshift__ = _writing.in_place("bitwise_right_shift", ">>=")

    # Functions as methods ------------------------------------------------------------------------

    abs = elementwise.abs
    exp = elementwise.exp
    log = elementwise.log
    sqrt = elementwise.sqrt
    sin = elementwise.sin
    cos = elementwise.cos
    tan = elementwise.tan
    tanh = elementwise.tanh
    square = elementwise.square
    sign = elementwise.sign
    floor = elementwise.floor
    ceil = elementwise.ceil
    round = elementwise.round
    reciprocal = elementwise.reciprocal
    clip = elementwise.clip
    conj = elementwise.conj
    maximum = elementwise.maximum
    minimum = elementwise.minimum
    add = elementwise.add
    mul = elementwise.multiply
    pow = elementwise.pow
    astype = data_types.astype
    matmul = linear_algebra.matmul

    sort = sorting.sort
    argsort = sorting.argsort
    argmax = searching.argmax
    argmin = searching.argmin
    nonzero = searching.nonzero
    take = indexing.take
    repeat = manipulation.repeat
    squeeze = manipulation.squeeze
    expand_dims = manipulation.expand_dims
    flip = manipulation.flip
    roll = manipulation.roll
    moveaxis = manipulation.moveaxis
    unsqueeze = manipulation.expand_dims

    def sum(self, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
        """`ut.sum` of this Tensor."""
        return statistical.sum(self, axis=axis, dtype=dtype, keepdims=keepdims)

    def mean(self, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        """`ut.mean` of this Tensor."""
        return statistical.mean(self, axis=axis, keepdims=keepdims)

    def prod(self, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
        """`ut.prod` of this Tensor."""
        return statistical.prod(self, axis=axis, dtype=dtype, keepdims=keepdims)

    def max(self, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        """`ut.max` of this Tensor."""
        return statistical.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        """`ut.min` of this Tensor."""
        return statistical.min(self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, *, correction: float = 0.0, keepdims: bool = False) -> Tensor:
        """`ut.var` of this Tensor."""
        return statistical.var(self, axis=axis, correction=correction, keepdims=keepdims)

    def std(self, axis: Any = None, *, correction: float = 0.0, keepdims: bool = False) -> Tensor:
        """`ut.std` of this Tensor."""
        return statistical.std(self, axis=axis, correction=correction, keepdims=keepdims)

    def all(self, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        """`ut.all` of this Tensor."""
        return utility.all(self, axis=axis, keepdims=keepdims)

    def any(self, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        """`ut.any` of this Tensor."""
        return utility.any(self, axis=axis, keepdims=keepdims)

    def cumsum(self, axis: int | None = None) -> Tensor:
        """`ut.cumulative_sum` of this Tensor."""
        return statistical.cumulative_sum(self, axis=axis)

    def reshape(self, *shape: Any, copy: bool | None = None) -> Tensor:
        """`ut.reshape` of this Tensor; the lengths may be given one by one."""
        return manipulation.reshape(self, _as_shape(shape), copy=copy)

    def view(self, *shape: Any) -> Tensor:
        """The same memory in another shape; raises where that would need a copy.

        Of a dtype: complex numbers as pairs of real ones along the last axis, and back, copied.
        """
        if len(shape) == 1 and not isinstance(shape[0], (int, tuple, list, str)):
            return _view_as(self, as_dtype(shape[0]))
        return manipulation.reshape(self, _as_shape(shape), copy=False)

    def flatten(self) -> Tensor:
        """All elements along one axis."""
        return manipulation.reshape(self, (-1,))

    ravel = flatten

    def permute(self, *axes: Any) -> Tensor:
        """`ut.permute_dims` of this Tensor; the axes may be given one by one."""
        return manipulation.permute_dims(self, _as_shape(axes))

    def transpose(self, *axes: Any) -> Tensor:
        """NumPy's transpose: all axes reversed, or in the order given."""
        order = _as_shape(axes) if axes else tuple(reversed(range(self.ndim)))
        return manipulation.permute_dims(self, order)

    def broadcast_to(self, *shape: Any) -> Tensor:
        """`ut.broadcast_to` of this Tensor; the lengths may be given one by one."""
        return manipulation.broadcast_to(self, _as_shape(shape))

    expand = broadcast_to


def _as_shape(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """Lengths given one by one, or as one sequence."""
    first = shape[0] if len(shape) == 1 else None
    if type(first) is tuple:
        shape = first
    elif first is not None and (not hasattr(first, "__index__") or getattr(first, "ndim", False)):
        shape = tuple(first)
    for n in shape:
        if type(n) is not int:
            return tuple([int(n) for n in shape])
    return shape


def _view_as(x: Tensor, dtype: DType) -> Tensor:
    """Complex numbers as pairs of real ones along the last axis, or pairs as complex numbers."""
    if dtype is x.dtype:
        return x
    if dtype is real_of(x.dtype):
        pairs = manipulation.stack([elementwise.real(x), elementwise.imag(x)], axis=-1)
        return manipulation.reshape(pairs, (*x.shape[:-1], -1))
    if dtype is complex_of(x.dtype) and x.ndim and x.shape[-1] % 2 == 0:
        unit = _wrap(x._xp.scalar(1j, dtype, x._data), x._xp, None)
        return elementwise.add(x[..., ::2], elementwise.multiply(x[..., 1::2], unit))
    raise TypeError(
        f"view: {x.dtype} of shape {x.shape} as {dtype}; expected a real dtype for complex "
        "numbers, or back; use astype to convert"
    )


def _part_of_its_own(x: Tensor, key: Any, r: Any, out: Tensor) -> bool:
    """Give a view of a buffer that recorded writes have made memory of its own; False if it is no such view.

    A graph may keep what is read: of the buffer's own memory, the next write would have to move the whole.
    """
    if not x._xp.backend.mutable or type(r) is not x._xp.array or not indexing.gives_view(key, r):
        return False
    out._data = x._xp.asarray(r, copy=True)
    _views.note(out, x, indexing.GETITEM, key, False)
    return True


def _names_dtype(target: Any) -> bool:
    if not isinstance(target, str):
        return False
    try:
        as_dtype(target)
    except TypeError:
        return False
    return True


def _wrap(data: Any, xp: RawNamespace, node: Any) -> Tensor:
    out = Tensor()
    out._data = data
    out._xp = xp
    out._node = node
    return out


def creation_copy(x: Tensor) -> Tensor:
    """A copy with an identity edge back to its source."""
    out = _wrap(x._xp.asarray(x._data, copy=True), x._xp, None)
    if x._node is not None:
        out._node = _graph.record(elementwise.POSITIVE, x._xp, {"x": x._data}, (x._node,), out._data)
    return out


def _move(x: Tensor, device: Device) -> Tensor:
    """x on a device of this or another backend; its cotangent moves back."""
    if device == x.device:
        return x
    source = x._xp.backend
    target = load_backend(device.backend)
    if target is source:
        data, shared = source.to_device(x._data, device.raw), False
    else:
        data, shared = _carry_over(x, source, target, device)
    out = _wrap(data, target.namespace, None)
    if shared:
        _holding.show_outside(out)
    if x._node is not None and is_inexact(x.dtype) and (not scope["special"] or is_grad_enabled()):
        out._node = moved_node(x, out)
    return out


def _carry_over(x: Tensor, source: Backend, target: Backend, device: Device) -> tuple[Any, bool]:
    """An array of another backend, and whether it is the same memory: where both engines write.

    An engine without writes must not see its arrays change, and a recorded Tensor's memory must
    not change behind its history: these get a copy.
    """
    data = x._data
    if source.mutable and target.mutable and x._node is None and _views.root_of(x)._node is None:
        _holding.show_outside(x)
        data = x._data
        shared = target.import_array(source, data, device.raw)
        if target.storage(shared) == source.storage(data):
            return shared, True
    if source.mutable:
        data = x._xp.asarray(data, copy=True)
    data = target.import_array(source, data, device.raw)
    copied = target.mutable and not source.mutable
    return (target.namespace.asarray(data, copy=True) if copied else data), False


def _unpickle(array: Any, dtype: str, device: str, requires_grad: bool) -> Tensor:
    try:
        home = find_device(device)
    except (ImportError, ValueError):
        home = current_backend().devices()[0]
    x = creation.asarray(array, dtype=as_dtype(dtype), device=home)
    return x.requires_grad_() if requires_grad else x


scope["Tensor"] = creation.new_tensor = Tensor
scope["wrap"] = _wrap

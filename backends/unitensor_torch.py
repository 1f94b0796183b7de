"""The PyTorch backend: torch's kernels with NumPy's rules, on CPU, CUDA and MPS.

The engine's own gradients are not used: arrays here never require them.
"""

from __future__ import annotations

from typing import Any

import array_api_compat.torch as compat
import numpy as np
import torch
import unitensor_torch_indexing as indexing
from unitensor_torch_elementwise import Elementwise
from unitensor_torch_extensions import Extensions
from unitensor_torch_functions import Functions
from unitensor_torch_scipy import Scipy
from unitensor_torch_special import Special

from unitensor import Backend

#: The types whose tensors have memory of their own; other subclasses may stand for anything.
REAL = (torch.Tensor, torch.nn.Parameter)


class TorchBackend(Special, Scipy, Elementwise, Functions, Extensions, Backend):
    """torch's functions, mended where they differ from the standard or from NumPy."""

    name = "torch"
    xp = compat
    array_type = torch.Tensor
    install = "pip install torch"
    copied_views = frozenset({"flip"})

    def shares_memory(self, op: str, options: Any, a: Any, view: Any) -> bool:
        return bool(a.untyped_storage().data_ptr() == view.untyped_storage().data_ptr())

    def storage(self, a: Any) -> Any:
        return a.untyped_storage().data_ptr()

    def owner(self, a: Any) -> Any:
        return a.untyped_storage()

    def arrays_in(self, a: Any) -> int | None:
        count = getattr(torch._C, "_storage_Use_Count", None)
        return None if count is None else int(count(a.untyped_storage()._cdata)) - 1

    def join_complex(self, real: Any, imag: Any) -> Any:
        return torch.complex(real, imag)

    def version(self) -> str:
        return str(torch.__version__)

    # Moving in and out --------------------------------------------------------------------

    def is_array(self, obj: Any) -> bool:
        if not isinstance(obj, torch.Tensor):
            return False
        if obj.requires_grad:
            raise TypeError(
                "a torch.Tensor that requires a gradient would lose it in unitensor, which has its own; "
                "use x.detach(), then ut.asarray(...).requires_grad_()"
            )
        if obj.layout is not torch.strided:
            raise TypeError(f"a torch.Tensor of layout {obj.layout} is not an array; use x.to_dense()")
        return True

    def to_numpy(self, a: Any) -> Any:
        try:
            found = a.numpy()
            if not a.is_contiguous() and indexing.overlaps_itself(a):
                found.flags.writeable = False
            return found
        except (TypeError, RuntimeError):
            a = a.resolve_conj().resolve_neg().cpu()
            return (a.float() if a.dtype is torch.bfloat16 else a).numpy()

    def from_numpy(self, a: Any, device: Any = None) -> Any:
        a = np.asarray(a)  # a scalar of NumPy's, too
        # torch has no read-only memory and no negative strides.
        if not a.flags.writeable or any(s < 0 or s % a.itemsize for s in a.strides):
            a = a.copy()
        # NumPy's longlong is another type than the int64 that torch knows, of the same name.
        t = torch.from_numpy(a.view(a.dtype.str) if a.dtype.char in "qQ" else a)
        return t.to(torch.get_default_device() if device is None else device)

    def from_dlpack(self, obj: Any, device: Any = None, copy: bool | None = None) -> Any:
        # torch ends the process at a negative stride.
        backwards = any(s < 0 for s in getattr(obj, "strides", None) or ())
        if backwards or (isinstance(obj, np.ndarray) and not obj.flags.writeable):
            if copy is False:
                raise BufferError("from_dlpack: copy=False, but this memory must be copied for torch")
            if isinstance(obj, np.ndarray):
                return self.from_numpy(obj, device)
            obj = obj.copy()
        wanted = {"device": device, "copy": copy}
        return torch.utils.dlpack.from_dlpack(obj, **{k: v for k, v in wanted.items() if v is not None})

    def to_dlpack(self, a: Any, **options: Any) -> Any:
        if options.get("copy") is not False:
            a = a.resolve_conj().resolve_neg()
        try:
            return a.__dlpack__(**options)
        except (AssertionError, RuntimeError, ValueError) as error:
            raise BufferError(
                f"__dlpack__ of a tensor on {a.device}: {str(error).splitlines()[0]}"
            ) from error

    def to_device(self, a: Any, device: Any) -> Any:
        return a.to(device)

    def synchronize(self, a: Any) -> None:
        if a.device.type == "cuda":
            torch.cuda.synchronize(a.device)
        elif a.device.type == "mps":
            torch.mps.synchronize()

    def is_view(self, a: Any) -> bool:
        return a._is_view() or not a.untyped_storage().resizable()

    def raw_devices(self) -> list[Any]:
        found = [torch.device("cpu")]
        found += [torch.device("cuda", i) for i in range(torch.cuda.device_count())]
        if torch.backends.mps.is_available():
            found.append(torch.device("mps", 0))
        default = torch.get_default_device()
        return sorted(found, key=lambda d: d.type != default.type or d.index != default.index)

    # Creation, as torch has it ----------------------------------------------------------------

    zeros = staticmethod(torch.zeros)
    ones = staticmethod(torch.ones)
    empty = staticmethod(torch.empty)
    full = staticmethod(torch.full)
    zeros_like = staticmethod(torch.zeros_like)
    ones_like = staticmethod(torch.ones_like)
    empty_like = staticmethod(torch.empty_like)
    full_like = staticmethod(torch.full_like)

    def asarray(self, obj: Any, /, *, dtype: Any = None, device: Any = None, copy: Any = None) -> Any:
        if device is None and isinstance(obj, torch.Tensor):
            device = obj.device
        return torch.asarray(obj, dtype=dtype, device=device, copy=copy)

    # Reading and writing ----------------------------------------------------------------------

    def has_values(self, a: Any) -> bool:
        if isinstance(a, (tuple, list)):
            return all(map(self.has_values, a))
        if not isinstance(a, torch.Tensor):
            return True
        # In a program that is being compiled, exported or captured, under `torch.func`, and of a fake tensor.
        if torch.compiler.is_compiling() or torch._C._is_tracing() or torch._C._len_torch_dispatch_stack():
            return False
        if type(a) not in REAL or a.is_meta or torch._C._functorch.is_functorch_wrapped_tensor(a):
            return False
        return not (a.is_cuda and torch.cuda.is_current_stream_capturing())

    def writeable(self, a: Any) -> bool:
        return a.is_contiguous() or not indexing.overlaps_itself(a)

    def assign(self, a: Any, key: Any, value: Any) -> Any:
        return indexing.write(a, key, value)

    def scatter_add(self, a: Any, key: Any, value: Any) -> Any:
        return indexing.add(a, key, value)

    def getitem(self, x: Any, key: Any) -> Any:
        if type(key) is int:
            return x[key]
        return indexing.read(x, key)


backend = TorchBackend

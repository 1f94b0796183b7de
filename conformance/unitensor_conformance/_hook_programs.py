"""The programs that check the hooks of the protocol; `_hooks.py` runs them and says how to read them."""

PROLOGUE = """import numpy as np
import unitensor as ut

backend = ut.load_backend({backend!r})
xp = backend.namespace
put, get = backend.from_numpy, lambda a: np.array(backend.to_numpy(a))
"""

#: The programs by hook, separated by empty lines.
HOOKS: dict[str, str] = {
    "from_numpy and to_numpy": """
x = np.asarray([0, 1, 2, 3], dtype)
out, expected = get(put(x)), x

x = np.asarray(1, dtype)
out, expected = get(put(x)), x

x = np.zeros((2, 0, 3), dtype)
out, expected = get(put(x)), x

x = np.arange(6).reshape(2, 3).astype(dtype)
out, expected = get(put(x)), x

x = np.arange(6).astype(dtype)[::-1]
out, expected = get(put(x)), x

x = np.arange(6).astype(dtype)[1::2]
out, expected = get(put(x)), x

x = np.arange(6).reshape(2, 3).astype(dtype).T
out, expected = get(put(x)), x

x = np.broadcast_to(np.asarray(1, dtype), (2, 3))  # strides of 0, and read-only
out, expected = get(put(x)), x

x = np.arange(12).astype(dtype)
kept = x.copy()
put(x)
out, expected = x, kept

x, y = np.asarray([1, 0], dtype), np.asarray([0, 1], dtype)
a, b = put(x), put(y)
out = backend.to_numpy(a)
backend.to_numpy(b)  # must not change what was handed out before
expected = np.asarray([1, 0], dtype)

x = np.asarray([0.0, -0.0, 1e-30, np.inf, -np.inf, np.nan]).astype(floating)
out, expected = get(put(x)), x

x = np.asarray([-np.nan, 1.0, -0.0], floating)
a = put(x.copy())
get(a)
out, expected = get(a), x

x = np.asarray([np.iinfo(integer).min, np.iinfo(integer).max, np.iinfo(integer).max - 1], integer)
out, expected = get(put(x)), x

x = np.arange(10007).astype(number)
out, expected = get(put(x)), x

x = np.arange(3, dtype=number)
a = xp.add(put(x), put(x))
out = isinstance(backend.to_numpy(a), np.ndarray)
expected = True

a = xp.add(put(np.arange(6.0)), put(np.arange(6.0)))
try:
    memory = np.from_dlpack(a).ctypes.data
except Exception:  # memory that NumPy cannot look at
    memory = None
out = memory is None or backend.to_numpy(a).ctypes.data == memory  # no copy where memory allows
expected = True
""",
    "dlpack": """
x = np.arange(6).reshape(2, 3).astype(moved)
a = ut.asarray(x, device=backend.devices()[0])
out = np.from_dlpack(a) if a.device.kind == "cpu" else a.numpy()
expected = x

x = np.arange(6).reshape(2, 3).astype(moved)
a = ut.asarray(x, device=backend.devices()[0])[:, ::2]
out = np.from_dlpack(a) if a.device.kind == "cpu" else a.numpy()
expected = x[:, ::2]

x = np.arange(6).reshape(2, 3).astype(moved)
out, expected = get(backend.from_dlpack(x)), x

x = np.arange(6).reshape(2, 3).astype(moved).T
out, expected = get(backend.from_dlpack(x)), x

class Exporter:  # an array of a library that nobody knows
    def __init__(self, a):
        self.a = a
    def __dlpack__(self, **options):
        return self.a.__dlpack__(**options)
    def __dlpack_device__(self):
        return self.a.__dlpack_device__()
x = np.arange(6).reshape(2, 3).astype(moved)
with ut.use_backend(backend.name):
    a = ut.from_dlpack(Exporter(x))
out, expected = (a.backend, a.numpy().tolist()), (backend.name, x.tolist())

x = np.arange(3.0)
with ut.use_backend(backend.name):
    a = ut.from_dlpack(x, copy=True)
x[0] = 7.0
out, expected = np.array(a.numpy()), np.arange(3.0)

with ut.use_backend(backend.name):
    a = ut.from_dlpack(ut.arange(3))
out, expected = (a.backend, a.tolist()), (backend.name, [0, 1, 2])

a = put(np.arange(3.0))
out = tuple(int(n) for n in backend.dlpack_device(a))
expected = (1, 0) if backend.device_of(a).kind == "cpu" else out
""",
    "import_array": """
x = np.arange(6).reshape(2, 3).astype(dtype)
a = ut.asarray(x, device="numpy:cpu").to(backend.name)
out, expected = (a.backend, a.dtype.name, np.array(a.numpy()).tolist()), (backend.name, dtype, x.tolist())

x = np.arange(6).reshape(2, 3).astype(dtype)
a = ut.asarray(x, device=backend.devices()[0]).to("numpy")
out, expected = np.array(a.numpy()), x

x = np.arange(6.0)[::-2]
out, expected = np.array(ut.asarray(x, device="numpy:cpu").to(backend.name).numpy()), x

numpy = ut.load_backend("numpy")
x = np.asarray(2.5)
out, expected = get(backend.import_array(numpy, x, backend.devices()[0].raw)), x

w = ut.tensor(2.0, device="numpy:cpu", requires_grad=True)
(w.to(backend.name) * 5.0).backward()
out, expected = w.grad.item(), 5.0
""",
    "assign": """
value = np.asarray([5, 6]).astype(dtype)
out = get(backend.assign(put(np.zeros(4, dtype)), slice(1, 3), put(value)))
expected = np.zeros(4, dtype)
expected[1:3] = value

value = np.asarray([-5, 6]).astype(signed)
out = get(backend.assign(put(np.ones(4, signed)), slice(None, None, -2), put(value)))
expected = np.ones(4, signed)
expected[::-2] = value

out = get(backend.assign(put(np.zeros((2, 3))), ..., put(np.asarray(-2.0))))
expected = np.full((2, 3), -2.0)

out = get(backend.assign(put(np.zeros(4)), -1, put(np.asarray(7.0))))
expected = np.asarray([0.0, 0.0, 0.0, 7.0])

out = get(backend.assign(put(np.zeros(4)), put(np.asarray([0, -2])), put(np.asarray([5.0, 6.0]))))
expected = np.asarray([5.0, 0.0, 6.0, 0.0])

out = get(backend.assign(put(np.zeros((3, 2))), (slice(1, None), 0), put(np.asarray([5.0, 6.0]))))
expected = np.asarray([[0.0, 0.0], [5.0, 0.0], [6.0, 0.0]])

out = get(backend.assign(put(np.zeros((2, 3))), slice(None), put(np.asarray([1.0, 2.0, 3.0]))))
expected = np.asarray([[1.0, 2.0, 3.0]] * 2)

out = get(backend.assign(put(np.zeros((2, 3))), (slice(None), slice(1, None)), put(np.asarray([[1.0], [2.0]]))))
expected = np.asarray([[0.0, 1.0, 1.0], [0.0, 2.0, 2.0]])

key = (put(np.asarray([0, 1])), put(np.asarray([2, 0])))
out = get(backend.assign(put(np.zeros((2, 3))), key, put(np.asarray([5.0, 6.0]))))
expected = np.asarray([[0.0, 0.0, 5.0], [6.0, 0.0, 0.0]])

key = (put(np.asarray([0, 1, -1])), put(np.asarray([2, -3, 1])))
out = get(backend.assign(put(np.zeros((3, 3))), key, put(np.asarray([5.0, 6.0, 7.0]))))
expected = np.asarray([[0.0, 0.0, 5.0], [6.0, 0.0, 0.0], [0.0, 7.0, 0.0]])

out = get(backend.assign(put(np.zeros((2, 2))), (slice(None), 1), put(np.asarray([5.0, 6.0]))))
expected = np.asarray([[0.0, 5.0], [0.0, 6.0]])

value = put(np.asarray([5.0, 6.0]))
backend.assign(put(np.zeros(4)), slice(1, 3), value)
out, expected = get(value), np.asarray([5.0, 6.0])

a = put(np.zeros(4))
written = backend.assign(a, 0, put(np.asarray(1.0)))
out = get(a) if backend.mutable else get(written)  # in place, or in a new array
expected = np.asarray([1.0, 0.0, 0.0, 0.0])

a = put(np.zeros(4))
written = backend.assign(a, 0, put(np.asarray(1.0)))
out = get(a)[0] == (1.0 if backend.mutable else 0.0)  # what is not mutable stays as it was
expected = True
""",
    "scatter_add": """
out = get(backend.scatter_add(put(np.zeros(4, number)), (put(np.asarray([0, 0, 3])),), put(np.asarray([1, 2, 4], number))))
expected = np.asarray([3, 0, 0, 4], number)

out = get(backend.scatter_add(put(np.ones(4, number)), (put(np.asarray([-1, 3, -4])),), put(np.asarray([1, 2, 4], number))))
expected = np.asarray([5, 1, 1, 4], number)

x = np.asarray([0.1, 1e-9, 3.0])
out = get(backend.scatter_add(put(np.zeros(3)), (put(np.asarray([2, 1, 2])),), put(x)))
expected = np.asarray([0.0, 1e-9, 3.1])

x = np.asarray([1 - 2j, 3j, 2], complex_)
out = get(backend.scatter_add(put(np.ones(2, complex_)), (put(np.asarray([1, 0, 1])),), put(x)))
expected = np.asarray([1 + 3j, 4 - 2j], complex_)

key = (slice(None, None, 2), put(np.asarray([1, 1])))
out = get(backend.scatter_add(put(np.zeros((3, 2))), key, put(np.asarray([[1.0, 2.0], [3.0, 4.0]]))))
expected = np.asarray([[0.0, 3.0], [0.0, 0.0], [0.0, 7.0]])

key = (put(np.asarray([0, 1, 0])), put(np.asarray([2, 0, -1])))
out = get(backend.scatter_add(put(np.zeros((3, 3))), key, put(np.asarray([1.0, 2.0, 3.0]))))
expected = np.asarray([[0.0, 0.0, 4.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])

key = (put(np.asarray([0, 1, 0])), put(np.asarray([1, 0, 1])))
out = get(backend.scatter_add(put(np.zeros((2, 2))), key, put(np.asarray([1.0, 2.0, 3.0]))))
expected = np.asarray([[0.0, 4.0], [2.0, 0.0]])

out = get(backend.scatter_add(put(np.zeros(5)), (slice(None, None, -2),), put(np.asarray([1.0, 2.0, 3.0]))))
expected = np.asarray([3.0, 0.0, 2.0, 0.0, 1.0])

out = get(backend.scatter_add(put(np.zeros((2, 3))), (1,), put(np.asarray([1.0, 2.0, 3.0]))))
expected = np.asarray([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])

out = get(backend.scatter_add(put(np.zeros(3)), (put(np.zeros(1000, np.int64)),), put(np.ones(1000))))
expected = np.asarray([1000.0, 0.0, 0.0])

value, index = put(np.asarray([5.0, 6.0])), put(np.asarray([1, 1]))
backend.scatter_add(put(np.zeros(4)), (index,), value)
out, expected = (get(value).tolist(), get(index).tolist()), ([5.0, 6.0], [1, 1])
""",
    "join_complex": """
x, y = np.asarray([1.0, -0.0, np.inf, np.nan], real), np.asarray([np.nan, np.inf, -0.0, 1.0], real)
out = get(backend.join_complex(put(x), put(y)))
expected = np.empty(4, np.result_type(x, np.complex64))
expected.real, expected.imag = x, y

out = get(backend.join_complex(put(np.asarray(1.0, real)), put(np.asarray(-2.0, real))))
expected = np.asarray(1 - 2j, np.result_type(np.dtype(real), np.complex64))
""",
    "name and version": """
out, expected = (type(backend.version()), backend.version() != ""), (str, True)
""",
    "is_array": """
a, b, c = put(np.zeros(2, dtype)), put(np.zeros((), dtype)), put(np.zeros((0, 2), dtype))
out = [backend.is_array(v) for v in (a, b, c, 0.0, [0.0], "a", None)]
expected = [True, True, True, False, False, False, False]
""",
    "dtype_of": """
out, expected = backend.dtype_of(put(np.zeros(2, dtype))).name, dtype

out, expected = backend.dtype_of(xp.astype(put(np.zeros(2)), backend.dtype(getattr(ut, dtype)))).name, dtype
""",
    "supports": """
from unitensor._dtypes import STANDARD
def has(d):
    try:
        backend.dtype(d)
    except TypeError:
        return False
    return True
out, expected = [backend.supports(d) for d in STANDARD], [has(d) for d in STANDARD]

out, expected = backend.supports(ut.float64) and backend.supports(ut.int64) and backend.supports(ut.bool), True
""",
    "devices": """
out, expected = backend.device_of(put(np.zeros(2))) in backend.devices(), True

out = [backend.device(raw) for raw in backend.raw_devices()]
expected = list(backend.devices())

x = ut.zeros(2, device=str(backend.devices()[0]))
out, expected = x.device, backend.devices()[0]
""",
    "synchronize": """
a = put(np.ones(2))
backend.synchronize(a)
out, expected = get(a), np.ones(2)
""",
    "storage": """
a = put(np.arange(4.0))
view = xp.getitem(a, slice(1, 3))
out = (backend.storage(a) == backend.storage(view)) if backend.shares_views and backend.mutable else True
expected = True

a, b = put(np.arange(4.0)), put(np.arange(4.0) + 1)
out = backend.storage(a) != backend.storage(b) and backend.storage(xp.add(a, b)) != backend.storage(a)
expected = True

a = put(np.arange(4.0))
out, expected = hash(backend.storage(a)) == hash(backend.storage(a)), True
""",
    "getitem": """
a = put(np.arange(6.0).reshape(2, 3))
views = [xp.getitem(a, key) for key in (slice(1, 2), (slice(None), slice(None, None, 2)), (0, slice(1)), None)]
shared = backend.shares_views and backend.mutable and "getitem" not in backend.copied_views
out = all((backend.storage(view) == backend.storage(a)) for view in views) or not shared
expected = True
""",
    "to_device": """
a = put(np.arange(4.0))
same = backend.to_device(a, backend.raw_device_of(a))
out, expected = get(same), np.arange(4.0)
""",
    "has_values": """
a = put(np.asarray([0]))
said = {backend.has_values(what) for what in (a, (slice(None), a), [a, a])}
out, expected = said in ({True}, {False}), True
""",
    "asarray": """
out = get(xp.asarray(put(np.asarray([1, 0], dtype)))), np.asarray([1, 0], dtype)
out, expected = out

out = get(xp.asarray(3, dtype=backend.dtype(getattr(ut, number))))
expected = np.asarray(3, number)

out = get(xp.asarray([1.5, -2.5], dtype=backend.dtype(ut.float32)))
expected = np.asarray([1.5, -2.5], np.float32)

a = put(np.arange(3.0))
b = xp.asarray(a, copy=True)
out = backend.storage(a) != backend.storage(b) or not backend.mutable
expected = True
""",
    "zeros": """
out, expected = get(xp.zeros((2, 3), dtype=backend.dtype(getattr(ut, dtype)))), np.zeros((2, 3), dtype)

out, expected = get(xp.zeros((), dtype=backend.dtype(getattr(ut, dtype)))), np.zeros((), dtype)
""",
    "ones": """
out, expected = get(xp.ones((2, 3), dtype=backend.dtype(getattr(ut, dtype)))), np.ones((2, 3), dtype)
""",
    "full": """
out, expected = get(xp.full((2,), 1, dtype=backend.dtype(getattr(ut, dtype)))), np.full(2, 1, dtype)
""",
    "empty": """
out, expected = get(xp.empty((2, 0), dtype=backend.dtype(getattr(ut, dtype)))), np.empty((2, 0), dtype)
""",
    "arange": """
out, expected = get(xp.arange(5)).tolist(), [0, 1, 2, 3, 4]

out, expected = get(xp.arange(2, 9, 3)).tolist(), [2, 5, 8]

out, expected = get(xp.arange(9, 2, -2)).tolist(), [9, 7, 5, 3]

out, expected = get(xp.arange(5, dtype=backend.dtype(getattr(ut, number)))), np.arange(5, dtype=number)

out = get(xp.arange(0.0, 1.0, 0.1, dtype=backend.dtype(ut.float64))).round(12)
expected = np.arange(0.0, 1.0, 0.1).round(12)
""",
    "eye": """
out, expected = get(xp.eye(3, dtype=backend.dtype(getattr(ut, number)))), np.eye(3, dtype=number)

out, expected = get(xp.eye(2, 3, k=1, dtype=backend.dtype(ut.float64))), np.eye(2, 3, 1)

out, expected = get(xp.eye(3, 2, k=-1, dtype=backend.dtype(ut.float64))), np.eye(3, 2, -1)
""",
}

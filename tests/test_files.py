"""Files: what goes in comes out, PyTorch's safetensors reads and writes the same, damage is refused."""

from __future__ import annotations

import collections
import json
import math
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unitensor as ut
from unitensor import _files, _safetensors, nn, optim
from unitensor.data import DataLoader
from unitensor.random import Generator

DTYPES = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]
SHAPES = [(), (0,), (3,), (2, 0, 3), (2, 3, 4)]


def sample(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(len(dtype) + len(shape))
    x = rng.integers(0, 2 if dtype == "bool" else 100, shape)
    if dtype.startswith("complex"):
        return np.asarray(x - 1j * rng.normal(size=shape), dtype=dtype)
    return np.asarray(x, dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_and_shape_comes_back(engine: str, dtype: str, tmp_path: Path) -> None:
    if not ut.current_backend().supports(getattr(ut, dtype)):
        pytest.skip(f"{engine} has no {dtype}")
    arrays = {str(shape): sample(dtype, shape) for shape in SHAPES}
    ut.save({k: ut.asarray(v) for k, v in arrays.items()}, tmp_path / "x")
    found = ut.load(tmp_path / "x")
    assert list(found) == list(arrays)
    for name, expected in arrays.items():
        assert (found[name].backend, found[name].dtype.name, found[name].shape) == (
            engine,
            dtype,
            expected.shape,
        )
        assert found[name].numpy().tobytes() == expected.tobytes()


def test_bfloat16_comes_back(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    values = [0.0, -1.5, 1e30, math.inf, -math.inf, 3.0]
    for engine in ("torch", "jax"):
        with ut.use_backend(engine):
            x = ut.reshape(ut.asarray(values, dtype=ut.bfloat16), (2, 3)).T
            ut.save({"x": x}, tmp_path / "x")
            y = ut.load(tmp_path / "x")["x"]
            assert (y.dtype, y.shape) == (ut.bfloat16, (3, 2))
            assert y.to(ut.float32).tolist() == x.to(ut.float32).tolist()
    found = pytest.importorskip("safetensors.torch").load_file(tmp_path / "x")["x"]
    assert found.dtype is torch.bfloat16
    with ut.use_backend("numpy"):
        with pytest.raises(ValueError, match=r"'x' is bfloat16.*device='torch', or a dtype"):
            ut.load(tmp_path / "x")
        assert ut.load(tmp_path / "x", dtype=ut.float32)["x"].tolist() == found.float().tolist()
        assert ut.load(tmp_path / "x", device="torch")["x"].backend == "torch"


def test_views_are_saved_as_what_they_show(engine: str, tmp_path: Path) -> None:
    x = ut.reshape(ut.arange(24.0), (2, 3, 4))
    views = {"t": ut.permute_dims(x, (2, 0, 1)), "cut": x[:, ::2, 1:], "flip": x[::-1], "row": x[1, 2]}
    ut.save(views, tmp_path / "x")
    found = ut.load(tmp_path / "x")
    assert {k: v.tolist() for k, v in found.items()} == {k: v.tolist() for k, v in views.items()}
    wide = np.asarray(np.arange(6.0), dtype=">f8")
    ut.save({"x": wide}, tmp_path / "x")
    assert ut.load(tmp_path / "x")["x"].tolist() == wide.tolist()


def test_large_arrays_are_written_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_safetensors, "PIECE", 64)
    x = np.arange(600.0).reshape(1, 20, 30)
    ut.save({"x": ut.asarray(x.transpose(0, 2, 1)), "y": ut.asarray(x.T)}, tmp_path / "x")
    found = ut.load(tmp_path / "x")
    assert found["x"].tolist() == x.transpose(0, 2, 1).tolist()
    assert found["y"].tolist() == x.T.tolist()


@pytest.mark.parametrize("length", [128, 0x4B50])
def test_a_length_that_looks_like_a_pickle_is_none(length: int, tmp_path: Path) -> None:
    header = json.dumps({"__metadata__": {"pad": ""}}).encode()
    header = header[:-3] + b" " * (length - len(header)) + header[-3:]
    (tmp_path / "x").write_bytes(written(header))
    assert (tmp_path / "x").read_bytes()[:1] in (b"\x80", b"P")
    assert ut.load(tmp_path / "x") == {}


def test_no_array_is_held_twice(tmp_path: Path) -> None:
    n = 40
    tensors = {str(i): ut.ones((n, 1 << 15)) for i in range(4)}  # 10 MiB each
    tensors["t"] = tensors["0"].T
    size = sum(x.nbytes for x in tensors.values())
    tracemalloc.start()
    ut.save(tensors, tmp_path / "x")
    _, saving = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    found = ut.load(tmp_path / "x")
    _, loading = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert saving < size / 4
    assert loading < size * 1.1
    assert bool(ut.all(found["t"] == 1))


def test_modules_and_optimizers_are_saved_without_copies(tmp_path: Path) -> None:
    net = nn.Linear(1000, 1000, bias=False)
    o = optim.Adam(net)
    net.weight.grad = ut.ones((1000, 1000))
    o.step()
    tracemalloc.start()
    ut.save({"net": net, "optimizer": o}, tmp_path / "x")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < net.weight.nbytes / 4
    found = ut.load(tmp_path / "x")
    assert bool(ut.all(found["net"]["weight"] == net.weight))
    assert bool(ut.all(found["optimizer"]["state"][0][0]["mean"] == o.state_dict()["state"][0][0]["mean"]))


def test_the_memory_of_lbfgs_is_saved(tmp_path: Path) -> None:
    w = ut.tensor([3.0, -1.0], requires_grad=True)
    o = optim.LBFGS([w], max_iter=3)

    def closure() -> ut.Tensor:
        o.zero_grad()
        loss = ut.sum(ut.exp(w) - w * 2)
        loss.backward()
        return loss

    o.step(closure)
    ut.save(o, tmp_path / "x")
    v = ut.tensor(w.detach(), requires_grad=True)
    p = optim.LBFGS([v])
    p.load_state_dict(ut.load(tmp_path / "x"))
    assert repr(p.state_dict()) == repr(o.state_dict())


def test_nested_containers_come_back_as_they_were(engine: str, tmp_path: Path) -> None:
    shared = ut.asarray([1.0, 2.0])
    tree = {
        "numbers": [
            1,
            -(2**200),
            2.5,
            math.inf,
            -math.inf,
            1e-310,
            True,
            None,
            "text \n \u00e9 \ud83d",
            1 - 2j,
        ],
        "tuple": (shared, [shared], ()),
        "empty": {},
        3: {None: "none", True: ut.asarray(7)},
        "a.b": ut.asarray([1j], dtype=ut.complex128),
        "a": {"b": ut.asarray([True])},
        "": ut.zeros((0, 2)),
        "__metadata__": ut.ones(1),
        "numpy": (np.float32(0.5), np.int64(3), np.arange(3)),
    }
    ut.save(tree, tmp_path / "x")
    found = ut.load(tmp_path / "x")
    assert list(found) == list(tree)
    assert found["numbers"] == tree["numbers"]
    assert [type(v) for v in found["numbers"]] == [type(v) for v in tree["numbers"]]  # type: ignore[attr-defined]  # a list
    assert found["tuple"][0] is found["tuple"][1][0]
    assert found["tuple"][2:] == ((),)
    assert found[3][True].item() == 7
    assert found["a.b"].tolist() == [1j]
    assert found["a"]["b"].tolist() == [True]
    assert found[""].shape == (0, 2)
    assert found["__metadata__"].tolist() == [1.0]
    assert (found["numpy"][:2], found["numpy"][2].tolist()) == ((0.5, 3), [0, 1, 2])
    ut.save(shared, tmp_path / "x")
    assert ut.load(tmp_path / "x").tolist() == [1.0, 2.0]
    ut.save([math.nan], tmp_path / "x")
    assert math.isnan(ut.load(tmp_path / "x")[0])
    ut.save({}, tmp_path / "x")
    assert ut.load(tmp_path / "x") == {}


def test_modules_optimizers_loaders_and_generators_are_saved_by_their_state(tmp_path: Path) -> None:
    net, g = nn.Linear(3, 2), Generator(4)
    o = optim.Adam(net)
    loader = DataLoader(range(4), shuffle=True, generator=g)
    schedule = optim.CosineLR(o, 5)
    next(iter(loader))
    ut.sum(net(ut.ones(3)) ** 2).backward()
    o.step()
    ut.save({"net": net, "optimizer": o, "schedule": schedule, "loader": loader, "random": g}, tmp_path / "x")
    found = ut.load(tmp_path / "x")
    other = nn.Linear(3, 2)
    other.load_state_dict(found["net"])
    assert other.weight.tolist() == net.weight.tolist()
    p = optim.Adam(other)
    p.load_state_dict(found["optimizer"])
    assert p.state_dict()["groups"] == o.state_dict()["groups"]
    assert p.groups[0]["betas"] == (0.9, 0.999)
    assert p.state_dict()["state"][0][1]["mean"].tolist() == o.state_dict()["state"][0][1]["mean"].tolist()
    assert found["schedule"] == schedule.state_dict()
    assert found["loader"] == loader.state_dict()
    assert found["random"] == g.state


# PyTorch's library -------------------------------------------------------------------------------------


def test_pytorchs_library_reads_what_we_write_and_we_what_it_writes(engine: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    names = [d for d in DTYPES if d != "complex128" and ut.current_backend().supports(getattr(ut, d))]
    arrays = {f"{d} {s}": sample(d, s) for d in names for s in SHAPES}
    ut.save({k: ut.asarray(v) for k, v in arrays.items()}, tmp_path / "ours")
    found = library.load_file(tmp_path / "ours")
    assert set(found) == set(arrays)
    for name, expected in arrays.items():
        assert found[name].numpy().dtype == expected.dtype
        np.testing.assert_array_equal(found[name].numpy(), expected)
    library.save_file({k: torch.tensor(v) for k, v in arrays.items()}, tmp_path / "theirs", {"by": "torch"})
    back = ut.load(tmp_path / "theirs")
    assert set(back) == set(arrays)
    for name, expected in arrays.items():
        assert (back[name].backend, back[name].dtype.name) == (engine, expected.dtype.name)
        np.testing.assert_array_equal(back[name].numpy(), expected)


def test_weights_go_to_and_come_from_pytorchs_modules(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    ours = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).to(ut.float32)
    library.save_file(theirs.state_dict(), tmp_path / "theirs")
    ours.load_state_dict(ut.load(tmp_path / "theirs"))
    x = np.ones((1, 3), dtype=np.float32)
    np.testing.assert_allclose(
        ours(ut.asarray(x)).detach().numpy(), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-6
    )
    ut.save(ours, tmp_path / "ours")
    theirs.load_state_dict(library.load_file(tmp_path / "ours"))


# Whole or not at all -----------------------------------------------------------------------------------

CRASH = """
import sys
import numpy as np
import unitensor as ut
ut.save({"x": np.full(1 << 20, 1.0)}, sys.argv[1])
big = {str(i): np.full(1 << 20, float(i)) for i in range(16)}
print("saved", flush=True)
while True:
    ut.save(big, sys.argv[1])
"""


def test_a_crash_half_way_leaves_a_whole_file(tmp_path: Path) -> None:
    script, path = tmp_path / "crash.py", tmp_path / "run.safetensors"
    script.write_text(textwrap.dedent(CRASH))
    process = subprocess.Popen([sys.executable, str(script), str(path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"saved\n"
        until = time.monotonic() + 60
        while True:
            process.send_signal(signal.SIGSTOP)
            if any(p.suffix == ".part" and 1000 < p.stat().st_size < 1 << 26 for p in tmp_path.iterdir()):
                break
            process.send_signal(signal.SIGCONT)
            assert time.monotonic() < until
            time.sleep(0.01)
    finally:
        process.kill()  # SIGKILL, in the midst of writing
        process.communicate()
    halves = [p for p in tmp_path.iterdir() if p.suffix == ".part"]
    assert halves
    found = ut.load(path)
    assert all(bool(ut.all(x == x[0])) for x in found.values())
    assert len(found) in (1, 16)
    for half in halves:
        with pytest.raises(ValueError, match="truncated"):
            ut.load(half)


def test_an_error_half_way_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    ut.save({"x": ut.ones(3)}, path)
    os.chmod(path, 0o640)
    with pytest.raises(TypeError, match=r"save: b\.1 is object; expected Tensors"):
        ut.save({"a": ut.ones(2), "b": [1, object()]}, path)

    def full(x: Any) -> Any:
        yield b"some bytes"
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(_files, "pieces", full)
        with pytest.raises(OSError, match="No space left"):
            ut.save({"y": ut.ones(3)}, path)
    assert list(ut.load(path)) == ["x"]
    assert os.listdir(tmp_path) == ["x"]
    link = tmp_path / "link"
    link.symlink_to(path)
    ut.save({"z": ut.ones(3)}, link)
    assert link.is_symlink()
    assert list(ut.load(path)) == ["z"]
    assert path.stat().st_mode & 0o777 == 0o640


# Damage ------------------------------------------------------------------------------------------------


def written(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: Any = "U8", shape: Any = (2,), offsets: Any = (0, 2)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def nested(tree: Any, **more: Any) -> bytes:
    packed = {"__metadata__": {"unitensor": json.dumps({"format": 1, "tree": tree})}}
    return written(packed | more, b"ab" if more else b"")


X = entry()
DEEP = b"[" * 100_000
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it has 0 bytes"),
    "short": (b"\x03\x00\x00", "it has 3 bytes"),
    "pickle": (pickle.dumps({"x": 1}) + b"." * 200, r"it is a pickle \(torch.save"),
    "zip": (b"PK\x03\x04" + b"\0" * 100, r"it is a pickle \(torch.save"),
    "text": (b"hello, this is text", "or no safetensors file"),
    "long header": (written({"x": X}, b"ab")[:30], "truncated"),
    "huge header": ((2**62).to_bytes(8, "little") + b"{}", "should have 4611686018427387904 bytes"),
    "no utf-8": (written(b'{"\xff": 1}'), "not UTF-8"),
    "no json": (written(b"{"), "its header is no JSON"),
    "no object": (written([1]), "no JSON object"),
    "deep": (written(DEEP), "nested too deeply"),
    "twice": (written(b'{"x": 1, "x": 2}'), "has 'x' twice"),
    "constants": (written(b'{"x": NaN}'), "NaN"),
    "no entry": (written({"x": 3}), "expected dtype, shape and data_offsets"),
    "more": (written({"x": {**X, "code": "os"}}), "expected dtype, shape and data_offsets"),
    "dtype": (written({"x": entry("F8_E4M3")}, b"ab"), "dtype 'F8_E4M3'; expected one of BOOL, U8"),
    "dtype list": (written({"x": entry([1])}, b"ab"), r"dtype \[1\]"),
    "negative": (written({"x": entry(shape=[-2])}, b"ab"), r"shape \[-2\]"),
    "float": (written({"x": entry(shape=[2.0])}, b"ab"), r"shape \[2.0\]"),
    "true": (written({"x": entry(shape=[True, 2])}, b"ab"), r"shape \[True, 2\]"),
    "huge": (written({"x": entry(shape=[2**62, 2**62])}, b"ab"), "needs 2126764793255865396646"),
    "huge and empty": (written({"x": entry(shape=[2**62, 2**62, 0], offsets=[0, 0])}), "no array can have"),
    "product": (written({"x": entry(shape=[3])}, b"abc"), "needs 3 bytes; its data_offsets are"),
    "one offset": (written({"x": entry(offsets=[0])}, b"ab"), "data_offsets are"),
    "backwards": (written({"x": entry(offsets=[2, 0])}, b"ab"), "needs 2 bytes"),
    "overlap": (written({"x": X, "y": entry(offsets=[1, 3])}, b"abc"), "overlaps what is before it"),
    "hole": (written({"x": X, "y": entry(offsets=[3, 5])}, b"abcde"), "leaves a hole before it"),
    "overrun": (written({"x": X}, b"a"), "should have 2 bytes, and has 1"),
    "rest": (written({"x": X}, b"abc"), "should have 2 bytes, and has 3"),
    "bool": (written({"x": entry("BOOL")}, b"\x01\x02"), "neither true nor false"),
    "metadata": (written({"__metadata__": {"a": 1}}), "no object of strings"),
    "structure": (written({"__metadata__": {"unitensor": "{"}}), "its structure is no JSON"),
    "format": (written({"__metadata__": {"unitensor": '{"format": 2}'}}), "a newer version"),
    "missing": (nested({"tensor": "x", "dtype": "uint8"}), "which it has not"),
    "unnamed": (nested(3, x=X), "does not name x"),
    "complex of what": (nested({"tensor": "x", "dtype": "complex128"}, x=X), "'x' of complex128"),
    "unknown": (nested({"call": "os.system"}), "which says nothing"),
    "both": (nested({"list": [], "tuple": []}), "which says nothing"),
    "pairs": (nested({"dict": [[1]]}), "which says nothing"),
    "key": (nested({"dict": [[[1], 2]]}), "which says nothing"),
    "bare list": (nested([1]), "which says nothing"),
    "number": (nested({"float": "1e3"}), "which says nothing"),
    "complex": (nested({"complex": ["a", "b"]}), "which says nothing"),
    "deep structure": (
        written({"__metadata__": {"unitensor": '{"format": 1, "tree": ' + '{"list": [' * 50_000}}),
        "nested too deeply",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_damaged_file_is_refused_with_its_name_and_the_reason(name: str, tmp_path: Path) -> None:
    content, reason = BAD[name]
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"(?s)load: .*bad\.safetensors: .*{reason}"):
        ut.load(path)


def test_every_truncation_and_many_changes_are_noticed_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "x"
    ut.save({"x": [ut.ones(3), 1.5], "y": (ut.asarray(True), None)}, path)
    content = path.read_bytes()
    for end in range(len(content)):
        path.write_bytes(content[:end])
        with pytest.raises(ValueError, match="load: "):
            ut.load(path)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        changed = bytearray(content)
        changed[rng.integers(len(content))] = rng.integers(256)
        path.write_bytes(bytes(changed))
        try:
            ut.load(path)
        except ValueError as error:
            refused += 1
            assert str(error).startswith("load: ")  # noqa: PT017 -- most changes raise, not all
    assert refused > 100


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda p: ut.save({"x": object()}, p / "x"), TypeError, "save: x is object; expected Tensors"),
        (lambda p: ut.save({"net": nn.Linear}, p / "x"), TypeError, "save: net is type; expected"),
        (lambda p: ut.save(lambda: 1, p / "x"), TypeError, "the object is function"),
        (lambda p: ut.save({(1, 2): 3}, p / "x"), TypeError, r"a key of type tuple: \(1, 2\)"),
        (lambda p: ut.save(collections.namedtuple("P", "x")(1), p / "x"), TypeError, "is P; expected"),
        (lambda p: ut.save({1, 2}, p / "x"), TypeError, "is set; expected"),
        (lambda p: ut.save({"x": ut.ones(1)}, p), IsADirectoryError, "is a folder"),
        (lambda p: ut.save({"x": ut.ones(1)}, p / "no" / "x"), FileNotFoundError, "no"),
        (lambda p: ut.load(p / "none"), FileNotFoundError, "none"),
    ],
)
def test_what_cannot_be_saved_says_so(
    call: Callable[[Path], Any], kind: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=message):
        call(tmp_path)
    assert os.listdir(tmp_path) == []


def test_what_contains_itself_is_refused(tmp_path: Path) -> None:
    loop: list[Any] = [1]
    loop.append({"again": loop})
    with pytest.raises(ValueError, match=r"1\.again contains itself"):
        ut.save(loop, tmp_path / "x")

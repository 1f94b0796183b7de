"""Discovery: real entry points of real (temporary) distributions, in fresh interpreters."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import unitensor as ut
from unitensor import _backend
from unitensor._op import namespaces

#: A whole plugin: what the README shows.
PLUGIN = """
import numpy as np
from unitensor import Backend

class Mine(Backend):
    name = "mine"
    xp = np
    array_type = np.ndarray
    def scatter_add(self, a, key, value):
        np.add.at(a, key, value)
        return a
    def raw_devices(self): return ["cpu"]
"""


class Site:
    """A folder of installed plugins, and Python run with it on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, code: str, *, dist: str = "", requires: str = "") -> None:
        """A distribution `dist` with one module, and an entry point `name` to its `backend`."""
        dist = dist or f"unitensor-{name}"
        module = dist.replace("-", "_")
        (self.folder / f"{module}.py").write_text(textwrap.dedent(code))
        info = self.folder / f"{module}-1.0.dist-info"
        info.mkdir()
        needed = f"Requires-Dist: {requires}\n" if requires else ""
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n{needed}")
        (info / "entry_points.txt").write_text(f"[unitensor.backends]\n{name} = {module}:backend\n")

    def hide(self, *modules: str) -> None:
        """Make modules look as if they were not installed."""
        (self.folder / "sitecustomize.py").write_text(
            textwrap.dedent(f"""
            import sys
            class Hide:
                def find_spec(self, name, path=None, target=None):
                    if name.partition(".")[0] in {modules!r}:
                        raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
            sys.meta_path.insert(0, Hide())
            """)
        )

    def run(self, *arguments: str, backend: str = "") -> subprocess.CompletedProcess[str]:
        env = {k: v for k, v in os.environ.items() if not k.startswith("UNITENSOR_")}
        env |= {"PYTHONPATH": str(self.folder), "COLUMNS": "200"}
        if backend:
            env["UNITENSOR_BACKEND"] = backend
        return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=env)

    def python(self, code: str, *, backend: str = "") -> str:
        """What a program prints; it must succeed."""
        done = self.run("-c", textwrap.dedent(code), backend=backend)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def table(self, *, backend: str = "") -> tuple[int, str]:
        """Exit code and output of the `backends` command."""
        done = self.run("-m", "unitensor", "backends", backend=backend)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.hide("rich", "jax", "torch", "cupy")  # which take long to import
    return made


CHOOSE = """
    import unitensor as ut
    assert ut.asarray([1.0, 2.0]).sum().item() == 3.0
    try:
        with ut.use_backend({name!r}):
            ut.zeros(2)
    except ut.BackendError as error:
        print(error)
"""


def test_an_installed_plugin_is_found_and_computes(site: Site) -> None:
    site.install("mine", PLUGIN + "\nbackend = Mine\n")
    program = """
        import unitensor as ut
        x = ut.tensor([1.0, 2.0], requires_grad=True)
        (x * x).sum().backward()
        print(x.device, x.grad.tolist())
    """
    assert site.python(program, backend="mine") == "mine:cpu [2.0, 4.0]\n"
    code, table = site.table(backend="mine")
    assert code == 0
    assert "*  mine " in table
    assert "unitensor_mine:backend" in table


def test_only_the_chosen_plugin_is_imported(site: Site) -> None:
    site.install("loud", "print('imported')")
    assert site.python("import unitensor as ut; ut.zeros(2) + 1") == ""
    engines = "import sys, unitensor as ut; ut.zeros(2); print({'jax', 'torch', 'cupy'} & set(sys.modules))"
    assert site.python(engines) == "set()\n"


def test_import_needs_no_backend_at_all(site: Site) -> None:
    program = "import sys, unitensor; print([m for m in sys.modules if m.startswith('unitensor_')])"
    assert site.python(program, backend="nonsense") == "[]\n"


def test_import_adds_little_to_numpys(site: Site) -> None:
    program = """
        import sys, numpy
        before = set(sys.modules)
        import unitensor
        print(sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
    """
    added = set(eval(site.python(program)))
    assert "unitensor" in added
    assert not added & {
        "array_api_compat",
        "jax",
        "torch",
        "cupy",
        "scipy",
        "rich",
        "importlib_metadata",
        "email",
    }


def test_a_plugin_that_raises_at_import(site: Site) -> None:
    site.install("bad", "raise RuntimeError('driver 7 is too old\\nand more')")
    said = site.python(CHOOSE.format(name="bad"))
    assert (
        "backend 'bad' (unitensor_bad:backend) cannot run here: RuntimeError: driver 7 is too old\n" in said
    )
    assert "to mend it: pip install -U unitensor-bad" in said
    code, table = site.table()
    assert code == 0
    assert "cannot run here: RuntimeError: driver 7 is too old\n  to mend it: pip install -U" in table
    assert site.table(backend="bad")[0] == 1


def test_a_plugin_that_exits_at_import(site: Site) -> None:
    site.install("bad", "raise SystemExit(3)")
    code, table = site.table()
    assert code == 0
    assert "cannot run here: SystemExit: 3" in table


def test_a_plugin_that_says_how_to_mend_it(site: Site) -> None:
    code = """
        from unitensor import BackendError
        def backend():
            raise BackendError("no accelerator is plugged in", remedy="plug --in accelerator")
    """
    site.install("stick", code)
    table = site.table()[1]
    assert "cannot run here: no accelerator is plugged in\n  to mend it: plug --in accelerator\n" in table


def test_a_missing_engine_names_what_to_install(site: Site) -> None:
    site.install("deep", "import deeplib", requires="deeplib>=3; extra == 'deep'")
    said = site.python(CHOOSE.format(name="deep"))
    assert "No module named 'deeplib'" in said
    assert "to mend it: pip install 'deeplib>=3'" in said


def test_a_plugin_whose_module_is_gone(site: Site) -> None:
    site.install("gone", "")
    (site.folder / "unitensor_gone.py").unlink()
    assert "to mend it: pip install --force-reinstall unitensor-gone" in site.table()[1]


@pytest.mark.parametrize("engine_name", ["jax", "torch", "cupy"])
def test_an_engine_that_is_not_installed(site: Site, engine_name: str) -> None:
    site.hide(engine_name)
    said = site.python(CHOOSE.format(name=engine_name))
    assert f"backend '{engine_name}' (unitensor_{engine_name}:backend) cannot run here" in said
    assert f"to mend it: pip install '{engine_name}" in said
    code, table = site.table(backend=engine_name)
    assert code == 1
    assert f"UNITENSOR_BACKEND={engine_name}: cannot run" in table


def test_cupy_without_a_gpu(site: Site) -> None:
    """CuPy's own package, reduced to what it does on a machine without a driver."""
    (site.folder / "cupy.py").write_text(
        textwrap.dedent("""
        from types import SimpleNamespace
        class CUDARuntimeError(RuntimeError): pass
        def getDeviceCount(): raise CUDARuntimeError("cudaErrorInsufficientDriver: too old")
        runtime = SimpleNamespace(CUDARuntimeError=CUDARuntimeError, getDeviceCount=getDeviceCount)
        cuda, ndarray, __version__ = SimpleNamespace(runtime=runtime), type("ndarray", (), {}), "14.0"
        """)
    )
    (site.folder / "sitecustomize.py").write_text(
        textwrap.dedent("""
        import sys, types
        sys.modules["array_api_compat.cupy"] = types.ModuleType("array_api_compat.cupy")
        sys.modules["cupyx"] = types.ModuleType("cupyx")
        sys.modules["cupyx"].scatter_add = None
        """)
    )
    said = site.python(CHOOSE.format(name="cupy"))
    assert said == (
        "backend 'cupy' (unitensor_cupy:backend) cannot run here: "
        "CuPy 14.0 finds no GPU (cudaErrorInsufficientDriver: too old)\n"
        "  to mend it: export UNITENSOR_BACKEND=numpy, or run where nvidia-smi lists a GPU\n"
    )


def test_two_plugins_of_one_name(site: Site) -> None:
    site.install("twin", PLUGIN, dist="first-twin")
    site.install("twin", PLUGIN, dist="second-twin")
    said = site.python(CHOOSE.format(name="twin"))
    assert "two plugins are named 'twin'" in said
    assert "first_twin:backend (of first-twin)" in said
    assert "second_twin:backend (of second-twin)" in said
    assert "to mend it: pip uninstall " in said
    assert "two plugins are named 'twin'" in site.table()[1]


def test_a_plugin_under_another_name_than_its_own(site: Site) -> None:
    site.install("yours", PLUGIN + "\nbackend = Mine\n")
    assert "calls itself 'mine'" in site.python(CHOOSE.format(name="yours"))


def test_a_plugin_without_answers_has_a_row(site: Site) -> None:
    broken = PLUGIN.replace('return ["cpu"]', 'raise OSError("bus error")')
    site.install("mine", broken + "\nbackend = Mine\n")
    mute = PLUGIN.replace('"mine"', '"mute"') + '    def version(self): raise OSError("no answer")\n'
    site.install("mute", mute + "\nbackend = Mine\n")
    code, table = site.table()
    assert code == 0
    assert "backend 'mine' (unitensor_mine:backend) cannot run here: OSError: bus error" in table
    assert "backend 'mute' loads, but does not answer: OSError: no answer" in table


def test_an_unknown_name_in_the_variable(site: Site) -> None:
    program = """
        import unitensor as ut
        try:
            ut.zeros(2)
        except ut.BackendError as error:
            print(error)
        with ut.use_backend("numpy"):
            print(ut.zeros(2).device)
    """
    said = site.python(program, backend="numpi")
    assert said == (
        "UNITENSOR_BACKEND=numpi: no backend named 'numpi' is installed; did you mean 'numpy'?\nnumpy:cpu\n"
    )
    code, table = site.table(backend="numpi")
    assert code == 1
    assert "UNITENSOR_BACKEND=numpi: no backend named 'numpi' is installed; did you mean 'numpy'?" in table


def test_a_wrong_default_dtype_names_the_variable(site: Site) -> None:
    env = {**os.environ, "UNITENSOR_DEFAULT_DTYPE": "int8"}
    done = subprocess.run([sys.executable, "-c", "import unitensor"], capture_output=True, text=True, env=env)
    assert (
        "UNITENSOR_DEFAULT_DTYPE: set_default_dtype: int8 given; expected float32 or float64" in done.stderr
    )


def test_the_variable_sets_the_default_dtype() -> None:
    env = {**os.environ, "UNITENSOR_DEFAULT_DTYPE": "float32"}
    program = "import unitensor as ut; print(ut.zeros(1).dtype, ut.asarray([1j]).dtype)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)
    assert done.stdout == "float32 complex64\n"


# Within one process ----------------------------------------------------------------------------------


def test_an_unknown_backend_is_named_with_its_near_miss() -> None:
    with pytest.raises(
        ut.BackendError, match=r"no backend named 'nunpy' is installed; did you mean 'numpy'\?"
    ):
        ut.set_backend("nunpy")
    assert ut.current_backend().name == "numpy"


def test_use_backend_ends_with_its_block(engine: str) -> None:
    with ut.use_backend("numpy"):
        assert ut.zeros(2).backend == "numpy"
    assert ut.zeros(2).backend == engine


def test_a_tensor_stays_on_its_backend(engine: str) -> None:
    x = ut.asarray([1.0, 2.0])
    with ut.use_backend("numpy"):
        assert (ut.exp(x) * 2).backend == engine
        assert ut.zeros_like(x).backend == engine
        assert ut.zeros(2, device=x.device).backend == engine
        assert x.__array_namespace__().ones(2).backend == engine
        assert ut.zeros(2).backend == "numpy"


def test_set_backend_is_for_the_process(engine: str) -> None:
    with ut.use_backend("numpy"):
        ut.set_backend(engine)
        assert ut.zeros(2).backend == "numpy"


@pytest.mark.parametrize("running", [True, False])
def test_the_collector_rests_while_an_engine_loads(running: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def broken() -> ut.Backend:
        seen.append(gc.isenabled())
        raise OSError("no such engine")

    monkeypatch.setattr(_backend, "_factories", {"idle": broken})
    before = gc.isenabled()
    try:
        (gc.enable if running else gc.disable)()
        with pytest.raises(OSError, match="no such engine"):
            ut.load_backend("idle")
        assert (seen, gc.isenabled()) == ([False], running)
    finally:
        (gc.enable if before else gc.disable)()


def test_a_registered_backend_is_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_backend, "_factories", {})
    monkeypatch.setattr(_backend, "_loaded", dict(_backend._loaded))
    scope: dict[str, type[ut.Backend]] = {}
    exec(PLUGIN, scope)
    ut.register_backend("mine", scope["Mine"])
    with ut.use_backend("mine"):
        assert str(ut.ones(2).device) == "mine:cpu"


def test_a_subclass_of_a_plugin_computes_by_its_own_function() -> None:
    numpy = type(ut.load_backend("numpy"))

    class Doubling(numpy):
        name = "doubling"

        def linalg_solve(self, x1, x2, /):
            return 2 * super().linalg_solve(x1, x2)

    ut.register_backend("doubling", Doubling)
    try:
        with ut.use_backend("doubling"):
            x = ut.tensor([[2.0]], requires_grad=True)
            y = ut.linalg.solve(x, ut.asarray([6.0]))
        assert y.item() == 6.0  # not what the parent's solver that keeps its factors gives
    finally:
        _backend._factories.pop("doubling")
        _backend.forget("doubling")
        namespaces[:] = [xp for xp in namespaces if xp.backend.name != "doubling"]


def test_gradients_come_home_where_two_backends_have_arrays_of_one_type(site: Site) -> None:
    """In a process of its own: a move between backends marks it for good."""
    program = """
        import unitensor as ut
        ut.load_backend("numpy")
        with ut.use_backend("mine"):
            x = ut.tensor([1.0, 2.0], requires_grad=True)
        (x.to("numpy") * 2).sum().backward()
        w = ut.tensor([1.0], requires_grad=True)
        ((w.to("mine") * 3).to("numpy") * 2).sum().backward()
        slope = ut.grad(lambda a: (a.to("numpy") ** 2).sum())(x.detach())
        print(x.grad.backend, w.grad.backend, slope.backend, w.grad.tolist())
    """
    site.install("mine", PLUGIN + "\nbackend = Mine\n")
    assert site.python(program) == "mine numpy mine [6.0]\n"

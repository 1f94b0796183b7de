"""Every op, every gradient rule and every forward rule on array-api-strict, against NumPy.

What passes here uses the standard alone (see strict_backend.py). The samples are drawn from the
declarations, so an op or a rule that is added is tried too; the counts at the end prove it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from samples import DIFFERENTIABLE, Arguments, call, dtypes_of, samples
from undefined import ROWS, check_row

import unitensor as ut
from unitensor._lift import scalar_array
from unitensor._op import Op, table

ENGINES = ("numpy", "strict")


@pytest.fixture(autouse=True)
def _strict() -> None:
    pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")


def outputs(result: Any) -> tuple[Any, ...]:
    return tuple(result) if isinstance(result, tuple) else (result,)


def same(found: Any, expected: Any) -> None:
    """Tensors of strict and NumPy agree in kind, shape and value."""
    assert found.backend == "strict"
    assert found.device == "strict:device1"
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-10, atol=1e-12)


def floating(made: Op) -> list[str]:
    return [d for d in dtypes_of(made) if d in ("float64", "complex128")]


def weight(y: Any, seed: int) -> Any:
    rng = np.random.default_rng([seed, *y.shape])
    values = rng.uniform(0.5, 1.5, y.shape)
    if y.dtype.kind == "c":
        values = values + 1j * rng.uniform(0.5, 1.5, y.shape)
    return ut.asarray(values)


#: Ops with outputs of arbitrary sign or phase, on which a loss may depend by their size alone.
PHASES = ("linalg.eig", "linalg.eigh", "linalg.svd")


def loss_of(made: Op, given: Arguments) -> Any:
    ys = outputs(call(made, given))
    return weighted([ut.abs(y) for y in ys] if made.path in PHASES else ys, 1)


def weighted(ys: Any, seed: int) -> Any:
    """One real number that depends on every floating output, or None if there is none."""
    total = None
    for y in ys:
        if y.requires_grad:
            part = ut.sum(y * weight(y, seed))
            part = part.real if part.dtype.kind == "c" else part
            total = part if total is None else total + part
    return total


def leaves(made: Op, arguments: Arguments) -> tuple[Arguments, dict[int, Any]]:
    """The arguments with a leaf in place of each differentiable floating input, and the leaves by rule."""
    given = dict(arguments)
    found: dict[int, Any] = {}
    for i, name in enumerate(made.inputs):
        value = given.get(name)
        if made.rules[i] is None or value is None:
            continue
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(v, np.ndarray) and v.dtype.kind in "fc" for v in parts):
            continue
        tensors = [ut.tensor(v, requires_grad=True) for v in parts]
        given[name] = tensors if isinstance(value, list) else tensors[0]
        found[i] = tensors
    return given, found


def first_and_second(made: Op, arguments: Arguments) -> tuple[list[Any], set[int]]:
    """Gradients by the raw pass, by the recorded pass, and of the recorded one; the rules that ran."""
    result: list[Any] = []
    given, found = leaves(made, arguments)
    loss = loss_of(made, given)
    if loss is None:
        return [], set()
    loss.backward()
    ran = {i for i, tensors in found.items() if all(t.grad is not None for t in tensors)}
    result += [t.grad for tensors in found.values() for t in tensors]

    given, found = leaves(made, arguments)
    flat = [t for tensors in found.values() for t in tensors]
    loss_of(made, given).backward(create_graph=True)
    recorded = [t.grad for t in flat]
    result += [None if g is None else g.detach() for g in recorded]
    for t in flat:
        t.grad = None
    again = weighted([g for g in recorded if g is not None], 2)
    if again is not None:
        again.backward()
        result += [t.grad for t in flat]
    return result, ran


def test_every_op(capsys: pytest.CaptureFixture[str], record_property: Any) -> None:
    wrong, ran, calls = [], set(), 0
    for path, made in sorted(table.items()):
        for dtype in dtypes_of(made):
            for arguments in samples(made, dtype):
                values = []
                try:
                    for engine in ENGINES:
                        with ut.use_backend(engine):
                            values.append(outputs(call(made, arguments)))
                    for expected, found in zip(*values, strict=True):
                        if made.name not in ("empty_like",):
                            same(found, expected)
                        assert found.shape == expected.shape
                except Exception as error:
                    wrong.append(f"{path} of {dtype}: {_first(error)}")
                ran.add(path)
                calls += 1
    assert not wrong, "\n" + "\n".join(wrong)
    assert ran == set(table)
    record_property("ops", len(ran))
    with capsys.disabled():
        print(f"\narray-api-strict ran {len(ran)} of {len(table)} ops in {calls} calls")


def test_every_rule(capsys: pytest.CaptureFixture[str], record_property: Any) -> None:
    wrong, ran, compared = [], set(), 0
    for made in DIFFERENTIABLE:
        for dtype in floating(made):
            for arguments in samples(made, dtype):
                try:
                    with ut.use_backend("numpy"):
                        expected, _ = first_and_second(made, arguments)
                    with ut.use_backend("strict"):
                        found, rules = first_and_second(made, arguments)
                    assert [g is None for g in found] == [g is None for g in expected]
                    for a, b in zip(found, expected, strict=True):
                        if a is not None:
                            same(a, b)
                            compared += 1
                    ran |= {(made.path, i) for i in rules}
                except Exception as error:
                    wrong.append(f"{made.path} of {dtype}: {_first(error)}")
    every = {(made.path, i) for made in table.values() for i, rule in enumerate(made.rules) if rule}
    # A rule that says that there is no derivative, by an error.
    every -= {(p, i) for p, i in every if table[p].rules[i].formula.__name__ == "refuses"}
    wrong += [f"{path}: the rule of input {i} did not run" for path, i in sorted(every - ran)]
    assert not wrong, "\n" + "\n".join(wrong)
    record_property("rules", len(ran))
    with capsys.disabled():
        print(
            f"\narray-api-strict ran {len(ran)} of {len(every)} gradient rules, {compared} gradients compared"
        )


def tangents(made: Op, name: str, arguments: Arguments) -> tuple[Any, ...]:
    """The tangents of an op's outputs along one input, on the current backend."""

    def f(v: Any) -> Any:
        return call(made, {**arguments, name: v})

    point = ut.asarray(arguments[name])
    _, tangent = ut.jvp(f, (point,), (weight(point, 3),))
    return outputs(tangent)


def test_every_forward_rule(capsys: pytest.CaptureFixture[str], record_property: Any) -> None:
    wrong, ran, compared = [], set(), 0
    for made, name, arguments in _forward_samples():
        try:
            with ut.use_backend("numpy"):
                expected = tangents(made, name, arguments)
            with ut.use_backend("strict"):
                found = tangents(made, name, arguments)
            for a, b in zip(found, expected, strict=True):
                same(a, b)
                compared += 1
            ran.add((made.path, name))
        except Exception as error:
            wrong.append(f"{made.path} along {name}: {_first(error)}")
    every = {(made.path, name) for made in table.values() for name in made.jvp}
    wrong += [f"{path}: the forward rule of {name} did not run" for path, name in sorted(every - ran)]
    assert not wrong, "\n" + "\n".join(wrong)
    record_property("forward rules", len(every))
    with capsys.disabled():
        print(f"\narray-api-strict ran {len(every)} forward rules, {compared} tangents compared")


def _forward_samples() -> Iterator[tuple[Op, str, Arguments]]:
    for made in DIFFERENTIABLE:
        for dtype in floating(made):
            for arguments in samples(made, dtype):
                for i, name in enumerate(made.inputs):
                    value = arguments.get(name)
                    forward = name in made.jvp or made.elementwise or made.linear
                    if (
                        made.rules[i]
                        and forward
                        and isinstance(value, np.ndarray)
                        and value.dtype.kind in "fc"
                    ):
                        yield made, name, arguments


def _first(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: " + " | ".join(lines[:6])


# What makes it strict -------------------------------------------------------------------------------


def test_engine_refuses_what_the_standard_lacks() -> None:
    import array_api_strict as strict

    ut.load_backend("strict")
    flags = strict.get_array_api_strict_flags()
    assert flags["api_version"] == "2025.12"
    assert not flags["boolean_indexing"]
    assert not flags["data_dependent_shapes"]
    x = strict.asarray([1.0, 2.0])
    with pytest.raises(RuntimeError, match="boolean_indexing"):
        x[x > 1]
    with pytest.raises(RuntimeError, match="data"):
        strict.nonzero(x)


def test_found_through_its_entry_point() -> None:
    from importlib.metadata import entry_points

    (point,) = entry_points(group="unitensor.backends", name="strict")
    assert point.value == "strict_backend:backend"
    with ut.use_backend("strict"):
        assert ut.zeros(2).device == "strict:device1"


def test_writes_and_repeated_indices() -> None:
    with ut.use_backend("strict"):
        x = ut.zeros((2, 3))
        x[:, 1] = ut.asarray([1.0, 2.0])
        x[x > 1] = 5.0
        x[[0, 0], [0, 0]] = ut.asarray([7.0, 8.0])
        assert x.tolist() == [[8.0, 1.0, 0.0], [0.0, 5.0, 0.0]]
        y = ut.tensor([1.0, 2.0], requires_grad=True)
        ut.sum(y[[0, 0, 1, 0]]).backward()
        assert y.grad is not None
        assert y.grad.tolist() == [3.0, 1.0]


#: Rows of docs/undefined.md that the engine refuses, because the standard leaves them undefined.
REFUSED = (
    "A([4], dtype=ut.int8) << A([-1], dtype=ut.int8)",
    "A([4, -4], dtype=ut.int8) >> A([-1, -1], dtype=ut.int8)",
    "ut.sqrt(A([4], dtype=ut.int8)).dtype",
    "A([True, False]) + A([True, True])",
    "ut.sum(A([True, True]))",
)


@pytest.mark.parametrize(("expression", "answer"), ROWS, ids=[row[0] for row in ROWS])
def test_what_the_standard_leaves_undefined(expression: str, answer: str) -> None:
    with ut.use_backend("strict"):
        if expression in REFUSED:
            with pytest.raises((TypeError, ValueError)):
                check_row(expression, answer)
        else:
            check_row(expression, answer)


def test_a_number_is_kept_for_each_device() -> None:
    """An engine with several devices need not carry the same number to one of them again and again."""
    backend = ut.load_backend("strict")
    xp = backend.namespace
    first, second = (xp.asarray([1.0], device=device.raw) for device in backend.devices()[:2])
    for value in (2.5, 0.0, -0.0):
        kept = scalar_array(xp, value, first)
        assert scalar_array(xp, value, first) is kept
        other = scalar_array(xp, value, second)
        assert other is not kept
        assert backend.raw_device_of(other) == backend.raw_device_of(second)

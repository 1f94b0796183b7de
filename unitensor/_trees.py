"""Nested dicts, lists, tuples and dataclasses of Tensors, as transforms take them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from copy import copy
from typing import Any

from ._op import scope


def leaves(tree: Any) -> list[Any]:
    """The leaves of a tree, in order: whatever is not a dict, list, tuple, dataclass or None.

    >>> leaves({"b": [1, 2], "a": (3, None)})
    [1, 2, 3]
    """
    found: list[Any] = []
    tree_map(found.append, tree)
    return found


def tree_map(f: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """A tree of the same structure with f applied to each leaf (and the leaves there in others).

    >>> tree_map(lambda a, b: a + b, {"x": [1, 2]}, {"x": [10, 20]})
    {'x': [11, 22]}
    """
    if isinstance(tree, scope["Tensor"]):
        return f(tree, *rest)
    if tree is None:
        return None
    if isinstance(tree, dict):
        made = {k: tree_map(f, v, *(r[k] for r in rest)) for k, v in tree.items()}
        if type(tree) is dict:
            return made
        changed = copy(tree)  # a subclass may have more than items: a `defaultdict` its factory
        changed.update(made)
        return changed
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(tree_map(f, *parts) for parts in zip(tree, *rest)))
    if isinstance(tree, (list, tuple)):
        return type(tree)(tree_map(f, *parts) for parts in zip(tree, *rest))
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        fields = {
            field.name: tree_map(f, getattr(tree, field.name), *(getattr(r, field.name) for r in rest))
            for field in dataclasses.fields(tree)
        }
        return dataclasses.replace(tree, **fields)
    return f(tree, *rest)

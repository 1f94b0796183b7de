"""Module: a layer or a network, whose parameters are found among its attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, Self

import unitensor as ut

Hook = Callable[..., Any]


def parameter(data: Any, *, dtype: ut.DType | None = None, device: Any = None) -> ut.Tensor:
    """A copy of some data that a module learns: a leaf that requires a gradient.

    >>> from unitensor import nn
    >>> nn.parameter([1.0, 2.0]).requires_grad
    True
    """
    return ut.tensor(data, dtype=dtype, device=device, requires_grad=True)


class Module:
    """A layer or a network.

    A Tensor that requires a gradient becomes a parameter by assignment to an attribute, any other
    Tensor a buffer (saved, but not learned), and a Module, or a list, tuple or dict of Modules, a
    part. Attributes whose names begin with an underscore are none of these. A subclass defines
    `forward`.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self):
    ...         self.factor = nn.parameter(2.0)
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> layer = Scale()
    >>> layer(ut.asarray(3.0)).item(), [name for name, _ in layer.named_parameters()]
    (6.0, ['factor'])
    """

    training: bool = True
    _before: tuple[Hook, ...] = ()
    _after: tuple[Hook, ...] = ()
    _frozen: Set[str] = frozenset()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What calling the module computes; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: define forward(self, ...)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for hook in self._before:
            changed = hook(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        out = self.forward(*args, **kwargs)
        for hook in self._after:
            changed = hook(self, args, out)
            out = out if changed is None else changed
        return out

    def before_forward(self, hook: Hook) -> Callable[[], None]:
        """Call `hook(module, args)` before forward; what it returns, unless None, replaces args.

        Returns a function that takes the hook off.
        """
        self._before = (*self._before, hook)
        return lambda: setattr(self, "_before", tuple(h for h in self._before if h is not hook))

    def after_forward(self, hook: Hook) -> Callable[[], None]:
        """Call `hook(module, args, out)` after forward; what it returns, unless None, replaces out.

        >>> import unitensor as ut
        >>> from unitensor import nn
        >>> layer = nn.ReLU()
        >>> remove = layer.after_forward(lambda module, args, out: out + 1)
        >>> layer(ut.asarray(-1.0)).item()
        1.0
        >>> remove()
        >>> layer(ut.asarray(-1.0)).item()
        0.0
        """
        self._after = (*self._after, hook)
        return lambda: setattr(self, "_after", tuple(h for h in self._after if h is not hook))

    # What is inside ---------------------------------------------------------------------------------

    def children(self) -> Iterator[tuple[str, Module]]:
        """Names and Modules one level down."""
        for name, value in vars(self).items():
            if not name.startswith("_"):
                yield from _modules(name, value)

    def modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Names and Modules: this one, and all inside it, each once."""
        seen: set[int] = set()

        def walk(name: str, module: Module) -> Iterator[tuple[str, Module]]:
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module
                for child, inner in module.children():
                    yield from walk(f"{name}.{child}" if name else child, inner)

        return walk(prefix, self)

    def named_tensors(self) -> Iterator[tuple[str, ut.Tensor]]:
        """Names and Tensors: parameters and buffers; a shared one under each of its names."""
        for name, module in self.modules():
            for key, value in vars(module).items():
                if isinstance(value, ut.Tensor) and not key.startswith("_"):
                    yield f"{name}.{key}" if name else key, value

    def named_parameters(self) -> Iterator[tuple[str, ut.Tensor]]:
        """Names and parameters, each once."""
        seen: set[int] = set()
        for name, value in self.named_tensors():
            if value.requires_grad and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def parameters(self) -> list[ut.Tensor]:
        """All parameters, each once."""
        return [value for _, value in self.named_parameters()]

    def named_buffers(self) -> Iterator[tuple[str, ut.Tensor]]:
        """Names and buffers: the Tensors that are saved, but not learned."""
        return ((name, value) for name, value in self.named_tensors() if not value.requires_grad)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Ask for the gradients of all floating Tensors that are parameters, or freeze them.

        >>> from unitensor import nn
        >>> net = nn.Linear(2, 1).requires_grad_(False)
        >>> net.parameters(), len(net.requires_grad_().parameters())
        ([], 2)
        """
        for _, module in self.modules():
            for key, value in list(vars(module).items()):
                if isinstance(value, ut.Tensor) and not key.startswith("_"):
                    if not requires_grad and value.requires_grad:
                        value.requires_grad_(False)
                        module._frozen = {*module._frozen, key}
                    elif requires_grad and key in module._frozen:
                        value.requires_grad_()
                        module._frozen = module._frozen - {key}
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for value in self.parameters():
            value.zero_grad()

    # Modes and places ---------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Say that the network learns: dropout drops, batch norm uses the batch's statistics."""
        for _, module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Say that the network is used: `train(False)`."""
        return self.train(False)

    def to(self, target: Any = None, *, dtype: Any = None, device: Any = None) -> Self:
        """Move all Tensors to another dtype, device or backend, as `Tensor.to` does.

        Buffers of integers keep their dtype. Parameters become other Tensors without
        gradients, so make the optimizer afterwards.

        >>> import unitensor as ut
        >>> from unitensor import nn
        >>> nn.Linear(2, 1).to(ut.float32).weight.dtype
        unitensor.float32
        """
        moved: dict[int, ut.Tensor] = {}
        places: list[tuple[Module, str, ut.Tensor]] = []
        for _, module in self.modules():
            for key, value in vars(module).items():
                if isinstance(value, ut.Tensor):
                    if id(value) not in moved:
                        plain = value.detach()
                        made = plain.to(target, dtype=dtype, device=device)
                        if not ut.isdtype(value.dtype, ("real floating", "complex floating")):
                            made = plain.to(made.device)
                        stays = made is plain
                        moved[id(value)] = (
                            value if stays else made.requires_grad_() if value.requires_grad else made
                        )
                    places.append((module, key, moved[id(value)]))
        for module, key, value in places:
            setattr(module, key, value)
        return self

    # State ------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, ut.Tensor]:
        """Copies of all parameters and buffers by name.

        >>> from unitensor import nn
        >>> {k: v.shape for k, v in nn.Linear(3, 2).state_dict().items()}
        {'weight': (2, 3), 'bias': (2,)}
        """
        return {name: value.clone() for name, value in self.uncopied_state().items()}

    def uncopied_state(self) -> dict[str, ut.Tensor]:
        """What `state_dict` copies: `ut.save` writes it from where it lies."""
        return {name: value.detach() for name, value in self.named_tensors()}

    def load_state_dict(self, state: Mapping[str, Any], *, strict: bool = True) -> None:
        """Write values into parameters and buffers by name, from any engine; nothing is written on an error.

        Raises
        ------
        KeyError: names are missing or unexpected, and `strict` is True.
        ValueError: a value has the wrong shape.
        """
        name = f"{type(self).__name__}.load_state_dict"
        if not isinstance(state, Mapping):
            raise TypeError(f"{name}: got {type(state).__name__}; expected a dict of Tensors by name")
        own = dict(self.named_tensors())
        missing, unexpected = [k for k in own if k not in state], [k for k in state if k not in own]
        values = {}
        for k, v in state.items():
            if k in own:
                plain = v.detach() if isinstance(v, ut.Tensor) else v
                try:
                    values[k] = ut.asarray(plain, dtype=own[k].dtype, device=own[k].device)
                except TypeError as error:
                    raise TypeError(f"{name}: {k} is {type(v).__name__}: {error}") from error
        wrong = [
            f"{k} is {v.shape}, not {own[k].shape}" for k, v in values.items() if v.shape != own[k].shape
        ]
        parts = []
        if strict and missing:
            parts.append(f"missing: {', '.join(missing)}")
        if strict and unexpected:
            parts.append(f"unexpected: {', '.join(unexpected)}")
        if wrong:
            parts.append(f"wrong shape: {', '.join(wrong)}")
        if parts:
            raise (ValueError if wrong else KeyError)(f"{name}: {'; '.join(parts)}")
        with ut.no_grad():
            for k, v in values.items():
                own[k][...] = v

    # How it looks --------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands in the brackets of repr; a subclass defines it."""
        return ""

    def __repr__(self) -> str:
        count = sum(p.size for p in self.parameters())
        note = f"  # {count:,} parameters" if count else ""
        head = f"{type(self).__name__}({self.extra_repr()}"
        inner = [f"({name}): {child!r}" for name, child in self.children()]
        if not inner:
            return f"{head}){note}"
        lines = [f"  {line}" for part in inner for line in part.split("\n")]
        return "\n".join([head + note, *lines, ")"])


def _modules(name: str, value: Any) -> Iterator[tuple[str, Module]]:
    if isinstance(value, Module):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            yield from _modules(f"{name}.{i}", part)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _modules(f"{name}.{key}", part)

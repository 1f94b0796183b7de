"""Random numbers: the same seed gives the same bits on every engine and device.

Numbers are drawn on the host, element by element from one stream, and then moved. So an array
drawn in pieces has the numbers of one drawn at once.

>>> import unitensor as ut
>>> g, h = ut.random.Generator(0), ut.random.Generator(0)
>>> whole, pieces = g.normal((4,)), [h.normal((3,)), h.normal((1,))]
>>> bool(ut.all(whole == ut.concat(pieces)))
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._dtypes import DType, int64
from ._generator import Generator as Generator

if TYPE_CHECKING:
    from ._devices import Device
    from ._generator import Shape
    from ._tensor import Tensor

_default: list[Generator] = []


def default_generator() -> Generator:
    """The generator behind the functions of this module.

    >>> import unitensor as ut
    >>> ut.random.default_generator() is ut.random.default_generator()
    True
    """
    if not _default:
        _default.append(Generator())
    return _default[0]


def seed(value: int) -> None:
    """Start the stream of this module's functions anew.

    >>> import unitensor as ut
    >>> ut.random.seed(0)
    >>> ut.random.normal().item()
    0.1257302210933933
    """
    default_generator().state = Generator(value).state


def spawn(n: int) -> list[Generator]:
    """`Generator.spawn` of the default generator."""
    return default_generator().spawn(n)


def uniform(
    shape: Shape = (),
    *,
    low: float = 0.0,
    high: float = 1.0,
    dtype: DType | None = None,
    device: Device | str | None = None,
) -> Tensor:
    """`Generator.uniform` of the default generator."""
    return default_generator().uniform(shape, low=low, high=high, dtype=dtype, device=device)


def normal(
    shape: Shape = (),
    *,
    mean: float = 0.0,
    std: float = 1.0,
    dtype: DType | None = None,
    device: Device | str | None = None,
) -> Tensor:
    """`Generator.normal` of the default generator."""
    return default_generator().normal(shape, mean=mean, std=std, dtype=dtype, device=device)


def exponential(
    shape: Shape = (), *, rate: float = 1.0, dtype: DType | None = None, device: Device | str | None = None
) -> Tensor:
    """`Generator.exponential` of the default generator."""
    return default_generator().exponential(shape, rate=rate, dtype=dtype, device=device)


def gamma(
    alpha: float,
    shape: Shape = (),
    *,
    rate: float = 1.0,
    dtype: DType | None = None,
    device: Device | str | None = None,
) -> Tensor:
    """`Generator.gamma` of the default generator."""
    return default_generator().gamma(alpha, shape, rate=rate, dtype=dtype, device=device)


def truncated_normal(
    shape: Shape = (),
    *,
    mean: float = 0.0,
    std: float = 1.0,
    low: float = -2.0,
    high: float = 2.0,
    dtype: DType | None = None,
    device: Device | str | None = None,
) -> Tensor:
    """`Generator.truncated_normal` of the default generator."""
    return default_generator().truncated_normal(
        shape, mean=mean, std=std, low=low, high=high, dtype=dtype, device=device
    )


def integers(
    low: int,
    high: int | None = None,
    shape: Shape = (),
    *,
    dtype: DType = int64,
    device: Device | str | None = None,
) -> Tensor:
    """`Generator.integers` of the default generator."""
    return default_generator().integers(low, high, shape, dtype=dtype, device=device)


def bernoulli(p: float | Tensor, shape: Shape | None = None, *, device: Device | str | None = None) -> Tensor:
    """`Generator.bernoulli` of the default generator."""
    return default_generator().bernoulli(p, shape, device=device)


def categorical(
    p: Any = None, shape: Shape = (), *, logits: Any = None, device: Device | str | None = None
) -> Tensor:
    """`Generator.categorical` of the default generator."""
    return default_generator().categorical(p, shape, logits=logits, device=device)


def choice(
    a: int | Tensor,
    shape: Shape = (),
    *,
    replace: bool = True,
    p: Any = None,
    device: Device | str | None = None,
) -> Tensor:
    """`Generator.choice` of the default generator."""
    return default_generator().choice(a, shape, replace=replace, p=p, device=device)


def permutation(x: int | Tensor, *, device: Device | str | None = None) -> Tensor:
    """`Generator.permutation` of the default generator."""
    return default_generator().permutation(x, device=device)


def shuffle(x: Tensor) -> None:
    """`Generator.shuffle` of the default generator."""
    default_generator().shuffle(x)

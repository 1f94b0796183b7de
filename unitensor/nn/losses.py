"""Losses, as functions and as modules; stable where logits are extreme."""

from __future__ import annotations

from typing import Any

import unitensor as ut

from .functional import Reduction, log_softmax, softplus
from .module import Module

T = ut.Tensor


def _reduced(name: str, loss: T, reduction: str) -> T:
    if reduction == "mean":
        return ut.mean(loss)
    if reduction == "sum":
        return ut.sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"{name}: reduction is {reduction!r}; expected 'mean', 'sum' or 'none'")


def _tensors(name: str, x: Any, target: Any) -> None:
    for what, given in (("input", x), ("target", target)):
        if not isinstance(given, T):
            raise TypeError(
                f"{name}: the {what} is {type(given).__name__}; expected a Tensor: ut.asarray(...)"
            )


def _alike(name: str, x: T, target: T) -> None:
    _tensors(name, x, target)
    if x.shape != target.shape:
        raise ValueError(
            f"{name}: the input has shape {x.shape}, the target {target.shape}; expected the same"
        )
    if not ut.isdtype(x.dtype, "real floating"):
        raise TypeError(f"{name}: the input is {x.dtype}; expected a real floating dtype: x.to(ut.float64)")
    if ut.isdtype(target.dtype, "complex floating"):
        raise TypeError(f"{name}: the target is {target.dtype}; expected a real dtype: ut.real(target)")


def cross_entropy(
    logits: T,
    target: T,
    *,
    weight: T | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> T:
    """The negative log probability of the right class; classes lie along axis 1 (0 of one sample).

    The target has integers, or a probability for each class in the shape of the logits.

    >>> import unitensor as ut
    >>> from unitensor.nn import cross_entropy
    >>> cross_entropy(ut.asarray([[0.0, 1000.0]]), ut.asarray([0])).item()
    1000.0
    """
    name = "cross_entropy"
    _tensors(name, logits, target)
    if not ut.isdtype(logits.dtype, "real floating"):
        raise TypeError(f"{name}: the logits are {logits.dtype}; expected a real floating dtype")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing is {label_smoothing}; expected 0 to 1")
    axis = 1 if logits.ndim > 1 else 0
    classes = logits.shape[axis]
    if weight is not None and weight.shape != (classes,):
        raise ValueError(
            f"{name}: weight has shape {weight.shape}; expected ({classes},), one for each class"
        )
    logp = log_softmax(logits, axis=axis)
    spread = None if weight is None else ut.reshape(weight, (-1,) + (1,) * (logits.ndim - axis - 1))
    if ut.isdtype(target.dtype, "integral"):
        return _integer_nll(name, logp, target, weight, spread, ignore_index, label_smoothing, reduction)
    if not ut.isdtype(target.dtype, "real floating"):
        raise TypeError(f"{name}: the target is {target.dtype}; expected integers, or probabilities")
    if target.shape != logits.shape:
        raise ValueError(
            f"{name}: a {target.dtype} target has shape {target.shape}; expected probabilities of shape "
            f"{logits.shape}, or integers of shape {_without(logits.shape, axis)}"
        )
    goal = target * (1 - label_smoothing) + label_smoothing / classes
    terms = goal * logp if spread is None else goal * logp * spread
    return _reduced(name, -ut.sum(terms, axis=axis), reduction)


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


def _integer_nll(
    name: str,
    logp: T,
    target: T,
    weight: T | None,
    spread: T | None,
    ignore_index: int,
    smoothing: float,
    reduction: Reduction,
) -> T:
    """The loss of integer targets, given the logarithms of probabilities."""
    axis = 1 if logp.ndim > 1 else 0
    classes = logp.shape[axis]
    if target.shape != _without(logp.shape, axis):
        raise ValueError(
            f"{name}: integer targets have shape {target.shape}; expected {_without(logp.shape, axis)} "
            f"for an input of shape {logp.shape}, whose axis {axis} has the classes"
        )
    used = None
    if 0 <= ignore_index < classes or not bool(ut.all((target >= 0) & (target < classes))):
        used = target != ignore_index
        target = ut.where(used, target, 0)
        if bool(ut.any((target < 0) | (target >= classes))):
            raise ValueError(f"{name}: targets lie outside of 0 to {classes - 1}, and are not {ignore_index}")
    chosen = ut.take_along_axis(logp, target[:, None] if axis else target[None], axis=axis)
    if reduction == "mean" and used is None and weight is None and not smoothing:
        return -ut.mean(chosen)
    chosen = ut.squeeze(chosen, axis=axis)
    factor = None
    if weight is not None:
        factor = ut.reshape(ut.take(weight, ut.reshape(target, (-1,)), axis=0), target.shape)
    if used is not None:
        chosen = ut.where(used, chosen, 0.0)
        factor = used.to(logp.dtype) if factor is None else ut.where(used, factor, 0.0)
    loss = -chosen if factor is None else -chosen * factor
    if smoothing:
        every = -ut.sum(logp if spread is None else logp * spread, axis=axis)
        every = every if used is None else ut.where(used, every, 0.0)
        loss = (1 - smoothing) * loss + (smoothing / classes) * every
    if reduction == "mean" and factor is not None:
        return ut.sum(loss) / ut.sum(factor)
    return _reduced(name, loss, reduction)


def nll_loss(
    logp: T,
    target: T,
    *,
    weight: T | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> T:
    """The negative of the right class's log probability; classes lie along axis 1 (0 of one sample)."""
    _tensors("nll_loss", logp, target)
    if not ut.isdtype(logp.dtype, "real floating"):
        raise TypeError(f"nll_loss: the input is {logp.dtype}; expected a real floating dtype")
    if not ut.isdtype(target.dtype, "integral"):
        raise TypeError(f"nll_loss: the target is {target.dtype}; expected integers: target.to(ut.int64)")
    return _integer_nll("nll_loss", logp, target, weight, None, ignore_index, 0.0, reduction)


def bce_with_logits(
    logits: T,
    target: T,
    *,
    weight: T | None = None,
    pos_weight: T | None = None,
    reduction: Reduction = "mean",
) -> T:
    """The cross entropy of yes or no, with sigmoid(logits) as the probability of yes.

    >>> import unitensor as ut
    >>> from unitensor.nn import bce_with_logits
    >>> bce_with_logits(ut.asarray([1000.0, -1000.0]), ut.asarray([1.0, 1.0])).item()
    500.0
    """
    _alike("bce_with_logits", logits, target)
    if pos_weight is None:
        loss = softplus(logits) - target * logits
    else:
        loss = (1 - target) * softplus(logits) + pos_weight * target * softplus(-logits)
    return _reduced("bce_with_logits", loss if weight is None else loss * weight, reduction)


def mse_loss(x: T, target: T, *, reduction: Reduction = "mean") -> T:
    """The squared error.

    >>> import unitensor as ut
    >>> from unitensor.nn import mse_loss
    >>> mse_loss(ut.asarray([1.0, 2.0]), ut.asarray([1.0, 4.0])).item()
    2.0
    """
    _alike("mse_loss", x, target)
    return _reduced("mse_loss", ut.square(x - target), reduction)


def l1_loss(x: T, target: T, *, reduction: Reduction = "mean") -> T:
    """The absolute error."""
    _alike("l1_loss", x, target)
    return _reduced("l1_loss", ut.abs(x - target), reduction)


def huber_loss(x: T, target: T, *, delta: float = 1.0, reduction: Reduction = "mean") -> T:
    """Half the squared error up to delta, and linear from there."""
    _alike("huber_loss", x, target)
    if not delta > 0:
        raise ValueError(f"huber_loss: delta is {delta}; expected a positive number")
    error = x - target
    size = ut.abs(error)
    loss = ut.where(size < delta, 0.5 * error * error, delta * (size - 0.5 * delta))
    return _reduced("huber_loss", loss, reduction)


def kl_div(logq: T, target: T, *, log_target: bool = False, reduction: Any = "mean") -> T:
    """The divergence of probabilities (or their logarithms) from those whose logarithms are given.

    `reduction="batchmean"` divides the sum by the length of axis 0, which is the mathematical value.
    """
    _alike("kl_div", logq, target)
    if log_target:
        loss = ut.exp(target) * (target - logq)
    else:
        positive = target > 0
        safe = ut.where(positive, target, 1.0)
        loss = ut.where(positive, target * ut.log(safe), 0.0) - target * logq
    if reduction == "batchmean":
        return ut.sum(loss) / logq.shape[0]
    return _reduced("kl_div", loss, reduction)


class Loss(Module):
    """A loss as a module: the options are given once."""

    function: Any = None

    def __init__(self, **options: Any) -> None:
        self.options = {k: v for k, v in options.items() if not isinstance(v, T)}
        self._buffers = [k for k in options if k not in self.options]
        for k in self._buffers:  # moved and saved with the module
            setattr(self, k, options[k])

    def forward(self, x: T, target: T) -> T:
        """The loss of an input and its target."""
        options = {**self.options, **{k: getattr(self, k) for k in self._buffers}}
        return type(self).function(x, target, **options)  # type: ignore[no-any-return]  # each loss is a function

    def extra_repr(self) -> str:
        return ", ".join(f"{k}={v!r}" for k, v in self.options.items())


class CrossEntropyLoss(Loss):
    """`cross_entropy` as a module.

    >>> import unitensor as ut
    >>> from unitensor import nn
    >>> nn.CrossEntropyLoss(reduction="sum")(ut.asarray([[0.0, 1000.0]]), ut.asarray([0])).item()
    1000.0
    """

    function = staticmethod(cross_entropy)


class NLLLoss(Loss):
    """`nll_loss` as a module."""

    function = staticmethod(nll_loss)


class BCEWithLogitsLoss(Loss):
    """`bce_with_logits` as a module."""

    function = staticmethod(bce_with_logits)


class MSELoss(Loss):
    """`mse_loss` as a module."""

    function = staticmethod(mse_loss)


class L1Loss(Loss):
    """`l1_loss` as a module."""

    function = staticmethod(l1_loss)


class HuberLoss(Loss):
    """`huber_loss` as a module."""

    function = staticmethod(huber_loss)


class KLDivLoss(Loss):
    """`kl_div` as a module."""

    function = staticmethod(kl_div)

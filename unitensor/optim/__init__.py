"""Optimizers, gradient clipping and schedules, made of the public namespace alone."""

from __future__ import annotations

from .lbfgs import LBFGS as LBFGS
from .methods import (
    SGD as SGD,
    Adagrad as Adagrad,
    Adam as Adam,
    AdamW as AdamW,
    RMSprop as RMSprop,
)
from .optimizer import (
    Optimizer as Optimizer,
    clip_grad_norm as clip_grad_norm,
    clip_grad_value as clip_grad_value,
)
from .schedules import (
    CosineLR as CosineLR,
    OneCycleLR as OneCycleLR,
    Plateau as Plateau,
    Schedule as Schedule,
    StepLR as StepLR,
    WarmUp as WarmUp,
)

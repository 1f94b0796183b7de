"""Layers, losses and initial values, made of the public namespace alone."""

from __future__ import annotations

from . import functional as functional, init as init
from .attention import (
    MultiheadAttention as MultiheadAttention,
    TransformerBlock as TransformerBlock,
    attention as attention,
    causal_mask as causal_mask,
)
from .convolution import (
    AvgPool as AvgPool,
    Conv1d as Conv1d,
    Conv2d as Conv2d,
    MaxPool as MaxPool,
    avg_pool as avg_pool,
    conv as conv,
    max_pool as max_pool,
    pad as pad,
)
from .layers import (
    ELU as ELU,
    GELU as GELU,
    GLU as GLU,
    SELU as SELU,
    Activation as Activation,
    BatchNorm as BatchNorm,
    Dropout as Dropout,
    Embedding as Embedding,
    Flatten as Flatten,
    LayerNorm as LayerNorm,
    LeakyReLU as LeakyReLU,
    Linear as Linear,
    LogSigmoid as LogSigmoid,
    LogSoftmax as LogSoftmax,
    Mish as Mish,
    ReLU as ReLU,
    RMSNorm as RMSNorm,
    Sequential as Sequential,
    Sigmoid as Sigmoid,
    SiLU as SiLU,
    Softmax as Softmax,
    Softplus as Softplus,
    Tanh as Tanh,
)
from .losses import (
    BCEWithLogitsLoss as BCEWithLogitsLoss,
    CrossEntropyLoss as CrossEntropyLoss,
    HuberLoss as HuberLoss,
    KLDivLoss as KLDivLoss,
    L1Loss as L1Loss,
    MSELoss as MSELoss,
    NLLLoss as NLLLoss,
    bce_with_logits as bce_with_logits,
    cross_entropy as cross_entropy,
    huber_loss as huber_loss,
    kl_div as kl_div,
    l1_loss as l1_loss,
    mse_loss as mse_loss,
    nll_loss as nll_loss,
)
from .module import Module as Module, parameter as parameter
from .recurrent import GRU as GRU, LSTM as LSTM, RNN as RNN

# PyTorch's names of what takes any number of space axes here.
BatchNorm1d = BatchNorm2d = BatchNorm3d = BatchNorm
MaxPool1d = MaxPool2d = MaxPool3d = MaxPool
AvgPool1d = AvgPool2d = AvgPool3d = AvgPool

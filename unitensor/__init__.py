"""One Tensor over every array engine: the Python Array API standard (2025.12), with gradients."""

from __future__ import annotations

from math import e as e, inf as inf, nan as nan, pi as pi
from typing import TYPE_CHECKING as _CHECKING, Any as _Any

from . import (
    _einops as _einops,  # which einops finds, whenever it is imported
    _rule_namespace as _rule_namespace,  # fills the namespace that rules run on
    fft as fft,
    linalg as linalg,
)
from ._accumulate import at as at
from ._aliases import *  # noqa: F403 -- the aliases are one list, kept in that file
from ._backend import (
    Backend as Backend,
    BackendError as BackendError,
    current_backend as current_backend,
    load_backend as load_backend,
    register_backend as register_backend,
    set_backend as set_backend,
    use_backend as use_backend,
)
from ._custom import (
    checkpoint as checkpoint,
    custom_gradient as custom_gradient,
    detect_anomaly as detect_anomaly,
)
from ._devices import Device as Device
from ._dtypes import (
    DType as DType,
    bfloat16 as bfloat16,
    bool_ as bool,  # noqa: F401 -- re-exported under the standard's name
    complex64 as complex64,
    complex128 as complex128,
    float16 as float16,
    float32 as float32,
    float64 as float64,
    get_default_dtype as get_default_dtype,
    int8 as int8,
    int16 as int16,
    int32 as int32,
    int64 as int64,
    set_default_dtype as set_default_dtype,
    uint8 as uint8,
    uint16 as uint16,
    uint32 as uint32,
    uint64 as uint64,
)
from ._graph import GradientError as GradientError
from ._info import __array_namespace_info__ as __array_namespace_info__
from ._modes import (
    enable_grad as enable_grad,
    is_grad_enabled as is_grad_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from ._ops.creation import (
    arange as arange,
    asarray as asarray,
    empty as empty,
    empty_like as empty_like,
    eye as eye,
    from_dlpack as from_dlpack,
    from_numpy as from_numpy,
    full as full,
    full_like as full_like,
    linspace as linspace,
    meshgrid as meshgrid,
    ones as ones,
    ones_like as ones_like,
    tensor as tensor,
    tril as tril,
    triu as triu,
    zeros as zeros,
    zeros_like as zeros_like,
)
from ._ops.data_types import (
    astype as astype,
    can_cast as can_cast,
    finfo as finfo,
    iinfo as iinfo,
    isdtype as isdtype,
    result_type as result_type,
)
from ._ops.elementwise import (
    abs as abs,
    acos as acos,
    acosh as acosh,
    add as add,
    asin as asin,
    asinh as asinh,
    atan as atan,
    atan2 as atan2,
    atanh as atanh,
    bitwise_and as bitwise_and,
    bitwise_invert as bitwise_invert,
    bitwise_left_shift as bitwise_left_shift,
    bitwise_or as bitwise_or,
    bitwise_right_shift as bitwise_right_shift,
    bitwise_xor as bitwise_xor,
    ceil as ceil,
    clip as clip,
    conj as conj,
    copysign as copysign,
    cos as cos,
    cosh as cosh,
    divide as divide,
    equal as equal,
    exp as exp,
    expm1 as expm1,
    floor as floor,
    floor_divide as floor_divide,
    greater as greater,
    greater_equal as greater_equal,
    hypot as hypot,
    imag as imag,
    isfinite as isfinite,
    isinf as isinf,
    isnan as isnan,
    less as less,
    less_equal as less_equal,
    log as log,
    log1p as log1p,
    log2 as log2,
    log10 as log10,
    logaddexp as logaddexp,
    logical_and as logical_and,
    logical_not as logical_not,
    logical_or as logical_or,
    logical_xor as logical_xor,
    maximum as maximum,
    minimum as minimum,
    multiply as multiply,
    negative as negative,
    nextafter as nextafter,
    not_equal as not_equal,
    positive as positive,
    pow as pow,
    real as real,
    reciprocal as reciprocal,
    remainder as remainder,
    round as round,
    sign as sign,
    signbit as signbit,
    sin as sin,
    sinh as sinh,
    sqrt as sqrt,
    square as square,
    subtract as subtract,
    tan as tan,
    tanh as tanh,
    trunc as trunc,
)
from ._ops.indexing import (
    take as take,
    take_along_axis as take_along_axis,
)
from ._ops.linear_algebra import (
    matmul as matmul,
    tensordot as tensordot,
    vecdot as vecdot,
)
from ._ops.manipulation import (
    broadcast_arrays as broadcast_arrays,
    broadcast_shapes as broadcast_shapes,
    broadcast_to as broadcast_to,
    concat as concat,
    expand_dims as expand_dims,
    flip as flip,
    matrix_transpose as matrix_transpose,
    moveaxis as moveaxis,
    permute_dims as permute_dims,
    repeat as repeat,
    reshape as reshape,
    roll as roll,
    squeeze as squeeze,
    stack as stack,
    tile as tile,
    unstack as unstack,
)
from ._ops.searching import (
    argmax as argmax,
    argmin as argmin,
    count_nonzero as count_nonzero,
    nonzero as nonzero,
    searchsorted as searchsorted,
    where as where,
)
from ._ops.sets import (
    isin as isin,
    unique_all as unique_all,
    unique_counts as unique_counts,
    unique_inverse as unique_inverse,
    unique_values as unique_values,
)
from ._ops.sorting import (
    argsort as argsort,
    sort as sort,
)
from ._ops.statistical import (
    cumulative_prod as cumulative_prod,
    cumulative_sum as cumulative_sum,
    max as max,
    mean as mean,
    min as min,
    prod as prod,
    std as std,
    sum as sum,
    var as var,
)
from ._ops.utility import (
    all as all,
    any as any,
    diff as diff,
)
from ._tensor import Tensor as Tensor
from ._transforms import (
    grad as grad,
    hessian as hessian,
    hvp as hvp,
    jacobian as jacobian,
    jvp as jvp,
    linearize as linearize,
    stop_gradient as stop_gradient,
    value_and_grad as value_and_grad,
    vjp as vjp,
)

if _CHECKING:
    from . import (
        data as data,
        nn as nn,
        optim as optim,
        random as random,
        scipy as scipy,
        special as special,
        testing as testing,
    )
    from ._files import load as load, save as save

#: Imported at first use, so that `import unitensor` stays light.
_LAZY = ("data", "nn", "optim", "random", "scipy", "special", "testing")
_FILES = ("load", "save")


def __getattr__(name: str) -> _Any:
    if name not in _LAZY and name not in _FILES:
        raise AttributeError(f"module 'unitensor' has no attribute {name!r}")
    from importlib import import_module

    if name in _FILES:
        return getattr(import_module("unitensor._files"), name)
    return import_module(f"unitensor.{name}")


def __dir__() -> list[str]:
    return [*globals(), *_LAZY, *_FILES]


newaxis = None
__array_api_version__ = "2025.12"
__version__ = "0.1.0"

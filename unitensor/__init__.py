"""One Tensor over every array engine: the Python Array API standard (2025.12), with gradients."""

from __future__ import annotations

from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi

from . import _rule_namespace as _rule_namespace  # fills the namespace that rules run on
from . import fft as fft
from . import linalg as linalg
from . import testing as testing
from ._aliases import *  # noqa: F403 -- the aliases are one list, kept in that file
from ._backend import Backend as Backend
from ._backend import BackendError as BackendError
from ._backend import current_backend as current_backend
from ._backend import load_backend as load_backend
from ._backend import register_backend as register_backend
from ._backend import set_backend as set_backend
from ._backend import use_backend as use_backend
from ._devices import Device as Device
from ._dtypes import DType as DType
from ._dtypes import bfloat16 as bfloat16
from ._dtypes import bool_ as bool  # noqa: F401 -- re-exported under the standard's name
from ._dtypes import complex64 as complex64
from ._dtypes import complex128 as complex128
from ._dtypes import float16 as float16
from ._dtypes import float32 as float32
from ._dtypes import float64 as float64
from ._dtypes import get_default_dtype as get_default_dtype
from ._dtypes import int8 as int8
from ._dtypes import int16 as int16
from ._dtypes import int32 as int32
from ._dtypes import int64 as int64
from ._dtypes import set_default_dtype as set_default_dtype
from ._dtypes import uint8 as uint8
from ._dtypes import uint16 as uint16
from ._dtypes import uint32 as uint32
from ._dtypes import uint64 as uint64
from ._graph import GradientError as GradientError
from ._graph import enable_grad as enable_grad
from ._graph import is_grad_enabled as is_grad_enabled
from ._graph import no_grad as no_grad
from ._graph import set_grad_enabled as set_grad_enabled
from ._info import __array_namespace_info__ as __array_namespace_info__
from ._ops.creation import (
    arange as arange,
)
from ._ops.creation import (
    asarray as asarray,
)
from ._ops.creation import (
    empty as empty,
)
from ._ops.creation import (
    empty_like as empty_like,
)
from ._ops.creation import (
    eye as eye,
)
from ._ops.creation import (
    from_dlpack as from_dlpack,
)
from ._ops.creation import (
    from_numpy as from_numpy,
)
from ._ops.creation import (
    full as full,
)
from ._ops.creation import (
    full_like as full_like,
)
from ._ops.creation import (
    linspace as linspace,
)
from ._ops.creation import (
    meshgrid as meshgrid,
)
from ._ops.creation import (
    ones as ones,
)
from ._ops.creation import (
    ones_like as ones_like,
)
from ._ops.creation import (
    tensor as tensor,
)
from ._ops.creation import (
    tril as tril,
)
from ._ops.creation import (
    triu as triu,
)
from ._ops.creation import (
    zeros as zeros,
)
from ._ops.creation import (
    zeros_like as zeros_like,
)
from ._ops.data_types import (
    astype as astype,
)
from ._ops.data_types import (
    can_cast as can_cast,
)
from ._ops.data_types import (
    finfo as finfo,
)
from ._ops.data_types import (
    iinfo as iinfo,
)
from ._ops.data_types import (
    isdtype as isdtype,
)
from ._ops.data_types import (
    result_type as result_type,
)
from ._ops.elementwise import (
    abs as abs,
)
from ._ops.elementwise import (
    acos as acos,
)
from ._ops.elementwise import (
    acosh as acosh,
)
from ._ops.elementwise import (
    add as add,
)
from ._ops.elementwise import (
    asin as asin,
)
from ._ops.elementwise import (
    asinh as asinh,
)
from ._ops.elementwise import (
    atan as atan,
)
from ._ops.elementwise import (
    atan2 as atan2,
)
from ._ops.elementwise import (
    atanh as atanh,
)
from ._ops.elementwise import (
    bitwise_and as bitwise_and,
)
from ._ops.elementwise import (
    bitwise_invert as bitwise_invert,
)
from ._ops.elementwise import (
    bitwise_left_shift as bitwise_left_shift,
)
from ._ops.elementwise import (
    bitwise_or as bitwise_or,
)
from ._ops.elementwise import (
    bitwise_right_shift as bitwise_right_shift,
)
from ._ops.elementwise import (
    bitwise_xor as bitwise_xor,
)
from ._ops.elementwise import (
    ceil as ceil,
)
from ._ops.elementwise import (
    clip as clip,
)
from ._ops.elementwise import (
    conj as conj,
)
from ._ops.elementwise import (
    copysign as copysign,
)
from ._ops.elementwise import (
    cos as cos,
)
from ._ops.elementwise import (
    cosh as cosh,
)
from ._ops.elementwise import (
    divide as divide,
)
from ._ops.elementwise import (
    equal as equal,
)
from ._ops.elementwise import (
    exp as exp,
)
from ._ops.elementwise import (
    expm1 as expm1,
)
from ._ops.elementwise import (
    floor as floor,
)
from ._ops.elementwise import (
    floor_divide as floor_divide,
)
from ._ops.elementwise import (
    greater as greater,
)
from ._ops.elementwise import (
    greater_equal as greater_equal,
)
from ._ops.elementwise import (
    hypot as hypot,
)
from ._ops.elementwise import (
    imag as imag,
)
from ._ops.elementwise import (
    isfinite as isfinite,
)
from ._ops.elementwise import (
    isinf as isinf,
)
from ._ops.elementwise import (
    isnan as isnan,
)
from ._ops.elementwise import (
    less as less,
)
from ._ops.elementwise import (
    less_equal as less_equal,
)
from ._ops.elementwise import (
    log as log,
)
from ._ops.elementwise import (
    log1p as log1p,
)
from ._ops.elementwise import (
    log2 as log2,
)
from ._ops.elementwise import (
    log10 as log10,
)
from ._ops.elementwise import (
    logaddexp as logaddexp,
)
from ._ops.elementwise import (
    logical_and as logical_and,
)
from ._ops.elementwise import (
    logical_not as logical_not,
)
from ._ops.elementwise import (
    logical_or as logical_or,
)
from ._ops.elementwise import (
    logical_xor as logical_xor,
)
from ._ops.elementwise import (
    maximum as maximum,
)
from ._ops.elementwise import (
    minimum as minimum,
)
from ._ops.elementwise import (
    multiply as multiply,
)
from ._ops.elementwise import (
    negative as negative,
)
from ._ops.elementwise import (
    nextafter as nextafter,
)
from ._ops.elementwise import (
    not_equal as not_equal,
)
from ._ops.elementwise import (
    positive as positive,
)
from ._ops.elementwise import (
    pow as pow,
)
from ._ops.elementwise import (
    real as real,
)
from ._ops.elementwise import (
    reciprocal as reciprocal,
)
from ._ops.elementwise import (
    remainder as remainder,
)
from ._ops.elementwise import (
    round as round,
)
from ._ops.elementwise import (
    sign as sign,
)
from ._ops.elementwise import (
    signbit as signbit,
)
from ._ops.elementwise import (
    sin as sin,
)
from ._ops.elementwise import (
    sinh as sinh,
)
from ._ops.elementwise import (
    sqrt as sqrt,
)
from ._ops.elementwise import (
    square as square,
)
from ._ops.elementwise import (
    subtract as subtract,
)
from ._ops.elementwise import (
    tan as tan,
)
from ._ops.elementwise import (
    tanh as tanh,
)
from ._ops.elementwise import (
    trunc as trunc,
)
from ._ops.indexing import (
    take as take,
)
from ._ops.indexing import (
    take_along_axis as take_along_axis,
)
from ._ops.linear_algebra import (
    matmul as matmul,
)
from ._ops.linear_algebra import (
    tensordot as tensordot,
)
from ._ops.linear_algebra import (
    vecdot as vecdot,
)
from ._ops.manipulation import (
    broadcast_arrays as broadcast_arrays,
)
from ._ops.manipulation import (
    broadcast_shapes as broadcast_shapes,
)
from ._ops.manipulation import (
    broadcast_to as broadcast_to,
)
from ._ops.manipulation import (
    concat as concat,
)
from ._ops.manipulation import (
    expand_dims as expand_dims,
)
from ._ops.manipulation import (
    flip as flip,
)
from ._ops.manipulation import (
    matrix_transpose as matrix_transpose,
)
from ._ops.manipulation import (
    moveaxis as moveaxis,
)
from ._ops.manipulation import (
    permute_dims as permute_dims,
)
from ._ops.manipulation import (
    repeat as repeat,
)
from ._ops.manipulation import (
    reshape as reshape,
)
from ._ops.manipulation import (
    roll as roll,
)
from ._ops.manipulation import (
    squeeze as squeeze,
)
from ._ops.manipulation import (
    stack as stack,
)
from ._ops.manipulation import (
    tile as tile,
)
from ._ops.manipulation import (
    unstack as unstack,
)
from ._ops.searching import (
    argmax as argmax,
)
from ._ops.searching import (
    argmin as argmin,
)
from ._ops.searching import (
    count_nonzero as count_nonzero,
)
from ._ops.searching import (
    nonzero as nonzero,
)
from ._ops.searching import (
    searchsorted as searchsorted,
)
from ._ops.searching import (
    where as where,
)
from ._ops.sets import (
    isin as isin,
)
from ._ops.sets import (
    unique_all as unique_all,
)
from ._ops.sets import (
    unique_counts as unique_counts,
)
from ._ops.sets import (
    unique_inverse as unique_inverse,
)
from ._ops.sets import (
    unique_values as unique_values,
)
from ._ops.sorting import (
    argsort as argsort,
)
from ._ops.sorting import (
    sort as sort,
)
from ._ops.statistical import (
    cumulative_prod as cumulative_prod,
)
from ._ops.statistical import (
    cumulative_sum as cumulative_sum,
)
from ._ops.statistical import (
    max as max,
)
from ._ops.statistical import (
    mean as mean,
)
from ._ops.statistical import (
    min as min,
)
from ._ops.statistical import (
    prod as prod,
)
from ._ops.statistical import (
    std as std,
)
from ._ops.statistical import (
    sum as sum,
)
from ._ops.statistical import (
    var as var,
)
from ._ops.utility import (
    all as all,
)
from ._ops.utility import (
    any as any,
)
from ._ops.utility import (
    diff as diff,
)
from ._tensor import Tensor as Tensor
from ._transforms import grad as grad
from ._transforms import hessian as hessian
from ._transforms import hvp as hvp
from ._transforms import jacobian as jacobian
from ._transforms import jvp as jvp
from ._transforms import linearize as linearize
from ._transforms import stop_gradient as stop_gradient
from ._transforms import value_and_grad as value_and_grad
from ._transforms import vjp as vjp
from ._writing import at as at

newaxis = None
__array_api_version__ = "2025.12"
__version__ = "0.1.0"

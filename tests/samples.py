"""Arguments for every op of the table: the conformance suite's own."""

from unitensor_conformance._samples import (
    DIFFERENTIABLE as DIFFERENTIABLE,
    Arguments as Arguments,
    call as call,
    dtypes_of as dtypes_of,
    samples as samples,
)

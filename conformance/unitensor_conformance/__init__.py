"""The conformance suite: checks any backend, gradients included, against the NumPy reference.

`unitensor conformance --backend jax` runs it from the command line, `pytest --pyargs
unitensor_conformance --backend jax` under pytest, and a plugin's own test folder takes it in with

    from unitensor_conformance import conformance_tests

    test_conformance = conformance_tests("mylib")
"""

from ._checks import Check as Check, all_checks as all_checks
from ._compare import Failure as Failure
from ._run import Outcome as Outcome, run_checks as run_checks
from ._tests import conformance_tests as conformance_tests

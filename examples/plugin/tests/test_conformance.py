from pathlib import Path

import unitensor_dask
from unitensor_conformance import conformance_tests

known = Path(unitensor_dask.__file__).with_name("known_failures.txt")
test_conformance = conformance_tests("dask", known_failures_file=known)

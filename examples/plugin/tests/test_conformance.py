from unitensor_conformance import conformance_tests

# What is known to fail stands in unitensor_dask/known_failures.txt.
test_conformance = conformance_tests("dask")

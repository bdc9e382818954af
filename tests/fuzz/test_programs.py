"""A few hundred random programs: compiled, saved and loaded they do what Python does. `make fuzz` runs thousands."""

from hypothesis import HealthCheck, given, settings

from .programs import programs
from .running import Archive, Passes, Script, Stock, check

LIMITS = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@settings(LIMITS, max_examples=200)
@given(programs())
def test_scripted_and_loaded_programs_agree_with_python(program):
    check(program, [Script(), Archive()])


@settings(LIMITS, max_examples=60)
@given(programs(size=8))
def test_pytorch_runs_our_archives_as_python_runs_the_program(program):
    check(program, [Stock()])


@settings(LIMITS, max_examples=60)
@given(programs(size=10))
def test_optimised_programs_agree_with_python(program):
    check(program, [Passes()])

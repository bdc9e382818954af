"""Mutants of the suite's programs end in no internal error; `tests.fuzz.mutants` runs more, and runs them."""

from .mutants import findings


def test_no_internal_errors():
    kinds = set()
    for program, found in findings(200, seed=7, run=False):
        assert found.kind != "internal", f"{found.text}\n\n{program}"
        kinds.add(found.kind)
    assert kinds == {"compiled", "refused"}

"""Wrong programs are refused with errors of the library's own, at the user's line."""

from hypothesis import given
from hypothesis import settings as configure
from hypothesis import strategies as st

from .mutations import internal_error, mutated
from .programs import programs
from .scopes import Choices
from .test_programs import LIMITS


@st.composite
def wrong_programs(draw):
    return mutated(draw(programs(size=8)), Choices(draw))


@configure(LIMITS, max_examples=250)
@given(wrong_programs())
def test_only_errors_of_the_library(source):
    problem = internal_error(source)
    assert problem is None, f"{problem}\n\n{source}"

"""How evenly work is spread."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.evenness import Spread, evenness, spread


@pytest.mark.parametrize(
    ("each", "index"),
    [
        pytest.param([], None, id="nobody"),
        pytest.param([0, 0], None, id="nobody has anything"),
        pytest.param([7], 1.0, id="one alone"),
        pytest.param([3, 3, 3], 1.0, id="all the same"),
        pytest.param([12, 0, 0, 0], 0.25, id="one of four has all"),
        pytest.param([5] * 6 + [0] * 4, 0.6, id="as if six of ten did it"),
        pytest.param([4, 2], 0.9, id="by hand: 36 / (2 x 20)"),
    ],
)
def test_jains_index(each: Sequence[int], index: float | None) -> None:
    assert evenness(each) == index


@given(st.lists(st.integers(0, 10_000), min_size=1), st.integers(1, 9))
def test_it_does_not_depend_on_how_much_there_is(each: list[int], factor: int) -> None:
    assert evenness([factor * count for count in each]) == pytest.approx(evenness(each))


def test_who_has_nothing_is_left_out_of_a_spread() -> None:
    assert spread([4, 0, 2]) == Spread(agents=2, mean=3.0, most=4, evenness=0.9)
    assert spread([]) == Spread(agents=0, mean=None, most=None, evenness=None)

"""How far a replay is, and what it says about it."""

from io import StringIO

import pytest
from rich.console import Console

from services.commands.progress import RATE_OVER_S, Course, Standing, duration, shown

HERE, THERE = ("deskpulse.tickets", 0), ("deskpulse.tickets", 1)


def course() -> Course:
    """The log has lost its first 100 records of one partition."""
    return Course(begins={HERE: 100, THERE: 0}, goal={HERE: 600, THERE: 500})


def test_what_the_log_has_lost_is_neither_done_nor_to_do() -> None:
    assert course().at({HERE: 0, THERE: 0}, 0) == Standing(0, 1000, None)
    assert course().at({HERE: 350, THERE: 250}, 0) == Standing(500, 1000, None)


def test_what_came_after_the_start_is_not_counted() -> None:
    assert course().at({HERE: 700, THERE: 900}, 0) == Standing(1000, 1000, None)


def test_the_rate_is_that_of_the_last_half_minute() -> None:
    way = course()
    way.at({HERE: 100, THERE: 0}, 0)
    way.at({HERE: 500, THERE: 0}, 10)

    standing = way.at({HERE: 500, THERE: 100}, 10 + RATE_OVER_S)

    assert standing.rate == pytest.approx(100 / RATE_OVER_S)
    assert standing.left_s == pytest.approx(500 / 100 * RATE_OVER_S)


def test_no_progress_is_no_rate_and_no_estimate() -> None:
    way = course()
    way.at({HERE: 500, THERE: 0}, 0)

    standing = way.at({HERE: 500, THERE: 0}, 10)

    assert (standing.rate, standing.left_s) == (None, None)
    assert str(standing) == "400 of 1,000 events, 40%"


def test_an_empty_log_is_done() -> None:
    assert str(Course({HERE: 5}, {HERE: 5}).at({}, 0)) == "0 of 0 events, 100%"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (95, "2 min"), (3600, "60 min"), (7500, "2 h 5 min")]
)
def test_words_of_a_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_lines_where_there_is_no_terminal() -> None:
    out = StringIO()
    with shown(Console(file=out)) as show:
        for done in (0, 400, 800, 1000, 1000):
            show(Standing(done, 1000, 250.0))

    assert out.getvalue().splitlines() == [
        "0 of 1,000 events, 0%, 250 a second, about 4 s left",
        "1,000 of 1,000 events, 100%, 250 a second",
    ]


def test_a_bar_on_a_terminal() -> None:
    out = StringIO()
    with shown(Console(file=out, force_terminal=True, width=120)) as show:
        show(Standing(400, 1000, 250.0))

    assert "400 of 1,000 events, 40%, 250 a second, about 2 s left" in out.getvalue()

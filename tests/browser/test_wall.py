"""The wall in a real browser, against a board that says what a test tells it to."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.scripted_board import (
    HOSTILE_NAMES,
    Board,
    Wall,
    ahead,
    crowded_wall,
    deadline,
    instant,
    queue,
    serving,
    unknown_wall,
    wall,
)

TELEVISION = (1920, 1080)
PHONE = (390, 844)
PATIENCE_S = 40


class Screen:
    """The wall on a screen of some size."""

    def __init__(self, browser: webdriver.Chrome, address: str) -> None:
        self._browser = browser
        self._address = address

    def open(self, size: tuple[int, int] = TELEVISION) -> None:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self._browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self._browser.get(self._address)

    def run(self, script: str, *arguments: object) -> Any:
        return self._browser.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0])?.textContent ?? ''", selector))

    def texts(self, selector: str) -> list[str]:
        return list(self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector))

    def await_text(self, selector: str, wanted: str) -> None:
        self.await_that(lambda: wanted in self.text(selector), f"{wanted!r} in {selector}")

    def await_that(self, true: Callable[[], bool], what: str) -> None:
        WebDriverWait(self._browser, PATIENCE_S, 0.1).until(lambda _: true(), f"waited in vain for {what}")

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self._browser.get_log("browser")]  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        reason = "the wall's tests need chromium and chromedriver (Debian: apt install chromium-driver)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for switch in (
        "headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
        "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage",
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):  # fmt: skip
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    yield driver
    driver.quit()


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def screen(browser: webdriver.Chrome, board: Board) -> Iterator[Screen]:
    with serving(board) as address:
        yield from shown(browser, address)


def shown(browser: webdriver.Chrome, address: str) -> Iterator[Screen]:
    """A page, which is left without a word in the log once the test is over."""
    yield Screen(browser, address)
    browser.get("about:blank")
    browser.get_log("browser")  # type: ignore[no-untyped-call]


def shown_deadlines(screen: Screen) -> list[tuple[str, ...]]:
    parts = [screen.texts(f"#deadlines {part}") for part in (".promise", ".mark", ".where bdi", ".where span")]
    return list(zip(*parts, strict=True))


def test_what_breaks_next_comes_in_order_with_words_and_a_link(screen: Screen) -> None:
    screen.open()
    screen.await_text("#word", "LIVE")

    assert shown_deadlines(screen) == [
        ("first response", "OVERDUE", "billing", "77"),
        ("resolution", "AT RISK", "no queue", "77"),
        ("first response", "AT RISK", "returns", "77"),
    ]
    assert screen.text("#deadlines-rest") == "and 2 more at risk"
    left = screen.texts("#deadlines .left")
    assert re.fullmatch(r"\+1:\d\d", left[0])
    assert re.fullmatch(r"[34]:\d\d", left[1])
    assert re.fullmatch(r"1:0[12]:\d\d", left[2])
    links = "return [...document.querySelectorAll('#deadlines a')].map(e => e.getAttribute('href'))"
    assert set(screen.run(links)) == {"/api/v1/tickets/demo/zendesk/77"}


def test_a_countdown_ticks_by_the_boards_clock_and_turns_at_the_deadline(screen: Screen, board: Board) -> None:
    board.ahead = timedelta(hours=3)  # the screen's own clock is three hours slow
    shown = wall()
    shown["deadlines"]["tickets"] = [
        deadline("resolution", "billing", board.ahead + timedelta(seconds=12)),
        deadline("resolution", "billing", board.ahead + timedelta(minutes=2)),
    ]
    board.tell(shown)
    screen.open()
    screen.await_text("#deadlines .mark", "AT RISK")
    first = screen.texts("#deadlines .left")
    assert all(re.fullmatch(r"[0-2]:\d\d", left) for left in first)

    screen.await_that(
        lambda: all(now < was for now, was in zip(screen.texts("#deadlines .left"), first, strict=True)),
        "both countdowns to tick",
    )

    screen.await_text("#deadlines .mark", "OVERDUE")
    assert screen.text("#deadlines .left").startswith("+0:")
    assert screen.texts("#deadlines .mark")[1] == "AT RISK"


def test_a_deadline_at_closing_time_is_not_overdue_before_the_next_opening(screen: Screen, board: Board) -> None:
    shown = wall()
    [row] = shown["deadlines"]["tickets"] = [deadline("resolution", "billing", timedelta(minutes=-5))]
    row["holds_until"] = ahead(timedelta(hours=9))
    board.tell(shown)
    screen.open()
    screen.await_text("#deadlines .mark", "AT RISK")

    assert screen.text("#deadlines .left") == "0:00"
    assert re.fullmatch(r"resolution, until \d\d:\d\d", screen.text("#deadlines .promise"))


def test_when_nothing_is_about_to_breach_it_says_so_and_what_comes_next(screen: Screen, board: Board) -> None:
    shown = wall()
    shown["sla"]["at_risk"] = 0
    shown["deadlines"] = {
        "tickets": [],
        "next": {"at": ahead(timedelta(minutes=34, seconds=50)), "clock": "first_response", "queue": "billing"},
    }
    board.tell(shown)
    screen.open()
    screen.await_text("#deadlines-rest", "Next deadline in 34 min: first response, billing.")
    assert screen.text("#deadlines-rest").startswith("Nothing is about to breach.")

    shown["deadlines"]["next"] = None
    board.tell(shown)
    screen.await_text("#deadlines-rest", "No promise is running.")


def test_every_figure_of_the_wall_is_shown(screen: Screen) -> None:
    screen.open()
    screen.await_text("#word", "LIVE")

    figures = {
        "waiting-count": "12", "longest-wait": "2 h 05", "response-median": "14 min", "response-p90": "1 h 30",
        "response-count": "210", "sla-overdue": "3", "sla-at-risk": "4", "sla-breached": "9",
        "sla-attainment": "95.2 %", "backlog-total": "143", "agents-signed-in": "14", "agents-utilisation": "71 %",
    }  # fmt: skip
    assert {name: screen.text(f"#{name} .number") for name in figures} == figures
    assert screen.text("#sla-overdue .note") == "2 resolution\n1 first response"
    assert screen.text("#backlog-total .note") == "▲ 7 in the last hour"
    assert screen.texts("#backlog-trend figcaption span") == ["24 h ago", "low 90, high 143", "now"]
    assert screen.texts("#queues .name") == ["billing", "returns", "no queue"]
    assert screen.texts("#queues .open") == ["40", "24", "9"]
    assert screen.texts("#queues .held") == ["5 waiting, 42 min", "none waiting", "none waiting"]
    assert screen.texts("#states li")[:3] == ["8busy", "1wrap-up", "4available"]
    assert screen.text("#sentence") == "The newest event is 1 s old."
    assert "ago" in screen.text("#age")
    assert screen.text("title") == "12 waiting · deskpulse"


@pytest.mark.parametrize(
    ("at_risk", "overdue", "utilisation", "words"),
    [
        pytest.param(0, 0, 0.85, ["OK", "OK", "OK"], id="calm: reaching a line exactly is not past it"),
        pytest.param(1, 0, 0.86, ["OK", "WATCH", "WATCH"], id="watch"),
        pytest.param(0, 1, 0.91, ["ACT", "OK", "ACT"], id="act"),
        pytest.param(None, None, None, ["", "", ""], id="unknown: no judgement"),
    ],
)
def test_a_word_says_where_to_act(
    screen: Screen, board: Board, at_risk: int, overdue: int, utilisation: float, words: list[str]
) -> None:
    shown = wall()
    shown["sla"].update(at_risk=at_risk, overdue=overdue)
    shown["agents"]["utilisation_1h"] = utilisation
    board.tell(shown)
    screen.open()
    screen.await_text("#word", "LIVE")

    verdicts = ["#sla-overdue", "#sla-at-risk", "#agents-utilisation"]
    assert [screen.text(f"{figure} .verdict") for figure in verdicts] == words


def test_a_new_event_changes_the_figures_without_a_reload(screen: Screen, board: Board) -> None:
    screen.open()
    screen.await_text("#waiting-count .number", "12")
    screen.run("window.sameDocument = true")

    changed = wall()
    changed["waiting"]["count"] = 13
    board.tell(changed)

    screen.await_text("#waiting-count .number", "13")
    screen.await_text("title", "13 waiting")
    assert screen.run("return window.sameDocument") is True


def test_the_longest_wait_grows_between_events(screen: Screen, board: Board) -> None:
    shown = wall()
    shown["waiting"]["longest_since"] = instant(timedelta(seconds=2))
    board.tell(shown)
    screen.open()
    screen.await_text("#longest-wait .number", " s")
    first = screen.text("#longest-wait .number")

    screen.await_that(lambda: screen.text("#longest-wait .number") != first, "the wait to grow")


def test_unknown_is_said_and_is_never_zero(screen: Screen, board: Board) -> None:
    board.tell(unknown_wall())
    screen.open()
    screen.await_text("#waiting-count .note", "unknown")

    assert set(screen.texts("main .number")) == {"–"}
    assert set(screen.texts("main .note")) == {"unknown"}
    assert screen.text("#queues-more") == "queues unknown"
    assert screen.text("#deadlines-rest") == "deadlines unknown"
    assert "0" not in screen.text("main").replace("90th percentile", "")


def test_a_queue_whose_figures_are_unknown_says_so(screen: Screen, board: Board) -> None:
    shown = wall()
    shown["backlog"]["queues"] = [queue("sales", None, None)]
    board.tell(shown)
    screen.open()
    screen.await_text("#queues .name", "sales")

    assert screen.text("#queues .open") == "– unknown"
    assert screen.text("#queues .held") == "waiting unknown"


@pytest.mark.parametrize(
    ("state", "word", "grey"),
    [
        ("quiet", "QUIET", False),
        ("catching_up", "CATCHING UP", False),
        ("stale", "STALE", True),
        ("unknown", "UNKNOWN", True),
        pytest.param("a state of next year", "UNKNOWN", True, id="a state that we do not know is not trusted"),
    ],
)
def test_the_word_follows_the_state_and_old_figures_are_grey(
    screen: Screen, board: Board, state: str, word: str, grey: bool
) -> None:
    shown = wall()
    shown["freshness"].update(state=state, sentence="What the board says about it.")
    board.tell(shown)
    screen.open()
    screen.await_text("#sentence", "What the board says about it.")

    assert screen.text("#word") == word
    filtered = screen.run("return getComputedStyle(document.querySelector('main')).filter")
    assert filtered == ("grayscale(1)" if grey else "none")
    assert screen.text("title").startswith(word) is grey


def test_a_broken_stream_is_replaced_by_asking_and_then_resumed(screen: Screen, board: Board) -> None:
    screen.open()
    screen.await_text("#word", "LIVE")

    changed = wall()
    changed["waiting"]["count"] = 77
    board.tell(changed, streams=False)

    screen.await_text("#waiting-count .number", "77")
    screen.await_text("#age", "stream broken, asking instead")
    board.tell()
    screen.await_that(lambda: "broken" not in screen.text("#age"), "the stream to resume")


def test_a_board_that_falls_silent_turns_the_wall_grey_until_it_is_back(screen: Screen, board: Board) -> None:
    screen.open()
    screen.await_text("#word", "LIVE")

    board.tell(streams=False, answers=False)
    screen.await_text("#word", "STALE")
    assert screen.text("#sentence").startswith("No connection to the board for ")
    assert "Figures are those of" in screen.text("#sentence")
    assert "untrusted" in screen.run("return document.body.className")
    assert screen.text("#waiting-count .number") == "12"

    board.tell(wall())
    screen.await_text("#word", "LIVE")
    assert "untrusted" not in screen.run("return document.body.className")


def test_a_message_that_is_no_wall_changes_nothing(screen: Screen, board: Board) -> None:
    screen.open()
    screen.await_text("#waiting-count .number", "12")

    absurd = {"backlog": {"queues": [None, 7]}, "agents": {"states": 3}, "deadlines": {"tickets": [None, 7]}}
    for nonsense in ({}, {"queues": 1}, absurd):
        board.tell(nonsense)
    changed = wall()
    changed["waiting"]["count"] = 14
    board.tell(changed)

    screen.await_text("#waiting-count .number", "14")
    screen.await_text("#word", "LIVE")


def test_hostile_queue_names_are_text_and_run_nothing(screen: Screen, board: Board) -> None:
    shown = wall()
    shown["backlog"]["queues"] = [queue(name, 50 - i) for i, name in enumerate(HOSTILE_NAMES)]
    shown["deadlines"]["tickets"] = [deadline(n, n, timedelta(hours=1), ticket=n) for n in HOSTILE_NAMES[:6]]
    shown["deadlines"]["tickets"][0]["explain"] = "javascript:window.hacked = 1"
    board.tell(shown)
    screen.open()
    screen.await_text("#queues", "quoted")

    assert screen.texts("#queues .name") == [name.strip() or "unnamed queue" for name in HOSTILE_NAMES]
    assert screen.run(
        "return [window.hacked ?? null, document.querySelectorAll('main script, main img').length]"
    ) == [
        None,
        0,
    ]
    assert screen.texts("#deadlines bdi") == HOSTILE_NAMES[:6]
    assert screen.run("return document.querySelector('#deadlines a').hasAttribute('href')") is False
    assert screen.complaints() == []


def test_more_queues_than_fit_are_counted(screen: Screen, board: Board) -> None:
    shown = wall()
    shown["backlog"]["queues"] = [queue(f"queue {n}", n) for n in range(1, 21)]
    board.tell(shown)
    screen.open()
    screen.await_text("#queues-more", "and 12 more queues with 78 open")

    assert screen.texts("#queues .open") == [str(n) for n in range(20, 12, -1)]


MISPLACED = Path(__file__).with_name("misplaced.js").read_text()

WALLS = [
    pytest.param(wall, id="a working day"),
    pytest.param(unknown_wall, id="nothing known"),
    pytest.param(crowded_wall, id="more than fits"),
]


@pytest.mark.parametrize("shown", WALLS)
def test_all_of_it_is_on_one_television_screen(screen: Screen, board: Board, shown: Callable[[], Wall]) -> None:
    board.tell(shown())
    screen.open(TELEVISION)
    screen.await_text("#word", "LIVE")

    page = screen.run("const e = document.documentElement; return [e.scrollWidth, e.scrollHeight]")
    assert page == list(TELEVISION)
    assert screen.run(MISPLACED) == []
    assert screen.complaints() == []


def test_it_can_be_read_from_five_metres(screen: Screen) -> None:
    screen.open(TELEVISION)
    screen.await_text("#word", "LIVE")

    smallest = """
        const worded = (e) => [...e.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
        const some = [...document.querySelectorAll(arguments[0])].filter(worded);
        return Math.min(...some.map((e) => parseFloat(getComputedStyle(e).fontSize)));
    """
    assert screen.run(smallest, ".figure:not(.small) .number") >= 96
    assert screen.run(smallest, "h2") >= 32
    assert screen.run(smallest, "header *, main *:not(.unseen)") >= 24


@pytest.mark.parametrize("shown", WALLS)
@pytest.mark.parametrize("width", [360, PHONE[0], 412])
def test_a_phone_shows_one_column_without_sideways_scrolling(
    screen: Screen, board: Board, shown: Callable[[], Wall], width: int
) -> None:
    board.tell(shown())
    screen.open((width, PHONE[1]))
    screen.await_text("#word", "LIVE")

    assert screen.run("return document.documentElement.scrollWidth") == width
    assert screen.run(MISPLACED) == []
    assert len(set(screen.run("return [...document.querySelectorAll('.tile')].map(e => e.offsetLeft)"))) == 1
    assert screen.complaints() == []


def test_who_wants_no_motion_gets_none(screen: Screen, browser: webdriver.Chrome) -> None:
    reduced = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", reduced)
    screen.open()
    screen.await_text("#word", "LIVE")

    assert screen.run("return getComputedStyle(document.querySelector('.fill')).transitionProperty") == "none"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

"""The page that compares two policies, in a real browser, against a board that says what a test tells it to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium import webdriver

from tests.browser.scripted_board import HOSTILE_NAMES, STATIC
from tests.browser.test_wall import PHONE, Screen, browser, shown

__all__ = ["browser"]  # a fixture

DESK = (1440, 900)
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def promises(attainment: float | None, met: int, breached: int, at_risk: int = 0, overdue: int = 0) -> dict[str, Any]:
    return {
        "attainment": attainment,
        "met": met,
        "breached": breached,
        "running": 9,
        "at_risk": at_risk,
        "overdue": overdue,
        "paused": 0,
    }


BOTH = {"policy": promises(0.9, 90, 10, overdue=1), "against": promises(0.755, 75, 25, overdue=4)}
BETTER = {"policy": promises(0.5, 1, 1), "against": promises(1.0, 2, 0)}


def side(state: str, policy: str | None = "std") -> dict[str, Any]:
    return {"state": state, "at": "2026-03-02T10:25:00Z", "policy": policy, "target_seconds": 900}


def ticket(key: str, under: str, *sides: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "ticket": key,
        "clock": "first_response",
        "started_at": "2026-03-02T10:10:00Z",
        "at": "2026-03-02T10:25:00Z",
        "breached_under": under,
        "policy": sides[0],
        "against": sides[1],
        "explain": f"/api/v1/tickets/{key}",
    }


TICKETS = [
    ticket("acme/zendesk/1", "against", side("met"), side("breached")),
    ticket("acme/zendesk/2", "policy", side("breached"), side("running")),
    ticket("acme/zendesk/3", "policy", side("breached"), None),
    ticket(HOSTILE_NAMES[0], "policy", side("breached", HOSTILE_NAMES[1]), side("breached")),
]


def compared() -> dict[str, Any]:
    fresh = {"state": "live", "sentence": "Live: the newest event is 1 s old."}
    queues = [{"queue": name} | BOTH for name in ("billing", HOSTILE_NAMES[0], HOSTILE_NAMES[5], None)]
    return {
        "at": "2026-03-02T12:00:00Z",
        "window": "28d",
        "from": "2026-02-02T12:01:00Z",
        "to": "2026-03-02T12:01:00Z",
        "filters": {},
        "policy": {"namespace": "main", "freshness": fresh},
        "against": {
            "namespace": "whatif",
            "freshness": fresh,
            "comparable": True,
            "sentence": "Comparable: whatif has counted the same events.",
        },
        "in_all": BOTH | {"queues": queues},
        "clocks": [
            {"clock": "first_response", "queues": queues} | BOTH,
            {"clock": "resolution", "queues": [{"queue": "billing"} | BETTER]} | BETTER,
        ],
        "tickets": TICKETS,
        "listed_from": None,
        "next": None,
    }


class Board:
    """What the page is told."""

    def __init__(self) -> None:
        self.status = 200
        self.shown = compared()
        self.more: list[dict[str, Any]] = []
        self.asked: list[dict[str, list[str]]] = []

    def answer(self, words: dict[str, list[str]]) -> bytes:
        self.asked.append(words)
        if "cursor" in words:
            return json.dumps(self.shown | {"tickets": self.more, "next": None}).encode()
        return json.dumps(self.shown | ({"tickets": None} if words["limit"] == ["0"] else {})).encode()


class Answer(BaseHTTPRequestHandler):
    def __init__(self, board: Board, *arguments: Any) -> None:
        self.board = board
        super().__init__(*arguments)

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        path = STATIC / ("whatif.html" if address.path == "/whatif" else address.path.removeprefix("/static/"))
        if address.path == "/api/v1/whatif":
            body = self.board.answer(parse_qs(address.query, keep_blank_values=True))
            self._send(self.board.status, "application/json", body)
        else:
            self._send(200, TYPES[path.suffix], path.read_bytes())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", "default-src 'self'")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@contextmanager
def serving(board: Board) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Answer, board)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/whatif?namespace=whatif"
        server.shutdown()
        thread.join()


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def screen(browser: webdriver.Chrome, board: Board) -> Iterator[Screen]:
    with serving(board) as address:
        yield from shown(browser, address)


def fits(screen: Screen) -> bool:
    return bool(screen.run("return document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_difference_is_told_in_words(screen: Screen, size: tuple[int, int]) -> None:
    screen.open(size)
    screen.await_text("#tickets-note", "4 breached under one policy")

    assert screen.text("#word") == "COMPARABLE"
    assert screen.text("#sentence") == "whatif has counted the same events."
    first = screen.texts("#figures tbody:nth-of-type(2) .whole > *")
    assert first == [
        "First response",
        "90.0 % → 75.5 %14.5 points worse",
        "10 → 2515 more",
        "90 → 7515 fewer",
        "0",
        "1 → 43 more",
    ]
    assert screen.texts("#figures tbody:nth-of-type(3) .moved") == ["50.0 points better", "1 fewer", "1 more"] * 2
    assert screen.texts("#figures tbody:first-of-type .queue-row th")[-1] == "no queue"
    assert screen.texts("#tickets .moved") == [
        "newly breached",
        "no longer breached",
        "no longer breached",
        "breached under both, here counted of one only: another queue or time",
    ]
    assert "no such clock" in screen.text("#tickets li:nth-child(3)")
    assert fits(screen)
    assert screen.run("return window.hacked") is None
    assert screen.complaints() == []


def test_links_lead_to_the_explanation_and_to_one_queue(screen: Screen) -> None:
    screen.open(DESK)
    screen.await_text("#tickets-note", "breached under one policy")

    href = "return [...document.querySelectorAll(arguments[0])].map(e => e.getAttribute('href'))"
    assert screen.run(href, "#tickets a")[0] == "/api/v1/tickets/acme/zendesk/1"
    assert screen.run(href, ".queue-row a")[0] == "/whatif?namespace=whatif&queue=billing"
    assert screen.run(href, "#windows a")[1] == "/whatif?namespace=whatif&window=7d"


def test_more_tickets_come_when_they_are_asked_for(screen: Screen, board: Board) -> None:
    board.shown["next"] = "abc"
    board.more = [ticket("acme/zendesk/9", "against", side("met"), side("breached"))]
    screen.open(DESK)
    screen.await_text("#tickets-note", "4 breached under one policy and not under the other, and there may be more")

    screen.run("document.getElementById('more').click()")
    screen.await_text("#tickets-note", "5 breached")

    assert screen.texts("#tickets a")[-1] == "acme/zendesk/9"
    assert screen.run("return document.getElementById('more').hidden")
    assert [words["cursor"] for words in board.asked if "cursor" in words] == [["abc"]]


def test_a_half_built_state_is_not_taken_for_a_better_one(screen: Screen, board: Board) -> None:
    board.shown["against"] |= {"comparable": False, "sentence": "Not comparable yet: whatif has counted 45 %."}
    screen.open(PHONE)

    screen.await_text("#word", "NOT COMPARABLE YET")
    assert screen.text("#sentence") == "whatif has counted 45 %."


def test_no_answer_is_said_with_its_reason(screen: Screen, board: Board) -> None:
    board.status, board.shown = 404, {"detail": "no state is kept under the namespace 'whatif'"}
    screen.open(DESK)

    screen.await_text("#word", "NO ANSWER")
    assert screen.text("#sentence") == "No state is kept under the namespace 'whatif'"
    assert screen.run("return document.getElementById('figures').hidden")


def test_what_is_being_read_is_asked_for_again(screen: Screen, board: Board) -> None:
    board.status = 503
    screen.open(DESK)
    screen.await_text("#word", "WAIT")

    board.status = 200
    screen.await_text("#word", "COMPARABLE")
    assert len(screen.texts("#tickets li")) == 4

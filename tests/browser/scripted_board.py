"""A board that says what a test tells it to, and walls for it to say."""

import json
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias

STATIC = Path(__file__).parents[2] / "services" / "board" / "static"

Wall: TypeAlias = dict[str, Any]

HOSTILE_NAMES = [
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "\"quoted\" & 'quoted'",
    "\u202ereversed",
    "الفواتير والشكاوى",
    "Ł" * 200,
    "two\nlines",
    "   ",
]


def instant(age: timedelta) -> str:
    return (datetime.now(UTC) - age).isoformat().replace("+00:00", "Z")


def queue(name: str | None, open_tickets: int | None, waiting: int | None = 0) -> Wall:
    return {
        "queue": name,
        "open": open_tickets,
        "waiting": waiting,
        "longest_since": instant(timedelta(minutes=42)) if waiting else None,
        "change_1h": 0,
        "trend": [3, 4, None, 6, 5],
    }


def ahead(of_now: timedelta) -> str:
    return instant(-of_now)


def deadline(clock: str, queue: str | None, left: timedelta, state: str = "at_risk", ticket: str = "77") -> Wall:
    key = f"demo/zendesk/{ticket}"
    return {
        "ticket": key,
        "queue": queue,
        "clock": clock,
        "policy": "std",
        "state": state,
        "due_at": ahead(left),
        "holds_until": ahead(left),
        "explain": f"/api/v1/tickets/{key}",
    }


def wall() -> Wall:
    """A working day, with every figure known."""
    return {
        "at": instant(timedelta()),
        "freshness": {
            "state": "live",
            "read_at": instant(timedelta()),
            "age_s": 0.1,
            "newest_event_at": instant(timedelta(seconds=1)),
            "sentence": "Live: the newest event is 1 s old.",
        },
        "waiting": {"count": 12, "longest_since": instant(timedelta(hours=2, minutes=5, seconds=20))},
        "first_response": {"window": "24h", "count": 210, "median_s": 812.0, "p90_s": 5400.0},
        "backlog": {
            "total": 143,
            "change_1h": 7,
            "trend": {"from": instant(timedelta(hours=24)), "step_s": 900, "values": [120, 90, *[130] * 94, 143]},
            "queues": [queue("billing", 40, 5), queue("returns", 24), queue(None, 9)],
        },
        "sla": {
            "at_risk": 4,
            "overdue": 3,
            "breached_24h": 9,
            "met_24h": 180,
            "attainment_24h": 0.952,
            "clocks": [
                {"clock": "first_response", "at_risk": 4, "overdue": 1, "breached_24h": 4, "met_24h": 100},
                {"clock": "resolution", "at_risk": 0, "overdue": 2, "breached_24h": 5, "met_24h": 80},
            ],
        },
        "deadlines": {
            "tickets": [
                deadline("first_response", "billing", timedelta(minutes=-1, seconds=-5), "overdue"),
                deadline("resolution", None, timedelta(minutes=4, seconds=5)),
                deadline("first_response", "returns", timedelta(hours=1, minutes=2, seconds=9)),
            ],
            "next": {"at": ahead(timedelta(minutes=4, seconds=5)), "clock": "resolution", "queue": None},
        },
        "agents": {
            "signed_in": 14,
            "states": {
                "available": 4, "busy": 8, "wrap_up": 1, "break": 1, "training": 0, "meeting": 0, "away": 0,
            },
            "utilisation_1h": 0.71,
            "occupancy_1h": 0.69,
        },
    }  # fmt: skip


def unknown_wall() -> Wall:
    """A wall of which nothing is known but that the store answers."""

    def forget(value: Any) -> Any:
        return {key: forget(inner) for key, inner in value.items()} if isinstance(value, dict) else None

    known = wall()
    return {key: forget(part) for key, part in known.items()} | {"at": known["at"], "freshness": known["freshness"]}


def crowded_wall() -> Wall:
    """Figures as long as they come, and more queues than fit."""
    crowded = wall()
    crowded["waiting"] = {"count": 12431, "longest_since": instant(timedelta(days=12, hours=4))}
    crowded["first_response"].update(count=182044, median_s=1.3 * 86400, p90_s=12.6 * 86400)
    crowded["backlog"].update(total=12431, change_1h=-1204)
    names = [*HOSTILE_NAMES, *(f"queue {number} with a name that goes on" for number in range(12))]
    crowded["backlog"]["queues"] = [queue(name, 4210 - 190 * i, 1203) for i, name in enumerate(names)]
    crowded["sla"].update(at_risk=1204, overdue=12431, breached_24h=10233, attainment_24h=0.8733)
    clocks = ("escalation_response", "escalation_closure", "periodic_update", "requester_wait", "agent_work")
    crowded["sla"]["clocks"] += [
        {"clock": clock, "at_risk": 1000 + n, "overdue": 2000 + n, "breached_24h": 4000, "met_24h": 10_000}
        for n, clock in enumerate(clocks)
    ]
    crowded["deadlines"]["tickets"] = [
        deadline("escalation_response", HOSTILE_NAMES[5], timedelta(hours=-9, minutes=-59), "overdue", "20773008416"),
        deadline("escalation_closure", HOSTILE_NAMES[0], timedelta(days=-3), "overdue", "2077300841620773008416"),
        *[
            deadline(
                clock, "queue 1 with a name that goes on", timedelta(hours=6 * n + 9, minutes=59), ticket="%2F" * 40
            )
            for n, clock in enumerate(clocks[:4])
        ],
    ]
    crowded["agents"].update(signed_in=1204, utilisation_1h=0.934)
    crowded["agents"]["states"].update(busy=1808, wrap_up=1100, available=412, looking_after_something_else=3)
    return crowded


class Board:
    """What the wall is told: `shown` by stream and on asking, each as long as it answers."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._told = 0
        self.shown = wall()
        self.streams = True
        self.answers = True
        self.closed = False
        self.ahead = timedelta()
        """How far the board's clock is ahead of the screen's."""

    def tell(self, shown: Wall | None = None, *, streams: bool = True, answers: bool = True) -> None:
        with self._changed:
            self.shown = self.shown if shown is None else shown
            self.streams, self.answers = streams, answers
            self._told += 1
            self._changed.notify_all()

    def close(self) -> None:
        self.closed = True
        self.tell(streams=False, answers=False)

    def answer(self) -> bytes:
        """What is shown, as of now."""
        return json.dumps(self.shown | {"at": ahead(self.ahead)}).encode()

    def events(self) -> Iterator[bytes]:
        """Server-sent events: one for each that is told, and one a second."""
        while self.streams:
            told = self._told
            yield b"event: wall\ndata: " + self.answer() + b"\n\n"
            with self._changed:
                self._changed.wait_for(partial(self._told_since, told), timeout=1)

    def _told_since(self, told: int) -> bool:
        return self._told != told


class Server(ThreadingHTTPServer):
    def __init__(self, board: Board) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.board = board


class Answer(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        board = self.server.board
        if self.path == "/api/v1/stream" and board.streams:
            self._head(HTTPStatus.OK, "text/event-stream")
            try:
                for event in board.events():
                    self.wfile.write(event)
            except OSError:
                return  # the browser has gone
        elif self.path == "/api/v1/wall" and board.answers:
            self._head(HTTPStatus.OK, "application/json")
            self.wfile.write(board.answer())
        elif self.path.startswith("/api/"):
            self._head(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain")
        else:
            self._file(STATIC / ("index.html" if self.path == "/" else self.path.removeprefix("/static/")))

    def _file(self, path: Path) -> None:
        if not path.is_file():
            self._head(HTTPStatus.NOT_FOUND, "text/plain")
            return
        self._head(HTTPStatus.OK, mimetypes.guess_type(path)[0] or "application/octet-stream")
        self.wfile.write(path.read_bytes())

    def _head(self, status: HTTPStatus, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Security-Policy", "default-src 'self'")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: a test's output is its own."""


@contextmanager
def serving(board: Board) -> Iterator[str]:
    """The address of the wall, with ``board`` behind it."""
    server = Server(board)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        board.close()
        server.shutdown()
        thread.join()
        server.server_close()

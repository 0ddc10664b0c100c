"""`deskpulse compute`: a file of events in, one document out."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from services.cli import run
from services.commands.compute import read_events
from services.errors import Misconfigured

T1: dict[str, Any] = {"ticket_id": "T1"}
EVENTS: list[dict[str, Any]] = [
    {"event_id": "e1", "type": "ticket.created", "occurred_at": "2026-03-02T09:00:00Z", "queue": "a"} | T1,
    {
        "event_id": "e2",
        "type": "ticket.replied",
        "occurred_at": "2026-03-02T09:30:00Z",
        "author": "agent",
        "public": True,
    }
    | T1,
    {"event_id": "e3", "type": "ticket.created", "occurred_at": "2026-03-02T09:30:00Z", "ticket_id": "T2"},
    {
        "event_id": "e4",
        "type": "ticket.replied",
        "occurred_at": "2026-03-02T09:40:00Z",
        "author": "agent",
        "public": True,
    }
    | {"ticket_id": "T2"},
    {"event_id": "e5", "type": "ticket.status_changed", "occurred_at": "2026-03-02T10:00:00Z", "status": "solved"}
    | T1,
    {"event_id": "e6", "type": "agent.state_changed", "occurred_at": "2026-03-02T09:00:00Z", "agent_id": "A1"}
    | {"state": "available"},
    {"event_id": "e7", "type": "agent.state_changed", "occurred_at": "2026-03-02T09:45:00Z", "agent_id": "A1"}
    | {"state": "busy", "ticket_id": "T1"},
]
LINES = [json.dumps(event) for event in EVENTS]
AS_OF = ["--as-of", "2026-03-02T10:00:00Z"]


def written(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def events(tmp_path: Path) -> str:
    return written(tmp_path, *LINES)


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert run(["compute", *words], {}) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What it says when it exits with 1 and prints no document."""
    assert run(["compute", *words], {}) == 1
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_every_figure_is_in_one_document(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = printed(capsys, events, *AS_OF)

    assert document["tickets"]["T1"]["frt_seconds"] == 1800
    assert document["aggregate"]["frt_p50_seconds"] == 1200
    assert document["aggregate"]["frt_p90_seconds"] == 1680
    assert document["segments"]["queue"]["a"]["tickets_created"] == 1
    assert document["backlog"]["2026-03-02T10:00:00Z"]["backlog"] == 1
    assert document["agents"]["A1"]["occupancy"] == 0.25
    assert document["duplicates_ignored"] == 0


def test_without_as_of_it_looks_from_the_newest_event(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, events) == printed(capsys, events, *AS_OF)


def test_as_of_decides_what_is_known(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = printed(capsys, events, "--as-of", "2026-03-02T10:15:00+01:00")

    assert document["tickets"].keys() == {"T1"}
    assert document["tickets"]["T1"]["frt_seconds"] is None


def test_only_what_is_asked_for_is_printed(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, events, "--only", "aggregate, backlog").keys() == {"aggregate", "backlog"}


def test_an_unknown_figure_is_named_with_the_known_ones(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, events, "--only", "aggregates,backlog")

    assert "--only does not know aggregates; known: tickets, " in message


def test_the_backlog_at_several_times(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    times = ["--backlog-at", "2026-03-02T09:15:00Z", "--backlog-at", "2026-03-02T09:45:00Z"]

    document = printed(capsys, events, "--only", "backlog", *times)

    assert {time: part["backlog"] for time, part in document["backlog"].items()} == {
        "2026-03-02T09:15:00Z": 1,
        "2026-03-02T09:45:00Z": 2,
    }


def test_a_window_for_agents(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    window = ["--window", "2026-03-02T09:30:00Z", "2026-03-02T09:50:00Z"]

    document = printed(capsys, events, *AS_OF, "--only", "agents", *window)

    assert document["agents"]["A1"]["state_seconds"] == {"available": 900, "busy": 300}


def test_a_policy_is_laid_over_the_defaults(events: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("sla: {policies: [{id: std, hours: calendar, targets: {normal: {first_response: 60}}}]}\n")

    document = printed(capsys, events, "--policy", str(policy), "--only", "sla")

    assert document["sla"]["T1"]["first_response"]["breached_at"] == "2026-03-02T09:01:00Z"


def test_a_packed_file_is_read_as_well(events: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = tmp_path / "events.ndjson.gz"
    packed.write_bytes(gzip.compress(Path(events).read_bytes()))

    assert printed(capsys, str(packed)) == printed(capsys, events)


def test_a_dash_is_standard_input(
    events: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path(events).read_bytes())))

    assert printed(capsys, "-")["tickets"].keys() == {"T1", "T2"}


def test_blank_lines_and_a_missing_last_line_end_are_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text("\n\r\n" + "\r\n\n".join(LINES), encoding="utf-8")

    assert printed(capsys, str(path))["aggregate"]["tickets_created"] == 2


def test_no_events_are_no_figures_and_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = printed(capsys, written(tmp_path, ""), *AS_OF)

    assert document["tickets"] == {}
    assert document["aggregate"]["frt_p50_seconds"] is None


BAD = [
    pytest.param("nonsense", "JSON", id="no JSON"),
    pytest.param("[1]", "", id="another JSON"),
    pytest.param(json.dumps(EVENTS[0] | {"type": "ticket.exploded"}), "ticket.exploded", id="an unknown type"),
    pytest.param(json.dumps(EVENTS[1] | {"author": "cat"}), "author", id="a value that does not fit"),
    pytest.param(json.dumps({k: v for k, v in EVENTS[1].items() if k != "public"}), "public", id="a missing field"),
    pytest.param(json.dumps(EVENTS[0] | {"occurred_at": "soon"}), "occurred_at", id="no time"),
    pytest.param(json.dumps(EVENTS[0] | {"ticket_id": None}), "ticket_id", id="no ticket"),
]


@pytest.mark.parametrize(("bad", "named"), BAD)
def test_a_line_that_is_no_event_is_named_by_its_number_and_left_out(
    bad: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, LINES[0], "", bad, *LINES[1:])

    assert run(["compute", path, *AS_OF], {}) == 0

    out, err = capsys.readouterr()
    assert f"{path}: line 3 is no event: " in err
    assert named in err
    assert f"1 of {len(LINES) + 1} lines are no events and were left out" in err
    assert json.loads(out)["aggregate"]["tickets_created"] == 2


def test_strict_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, *LINES, "nonsense")

    assert run(["compute", path, "--strict"], {}) == 1
    assert f"line {len(LINES) + 1} is no event" in capsys.readouterr().err
    assert run(["compute", written(tmp_path, *LINES), "--strict"], {}) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["--as-of", "noon"], "'noon' is no time; a time is such as 2026-03-02T09:00:00Z", id="no time"),
        pytest.param(
            ["--as-of", "2026-03-02T09:00:00"], "has no time zone; write 2026-03-02T09:00:00Z", id="no zone"
        ),
        pytest.param(["--backlog-at", "noon"], "'noon' is no time", id="no time for the backlog"),
        pytest.param(["--window", "noon", "night"], "'noon' is no time", id="no time for the window"),
        pytest.param(
            ["--policy", "/nowhere/policy.yaml"], "/nowhere/policy.yaml cannot be read", id="no policy file"
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    words: list[str], message: str, events: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(capsys, events, *words)


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no file /nowhere/events.ndjson" in refused(capsys, "/nowhere/events.ndjson")


def test_percentiles_are_exact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Waits of 1 to 10 minutes, less a second each: no bucket of a sketch would give these."""
    lines = []
    for number in range(1, 11):
        ticket = {"ticket_id": f"T{number}"}
        begin = {"event_id": f"c{number}", "type": "ticket.created", "occurred_at": "2026-03-02T09:00:00Z"}
        end = f"2026-03-02T09:{number - 1:02}:59Z"
        reply = {
            "event_id": f"r{number}",
            "type": "ticket.replied",
            "author": "agent",
            "public": True,
            "occurred_at": end,
        }
        lines += [json.dumps(begin | ticket), json.dumps(reply | ticket)]

    figures = printed(capsys, written(tmp_path, *lines), "--only", "aggregate")["aggregate"]

    assert figures["frt_p50_seconds"] == 5.5 * 60 - 1
    assert figures["frt_p90_seconds"] == pytest.approx(9.1 * 60 - 1)
    assert figures["frt_mean_seconds"] == 5.5 * 60 - 1


def test_a_file_that_was_cut_off_is_named(events: str, tmp_path: Path) -> None:
    whole = gzip.compress(Path(events).read_bytes())
    cut = tmp_path / "cut.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    other = tmp_path / "other.gz"
    other.write_bytes(b"no gzip")

    for path in (cut, other):
        with pytest.raises(Misconfigured, match=f"{path} cannot be unpacked"):
            read_events(str(path), skipped=lambda *_: None)

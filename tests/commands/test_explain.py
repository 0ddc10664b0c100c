"""`deskpulse explain`: a ticket's story, from a file or from the store."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from services.adapters.entities import KEYS_ARE
from services.adapters.state_store import StateStore
from services.cli import run
from tests.board.stored import PARTITIONS, store_state
from tests.core.stories import answer, at, created, of, promise, rules, sla, solved

POLICY = sla(promise({"first_response": 3600}))


def event(event_id: str, kind: str, when: str, **fields: Any) -> dict[str, Any]:
    named = {"event_id": event_id, "type": kind, "occurred_at": f"2026-03-02T{when}:00Z", "ticket_id": "T1"}
    return named | {"tenant": "acme", "source": "zendesk"} | fields


EVENTS = [
    event("e1", "ticket.created", "09:00", queue="a", requester_id="R1"),
    event("e2", "ticket.replied", "09:30", author="agent", public=True, agent_id="A1"),
    event("e2", "ticket.replied", "09:30", author="agent", public=True, agent_id="A1"),
    event("e3", "ticket.created", "10:00", ticket_id="T2"),
    event("e4", "ticket.created", "10:00", ticket_id="T2", tenant="globex"),
]


@pytest.fixture
def events(tmp_path: Path) -> str:
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join(json.dumps(each) for each in EVENTS))
    return str(path)


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(POLICY))
    return str(path)


def test_text_for_people(events: str, policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "acme/zendesk/T1", "--events", events, "--policy", policy], {}) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "Ticket acme/zendesk/T1 as of 2026-03-02 10:00:00Z",
        "new · a · no agent · requester acme/R1",
    ]
    for line in (
        "  2026-03-02 09:30:00Z  ticket.replied  agent_id=A1, author=agent, public=yes",
        "      [came again, 1 times: without effect]",
        "      first response, 30 min after 2026-03-02 09:00:00Z",
        "      ran 2026-03-02 09:00:00Z to 2026-03-02 09:30:00Z (new, every hour counts): counted 30 min",
        "  first_response: 2026-03-02 09:00:00Z to 2026-03-02 09:30:00Z, 30 min (in opening hours 30 min) by A1",
    ):
        assert line in lines, line
    [added] = [line for line in lines if " first_response +1:" in line]
    assert added.endswith("first response, after a wait of 30 min [agent A1] -> first_response_seconds")


def test_the_helpdesks_own_id_is_enough_where_it_is_unique(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "T1", "--events", events, "--json"], {}) == 0

    assert json.loads(capsys.readouterr().out)["ticket"] == "acme/zendesk/T1"
    assert run(["explain", "T2", "--events", events], {}) == 1
    assert capsys.readouterr().err == (
        "deskpulse: several tickets have the id T2: acme/zendesk/T2, globex/zendesk/T2; give the key of one\n"
    )


def test_as_known_at_an_earlier_instant(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "T1", "--events", events, "--json", "--as-of", "2026-03-02T09:10:00Z"], {}) == 0

    its = json.loads(capsys.readouterr().out)
    assert [each["event_id"] for each in its["timeline"]] == ["e1"]
    assert its["waits"][0]["lasted_s"] == 600


def test_what_is_not_there_is_a_sentence(events: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "T9", "--events", events], {}) == 1
    assert capsys.readouterr().err == (
        "deskpulse: no event tells of a ticket T9 by then; there are 3: acme/zendesk/T1, acme/zendesk/T2, "
        "globex/zendesk/T2\n"
    )
    assert run(["explain", "T9", "--events", "nowhere.ndjson"], {}) == 1
    assert "there is no file nowhere.ndjson" in capsys.readouterr().err
    assert run(["explain", "T1", "--events", events, "--as-of", "noon"], {}) == 1
    assert "'noon' is no time" in capsys.readouterr().err


def test_lines_that_are_no_events_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join([json.dumps(EVENTS[0]), "nonsense"]))

    assert run(["explain", "T1", "--events", str(path), "--json"], {}) == 0
    assert f"{path}: line 2 is no event" in capsys.readouterr().err


async def fill(url: str, namespace: str) -> None:
    facts = [created("09:00"), answer("09:30"), *of("T2", created("10:00"), solved("11:00"))]
    async with Redis.from_url(url) as redis:
        await store_state(StateStore(redis, namespace), facts, rules(POLICY), at("12:00"))


async def test_from_the_store(
    store_url: str, namespace: str, policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await fill(store_url, namespace)
    environ = {
        "DESKPULSE_REDIS_URL": store_url,
        "DESKPULSE_NAMESPACE": namespace,
        "DESKPULSE_PARTITIONS": str(PARTITIONS),
        "DESKPULSE_POLICY": policy,
    }

    def explained(*words: str) -> int:
        return run(["explain", *words], environ)

    assert await asyncio.to_thread(explained, "T2", "--json") == 0
    its = json.loads(capsys.readouterr().out)
    assert (its["ticket"], its["state"]["status"]) == ("T2", "solved")
    assert [clock["policy"] for clock in its["clocks"]] == ["std"]

    assert await asyncio.to_thread(explained, "T9") == 1
    error = capsys.readouterr().err
    assert error.startswith(f"deskpulse: no ticket T9 is known in the namespace {namespace}")
    assert error.endswith(f"{KEYS_ARE}\n")

    environ["DESKPULSE_PARTITIONS"] = str(PARTITIONS + 1)
    assert await asyncio.to_thread(explained, "T2") == 1
    assert "set it to that" in capsys.readouterr().err


def test_without_the_store_it_may_work_later(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "T1"], {"DESKPULSE_REDIS_URL": "redis://127.0.0.1:1/0"}) == 75
    assert "the store does not answer" in capsys.readouterr().err

"""Every KPI, window and cut of a running system equals what `compute` makes of the log that it recorded."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.codec import Fact, Millis, decode, is_derived, millis
from schemas.topics import MEASURED
from services.adapters.policy_file import load_policy
from services.board.answers import answer
from services.board.asking import question
from services.board.columns import Columns
from services.board.windows import NAMED
from services.commands.kpis import columns_of
from services.core.catalogue import catalogue
from services.core.catalogue.formulas import AtRisk, Level, Standing
from services.core.rules import Rules
from services.core.tally import DIMENSIONS
from services.simulator.to_file import write_events
from tests.integration.running import PARTITIONS, TOKEN, Running, beside, up
from tests.processes import eventually
from tests.servers import Broker

POLICY = Path("services/simulator/policy.yaml")
EVENTS_PER_POST = 500
TAKEN_IN_S = 120
CUTS = [(), *((name,) for name in DIMENSIONS), *combinations(DIMENSIONS, 2)]


@pytest.fixture(scope="module")
def running(broker: Broker, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with up(
        tmp_path_factory.mktemp("up"),
        "--no-simulator",
        **beside(broker, redis_url, "kpis"),
        policy=POLICY,
    ) as one:
        yield one


@pytest.fixture(scope="module")
def posted(running: Running, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Two days of a centre's events, all of them accepted; their ids."""
    path, now = tmp_path_factory.mktemp("events") / "centre.ndjson", datetime.now(UTC)
    write_events(path, days=2, until=now - timedelta(seconds=5), tickets_per_day=200, faults=0.04)
    lines = path.read_text().splitlines() + merge(now - timedelta(hours=1))
    with httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as client:
        for begin in range(0, len(lines), EVENTS_PER_POST):
            body = f"[{','.join(lines[begin : begin + EVENTS_PER_POST])}]"
            client.post(f"{running.gateway}/events", content=body).raise_for_status()
    return {json.loads(line)["event_id"] for line in lines}


def merge(at: datetime) -> list[str]:
    """A merge of two tickets, which is rare in so small a centre."""
    ids = ("merged-1", "merged-2")
    events: list[dict[str, str]] = [
        {"type": "ticket.created", "ticket_id": ticket, "queue": "orders"} for ticket in ids
    ]
    events.append({"type": "ticket.merged", "ticket_id": ids[0], "into_ticket_id": ids[1]})
    return [
        json.dumps({"event_id": f"merge-{number}", "occurred_at": at.isoformat()} | event)
        for number, event in enumerate(events)
    ]


async def recorded(brokers: str, posted: set[str]) -> list[Fact]:
    """What the topics took, without what entities told each other: at least the events with some ids."""
    facts: list[Fact] = []
    places = [TopicPartition(topic.name, partition) for topic in MEASURED for partition in range(PARTITIONS)]
    async with AIOKafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False) as consumer:
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        missing, drained = set(posted), False
        while missing or not drained:
            found = await consumer.getmany(timeout_ms=1000)
            values = [(record.value or b"", record.timestamp) for records in found.values() for record in records]
            events = [decode(value, timestamp) for value, timestamp in values if not is_derived(value)]
            facts += events
            missing -= {event.event_id for event in events}
            drained = not found
    return facts


def asked(running: Running, cut: Sequence[str]) -> dict[str, Any]:
    words = {"window": ",".join(NAMED), "by": ",".join(cut), "limit": "10000"}
    told = httpx.get(f"{running.board}/api/v1/kpis", params={k: v for k, v in words.items() if v}, timeout=60)
    document: dict[str, Any] = told.raise_for_status().json()
    return {name: part for name, part in document.items() if name != "freshness"}


def computed(columns: Columns, rules: Rules, at: Millis, cut: Sequence[str]) -> dict[str, Any]:
    words = [("window", ",".join(NAMED)), ("limit", "10000"), *([("by", ",".join(cut))] if cut else [])]
    document: dict[str, Any] = json.loads(json.dumps(answer(columns, rules, question(words, rules.policy), at)))
    return document


def compared(running: Running, columns: Columns, rules: Rules, cut: Sequence[str]) -> list[str]:
    """Where the system and `compute` differ, at the instant that the system answered of."""
    live = asked(running, cut)
    return difference(live, computed(columns, rules, millis(datetime.fromisoformat(live["at"])), cut))


def test_every_kpi_window_and_cut_equals_compute_over_the_recorded_log(
    running: Running, broker: Broker, posted: set[str]
) -> None:
    rules = Rules(load_policy(POLICY))
    facts = asyncio.run(recorded(broker.brokers, posted))
    columns = columns_of(facts, rules)
    assert len(facts) > 5_000

    assert eventually(lambda: not compared(running, columns, rules, ()), TAKEN_IN_S), compared(
        running, columns, rules, ()
    )
    for cut in CUTS if broker.embedded else CUTS[: 1 + len(DIMENSIONS)]:
        assert not compared(running, columns, rules, cut), cut


@pytest.mark.usefixtures("posted")
def test_every_kpi_has_something_to_say(running: Running) -> None:
    """What is equal because both are empty would prove nothing. Of what stands now, there may be nothing just now."""
    kpis = catalogue(load_policy(POLICY))
    happened = {name for name, kpi in kpis.items() if not isinstance(kpi.formula, Standing | AtRisk | Level)}

    assert happened - spoken(asked(running, ())) == set()


def spoken(document: dict[str, Any]) -> set[str]:
    """The KPIs that some window has a figure of."""
    return {
        name
        for window in document["windows"]
        for group in window["groups"]
        for name, compared in group["kpis"].items()
        if any(value for key, value in compared["current"].items() if key != "by_kind")
    }


def difference(live: Any, exact: Any, place: str = "") -> list[str]:
    """The first places where two documents differ."""
    if isinstance(live, dict) and isinstance(exact, dict):
        names = sorted(live.keys() | exact.keys())
        return [one for name in names for one in difference(live.get(name), exact.get(name), f"{place}.{name}")][:20]
    if isinstance(live, list) and isinstance(exact, list) and len(live) == len(exact):
        pairs = enumerate(zip(live, exact, strict=True))
        return [one for number, (a, b) in pairs for one in difference(a, b, f"{place}[{number}]")][:20]
    return [] if live == exact else [f"{place}: live {live!r}, compute {exact!r}"]

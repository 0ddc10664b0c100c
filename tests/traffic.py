"""Simulated events with repeats and late ones in them, as bytes and as a partition's records."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiokafka.structs import ConsumerRecord

from schemas import topics
from schemas.codec import Fact, decode, millis
from services.adapters.policy_file import load_policy
from services.core.rules import Rules
from services.simulator.to_file import write_events

POLICY_FILE = Path("services/simulator/policy.yaml")
UNTIL = datetime(2026, 3, 10, 16, tzinfo=UTC)
LOGGED_AT = millis(UNTIL)
"""When the log took the first record that a test makes; a millisecond later the next."""


@cache
def rules() -> Rules:
    """Those of the simulated centre."""
    return Rules(load_policy(POLICY_FILE))


@cache
def simulated(*, days: float, tickets_per_day: float = 900, faults: float = 0.2, seed: int = 7) -> tuple[bytes, ...]:
    """Canonical events, one each; ``faults`` of them repeated or late."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.ndjson"
        write_events(path, days=days, until=UNTIL, seed=seed, tickets_per_day=tickets_per_day, faults=faults)
        return tuple(path.read_bytes().splitlines())


def about(topic: topics.Topic, lines: Iterable[bytes]) -> list[bytes]:
    """Those of ``lines`` that travel on ``topic``."""
    return [line for line in lines if decode(line).topic is topic]


def record(
    offset: int,
    value: bytes | None,
    topic: topics.Topic = topics.TICKETS,
    partition: int = 0,
    headers: tuple[tuple[str, bytes], ...] = (),
) -> Any:
    """One Kafka record."""
    size = len(value or b"")
    return ConsumerRecord(topic.name, partition, offset, LOGGED_AT + offset, 0, None, value, None, 0, size, headers)


def log_of(values: Iterable[bytes], topic: topics.Topic = topics.TICKETS) -> list[Any]:
    """A partition's records, from offset 0."""
    return [record(offset, value, topic) for offset, value in enumerate(values)]


def facts(values: Iterable[bytes]) -> list[Fact]:
    """Those of a partition with these records."""
    return [decode(value, LOGGED_AT + offset) for offset, value in enumerate(values)]

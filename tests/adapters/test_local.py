"""The embedded pair, and the real servers of the tests themselves."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.adapters import local
from services.adapters.child import Child
from services.errors import Unavailable
from tests.kafka.node import KafkaNode
from tests.processes import alive, eventually, family
from tests.servers import Broker

TOPIC = "deskpulse.tickets"


async def _make_topic(brokers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    made = await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    await admin.close()
    assert "error_code=0" in str(made)


async def _append(brokers: str, value: bytes) -> int:
    async with AIOKafkaProducer(bootstrap_servers=brokers, acks="all") as producer:
        written = await producer.send_and_wait(TOPIC, value)
    offset: int = written.offset
    return offset


async def _first(brokers: str) -> bytes:
    async with AIOKafkaConsumer(TOPIC, bootstrap_servers=brokers, auto_offset_reset="earliest") as consumer:
        record = await consumer.getone()
    value: bytes = record.value
    return value


@pytest.mark.usefixtures("fresh_topics")
async def test_a_broker_keeps_what_it_acknowledged(broker: Broker) -> None:
    await _make_topic(broker.brokers)

    assert await _append(broker.brokers, b"first") == 0
    assert await _first(broker.brokers) == b"first"


@pytest.mark.usefixtures("fresh_topics")
async def test_fresh_topics_are_gone_when_a_test_starts(broker: Broker) -> None:
    await _make_topic(broker.brokers)  # the test above made it as well

    assert await _append(broker.brokers, b"first") == 0


@pytest.mark.usefixtures("fresh_topics")
async def test_kafka_comes_back_with_its_log_after_a_kill(kafka: KafkaNode) -> None:
    await _make_topic(kafka.brokers)
    await _append(kafka.brokers, b"kept")
    before = kafka.pid

    kafka.kill()
    kafka.start()

    assert kafka.pid != before
    assert await _first(kafka.brokers) == b"kept"


def test_a_store_starts_empty_and_writes_no_file(store_url: str) -> None:
    with redis.Redis.from_url(store_url, decode_responses=True) as store:
        assert store.config_get("save")["save"] == ""
        assert store.config_get("appendonly")["appendonly"] == "no"


def test_the_pair_ends_with_its_block() -> None:
    with local.embedded_pair() as pair:
        pids = [pair.broker.child.pid, pair.store.child.pid]
        assert all(alive(pid) for pid in pids)

    assert not any(alive(pid) for pid in pids)


def test_the_pair_does_not_outlive_a_killed_parent() -> None:
    program = "\n".join(
        [
            "from services.adapters.local import embedded_pair",
            "with embedded_pair() as pair:",
            "    print('ready', flush=True)",
            "    input()",
        ]
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        pids = family(parent.pid)
        parent.send_signal(signal.SIGKILL)

    assert len(pids) == 3
    assert eventually(lambda: not any(alive(pid) for pid in pids))


def test_a_server_that_ends_at_once_is_unavailable_with_its_last_lines() -> None:
    child = Child("the oracle", [sys.executable, "-c", "import sys; print('no coffee'); sys.exit(3)"])

    with pytest.raises(Unavailable, match=r"(?s)the oracle did not start.*exit code 3.*no coffee"):
        local.wait_until(lambda: False, child)
    child.stop()


def test_a_server_that_never_answers_is_unavailable() -> None:
    child = Child("the oracle", [sys.executable, "-c", "__import__('signal').pause()"])

    with pytest.raises(Unavailable, match="the oracle did not start: the oracle is running; it said nothing"):
        local.wait_until(lambda: False, child, deadline_s=0.2)
    child.stop()


def test_another_port_is_tried_when_ours_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with local.embedded_pair() as first:
        taken = [int(first.broker.address.rpartition(":")[2]), int(first.store.address.rpartition(":")[2])]
        choose = local.free_port
        for port, start in zip(taken, (local.embedded_broker, local.embedded_store), strict=True):
            ports = iter([port])
            monkeypatch.setattr(local, "free_port", _first_of(ports, choose))
            with start() as second:
                assert second.address != f"127.0.0.1:{port}"


def _first_of(ports: Iterator[int], otherwise: Callable[[], int]) -> Callable[[], int]:
    return lambda: next(ports, None) or otherwise()

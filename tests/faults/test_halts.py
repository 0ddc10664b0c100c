"""What would make figures wrong stops the partition, with a sentence that says what to do; nothing is guessed."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from schemas import topics
from tests.faults.workers import Plant, Worker, applied, crew, produce, until, wrong_cells
from tests.servers import drop_topics
from tests.state import next_of
from tests.traffic import simulated

EVENTS = simulated(days=0.5)


def nexts(plant: Plant) -> list[int]:
    return [next_of(plant.redis, plant.namespace, "tickets", partition) for partition in range(4)]


async def state_of(plant: Plant, hire: object, count: int = 2000) -> list[int]:
    """Let one worker take in the first events, and end it."""
    await plant.make_topics()
    worker: Worker = hire()  # type: ignore[operator]
    await produce(plant, EVENTS[:count])
    await applied(plant, count)
    worker.close()
    return nexts(plant)


async def test_another_policy(plant: Plant, tmp_path: Path) -> None:
    other = tmp_path / "policy.yaml"
    other.write_text("default_priority: high\n")
    with crew(plant, tmp_path) as hire:
        before = await state_of(plant, hire)
        worker = hire(policy=other)
        await until(lambda: worker.said("this state was made under the policy"))
        await produce(plant, EVENTS[2000:])

        assert worker.said("Put the old policy back, or set DESKPULSE_NAMESPACE to a new name")
        assert nexts(plant) == before
        await halted_is_exported(worker)


async def halted_is_exported(worker: Worker) -> None:
    """The metric that pages somebody."""
    port = worker.metrics_port
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    assert 'deskpulse_stream_partition_halted{partition="0",topic="deskpulse.tickets"} 1.0' in text


async def test_another_policy_in_another_namespace_builds_its_own_state(plant: Plant, tmp_path: Path) -> None:
    other = tmp_path / "policy.yaml"
    other.write_text("default_priority: high\n")
    with crew(plant, tmp_path) as hire:
        await state_of(plant, hire)
        hire(policy=other, namespace=f"{plant.namespace}-b", kafka_group="b")
        beside = replace(plant, namespace=f"{plant.namespace}-b", policy=other)
        log = await applied(beside, 2000)

    assert wrong_cells(beside, log) == [], "what was told under the first policy does not count"


async def test_a_recreated_topic(plant: Plant, tmp_path: Path) -> None:
    with crew(plant, tmp_path) as hire:
        before = await state_of(plant, hire)
        await drop_topics(plant.broker.brokers)
        await plant.make_topics()
        await produce(plant, EVENTS[2000:])
        worker = hire()
        await until(lambda: worker.said("this is not the log that the state was made from"))

        assert worker.said("The topic was recreated or truncated")
        assert nexts(plant) == before


async def test_retention_that_overtook_the_state(plant: Plant, tmp_path: Path) -> None:
    if plant.broker.embedded:
        pytest.skip("the embedded broker cannot delete records")
    with crew(plant, tmp_path) as hire:
        before = await state_of(plant, hire)
        await produce(plant, EVENTS[2000:])
        await delete_records(plant, before[0] + 5)
        worker = hire()
        await until(lambda: worker.said("5 events went by retention before they were read"))

        await until(lambda: nexts(plant)[1] > before[1])
        assert nexts(plant)[0] == before[0], "the others go on, this one does not"


async def delete_records(plant: Plant, before: int) -> None:
    """As retention would: the first partition begins at ``before``."""
    from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
    from aiokafka.structs import TopicPartition

    admin = AIOKafkaAdminClient(bootstrap_servers=plant.broker.brokers)
    await admin.start()
    await admin.delete_records({TopicPartition(topics.TICKETS.name, 0): RecordsToDelete(before)})
    await admin.close()


async def test_another_partition_count(plant: Plant, tmp_path: Path) -> None:
    with crew(plant, tmp_path) as hire:
        await state_of(plant, hire)
        worker = hire(partitions=8)
        await until(lambda: worker.process.poll() is not None)

        assert worker.process.returncode == 1
        assert worker.said("DESKPULSE_PARTITIONS")

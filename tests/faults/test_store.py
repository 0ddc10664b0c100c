"""The store goes away, comes back older, or is written by somebody else: the figures stay those of the log."""

import asyncio
import signal
from pathlib import Path

from schemas.topics import MEASURED
from services.adapters.local import free_port
from services.adapters.state_layout import shard_key
from tests.faults.workers import PARTITIONS, Plant, applied, crew, produce, until, wrong_cells
from tests.state import next_of
from tests.traffic import simulated


def keys(plant: Plant) -> list[str]:
    return [shard_key(plant.namespace, topic.stream, p) for topic in MEASURED for p in range(PARTITIONS)]


async def test_a_store_set_back_to_an_older_state_heals_by_itself(plant: Plant, tmp_path: Path) -> None:
    await plant.make_topics()
    events = simulated(days=0.3)

    with crew(plant, tmp_path) as hire:
        worker = hire()
        await produce(plant, events[:1500])
        early = await applied(plant, 1500)
        older = {key: plant.redis.dump(key) for key in keys(plant)}
        await produce(plant, events[1500:3000])
        await applied(plant, 3000)
        for key, value in older.items():
            plant.redis.restore(key, 0, value, replace=True)
        assert next_of(plant.redis, plant.namespace, "tickets", 0) == len(early["tickets", 0])
        await produce(plant, events[3000:])
        log = await applied(plant, len(events))

        assert worker.process.poll() is None, "the worker itself goes on"
    assert wrong_cells(plant, log) == []


async def test_a_lost_store_is_rebuilt_from_the_log(plant: Plant, tmp_path: Path) -> None:
    await plant.make_topics()
    events = simulated(days=0.3)

    with crew(plant, tmp_path) as hire:
        hire()
        await produce(plant, events[:2000])
        await applied(plant, 2000)
        plant.redis.delete(*keys(plant))
        await produce(plant, events[2000:])
        log = await applied(plant, len(events))

    assert wrong_cells(plant, log) == []


async def test_a_worker_that_slept_while_another_went_on_writes_nothing(plant: Plant, tmp_path: Path) -> None:
    await plant.make_topics()
    events = simulated(days=0.4)

    with crew(plant, tmp_path) as hire:
        zombie = hire()
        await produce(plant, events[:3000])
        await applied(plant, 3000)
        zombie.signal(signal.SIGSTOP)
        load = asyncio.create_task(produce(plant, events[3000:], pause_s=0.1))
        hire()  # owns everything once the sleeper's session is over
        await until(lambda: next_of(plant.redis, plant.namespace, "tickets", 0) > 1200)
        zombie.signal(signal.SIGCONT)
        await load
        log = await applied(plant, len(events))

    assert wrong_cells(plant, log) == []


async def test_a_worker_that_cannot_take_its_partitions_over_ends_and_the_next_goes_on(
    plant: Plant, tmp_path: Path
) -> None:
    await plant.make_topics()
    events = simulated(days=0.1)

    with crew(plant, tmp_path) as hire:
        waiting = hire(redis_url=f"redis://127.0.0.1:{free_port()}/0")
        await until(lambda: waiting.process.poll() is not None, 90)
        assert waiting.process.returncode == 75
        assert waiting.said("the store or the log is away: this worker ends, the next tries again")
        hire()
        await produce(plant, events)
        log = await applied(plant, len(events))

    assert wrong_cells(plant, log) == []

"""Workers are killed again and again under load; in the end every cell is what a recount of the log gives."""

import asyncio
from pathlib import Path
from random import Random

from services.core.report import aggregate, known
from services.core.tally import ALL, add
from tests.faults.workers import PARTITIONS, Plant, applied, crew, produce, read_log, usable_facts, wrong_cells
from tests.recount import merged
from tests.state import stored_cells
from tests.traffic import rules, simulated

KILLS = 6
SEED = 11


async def test_kills_under_load_leave_no_difference(plant: Plant, tmp_path: Path) -> None:
    await plant.make_topics()
    events = simulated(days=2, tickets_per_day=900)
    rng = Random(SEED)

    with crew(plant, tmp_path) as hire:
        workers = [hire(), hire()]
        load = asyncio.create_task(produce(plant, events, pause_s=0.25))
        for _ in range(KILLS):
            await asyncio.sleep(rng.uniform(1.5, 4))  # the moment of a kill is meant to be any moment
            victim = rng.randrange(2)
            workers[victim].kill()
            workers[victim] = hire()
        await load
        log = await read_log(plant, len(events))
        await applied(plant, log)

    wrong = wrong_cells(plant, log, rules())
    print(f"{len(events)} events, {KILLS} kills, {len(wrong)} differences")
    assert wrong == []


async def test_the_figures_are_those_of_compute_over_the_same_log(plant: Plant, tmp_path: Path) -> None:
    await plant.make_topics()
    events = simulated(days=1)

    with crew(plant, tmp_path) as hire:
        hire()
        await produce(plant, events)
        log = await read_log(plant, len(events))
        await applied(plant, log)

    facts = [fact for records in log.values() for fact in usable_facts(records)]
    latest = max(max(fact.at, fact.received_at) for fact in facts)
    expected = aggregate(list(known(facts, rules(), latest).tickets.values()))
    totals: dict[str, tuple[int, int]] = {}
    shards = [stored_cells(plant.redis, plant.namespace, "tickets", partition) for partition in range(PARTITIONS)]
    for (grain, _, _, measure, _), (count, total) in merged(shards).items():
        if grain == ALL:
            add(totals, measure, count, total)
    assert totals["opened"][0] == expected["tickets_created"]
    assert totals["solved"][0] == expected["tickets_solved"]
    assert totals["reopened"][0] == expected["reopens"]
    assert totals["first_response"][0] == expected["frt_count"]
    assert totals["resolution"][0] == expected["resolution_count"]
    assert abs(totals["first_response"][1] / totals["first_response"][0] / 1000 - expected["frt_mean_seconds"]) < 1

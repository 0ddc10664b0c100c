"""Workers are killed again and again under load; in the end every cell is what a recount of the log gives."""

import asyncio
from pathlib import Path
from random import Random

from schemas import topics
from services.core.report import aggregate, known
from services.core.tally import ALL, add
from tests.faults.workers import PARTITIONS, Plant, applied, crew, produce, sent_by_helpdesks, wrong_cells
from tests.recount import merged
from tests.state import stored_cells
from tests.traffic import rules, simulated

KILLS = 6
SEED = 11
NEED_OTHERS = ("came_back.0", "automated", "visits_asked", "nps", "answered", "abandoned", "merged_away")
"""Measures that an entity has because another told it something."""


async def test_kills_under_load_leave_no_difference(plant: Plant, tmp_path: Path) -> None:
    await plant.make_topics()
    events = simulated(days=1)
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
        log = await applied(plant, len(events))

    wrong = wrong_cells(plant, log)
    told = sum(map(len, log.values())) - len(events)
    print(f"{len(events)} events, {told} told, {KILLS} kills, {len(wrong)} differences")
    assert wrong == []
    totals = all_time_totals(plant)
    assert [measure for measure in NEED_OTHERS if totals.get(measure, (0, 0))[0] <= 0] == []


async def test_the_figures_are_those_of_compute_over_the_same_log(plant: Plant, tmp_path: Path) -> None:
    await plant.make_topics()
    events = simulated(days=0.4)

    with crew(plant, tmp_path) as hire:
        hire()
        await produce(plant, events)
        log = await applied(plant, len(events))

    facts = sent_by_helpdesks(log)
    latest = max(max(fact.at, fact.received_at) for fact in facts)
    expected = aggregate(list(known(facts, rules(), latest).tickets.values()))
    totals = all_time_totals(plant)
    assert totals["opened"][0] == expected["tickets_created"]
    assert totals["solved"][0] == expected["tickets_solved"]
    assert totals["reopened"][0] == expected["reopens"]
    assert totals["first_response"][0] == expected["frt_count"]
    assert totals["resolution"][0] == expected["resolution_count"]
    assert abs(totals["first_response"][1] / totals["first_response"][0] / 1000 - expected["frt_mean_seconds"]) < 1


def all_time_totals(plant: Plant) -> dict[str, tuple[int, int]]:
    """Count and sum of each measure, over everything."""
    places = [(topic.stream, partition) for topic in topics.MEASURED for partition in range(PARTITIONS)]
    totals: dict[str, tuple[int, int]] = {}
    shards = [stored_cells(plant.redis, plant.namespace, *place) for place in places]
    for (grain, _, _, measure, _), (count, total) in merged(shards).items():
        if grain == ALL:
            add(totals, measure, count, total)
    return totals

"""The same KPIs as an ordinary Faust user would write them, for comparison. Prints its measurement.

Every event goes through an agent by itself. Its entity's timeline lives in a `faust.Table`, whose changelog topic
Faust writes; the cells that its event changes go to Redis as one pipeline of HINCRBY, without a transaction. It
calls the same core: `absorb` one event, `measure` once, the `difference` spread to the cells.

Where a choice was to be made, it is the faster one: facts are decoded and packed by msgspec instead of faust.Record,
an entity's timeline and tallies are kept decoded beside the table, so that `measure` runs once an event, and
cells are not a Table (each change of each cell would be a record of its own). It is cheaper than it would have
to be: nothing keeps table, cells and offsets together when it is killed.
"""

import json
import os
import sys
import time
from tempfile import mkdtemp

import faust
from redis.asyncio import Redis

from schemas import topics
from schemas.codec import decode, pack_facts, unpack_facts
from services.adapters.policy_file import load_policy
from services.config import Settings
from services.core.agent import settled
from services.core.exchange import Entity
from services.core.measure import told
from services.core.presence import look_back
from services.core.rules import Rules
from services.core.tally import Cells, difference, spread
from services.core.timeline import absorb


def build_app(settings: Settings, events: int, *, decode_only: bool) -> faust.App:
    """An app that ends its process, with a line on standard output, once it has seen that many events.

    ``decode_only`` shows what Faust costs by itself: its agents decode each event and do nothing.
    """
    app = faust.App(
        settings.kafka_group,
        broker=f"kafka://{settings.kafka_brokers}",
        topic_partitions=settings.partitions,
        topic_replication_factor=1,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        worker_redirect_stdouts=False,
        datadir=mkdtemp(prefix="deskpulse-stock-"),
    )
    rules = Rules(load_policy(settings.policy))
    redis = Redis.from_url(settings.redis_url)
    timelines = app.Table("timelines", key_type=str, value_type=bytes)
    presences = app.Table("presences", key_type=str, value_type=bytes)
    known: dict[str, Entity] = {}
    seen, began_s, cpu_began_s, watermark = 0, 0.0, 0.0, 0

    async def update(table: "faust.types.TableT[str, bytes]", value: bytes) -> None:
        nonlocal watermark
        fact = decode(value)
        if decode_only:
            return
        watermark = max(watermark, fact.at)
        held = known.get(fact.entity)
        if held is None:
            packed = table.get(fact.entity)
            timeline = unpack_facts(packed) if packed else []
            held = Entity(timeline, told(timeline, rules))
        timeline = absorb(held.timeline, [fact])
        if timeline is held.timeline:
            return
        after = told(timeline, rules)
        cells: Cells = {}
        spread(difference(held.told.tallies, after.tallies), cells)
        if table is presences and len(shorter := settled(timeline, look_back(watermark))) < len(timeline):
            timeline, after = shorter, told(shorter, rules)
        known[fact.entity] = Entity(timeline, after)
        table[fact.entity] = pack_facts(timeline)
        async with redis.pipeline(transaction=False) as pipeline:
            for (grain, bucket, dims, name, step), (count, total) in cells.items():
                key, field = f"{grain}{bucket}", f"{'|'.join(map(str, dims))}|{name}|{step}"
                if count:
                    pipeline.hincrby(key, field, count)
                if total:
                    pipeline.hincrby(key, field + "+", total)
            await pipeline.execute()

    def count() -> None:
        nonlocal seen, began_s, cpu_began_s
        seen += 1
        if seen == 1:
            began_s, cpu_began_s = time.monotonic(), time.process_time()
        elif seen == events:
            wall_s, cpu_s = time.monotonic() - began_s, time.process_time() - cpu_began_s
            print(json.dumps({"events": seen - 1, "wall_s": wall_s, "cpu_s": cpu_s}), flush=True)
            os._exit(0)

    @app.agent(app.topic(topics.TICKETS.name, value_serializer="raw"), name="tickets")
    async def tickets(stream: "faust.StreamT[bytes]") -> None:
        async for value in stream:
            await update(timelines, value)
            count()

    @app.agent(app.topic(topics.AGENTS.name, value_serializer="raw"), name="agents")
    async def agents(stream: "faust.StreamT[bytes]") -> None:
        async for value in stream:
            await update(presences, value)
            count()

    return app


if __name__ == "__main__":
    asked = Settings.model_validate(json.loads(sys.argv[1]))
    measured = build_app(asked, int(sys.argv[2]), decode_only=sys.argv[3:] == ["decode-only"])
    faust.Worker(measured, loglevel="WARNING").execute_from_commandline()

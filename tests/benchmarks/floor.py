"""The floor: what fetching and decoding cost alone. Started by `bench_throughput`, prints its measurement."""

import asyncio
import json
import sys
import time

from aiokafka import AIOKafkaConsumer

from schemas.codec import decode
from services.config import Settings
from tests.benchmarks.traffic import partitions


async def read(settings: Settings, events: int) -> dict[str, float]:
    """Read and decode that many events, on one event loop in one process."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_brokers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=1024 * 1024,
    )
    async with consumer:
        consumer.assign(partitions(settings))
        first, seen = 0, 0
        began_s = cpu_began_s = 0.0
        while seen < events:
            batches = await consumer.getmany(timeout_ms=1000)
            for batch in batches.values():
                for record in batch:
                    decode(record.value or b"")
                seen += len(batch)
            if seen and not first:
                first, began_s, cpu_began_s = seen, time.monotonic(), time.process_time()
        wall_s, cpu_s = time.monotonic() - began_s, time.process_time() - cpu_began_s
    return {"events": seen - first, "wall_s": wall_s, "cpu_s": cpu_s}


if __name__ == "__main__":
    brokers, partition_count, count = sys.argv[1:]
    asked = Settings(kafka_brokers=brokers, partitions=int(partition_count))
    print(json.dumps(asyncio.run(read(asked, int(count)))), flush=True)

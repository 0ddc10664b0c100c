"""A plant of its own for each test."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.faults.workers import Plant
from tests.servers import Broker


@pytest.fixture
def plant(broker: Broker, fresh_topics: None, redis_url: str, namespace: str) -> Iterator[Plant]:
    redis = Redis.from_url(redis_url)
    yield Plant(broker, redis_url, redis, namespace)
    redis.close()

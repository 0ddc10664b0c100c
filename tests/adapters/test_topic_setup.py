"""What new topics say of in-sync replicas, and what is said of those that promise too little.

A cluster of three brokers is too heavy for every run; the administrator's answers here are those that one gave.
"""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.admin import NewTopic

from schemas.topics import ALL, DEAD_LETTERS, TICKETS
from services.adapters import topic_setup
from services.adapters.topic_setup import TopicState, largest_record_bytes, leader_alone, prepared_topics
from services.config import Settings
from tests.kafka.node import KafkaNode
from tests.servers import Broker


class Cluster:
    """An administrator of brokers with these defaults, on which some topics may exist already."""

    def __init__(self, replicas: int, insync: int, *, tells: bool = True, there: tuple[str, ...] = ()) -> None:
        self.made: dict[str, NewTopic] = {}
        self._defaults = {"default.replication.factor": replicas, "min.insync.replicas": insync}
        self._tells = tells
        self._there = there

    async def start(self) -> None: ...
    async def close(self) -> None: ...

    async def list_topics(self) -> list[str]:
        return [*self._there, *self.made]

    async def create_topics(self, new: list[NewTopic]) -> Any:
        self.made |= {topic.name: topic for topic in new}
        return SimpleNamespace(topic_errors=[(topic.name, 0, None) for topic in new])

    async def describe_cluster(self) -> dict[str, Any]:
        return {"brokers": [{"node_id": 7}]}

    async def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        return [
            {"topic": name, "error_code": 0, "partitions": [{"replicas": [1] * self._replicas(name)}] * 8}
            for name in names
        ]

    async def describe_configs(self, asked: list[Any]) -> list[Any]:
        return [SimpleNamespace(resources=[self._described(each) for each in asked])]

    def _replicas(self, name: str) -> int:
        wanted = self.made[name].replication_factor if name in self.made else -1
        return int(wanted) if wanted > 0 else self._defaults["default.replication.factor"]

    def _described(self, asked: Any) -> Any:
        if not self._tells:
            return 29, "not authorised", 4, asked.name, []
        own = self.made[asked.name].topic_configs if asked.name in self.made else {}
        found = {**self._defaults, **own}
        return 0, None, 4, asked.name, [(name, str(found[name])) for name in asked.configs if name in found]


async def prepared(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, **more: Any) -> dict[str, TopicState]:
    monkeypatch.setattr(topic_setup, "AIOKafkaAdminClient", lambda **_: cluster)
    return dict(await prepared_topics(Settings(**more)))


@pytest.mark.parametrize(
    ("cluster", "settings", "insync"),
    [
        pytest.param(Cluster(3, 1), {}, "2", id="the usual three brokers"),
        pytest.param(Cluster(3, 2), {}, None, id="brokers that say so themselves"),
        pytest.param(Cluster(1, 1), {}, None, id="one broker"),
        pytest.param(Cluster(1, 1), {"replication": 3}, "2", id="the settings ask for three replicas"),
        pytest.param(Cluster(3, 1), {"replication": 2}, None, id="two replicas: two would stop with the first"),
        pytest.param(Cluster(3, 1, tells=False), {"replication": 3}, "2", id="brokers that tell nothing"),
    ],
)
async def test_of_three_replicas_two_acknowledge(
    cluster: Cluster, settings: dict[str, Any], insync: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = await prepared(cluster, monkeypatch, **settings)

    assert set(cluster.made) == {topic.name for topic in ALL}
    assert {new.topic_configs.get("min.insync.replicas") for new in cluster.made.values()} == {insync}
    assert leader_alone(topics) is None


async def test_a_topic_that_is_there_with_less_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(3, 1, there=(TICKETS.name,))

    sentence = leader_alone(await prepared(cluster, monkeypatch))

    assert TICKETS.name not in cluster.made
    assert sentence is not None
    assert sentence.startswith("min.insync.replicas is 1 for deskpulse.tickets (3 replicas): ")
    assert "min.insync.replicas=2" in sentence


async def test_what_brokers_do_not_tell_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    topics = await prepared(Cluster(3, 1, tells=False), monkeypatch)

    assert topics[TICKETS.name] == TopicState(partitions=8, replicas=3)
    assert leader_alone(topics) is None


@pytest.mark.usefixtures("fresh_topics")
async def test_a_real_kafka_tells_how_its_topics_are(kafka: KafkaNode) -> None:
    known = Settings(kafka_brokers=kafka.brokers, partitions=4)

    for _ in range(2):
        topics = await prepared_topics(known)
        assert topics[DEAD_LETTERS.name] == TopicState(4, 1, 1, largest_record_bytes(known))


async def test_the_embedded_broker_is_not_asked(fresh_broker: Broker) -> None:
    known = Settings(kafka_brokers=fresh_broker.brokers, embedded_broker=True, partitions=4)

    topics = await prepared_topics(known)

    assert topics[TICKETS.name] == TopicState(partitions=4, replicas=1)

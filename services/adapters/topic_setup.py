"""Topics as we need them: made where they are missing, and looked at where they are not."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from schemas.topics import ALL, Topic
from services.config import Settings
from services.errors import Misconfigured, Unavailable

LARGEST_RECORD_MARGIN_BYTES = 128 * 1024
TOPICS_S = 15.0
ENOUGH_REPLICAS, ENOUGH_INSYNC = 3, 2
"""From three replicas on, two must have a record before it counts as acknowledged."""
_INSYNC, _LARGEST, _REPLICAS = "min.insync.replicas", "max.message.bytes", "default.replication.factor"


@dataclass(frozen=True)
class TopicState:
    """One topic as the brokers have it; None is what they do not tell."""

    partitions: int
    replicas: int
    min_insync: int | None = None
    largest_bytes: int | None = None


def largest_record_bytes(settings: Settings) -> int:
    """A delivery of the largest size, kept whole as a dead letter, with its headers."""
    return max(settings.max_body_bytes, 1024 * 1024) + LARGEST_RECORD_MARGIN_BYTES


async def prepared_topics(settings: Settings) -> Mapping[str, TopicState]:
    """Make the topics that are missing, check the others' partitions, and tell how all of them are.

    Raises:
        Misconfigured: a topic has another partition count than the settings, so its keys lie elsewhere.
        Unavailable: no broker answers, or the topics did not appear.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_brokers, request_timeout_ms=5000)
    try:
        async with asyncio.timeout(TOPICS_S):
            await admin.start()
            await _create_missing(admin, settings)
            topics = await _settled(admin, settings)
    except (KafkaError, TimeoutError, OSError) as error:
        raise Unavailable(f"no topics at {settings.kafka_brokers}: {error or 'no answer in time'}") from None
    finally:
        await admin.close()
    wrong = sorted(f"{name} has {t.partitions}" for name, t in topics.items() if t.partitions != settings.partitions)
    if wrong:
        raise Misconfigured(
            f"{', '.join(wrong)} partitions, DESKPULSE_PARTITIONS says {settings.partitions}: another count sends "
            "every key elsewhere; set DESKPULSE_PARTITIONS to what is there, or replay into new topics"
        )
    return topics


def leader_alone(topics: Mapping[str, TopicState]) -> str | None:
    """What to say when an acknowledgement may mean a single replica although there are enough of them."""
    weak = {
        name: topic
        for name, topic in topics.items()
        if topic.replicas >= ENOUGH_REPLICAS and topic.min_insync is not None and topic.min_insync < ENOUGH_INSYNC
    }
    if not weak:
        return None
    told = ", ".join(f"{name} ({topic.replicas} replicas)" for name, topic in sorted(weak.items()))
    return (
        f"{_INSYNC} is 1 for {told}: a 2xx may mean that the leader alone has the event, which is lost with it; "
        f"right would be {ENOUGH_INSYNC}, as in kafka-configs --alter --topic <name> "
        f"--add-config {_INSYNC}={ENOUGH_INSYNC}"
    )


async def _create_missing(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    there = set(await admin.list_topics())
    missing = [topic for topic in ALL if topic.name not in there]
    if not missing:
        return
    insync = await _insync_to_set(admin, settings)
    response: Any = await admin.create_topics([_new_topic(topic, settings, insync) for topic in missing])
    for name, code, *message in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            reason = message[0] if message and message[0] else error.__name__
            raise Unavailable(f"topic {name} cannot be made: {reason}")


async def _insync_to_set(admin: AIOKafkaAdminClient, settings: Settings) -> int | None:
    """What new topics must say of in-sync replicas; None where what the broker says will do."""
    if settings.embedded_broker:
        return None
    cluster = await admin.describe_cluster()
    broker = ConfigResource(
        ConfigResourceType.BROKER, str(cluster["brokers"][0]["node_id"]), _asked(_INSYNC, _REPLICAS)
    )
    ((_, found),) = (await _configs(admin, [broker])).items() or [("", {})]
    replicas = settings.replication if settings.replication > 0 else found.get(_REPLICAS, 1)
    return ENOUGH_INSYNC if replicas >= ENOUGH_REPLICAS and found.get(_INSYNC, 1) < ENOUGH_INSYNC else None


def _new_topic(topic: Topic, settings: Settings, insync: int | None) -> NewTopic:
    configs = {
        "retention.ms": str(int(topic.retention.total_seconds() * 1000)),
        _LARGEST: str(largest_record_bytes(settings)),
    }
    if insync is not None:
        configs[_INSYNC] = str(insync)
    new = NewTopic(topic.name, settings.partitions, max(settings.replication, 1), topic_configs=configs)
    new.replication_factor = settings.replication or -1  # its constructor refuses -1, the protocol does not
    return new


async def _settled(admin: AIOKafkaAdminClient, settings: Settings) -> dict[str, TopicState]:
    """All topics, once the brokers know them: a new topic is not known everywhere at once."""
    while True:
        described = await admin.describe_topics([topic.name for topic in ALL])
        if not any(for_code(each["error_code"]) is UnknownTopicOrPartitionError for each in described):
            break
        await asyncio.sleep(0.1)
    wanted = _asked(_INSYNC, _LARGEST)
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic.name, wanted) for topic in ALL]
    found = {} if settings.embedded_broker else await _configs(admin, asked)
    return {each["topic"]: _state(each["partitions"], found.get(each["topic"], {})) for each in described}


def _state(partitions: list[dict[str, Any]], configs: Mapping[str, int]) -> TopicState:
    replicas = min((len(each["replicas"]) for each in partitions), default=0)
    return TopicState(len(partitions), replicas, configs.get(_INSYNC), configs.get(_LARGEST))


def _asked(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "")


async def _configs(admin: AIOKafkaAdminClient, asked: list[ConfigResource]) -> dict[str, dict[str, int]]:
    """The numbers that were asked for, by resource; nothing of one that we may not read."""
    responses: list[Any] = await admin.describe_configs(asked)
    return {
        name: {entry[0]: int(entry[1]) for entry in entries if entry[1] is not None}
        for response in responses
        for code, _, _, name, entries in response.resources
        if not code
    }

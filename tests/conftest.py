"""Fixtures with real servers behind them.

| fixture          | scope    | is                                                                         |
|------------------|----------|----------------------------------------------------------------------------|
| `embedded_pair`  | session  | tansu and Valkey: `.kafka_brokers`, `.redis_url`                           |
| `store_url`      | session  | a Redis URL: once Valkey's and, where it is installed, once Redis's        |
| `redis_url`      | session  | the URL of the machine's own redis-server                                  |
| `kafka`          | module   | Apache Kafka: `.brokers`, `.embedded`, `.pid`, `.kill()`, `.start()`, `.tool()` |
| `broker`         | module   | once tansu, once Apache Kafka: `.brokers`, `.embedded`                     |
| `fresh_broker`   | function | a tansu of the test's own, without a topic                                 |
| `fresh_topics`   | function | beside `broker` or `kafka`: no topic is there when the test starts         |
| `namespace`      | function | a state namespace that no other test has                                   |

Topics have fixed names: what a test leaves on a broker, the next test of its module meets, unless it asks for
`fresh_broker` or `fresh_topics`. A server that is missing skips its tests; on CI it fails them.
"""

import os
import uuid
from collections.abc import Iterator

import pytest

from services.adapters import local
from services.config import PREFIX
from tests import servers
from tests.kafka import node


def _skip_or_fail(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; CI tests on it", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_the_shell() -> None:
    """Programs that tests start read the environment; what the shell has set is not meant for them."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]


@pytest.fixture(scope="session")
def embedded_pair() -> Iterator[local.Pair]:
    with local.embedded_pair() as pair:
        yield pair


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    if reason := servers.redis_missing():
        _skip_or_fail(reason)
    with servers.redis() as url:
        yield url


@pytest.fixture(scope="session", params=["valkey", "redis"])
def store_url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "redis":
        yield request.getfixturevalue("redis_url")
        return
    with servers.valkey() as url:
        yield url


@pytest.fixture(scope="module")
def kafka() -> Iterator[node.KafkaNode]:
    if reason := node.missing():
        _skip_or_fail(reason)
    with node.running_kafka() as running:
        yield running


@pytest.fixture(scope="module", params=["embedded", "kafka"])
def broker(request: pytest.FixtureRequest) -> Iterator[servers.Broker]:
    if request.param == "kafka":
        running: node.KafkaNode = request.getfixturevalue("kafka")
        yield servers.Broker(running.brokers, embedded=False)
        return
    with servers.tansu() as embedded:
        yield embedded


@pytest.fixture
def fresh_broker() -> Iterator[servers.Broker]:
    with servers.tansu() as embedded:
        yield embedded


@pytest.fixture
def fresh_topics(request: pytest.FixtureRequest) -> None:
    name = "broker" if "broker" in request.fixturenames else "kafka"
    servers.delete_topics(request.getfixturevalue(name).brokers)


@pytest.fixture
def namespace() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"

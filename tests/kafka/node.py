"""A real Apache Kafka for tests: one KRaft node from Kafka's own jars, that can be killed and started again."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from services.adapters.child import Child
from services.adapters.local import free_port, kafka_answers, wait_until

POM = Path(__file__).with_name("pom.xml")
CACHE = Path(__file__).parents[2] / ".cache" / "kafka"
NAMED_JARS = os.environ.get("DESKPULSE_TEST_KAFKA_JARS")
"""Read at once: the tests' environment is rid of everything that looks like a setting."""
JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN")
OLDEST_JAVA = 17

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={home}/data
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=400
auto.create.topics.enable=false
"""


class KafkaNode:
    """One broker. Its data outlive a kill, as on a real machine."""

    embedded = False

    def __init__(self, home: Path, jars: Path) -> None:
        self._home = home
        self._classpath = f"{jars}/*"
        self._port, self._child = free_port(), None  # type: tuple[int, Child | None]
        self._properties = home / "server.properties"
        self._properties.write_text(PROPERTIES.format(port=self._port, controller=free_port(), home=home))
        self.tool("kafka.tools.StorageTool", "format", "-t", "deskpulse-tests-0000000", "-c", str(self._properties))

    @property
    def brokers(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        assert self._child is not None, "the node is not started"
        return self._child.pid

    def start(self) -> None:
        """Start it, also again after a kill or a stop; returns once it answers."""
        command = ["java", *JVM, "-cp", self._classpath, "kafka.Kafka", str(self._properties)]
        child = self._child = Child("Kafka", command)
        wait_until(lambda: kafka_answers(self._port), child, deadline_s=60)

    def kill(self) -> None:
        """`kill -9`: nothing is flushed or said."""
        if self._child is not None:
            self._child.kill()

    def stop(self) -> None:
        """An orderly end."""
        if self._child is not None:
            self._child.stop(grace_s=20)

    def tool(self, main_class: str, *arguments: str) -> str:
        """What one of Kafka's command-line tools prints, such as org.apache.kafka.tools.TopicCommand."""
        command = ["java", *JVM, "-cp", self._classpath, main_class, *arguments]
        ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, f"{main_class} failed: {ran.stdout}{ran.stderr}"
        return ran.stdout


@contextmanager
def running_kafka() -> Iterator[KafkaNode]:
    """A node with nothing in it, for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="deskpulse-kafka-") as home:
        node = KafkaNode(Path(home), jars())
        try:
            node.start()
            yield node
        finally:
            node.kill()


@cache
def missing() -> str | None:
    """Why there can be no Kafka here, or None."""
    if shutil.which("java") is None:
        return "Apache Kafka needs Java, which is not installed"
    version = subprocess.run(["java", "-version"], check=False, capture_output=True, text=True).stderr
    major = version.partition('"')[2].split(".")[0].split("-")[0].rstrip('"')
    if not major.isdigit() or int(major) < OLDEST_JAVA:
        return f"Apache Kafka needs Java {OLDEST_JAVA} or newer, this is {version.splitlines()[:1]}"
    if shutil.which("mvn") is None and not _fetched():
        return "fetching Apache Kafka needs Maven, which is not installed"
    return None


def _fetched() -> Path | None:
    if NAMED_JARS:
        return Path(NAMED_JARS)
    return CACHE / "libs" if (CACHE / "libs" / ".complete").exists() else None


def jars() -> Path:
    """Kafka's jars: where DESKPULSE_TEST_KAFKA_JARS says, else fetched once into .cache/kafka of the project."""
    found = _fetched()
    if found is not None:
        return found
    libs = CACHE / "libs"
    libs.mkdir(parents=True, exist_ok=True)
    copy = ["dependency:copy-dependencies", f"-DoutputDirectory={libs}", "-DincludeScope=runtime"]
    command = ["mvn", "--quiet", "--batch-mode", "--file", str(POM), *copy]
    for _attempt in range(2):  # a fetch may fail halfway; what it has, it keeps
        ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
        if ran.returncode == 0:
            break
    assert ran.returncode == 0, f"Maven could not fetch Apache Kafka: {ran.stdout[-2000:]}{ran.stderr[-2000:]}"
    (libs / ".complete").touch()
    return libs

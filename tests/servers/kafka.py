"""A real Kafka 4: one node, KRaft, on loopback, its logs in a folder that goes with it.

The broker's jars come once through Maven and stay in the cache; Java 17 or newer runs them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.servers.process import CACHE, Server, Unavailable, accepts_connections, free_port, require, run

VERSION = "4.1.0"
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>foresight.tests</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},SASL://127.0.0.1:{sasl}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL://127.0.0.1:{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_foresight="{password}";
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={logs}
num.partitions=3
offsets.topic.replication.factor=1
offsets.topic.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
group.initial.rebalance.delay.ms=0
log.retention.check.interval.ms=500
log.initial.task.delay.ms=500
"""
SASL_USER, SASL_PASSWORD = "foresight", "correct horse battery"


class KafkaServer(Server):
    """One broker on fixed ports and a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.port, self.sasl_port, controller = free_port(), free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._classpath = f"{_jars()}/*"
        properties = folder / "server.properties"
        properties.write_text(
            PROPERTIES.format(
                port=self.port,
                sasl=self.sasl_port,
                controller=controller,
                logs=folder / "logs",
                password=SASL_PASSWORD,
            )
        )
        env = _environment()
        cluster = run(self._java("kafka.tools.StorageTool", "random-uuid"), env=env).split()[-1]
        run(self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)), env=env)
        start = self._java("kafka.Kafka", str(properties))
        super().__init__(start, log=folder / "kafka.log", ready=self._answers, env=env)

    @property
    def sasl_config(self) -> dict[str, str]:
        """A client's settings for the listener that asks for a password."""
        return {
            "bootstrap.servers": f"127.0.0.1:{self.sasl_port}",
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": SASL_USER,
            "sasl.password": SASL_PASSWORD,
        }

    def _answers(self) -> bool:
        if not accepts_connections(self.port):
            return False
        try:
            quiet = {"bootstrap.servers": self.bootstrap, "log_level": 0}
            return bool(AdminClient(quiet).list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    def _java(self, main: str, *arguments: str) -> list[str]:
        return ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", self._classpath, main, *arguments]


@contextlib.contextmanager
def kafka_broker() -> Iterator[KafkaServer]:
    """A running broker with its handle, for tests that kill it."""
    with (
        tempfile.TemporaryDirectory(prefix="foresight-kafka-") as folder,
        KafkaServer(Path(folder)) as server,
    ):
        yield server


@contextlib.contextmanager
def kafka_server() -> Iterator[str]:
    """Bootstrap servers of a running broker."""
    with kafka_broker() as server:
        yield server.bootstrap


def _environment() -> Mapping[str, str]:
    """Our own environment without options that a developer set for other Java programs."""
    return {name: value for name, value in os.environ.items() if name not in {"JAVA_TOOL_OPTIONS"}}


def _jars() -> Path:
    """The folder with the broker's jars, fetched on first use; complete or not there at all."""
    home = CACHE / f"kafka-{VERSION}"
    if home.is_dir():
        _require("java")
        return home
    _require("java", "mvn")
    CACHE.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f"{home.name}-", dir=CACHE))
    try:
        (aside / "pom.xml").write_text(POM)
        scope = ["-DincludeScope=runtime", "-DoutputDirectory=jars"]
        run(["mvn", "-q", "-B", "dependency:copy-dependencies", *scope], cwd=aside)
        with contextlib.suppress(OSError):  # another test run was faster; its folder is as good
            (aside / "jars").rename(home)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return home


def _require(*commands: str) -> None:
    try:
        require(*commands)
    except Unavailable as missing:
        raise Unavailable(f"{missing} (Debian: apt-get install openjdk-17-jre-headless maven)") from missing

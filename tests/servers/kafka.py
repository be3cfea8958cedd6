"""A Kafka broker of one node for tests: KRaft, loopback, plain text, quick to start."""

import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.builds import KAFKA
from tests.servers.container import ContainerServer, holder
from tests.servers.process import Lifecycle, ServerFailed, ServerProcess, free_ports, port_answers

IMAGE = "apache/kafka:4.1.1"
_READY = "Kafka Server started"
_LOG4J = """\
Configuration:
  Appenders:
    Console: {name: console, PatternLayout: {pattern: "%d %p %m (%c)%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: {ref: console}}
    Logger: [{name: kafka.server.KafkaRaftServer, level: INFO}]
"""


@dataclass(frozen=True, slots=True)
class KafkaServer:
    """A broker that listens on `bootstrap`; ``stop`` and ``start`` keep its data and its port."""

    bootstrap: str
    lifecycle: Lifecycle

    def start(self) -> None:
        self.lifecycle.start()

    def stop(self) -> None:
        self.lifecycle.stop()

    def kill(self) -> None:
        self.lifecycle.kill()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let the broker answer nothing inside the block, with its connections open."""
        self.lifecycle.freeze()
        try:
            yield
        finally:
            self.lifecycle.thaw()


@contextmanager
def running_kafka(
    directory: Path, *, port: int | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[KafkaServer]:
    """Run a fresh broker with its data in `directory`; `settings` add to its properties."""
    broker_port, controller_port = free_ports(2)
    broker_port = port or broker_port
    properties = _properties(broker_port, controller_port) | dict(settings or {})
    directory.mkdir(parents=True, exist_ok=True)
    lifecycle: Lifecycle
    if command := holder(IMAGE):
        lifecycle = _container(command, properties, broker_port)
    else:
        lifecycle = _process(directory, properties, broker_port)
    server = KafkaServer(bootstrap=f"127.0.0.1:{broker_port}", lifecycle=lifecycle)
    try:
        server.start()
        yield server
    finally:
        lifecycle.discard()


def _properties(port: int, controller_port: int) -> dict[str, str]:
    """Server settings: one replica of everything, small system topics, no waiting for members."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "auto.create.topics.enable": "false",
        # A killed broker comes back only when its former self has timed out: 9 s by default.
        "broker.heartbeat.interval.ms": "500",
        "broker.session.timeout.ms": "2000",
    }


def _process(directory: Path, properties: Mapping[str, str], port: int) -> ServerProcess:
    libraries = KAFKA.ensure() / "libs"
    config = directory / "server.properties"
    logging = directory / "log4j2.yaml"
    data = directory / "data"
    config.write_text(_as_properties({**properties, "log.dirs": str(data)}), encoding="utf-8")
    logging.write_text(_LOG4J, encoding="utf-8")
    java = ["java", "-Xmx512m", f"-Dlog4j2.configurationFile={logging}", "-cp", f"{libraries}/*"]
    if not data.exists():
        _format(java, config)
    return ServerProcess(
        "kafka",
        command=[*java, "kafka.Kafka", str(config)],
        directory=directory,
        is_ready=_says_ready(directory / "kafka.log", port),
    )


def _says_ready(log: Path, port: int) -> Callable[[], bool]:
    # The port opens before the broker is registered; what the log says comes after that. The log
    # goes on after a restart, so only lines of this start count.
    seen = 0

    def is_ready() -> bool:
        nonlocal seen
        said = log.read_text(encoding="utf-8", errors="replace").count(_READY)
        if said <= seen or not port_answers(port):
            return False
        seen = said
        return True

    return is_ready


def _format(java: Sequence[str], config: Path) -> None:
    done = subprocess.run(
        [*java, "kafka.tools.StorageTool", "format", "-t", str(uuid.uuid4()), "-c", str(config)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ServerFailed(f"kafka could not format its storage:\n{done.stdout}{done.stderr}")


def _as_properties(settings: Mapping[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _container(command: str, properties: Mapping[str, str], port: int) -> ContainerServer:
    # Inside, the broker listens on every address of the container; outside it is loopback only.
    controller = properties["controller.quorum.voters"].rsplit(":", 1)[1]
    outside = {"listeners": f"PLAINTEXT://:{port},CONTROLLER://127.0.0.1:{controller}"}
    environment = {
        f"KAFKA_{key.upper().replace('.', '_')}": value
        for key, value in {**properties, **outside}.items()
    }
    return ContainerServer(
        command,
        image=IMAGE,
        ports=(port, port),
        environment=environment,
        is_ready=lambda: port_answers(port),
    )

"""How Apache Kafka and InfluxDB are fetched and built where no container engine answers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.servers.cache import Build, cache_root, ensure_entry
from tests.servers.toolchain import missing_tools, rust_toolchain

HERE = Path(__file__).parent
KAFKA_VERSION = "4.1.1"
INFLUXDB_VERSION = "2.9.1"
_INFLUXD = "github.com/influxdata/influxdb/v2/cmd/influxd"
_PKG_CONFIG = "github.com/influxdata/pkg-config"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What one server is called in the cache, what its build and its run need, how it is built."""

    entry: str
    build_tools: tuple[str, ...]
    run_tools: tuple[str, ...]
    build: Callable[[Build], None]
    duration: str

    def built(self) -> bool:
        """Whether the cache has it already."""
        return (cache_root() / self.entry).is_dir()

    def missing(self) -> list[str]:
        """Tools that are not there but are needed from here on."""
        tools = self.run_tools if self.built() else (*self.run_tools, *self.build_tools)
        return missing_tools(tools)

    def ensure(self) -> Path:
        """Folder of the built server; raise ``BuildFailed`` or ``NetworkMissing``."""
        return ensure_entry(self.entry, self.build)


def _build_kafka(build: Build) -> None:
    build.run(
        [
            "mvn",
            "-B",
            "-q",
            "-f",
            HERE / "kafka_maven" / "pom.xml",
            "dependency:copy-dependencies",
            f"-DoutputDirectory={build.directory / 'libs'}",
            "-DincludeScope=runtime",
        ],
        cwd=build.directory,
        env={},
    )


def _build_influxdb(build: Build) -> None:
    module = HERE / "influxdb_go"
    binaries = build.directory / "bin"
    # InfluxData's own pkg-config builds the Rust part of Flux on the way; the real one is below it.
    build.run(["go", "build", "-o", binaries / "pkg-config", _PKG_CONFIG], cwd=module, env={})
    build.run(
        [
            "go",
            "build",
            "-tags",
            "sqlite_foreign_keys,sqlite_json,flux_nosqlite",
            "-trimpath",
            "-ldflags",
            "-s -w",
            "-o",
            binaries / "influxd",
            _INFLUXD,
        ],
        cwd=module,
        env={"PKG_CONFIG": str(binaries / "pkg-config"), **rust_toolchain(build.directory)},
    )


KAFKA = Recipe(
    entry=f"kafka-{KAFKA_VERSION}",
    build_tools=("mvn",),
    run_tools=("java",),
    build=_build_kafka,
    duration="some 20 s",
)
INFLUXDB = Recipe(
    entry=f"influxd-{INFLUXDB_VERSION}",
    build_tools=("go", "cargo", "pkg-config", "gcc"),
    run_tools=(),
    build=_build_influxdb,
    duration="some 8 minutes",
)

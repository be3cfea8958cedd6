"""A folder of built servers outside the checkout, shared by every checkout of this machine.

An entry is named after the server and its version. It is built beside its final place and
renamed, so that an entry which exists is whole, and two builds at once are one build and one wait.
"""

import fcntl
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

LOG_LINES_SHOWN = 40

# What the tools say when no registry can be reached at all, as opposed to one that answers "no".
_NO_NETWORK = re.compile(
    r"no such host|name resolution|could not resolve|unknown host|UnknownHost|"
    r"network is unreachable|connection refused|i/o timeout|no route to host",
    re.IGNORECASE,
)


class BuildFailed(Exception):
    """A server could not be fetched or built although the tools and the network are there."""


class NetworkMissing(Exception):
    """A server could not be fetched because no registry can be reached."""


def cache_root() -> Path:
    """Folder that holds what was built: ``BEARINGWATCH_CACHE``, else below the user's cache."""
    if named := os.environ.get("BEARINGWATCH_CACHE"):
        return Path(named)
    user_cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(user_cache) / "bearingwatch"


class Build:
    """One build under way: the folder it fills and the log it writes."""

    def __init__(self, directory: Path, log: TextIO) -> None:
        self.directory = directory
        self._log = log

    def run(self, command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str]) -> None:
        """Run one step, with its output in the log; raise ``CalledProcessError`` if it fails."""
        self._log.write(f"$ {' '.join(map(str, command))}\n")
        self._log.flush()
        subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            check=True,
        )


def ensure_entry(name: str, build: Callable[[Build], None], *, root: Path | None = None) -> Path:
    """Folder of the entry `name`, built by `build` unless it is there already."""
    root = root or cache_root()
    entry = root / name
    if entry.is_dir():
        return entry
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f"{name}.lock"):
        if not entry.is_dir():  # else another process built it while we waited
            _build_entry(entry, build)
    return entry


def _build_entry(entry: Path, build: Callable[[Build], None]) -> None:
    unfinished = entry.with_name(f"{entry.name}.unfinished")
    log_path = entry.with_name(f"{entry.name}.log")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    started = time.monotonic()
    try:
        with log_path.open("w", encoding="utf-8") as log:
            build(Build(unfinished, log))
    except subprocess.CalledProcessError as error:
        raise _explained(entry.name, log_path) from error
    with log_path.open("a", encoding="utf-8") as log:
        log.write(f"built in {time.monotonic() - started:.0f} s\n")
    unfinished.rename(entry)


def _explained(name: str, log_path: Path) -> Exception:
    tail = log_tail(log_path)
    if no_network(tail):
        return NetworkMissing(f"{name} cannot be fetched, no network:\n{tail}")
    return BuildFailed(f"{name} could not be built, {log_path} ends with:\n{tail}")


def no_network(said: str) -> bool:
    """Whether what a tool said means that no registry can be reached at all."""
    return _NO_NETWORK.search(said) is not None


def log_tail(path: Path, lines: int = LOG_LINES_SHOWN) -> str:
    """Last lines of a log, or a word that there is none."""
    if not path.is_file():
        return "(no log)"
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # The kernel drops the lock with its holder, so a killed build blocks nobody.
    with path.open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

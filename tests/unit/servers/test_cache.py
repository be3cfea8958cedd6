import threading
from pathlib import Path

import pytest

from tests.servers.cache import Build, BuildFailed, NetworkMissing, cache_root, ensure_entry


def build_by(script: str, directory: Path) -> None:
    def build(build: Build) -> None:
        build.run(["sh", "-c", script], cwd=build.directory, env={})

    ensure_entry("thing-1", build, root=directory)


def test_an_entry_is_built_once(tmp_path: Path) -> None:
    for _ in range(2):
        build_by(f"echo built >> {tmp_path}/count; touch made", tmp_path)
    assert (tmp_path / "count").read_text() == "built\n"
    assert (tmp_path / "thing-1" / "made").is_file()


def test_two_builds_at_once_are_one(tmp_path: Path) -> None:
    script = f"echo built >> {tmp_path}/count; sleep 0.2"
    builds = [threading.Thread(target=build_by, args=(script, tmp_path)) for _ in range(3)]
    for each in builds:
        each.start()
    for each in builds:
        each.join()
    assert (tmp_path / "count").read_text() == "built\n"


def test_a_failed_build_shows_its_log_and_leaves_no_entry(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="undefined symbol"):
        build_by("touch half; echo undefined symbol; exit 1", tmp_path)
    assert not (tmp_path / "thing-1").exists()
    build_by("test ! -e half", tmp_path)
    assert (tmp_path / "thing-1").is_dir()


@pytest.mark.parametrize(
    "said",
    [
        "dial tcp: lookup registry: no such host",
        "Could not transfer artifact: Unknown host registry",
        "Could not resolve host: registry",
        "connect: connection refused",
    ],
)
def test_a_missing_network_is_told_from_a_failed_build(tmp_path: Path, said: str) -> None:
    with pytest.raises(NetworkMissing):
        build_by(f"echo '{said}'; exit 1", tmp_path)


def test_the_cache_lies_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("BEARINGWATCH_CACHE", raising=False)
    assert cache_root() == tmp_path / "bearingwatch"
    monkeypatch.setenv("BEARINGWATCH_CACHE", str(tmp_path / "own"))
    assert cache_root() == tmp_path / "own"

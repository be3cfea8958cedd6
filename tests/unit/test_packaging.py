"""What is shipped and what is pinned: the wheel's files, the lock files, nothing private in git."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("daemon", "models", "pipelines")
LOCK_FILES = sorted((ROOT / "requirements").glob("*.txt"))
PINNED = re.compile(r"^[A-Za-z0-9._-]+(\[[a-z0-9,-]+\])?==\S+( ; .+)? \\$")

# Written in pieces so that this file does not find itself.
PRIVATE = re.compile(
    "|".join(
        [
            r"/ho" r"me/[a-z]",
            r"/ro" r"ot/",
            r"/Us" r"ers/[A-Za-z]",
            r"pypi\.or" r"g",
            r"pythonhosted\.or" r"g",
            r"proxy\.golang\.or" r"g",
            r"repo1?\.maven",
            r"repo\.maven\.apach" r"e",
            r"index\.crates\.i" r"o",
        ]
    ).encode()
)


@pytest.fixture(scope="module")
def wheel_files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def tracked_files(*options: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *options], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def locked_names(lock: Path) -> set[str]:
    lines = lock.read_text(encoding="utf-8").splitlines()
    return {line.split("==")[0].lower() for line in lines if "==" in line}


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel_files: list[str]) -> None:
    top_level = {name.split("/")[0] for name in wheel_files}
    assert {name for name in top_level if not name.endswith(".dist-info")} == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_says_that_its_packages_are_typed(wheel_files: list[str], package: str) -> None:
    assert f"{package}/py.typed" in wheel_files


def test_the_wheel_holds_every_tracked_file_of_the_packages(wheel_files: list[str]) -> None:
    tracked = {path.relative_to(ROOT).as_posix() for path in tracked_files() if path.exists()}
    belongs = {name for name in tracked if name.split("/")[0] in PACKAGES}
    assert belongs <= set(wheel_files)


@pytest.mark.parametrize("lock", LOCK_FILES, ids=lambda path: path.name)
def test_a_lock_file_names_no_place(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert not re.search(r"https?:|--index-url|--find-links|file:", text)


@pytest.mark.parametrize("lock", LOCK_FILES, ids=lambda path: path.name)
def test_a_lock_file_pins_each_package_by_version_and_hash(lock: Path) -> None:
    entries = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8"))
    pinned = [entry for entry in entries if not entry.startswith("#")]
    assert pinned
    for entry in pinned:
        assert PINNED.match(entry.splitlines()[0]), entry
        assert "--hash=sha256:" in entry


def test_the_runtime_installs_no_tensorflow() -> None:
    runtime = locked_names(ROOT / "requirements" / "runtime.txt")
    assert not runtime & {"tensorflow", "tensorflow-cpu", "keras", "pytest"}


@pytest.mark.parametrize("name", ["runtime", "training", "build"])
def test_the_development_lock_agrees_with_the_others(name: str) -> None:
    def pins(lock: str) -> set[str]:
        text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
        return {line for line in text.splitlines() if "==" in line}

    assert pins(name) <= pins("dev")


def test_no_tracked_file_names_a_registry_or_somebodys_home() -> None:
    def lines_that_tell(path: Path) -> list[str]:
        return [
            f"{path.relative_to(ROOT)}:{number}"
            for number, line in enumerate(path.read_bytes().splitlines(), start=1)
            if PRIVATE.search(line)
        ]

    told = [line for path in tracked_files() if path.is_file() for line in lines_that_tell(path)]
    assert told == []


def test_no_link_and_nothing_ignored_is_tracked() -> None:
    """A tracked link `.venv` would let every clone use one folder's environment."""
    ignored = tracked_files("--cached", "--ignored", "--exclude-standard")
    assert [*ignored, *(path for path in tracked_files() if path.is_symlink())] == []

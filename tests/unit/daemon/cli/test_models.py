"""`models`: bundles listed, shown and verified."""

from __future__ import annotations

from pathlib import Path

from daemon.errors import ExitStatus
from tests.plant.bundles import write_bundle
from tests.unit.daemon.cli.calling import bearingwatch


def test_models_shows_and_verifies_a_bundle(bundle: Path) -> None:
    assert "plain" in bearingwatch("models", "list", bundle.parent).output
    assert "hash" in bearingwatch("models", "show", bundle).output
    assert "A bundle for tests" in bearingwatch("models", "show", bundle, "--card").output
    assert "as they should be" in bearingwatch("models", "verify", bundle).output


def test_a_bundle_itself_is_listed(bundle: Path) -> None:
    assert "plain" in bearingwatch("models", "list", bundle).output


def test_a_damaged_bundle_is_refused(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path)
    (bundle / "CARD.md").write_text("changed")
    done = bearingwatch("models", "verify", bundle)
    assert done.exit_code == ExitStatus.COULD_NOT_START
    assert "CARD.md" in done.output


def test_verify_checks_the_bundles_behind_a_bad_one(bundle: Path, tmp_path: Path) -> None:
    done = bearingwatch("models", "verify", tmp_path / "a", bundle, tmp_path / "b")
    assert done.exit_code == ExitStatus.COULD_NOT_START
    assert "as they should be" in done.stdout
    assert [line.partition(": not a bundle")[0] for line in done.stderr.splitlines()] == [
        f"bad: {tmp_path / name}" for name in "ab"
    ]


def test_a_bad_bundle_hides_no_other_from_the_list(tmp_path: Path) -> None:
    for name in ("a-good", "b-damaged", "c-empty", "d-good"):
        write_bundle(tmp_path, name=name)
    (tmp_path / "b-damaged" / "network.onnx").write_bytes(b"changed")
    (tmp_path / "c-empty" / "manifest.json").write_text("{}")
    done = bearingwatch("models", "list", tmp_path)
    assert done.exit_code == ExitStatus.FATAL
    shown = {line.split()[0]: line for line in done.stdout.splitlines()[1:]}
    assert list(shown) == ["a-good", "b-damaged", "c-empty", "d-good"]
    assert {name for name, line in shown.items() if line.endswith("cannot be used")} == {
        "b-damaged", "c-empty"
    }  # fmt: skip
    damaged, empty = done.stderr.splitlines()
    assert "network.onnx: SHA-256 is" in damaged
    assert "manifest.json: format is None" in empty

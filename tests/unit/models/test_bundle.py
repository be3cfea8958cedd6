import json
import shutil
import time
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.bundle import (
    CARD,
    CHARTS,
    FEATURES,
    FILES,
    GOLDEN,
    LARGEST_BYTES,
    MANIFEST,
    SHIPPED,
    TRAINING,
    Bundle,
    BundleError,
    Manifest,
    canonical_json,
    list_bundles,
    load_bundle,
    read_golden,
    sha256,
)
from models.engines import NETWORK_KERAS, NETWORK_ONNX
from models.golden import Golden
from models.policy import ChartPolicy
from models.publishing import read_parts, write_bundle


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(load_bundle().path, tmp_path / "copy"))


def edit_manifest(path: Path, **changes: Any) -> None:
    """Change a manifest and give it the content hash that fits."""
    entries = json.loads((path / MANIFEST).read_text())
    manifest = replace(Manifest(**entries), **changes)
    manifest = replace(manifest, content=manifest.expected_content())
    (path / MANIFEST).write_bytes(canonical_json(asdict(manifest)))


def replace_file(path: Path, name: str, data: bytes) -> None:
    """Change a file and tell the manifest, so that only its meaning is wrong."""
    (path / name).write_bytes(data)
    files = json.loads((path / MANIFEST).read_text())["files"]
    edit_manifest(path, files={**files, name: sha256(data)})


def test_the_shipped_bundle_loads_within_a_second() -> None:
    load_bundle()  # the first call pays for imports
    start = time.monotonic()
    bundle = load_bundle()
    assert time.monotonic() - start < 1.0
    assert bundle.name == SHIPPED


def test_the_shipped_bundle_is_small_enough() -> None:
    assert load_bundle().size_bytes() <= LARGEST_BYTES


def test_the_shipped_bundle_loads_by_name_and_by_path() -> None:
    bundle = load_bundle()
    assert load_bundle(SHIPPED) == load_bundle(bundle.path) == bundle


def test_the_shipped_bundle_is_listed() -> None:
    assert load_bundle().path in list_bundles()


def test_a_folder_that_is_not_there_lists_nothing(tmp_path: Path) -> None:
    assert list_bundles(tmp_path / "nowhere") == []


def test_golden_sequences_go_from_healthy_to_failing() -> None:
    golden = read_golden(load_bundle())
    assert len(golden.loss) == 256
    assert golden.loss.min() < 2.0
    assert golden.loss.max() > 5.0


def test_the_card_cites_the_data() -> None:
    assert "Nectoux" in load_bundle().card()


def test_a_bundle_describes_itself() -> None:
    bundle = load_bundle()
    facts = bundle.describe()
    assert facts["hash"] == bundle.hash
    assert "healthy windows" in facts["trained on"]


def test_a_bundle_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        load_bundle().name = "other"  # type: ignore[misc]


def test_no_bundle_is_refused_with_the_shipped_names(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=rf"not a bundle.*{SHIPPED}"):
        load_bundle(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=rf"{name}: cannot be read .*fetch the bundle again"):
        load_bundle(copy)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_is_found(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BundleError, match=rf"{name}: SHA-256 is .*expected .*fetch the bundle"):
        load_bundle(copy)


def test_an_unknown_file_is_named(copy: Path) -> None:
    (copy / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match=r"notes\.txt: unknown file, expected only"):
        load_bundle(copy)


def test_a_changed_manifest_is_found(copy: Path) -> None:
    text = (copy / MANIFEST).read_text().replace(SHIPPED, "mine", 1)
    (copy / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match=rf"{MANIFEST}: content hash is .* it was changed"):
        load_bundle(copy)


def test_a_newer_format_is_refused_with_a_hint(copy: Path) -> None:
    edit_manifest(copy, format=99)
    with pytest.raises(BundleError, match=r"format is 99, this version reads up to 1: .*upgrade"):
        load_bundle(copy)


def test_a_newer_format_may_look_different_in_all_else(copy: Path) -> None:
    (copy / MANIFEST).write_text('{"format": 2, "files": "elsewhere"}')
    with pytest.raises(BundleError, match=r"format is 2"):
        load_bundle(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "one"}', '{"format": 1}'])
def test_a_broken_manifest_is_named(copy: Path, text: str) -> None:
    (copy / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match=MANIFEST):
        load_bundle(copy)


def test_other_features_than_the_stated_are_refused(copy: Path) -> None:
    features = json.loads((copy / FEATURES).read_text())
    features["settings"]["bands"] = 20
    replace_file(copy, FEATURES, canonical_json(features))
    with pytest.raises(BundleError, match=rf"{FEATURES}: hash of the settings is .* expected"):
        load_bundle(copy)


@pytest.mark.parametrize("name", [FEATURES, CHARTS, TRAINING])
def test_settings_that_are_no_settings_are_named(copy: Path, name: str) -> None:
    replace_file(copy, name, b"[1]")
    with pytest.raises(BundleError, match=name):
        load_bundle(copy)


@pytest.mark.parametrize("name", [GOLDEN, NETWORK_ONNX])
def test_files_that_are_something_else_are_named(copy: Path, name: str) -> None:
    replace_file(copy, name, b"not what it says")
    with pytest.raises(BundleError, match=name):
        load_bundle(copy)


def test_another_network_than_the_golden_losses_are_of_is_refused(copy: Path) -> None:
    golden = Golden.decode((copy / GOLDEN).read_bytes())
    other = replace(golden, loss=golden.loss * 1.001)
    replace_file(copy, GOLDEN, other.encode())
    with pytest.raises(BundleError, match=r"golden sequence \d+ has loss .* expected"):
        load_bundle(copy)


def test_golden_losses_that_are_not_finite_are_refused(copy: Path) -> None:
    golden = Golden.decode((copy / GOLDEN).read_bytes())
    broken = replace(golden, loss=np.full_like(golden.loss, np.nan))
    replace_file(copy, GOLDEN, broken.encode())
    with pytest.raises(BundleError, match="golden sequence"):
        load_bundle(copy)


def republished(bundle: Bundle, out: Path, **changes: Any) -> Bundle:
    return write_bundle(replace(read_parts(bundle), **changes), out)


@pytest.mark.training
def test_writing_what_was_read_gives_the_same_bundle(tmp_path: Path) -> None:
    bundle = load_bundle()
    assert republished(bundle, tmp_path / "again").hash == bundle.hash


@pytest.mark.training
def test_other_chart_settings_give_another_bundle(tmp_path: Path) -> None:
    charts = replace(ChartPolicy(), anchored_sigmas=99.0)
    again = republished(load_bundle(), tmp_path / "charts", charts=charts)
    assert again.charts == charts
    assert again.hash != load_bundle().hash


def test_a_bundle_is_never_overwritten(copy: Path) -> None:
    with pytest.raises(BundleError, match="exists; a bundle is never overwritten"):
        republished(load_bundle(), copy)


def unlike_networks(bundle: Bundle) -> dict[str, Any]:
    """Return an ONNX network whose last bias is not that of the Keras one."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_model_from_string((bundle.path / NETWORK_ONNX).read_bytes())
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "dense_b")
    values = numpy_helper.to_array(bias) + np.float32(0.01)
    bias.CopyFrom(numpy_helper.from_array(values, bias.name))
    return {"network_onnx": model.SerializeToString()}


def too_large(_: Bundle) -> dict[str, Any]:
    return {"card": "x" * LARGEST_BYTES}


@pytest.mark.training
@pytest.mark.parametrize(
    ("change", "message"),
    [(unlike_networks, "the engines disagree"), (too_large, "bytes, at most 2097152")],
)
def test_nothing_is_left_of_a_bundle_that_is_refused(
    tmp_path: Path, change: Callable[[Bundle], dict[str, Any]], message: str
) -> None:
    bundle = load_bundle()
    with pytest.raises(BundleError, match=message):
        republished(bundle, tmp_path / "refused", **change(bundle))
    assert list(tmp_path.iterdir()) == []


def test_the_files_are_what_the_documents_name() -> None:
    found = {file.name for file in load_bundle().path.iterdir()}
    assert found == {MANIFEST, NETWORK_KERAS, *FILES}
    assert CARD in found

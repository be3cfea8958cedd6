"""A bundle and a simulated fleet that commands are tried on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plant.bundles import write_bundle
from tests.unit.daemon.cli.calling import bearingwatch


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated") / "fleet"
    done = bearingwatch(
        "simulate", out, "--machines", 1, "--sensors", 2, "--degrading", 1,
        "--windows", 30, "--window-s", 0.1,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return out

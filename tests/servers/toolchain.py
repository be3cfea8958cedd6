"""Which command-line tools a build needs, which are missing, and the package that brings each."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

# Debian's names, since that is what most readers can paste.
DEBIAN_PACKAGE = {
    "java": "openjdk-17-jre-headless",
    "mvn": "maven",
    "go": "golang-go",
    "cargo": "cargo",
    "pkg-config": "pkg-config",
    "gcc": "gcc",
}


def missing_tools(tools: Sequence[str]) -> list[str]:
    """Those of `tools` that are not on the PATH."""
    return [tool for tool in tools if shutil.which(tool) is None]


def missing_tools_message(tools: Sequence[str]) -> str:
    """What to install so that `tools` are there."""
    packages = " ".join(DEBIAN_PACKAGE[tool] for tool in tools)
    return f"missing {', '.join(tools)} (Debian: apt-get install {packages})"


def rust_toolchain(directory: Path) -> dict[str, str]:
    """Environment that makes cargo use the toolchain which is installed.

    A crate below may pin a toolchain of its own, which rustup would try to download; naming the
    active one overrides the pin. Without rustup there is no pin to override.
    """
    if shutil.which("rustup") is None:
        return {}
    for query in (["show", "active-toolchain"], ["toolchain", "list"]):
        answer = subprocess.run(
            ["rustup", *query], cwd=directory, capture_output=True, text=True, check=False
        )
        if answer.returncode == 0 and answer.stdout.strip():
            return {"RUSTUP_TOOLCHAIN": answer.stdout.split()[0]}
    return {}

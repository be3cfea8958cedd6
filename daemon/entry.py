"""The console entry: makes sure that `daemon` is ours, then hands over to the command line.

Imports next to nothing, so that help comes at once and so that it works where the package is
broken: PyPI's `python-daemon` ships an import package `daemon` too, and pip reports no conflict.
"""

from __future__ import annotations

import errno
import io
import os
import sys


def main() -> None:
    """Run the command line; Ctrl-C while it loads is told like one later, without a traceback."""
    try:
        _main()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise
        what = error.filename or "what it prints"
        sys.stderr.write(f"bearingwatch: {what} cannot be written: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(3)  # at an ordinary exit Python would try to write the rest, and tell that too


def _main() -> None:
    problem = foreign_daemon()
    if problem:
        sys.stderr.write(f"bearingwatch: {problem}\n")
        sys.exit(3)
    from daemon.cli import cli

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file may have any bytes for a name
    cli(prog_name="bearingwatch")


def foreign_daemon() -> str | None:
    """Return what is wrong with the import package `daemon`, if anything."""
    import daemon

    if getattr(daemon, "MARKER", None) == "bearingwatch":
        return None
    others = [name for name in owners_of("daemon") if name.lower() != "bearingwatch"]
    named = " and ".join(sorted(others)) or "another distribution"
    return (
        f"the import package 'daemon' belongs to {named} and not to bearingwatch: "
        f"both cannot live in one environment; pip uninstall {' '.join(sorted(others))} and "
        "install bearingwatch again, or install it in an environment of its own (pipx)"
    )


def owners_of(package: str) -> list[str]:
    """Return the distributions that ship a top-level import package."""
    from importlib import metadata

    return sorted(set(metadata.packages_distributions().get(package, [])))

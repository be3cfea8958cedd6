"""Errors, sorted by what the loop must do.

    BearingwatchError
    |-- Unavailable      the world is bad: keep the batch, wait, try again
    |-- Fenced           these partitions are no longer ours: drop the batch, poll again
    |-- Fatal            we are bad: stop, exit status 1
    |-- SettingsError    what we were told is bad: exit status 2
    `-- StartError       what is here cannot be worked with: exit status 3

A bad *record* is no error of the loop: `pipelines.wire.InvalidRecord` becomes a dead letter.
Adapters translate foreign exceptions at the border and keep the cause. A message says what was
got, what was expected and what to do.
"""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """What the process tells its supervisor."""

    STOPPED = 0
    FATAL = 1
    BAD_SETTINGS = 2
    COULD_NOT_START = 3


class BearingwatchError(Exception):
    """Root of what this process raises itself."""

    exit_status = ExitStatus.FATAL


class Unavailable(BearingwatchError):
    """A service is away; `retry_after_s` is its own wish, where it gave one."""

    exit_status = ExitStatus.COULD_NOT_START

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Fenced(BearingwatchError):
    """Another owner has the partitions, or a newer process our identity; nothing was committed."""


class Fatal(BearingwatchError):
    """A defect or a state that must not be run over."""


class SettingsError(BearingwatchError):
    """Settings, assets or arguments are wrong, or a recording that they name is.

    Mostly met at the start; but a name that another process has shows when that one fences us.
    Restarted, the two would fence each other for ever.
    """

    exit_status = ExitStatus.BAD_SETTINGS


class StartError(BearingwatchError):
    """What we need is missing, refuses us or cannot be read: a restart alone does not help.

    Mostly met at the start; but a state that a newer version wrote comes with its partition.
    """

    exit_status = ExitStatus.COULD_NOT_START

"""`bearingwatch run`: the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from daemon.cli.options import config_option
from daemon.cli.threads import cap_threads, share_heap
from daemon.errors import BearingwatchError, ExitStatus

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.settings import Settings
    from daemon.stopping import Stopping
    from daemon.telemetry.metrics import Metrics


@click.command("run")
@config_option
@click.pass_context
def command(ctx: click.Context, config: Path | None) -> None:
    """Read windows, judge them, write losses and alerts, until told to stop.

    Settings come from FILE and from BEARINGWATCH_... environment variables over it; try them
    with `bearingwatch check` first. SIGTERM or Ctrl-C finishes the batch in hand and leaves the
    group; a second one ends at once, which is safe too.

    \b
    bearingwatch run -c plant.toml
    BEARINGWATCH_INFLUXDB__TOKEN=... bearingwatch run -c plant.toml

    Exit status: 0 stopped, 1 a defect, 2 bad settings, 3 could not start.
    """  # noqa: D301
    cap_threads()
    share_heap()
    from daemon.stopping import Stopping

    stopping = Stopping()
    # Before all else: a supervisor that changes its mind while we load must not see a signal's
    # status instead of ours.
    with stopping.listening():
        ctx.exit(int(_configured(config, stopping)))


def _configured(config: Path | None, stopping: Stopping) -> ExitStatus:
    from daemon.settings_reading import load_settings
    from daemon.telemetry.logs import configure_logs
    from daemon.telemetry.metrics import Metrics

    settings, metrics = load_settings(config), Metrics()
    stopping.within_s = settings.loop.drain_s
    configure_logs(
        settings.log, instance=settings.instance, suppressed=metrics.lines_suppressed.inc
    )
    return _run(settings, metrics, stopping)


def _run(settings: Settings, metrics: Metrics, stopping: Stopping) -> ExitStatus:
    import structlog

    from daemon.app import build

    log: Any = structlog.get_logger("bearingwatch.run")
    try:
        build(settings, metrics=metrics).run(stopping)
    except BearingwatchError as error:
        log.error(
            "process_failed",
            reason=str(error),
            status=int(error.exit_status),
            exc_info=_cause(error),
        )
        return error.exit_status
    except Exception:  # whatever it is, the log must have it before the process ends
        log.exception("process_failed", reason="a defect of bearingwatch, please report it")
        return ExitStatus.FATAL
    log.info("process_stopped")
    return ExitStatus.STOPPED


def _cause(error: BearingwatchError) -> BaseException | None:
    """Return what is worth a traceback: a defect's origin; for all else the message says it."""
    return error.__cause__ if error.exit_status is ExitStatus.FATAL else None

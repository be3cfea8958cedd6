"""`bearingwatch topics`: the Kafka topics, planned, made and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from daemon.cli.options import config_option
from daemon.errors import ExitStatus

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.settings_reading import TopicsPart
    from daemon.topics import Finding

COUNT = click.IntRange(1, 100_000)
PARTITIONS = "Partitions of every topic; also the most replicas that can share the work."


@click.group("topics")
def command() -> None:
    """Plan, create or check the Kafka topics.

    All topics have equally many partitions, since state and alerts of a window go to the
    partition number that it came in. `docs/topics.md` says why each value is as it is.
    """


@command.command("plan")
@config_option
@click.option("--partitions", type=COUNT, default=12, show_default=True, help=PARTITIONS)
def plan(config: Path | None, partitions: int) -> None:
    """Print what would be created, without asking a broker.

    \b
    bearingwatch topics plan -c plant.toml --partitions 24
    """  # noqa: D301
    from daemon import topics

    settings = _settings(config)
    for topic in topics.plan(settings.kafka, partitions, evidence=settings.journal.evidence):
        click.echo(f"{topic.name}  ({topic.partitions} partitions: {topic.holds})")
        for key, value in topic.configuration().items():
            click.echo(f"    {key}={value}")


@command.command("create")
@config_option
@click.option(
    "--partitions",
    type=COUNT,
    help=f"{PARTITIONS}  [default: as many as the topic of windows has, 12 of a new plant]",
)
@click.option(
    "--replication-factor",
    type=click.IntRange(1, 32_767),
    help="Copies of each partition.  [default: the cluster's own]",
)
@click.pass_context
def create(
    ctx: click.Context,
    config: Path | None,
    partitions: int | None,
    replication_factor: int | None,
) -> None:
    """Create the topics that are missing; leave the others as they are, and say how they differ.

    \b
    bearingwatch topics create -c plant.toml --partitions 24 --replication-factor 3

    Exit status: 0 all there, 2 the windows have another number of partitions than --partitions,
    3 another topic that was there has another number than the windows.
    """  # noqa: D301
    from daemon import topics

    settings = _settings(config, changing=True)
    created = topics.create(
        settings.kafka, partitions, replication_factor or -1, evidence=settings.journal.evidence
    )
    for name in created.made:
        click.echo(f"created  {name}")
    for name, count in created.present.items():
        click.echo(was_there(name, count, created.partitions))
    if set(created.present.values()) - {created.partitions}:
        ctx.exit(int(ExitStatus.COULD_NOT_START))


@command.command("check")
@config_option
@click.pass_context
def check(ctx: click.Context, config: Path | None) -> None:
    """Compare the topics with the plan; exit status 3 where the daemon could not run.

    \b
    bearingwatch topics check -c plant.toml
    """  # noqa: D301
    from daemon import topics

    settings = _settings(config)
    findings = topics.check(settings.kafka, evidence=settings.journal.evidence)
    if not show_findings(findings):
        ctx.exit(int(ExitStatus.COULD_NOT_START))
    if not findings:
        click.echo("all topics are as planned")


def was_there(name: str, count: int, wanted: int) -> str:
    """Return what is said of a topic that `create` left alone."""
    if count == wanted:
        return f"was there  {name}"
    from daemon.topics import cure_of_count

    cure = cure_of_count(name, count, wanted)
    return f"was there  {name}, with {count} partitions and not {wanted} as the windows: {cure}"


def show_findings(findings: tuple[Finding, ...]) -> bool:
    """Print findings; return whether the daemon could run with them."""
    for finding in findings:
        click.echo(
            f"{finding.severity}: {finding.subject}: {finding.what} is {finding.found}, "
            f"expected {finding.expected}; {finding.advice}"
        )
    return not any(finding.severity == "error" for finding in findings)


def _settings(config: Path | None, *, changing: bool = False) -> TopicsPart:
    """Return what says which topics there are; nothing else is needed here, and so not checked."""
    from daemon.settings_reading import load_topics_settings

    return load_topics_settings(config, changing=changing)

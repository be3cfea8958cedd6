"""`check --connect` against real servers: topics, series, and how long the bucket keeps points."""

from pathlib import Path

import pytest
from influxdb_client import BucketRetentionRules, Permission, PermissionResource

from tests.plant.bundles import write_bundle
from tests.plant.process import command
from tests.plant.site import Site, new_site
from tests.servers.influxdb import InfluxdbServer
from tests.servers.kafka import KafkaServer

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

DAY_S = 86_400


@pytest.fixture
def site(kafka_server: KafkaServer, influxdb_server: InfluxdbServer, tmp_path: Path) -> Site:
    return new_site(kafka_server, influxdb_server, tmp_path, partitions=1)


def keep_points(site: Site, seconds: int) -> None:
    with site.influxdb_client() as client:
        bucket = client.buckets_api().find_bucket_by_name(site.name)
        bucket.retention_rules = [
            BucketRetentionRules(
                type="expire", every_seconds=seconds, shard_group_duration_seconds=3600
            )
        ]
        client.buckets_api().update_bucket(bucket=bucket)


def token_that(site: Site, *actions: str) -> str:
    with site.influxdb_client() as client:
        bucket = client.buckets_api().find_bucket_by_name(site.name)
        owner = bucket.org_id
        resource = PermissionResource(id=bucket.id, type="buckets", org_id=owner)
        permissions = [Permission(action=action, resource=resource) for action in actions]
        made = client.authorizations_api().create_authorization(owner, permissions)
    return str(made.token)


def check(site: Site, **influxdb: str) -> tuple[int, str]:
    changes = {"influxdb": influxdb} if influxdb else {}
    settings = site.settings(write_bundle(site.folder), changes)
    done = command("check", "-c", str(settings), "--connect")
    return done.returncode, done.stdout + done.stderr


def test_a_bucket_that_keeps_points_for_ever_is_well(site: Site) -> None:
    status, said = check(site)
    assert status == 0, said
    assert f"ok: bucket {site.name} keeps points for ever" in said
    assert "ok: timeouts are such as the brokers take" in said
    assert "warning" not in said


def test_a_bucket_that_keeps_points_for_less_time_than_windows_are_kept_is_told(
    site: Site,
) -> None:
    keep_points(site, 3 * DAY_S)
    site.keep_windows(4 * DAY_S)
    status, said = check(site, token=token_that(site, "read", "write"))
    assert status == 0, said
    (line,) = [line for line in said.splitlines() if "bucket" in line and "warning" in line]
    assert f"the retention is 3 days, expected 4 days, as long as {site.name}.windows" in line
    assert line.endswith("--retention 96h")


def test_a_bucket_that_outlasts_the_windows_is_well(site: Site) -> None:
    keep_points(site, 30 * DAY_S)
    site.keep_windows(7 * DAY_S)
    status, said = check(site)
    assert status == 0, said
    assert f"ok: bucket {site.name} keeps points 30 days" in said
    assert "warning" not in said


def test_a_token_that_may_only_write_is_enough_and_told(site: Site) -> None:
    keep_points(site, 3600)
    status, said = check(site, token=token_that(site, "write"))
    assert status == 0, said
    assert "how long it keeps points is not known, since the token may not read it" in said
    assert "warning" not in said


def test_nothing_is_asked_of_a_bucket_that_could_not_be_written(site: Site) -> None:
    status, said = check(site, token="wrong")
    assert status == 3
    assert said.count("failed: ") == 1
    assert "token" in said

"""Settings: file, environment, and what people get wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon.errors import ExitStatus, SettingsError
from daemon.settings import MOST_AMONG, DetectorOverrides, Settings
from daemon.settings_reading import PATHS, load_kafka_settings, load_settings
from models.policy import ConfirmationPolicy

OFFLINE = """
[source]
kind = "simulator"
[series]
kind = "sqlite"
[journal]
kind = "sqlite"
[sqlite]
path = "plant.db"
"""


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BEARINGWATCH_KAFKA__GROUP", "BEARINGWATCH_INFLUXDB__TOKEN"):
        monkeypatch.delenv(name, raising=False)


def write(folder: Path, text: str) -> Path:
    path = folder / "plant.toml"
    path.write_text(text)
    return path


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(folder, text))
    assert caught.value.exit_status is ExitStatus.BAD_SETTINGS
    return str(caught.value)


def test_previous_bundles_are_relative_to_the_file_or_shipped(tmp_path: Path) -> None:
    (tmp_path / "bundles" / "old").mkdir(parents=True)
    text = f'{OFFLINE}[model]\nprevious = ["bundles/old", "fleet-1"]\n'
    told = load_settings(write(tmp_path, text)).model
    assert told.previous == (tmp_path / "bundles" / "old", Path("fleet-1"))
    assert not told.recommission


def test_the_environment_names_previous_bundles_between_commas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_MODEL__PREVIOUS", "/a/old, fleet-1")
    told = load_settings(write(tmp_path, OFFLINE)).model
    assert told.previous == (Path("/a/old"), Path("fleet-1"))


@pytest.mark.parametrize("windows", [-1, 19, 10_001, 10**9])
def test_a_sensor_is_learnt_from_enough_windows_and_not_for_ever(
    tmp_path: Path, windows: int
) -> None:
    text = f"{OFFLINE}[detector]\ncommissioning_windows = {windows}\n"
    said = complaint(tmp_path, text)
    assert "detector.commissioning_windows: must be 20 to 10000 windows: " in said
    assert said.endswith(f", got {windows}")


@pytest.mark.parametrize("windows", [20, 10_000])
def test_the_bounds_themselves_are_allowed(tmp_path: Path, windows: int) -> None:
    settings = load_settings(
        write(tmp_path, f"{OFFLINE}[detector]\ncommissioning_windows = {windows}\n")
    )
    assert settings.detector.commissioning_windows == windows


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, OFFLINE))
    assert settings.sqlite is not None
    assert settings.sqlite.path == tmp_path / "plant.db"


def test_a_byte_order_mark_is_no_part_of_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(OFFLINE, "utf-8-sig")
    assert load_settings(path) == load_settings(write(tmp_path, OFFLINE))


def test_assets_beside_the_file_are_taken(tmp_path: Path) -> None:
    (tmp_path / "assets.toml").write_text("")
    assert load_settings(write(tmp_path, OFFLINE)).assets == tmp_path / "assets.toml"


def test_a_bare_name_of_a_bundle_is_one_that_was_shipped(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, OFFLINE + '[model]\nbundle = "fleet-1"\n'))
    assert settings.model.bundle == Path("fleet-1")


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_LOOP__BATCH_WINDOWS", "7")
    monkeypatch.setenv("BEARINGWATCH_KAFKA__BOOTSTRAP_SERVERS", "a:9092, b:9092")
    settings = load_settings(write(tmp_path, OFFLINE + "[loop]\nbatch_windows = 3\n"))
    assert settings.loop.batch_windows == 7
    assert settings.kafka.bootstrap_servers == ("a:9092", "b:9092")


def test_a_list_that_may_be_unset_is_separated_by_commas_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_RECORDINGS__AXES", "radial, axial")
    told = OFFLINE.replace('"simulator"', '"recordings"')
    told += '[recordings]\npaths = ["x"]\nstart = 2026-01-31T12:00:00Z\n'
    settings = load_settings(write(tmp_path, told))
    assert settings.recordings is not None
    assert settings.recordings.axes == ("radial", "axial")
    assert settings.recordings.start == datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_part_of_a_table_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_INFLUXDB__TOKEN", "s3cret")
    told = OFFLINE + '[influxdb]\nurl = "http://x:8086"\norg = "o"\nbucket = "b"\n'
    settings = load_settings(write(tmp_path, told))
    assert settings.influxdb is not None
    assert settings.influxdb.token.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[kafka]\nbootstrap_server = "a"\n', "kafka.bootstrap_server: unknown setting; did you"),
        ("[lop]\n", "lop: unknown setting; did you mean 'loop'?"),
        ("[loop]\nbatch_windows = 0\n", "loop.batch_windows: Input should be greater than"),
        ("[loop]\npoll_timeout_s = 2\n", "got 2"),
        ("[kafka]\nheartbeat_interval_ms = 40000\n", "session_timeout_ms: got 40000 and 45000"),
        ("[kafka]\ntransaction_timeout_ms = 1\n", "or equal to 1000, got 1"),
        ("[influxdb]\nurl = 'http://x'\n", "influxdb.token: is required"),
        ("[simulator]\ndegrading = 9\n", "must not exceed simulator.machines"),
        ('instance = "a b"\n', "instance: must be up to 128 letters, digits, dots"),
        ("[influxdb]\nurl = 'x:8086'\n", "influxdb.url: must be an address like http://"),
        ("[detector]\nfalse_alerts_per_sensor_year = 0\n", "greater than or equal to 0.001"),
        ("[detector]\nconfirm_needed = 70\n", "nothing is ever alerted: got 70 of 4"),
        ("[detector]\nconfirm_among = 2\n", "must not exceed confirm_among"),
        ("[detector]\nconfirm_among = 61\n", "detector.confirm_among: Input should be less than"),
        ("[detector]\nconfirm_minimum_s = inf\n", "detector.confirm_minimum_s: Input should be"),
        ("[loop]\ndrain_s = 3601\n", "loop.drain_s: Input should be less than"),
        ("[loop]\nbackoff_longest_s = inf\n", "loop.backoff_longest_s: Input should be"),
        ("[loop]\nbackoff_longest_s = nan\n", "loop.backoff_longest_s: Input should be"),
        ("[loop]\nbatch_windows = 10001\n", "loop.batch_windows: Input should be less than"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    ordered = text + OFFLINE if text.startswith("instance") else OFFLINE + text
    assert expected in complaint(tmp_path, ordered)


def test_the_longest_confirmation_fits_a_charts_memory() -> None:
    slow = ConfirmationPolicy().slow_windows
    assert MOST_AMONG + slow <= 64 - 1
    told = DetectorOverrides(confirm_needed=MOST_AMONG, confirm_among=MOST_AMONG)
    assert told.confirm_among == MOST_AMONG


@pytest.mark.parametrize("kind", ["influxdb", "sqlite", "csv"])
def test_a_chosen_kind_needs_its_table(tmp_path: Path, kind: str) -> None:
    told = f'[source]\nkind = "simulator"\n[journal]\nkind = "memory"\n[series]\nkind = "{kind}"\n'
    assert f"the table [{kind}] is needed" in complaint(tmp_path, told)


@pytest.mark.parametrize(
    ("source", "journal"), [("simulator", "sqlite"), ("kafka", "kafka"), ("kafka", "memory")]
)
def test_a_csv_is_of_one_run_alone(tmp_path: Path, source: str, journal: str) -> None:
    told = f'[source]\nkind = "{source}"\n[journal]\nkind = "{journal}"\n[series]\nkind = "csv"\n'
    more = '[csv]\npath = "s.csv"\n[sqlite]\npath = "p.db"\n'
    assert f"got '{journal}' and '{source}'; use series.kind" in complaint(tmp_path, told + more)


def test_a_kafka_journal_needs_a_kafka_source(tmp_path: Path) -> None:
    told = OFFLINE.replace('[journal]\nkind = "sqlite"', '[journal]\nkind = "kafka"')
    assert "journal.kind = 'kafka' commits offsets of Kafka" in complaint(tmp_path, told)


def test_all_that_does_not_go_together_is_told_at_once(tmp_path: Path) -> None:
    told = "[simulator]\nmachines = 1\ndegrading = 2\n"
    lines = complaint(tmp_path, told + OFFLINE.replace("[sqlite]", "[csv]")).splitlines()
    assert len(lines) == 2
    assert "the table [sqlite] is needed" in lines[0] + lines[1]
    assert "simulator.degrading must not exceed" in lines[0] + lines[1]


def test_without_a_file_it_says_how_to_name_one() -> None:
    with pytest.raises(SettingsError, match="give -c FILE"):
        load_settings()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("", "series.kind is 'influxdb', which is the default, so the table [influxdb] is needed"),
        (
            OFFLINE.replace("[sqlite]", "[csv]"),
            "series.kind and journal.kind are 'sqlite', so the table [sqlite] is needed",
        ),
    ],
)
def test_the_kind_that_needs_a_table_is_named(tmp_path: Path, told: str, expected: str) -> None:
    assert expected in complaint(tmp_path, told)


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("KAFKA__PREFX", "a", "KAFKA__PREFX: kafka.prefx: unknown setting; did you mean 'prefix'?"),
        ("LOOP__BATCH_WINDOWS", "0", "LOOP__BATCH_WINDOWS: loop.batch_windows: Input should be"),
        ("KAFKA__BOOTSTRAP_SERVERS", "a", "KAFKA__BOOTSTRAP_SERVERS: kafka.bootstrap_servers.0: "),
        ("KAFKA", '{"prefx": "a"}', "KAFKA: kafka.prefx: unknown setting"),
        ("KAFKA", "a:9092", "KAFKA: is no JSON, which a variable of a whole table must be"),
        ("KAFKA__HEARTBEAT_INTERVAL_MS", "40000", "KAFKA__HEARTBEAT_INTERVAL_MS: kafka: heartbeat"),
        ("INSTANCE", "a b", "INSTANCE: instance: must be up to 128 letters"),
        (
            "KAFKA__BOOTSTRAP_SERVERS",
            "",
            "KAFKA__BOOTSTRAP_SERVERS: kafka.bootstrap_servers: needs",
        ),
        ("INSTANCE", "", "INSTANCE: instance: must be up to 128 letters"),
        ("RECORDINGS__START", "1600-01-01", "RECORDINGS__START: recordings.start: start must be "),
    ],
)
def test_a_mistake_in_a_variable_names_it_and_not_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(f"BEARINGWATCH_{variable}", value)
    told = f'instance = "plant-7"\n{OFFLINE}[recordings]\npaths = ["a"]\nstart = 2026-01-31\n'
    assert complaint(tmp_path, told).startswith(f"BEARINGWATCH_{expected}")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            "start = 1600-01-01",
            "recordings.start: start must be from 1970-01-01 to 2262-04-11, got 1600-01-01",
        ),
        ("rpm = 1e300", "recordings.rpm: rpm must be from -1e+09 to 1e+09, got 1e+300"),
        ('asset = ""', "recordings.asset: asset '': expected 1-64 letters"),
        ('sensor = "a*b"', "recordings.sensor: sensor 'a*b' has '*': expected 1-64 letters"),
        ('axes = ["a b"]', "recordings.axes: axis 'a b': expected letters, digits and ._:-"),
        ("scale = 1\nfull_scale = 1", "recordings: declare scale or full_scale, not both"),
    ],
)
def test_what_no_recording_can_have_is_told_with_the_file(
    tmp_path: Path, told: str, expected: str
) -> None:
    said = complaint(tmp_path, f'{OFFLINE}[recordings]\npaths = ["a"]\n{told}\n')
    assert said.startswith(f"{tmp_path / 'plant.toml'}: {expected}")
    assert said.count(", got ") <= 1


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("cadence_s = 1e300", "cadence_s must be 0.001 to 31536000, which is a year, got 1e+300"),
        ("cadence_s = 1e-300", "cadence_s must be 0.001 to 31536000, which is a year, got 1e-300"),
        ("days = 1e300", "a sensor has 1 to 1000000 windows, got 1.44e+302"),
        ("cadence_s = 31536000\ndays = 100000", "274 windows every 3.1536e+07 s go beyond 2262"),
        ("machines = 100000", "simulator.machines: Input should be less than or equal to 10000"),
    ],
)
def test_a_fleet_that_no_run_can_have_is_refused(tmp_path: Path, told: str, expected: str) -> None:
    assert expected in complaint(tmp_path, f"{OFFLINE}[simulator]\n{told}\n")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("[kafka]\nsession_timeout_ms = 3000000000", "kafka.session_timeout_ms: Input should be"),
        ("[kafka]\nrequest_timeout_s = 1e300", "kafka.request_timeout_s: Input should be"),
        ("[http]\nstalled_after_s = 1e300", "http.stalled_after_s: Input should be less than"),
        (
            "[detector]\nconfirm_minimum_s = 1e300",
            "detector.confirm_minimum_s: Input should be less",
        ),
        ('[http]\nhost = ""', "http.host: String should have at least 1 character"),
        ("[model]\nthreads = 100000", "model.threads: Input should be less than or equal to 1024"),
        ('[csv]\npath = ""', "csv.path: must name a file or folder, got ''"),
        ('[csv]\npath = "a\\u0000"', "csv.path: must name a file or folder, got 'a\\x00'"),
        ('[model]\nbundle = ""', "model.bundle: must name a file or folder, got ''"),
        ('[model]\nprevious = ["a", ""]', "model.previous.1: must name a file or folder, got ''"),
    ],
)
def test_what_no_system_can_hold_is_refused(tmp_path: Path, told: str, expected: str) -> None:
    assert expected in complaint(tmp_path, f"{OFFLINE}{told}\n")


def test_an_empty_variable_names_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEARINGWATCH_ASSETS", "")
    expected = "BEARINGWATCH_ASSETS: assets: must name a file or folder, got ''"
    assert complaint(tmp_path, OFFLINE) == expected


def test_a_rule_of_a_table_that_both_told_names_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_KAFKA__HEARTBEAT_INTERVAL_MS", "40000")
    told = complaint(tmp_path, OFFLINE + "[kafka]\nsession_timeout_ms = 45000\n")
    assert told.startswith(
        f"{tmp_path / 'plant.toml'}, BEARINGWATCH_KAFKA__HEARTBEAT_INTERVAL_MS: kafka: "
    )


def test_a_mistake_in_the_file_is_the_files_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_KAFKA", '{"group": "g"}')
    monkeypatch.setenv("BEARINGWATCH_LOOP__DRAIN_S", "5")
    told = complaint(tmp_path, OFFLINE + '[kafka]\nprefix = "a b"\n[loop]\nbatch_windows = 0\n')
    assert [line.partition(": ")[0] for line in told.splitlines()] == [
        str(tmp_path / "plant.toml")
    ] * 2


@pytest.mark.parametrize(
    "server",
    ["localhost", "localhost:", ":9092", "localhost:0", "localhost:99999", "a b:1", "::1:9092",
     "PLAINTEXT://localhost:9092"],
)  # fmt: skip
def test_a_broker_without_host_or_port_is_refused_at_once(tmp_path: Path, server: str) -> None:
    told = complaint(tmp_path, OFFLINE + f'[kafka]\nbootstrap_servers = ["{server}"]\n')
    assert (
        f"must be host:port like kafka-1:9092, with a port from 1 to 65535, got '{server}'" in told
    )
    with pytest.raises(SettingsError, match=r"^--bootstrap-servers: must be host:port"):
        load_kafka_settings(servers=server)


def test_options_of_a_command_go_before_file_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_KAFKA__BOOTSTRAP_SERVERS", "a:1")
    path = write(tmp_path, '[kafka]\nprefix = "plant7"\ngroup = "g"\n')
    settings = load_kafka_settings(path, servers="[::1]:9092, b:65535", prefix="plant8")
    assert settings.bootstrap_servers == ("[::1]:9092", "b:65535")
    assert (settings.prefix, settings.group) == ("plant8", "g")
    with pytest.raises(SettingsError, match=r"^--prefix: must be up to 128 letters"):
        load_kafka_settings(path, prefix="a b")


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    told = OFFLINE + "[loop]\nbatch_windows = 0\ndrain = 1\n"
    assert len(complaint(tmp_path, told).splitlines()) == 2


def test_no_toml_is_a_clear_message(tmp_path: Path) -> None:
    assert "is not TOML" in complaint(tmp_path, "[kafka\n")


def test_a_missing_file_is_a_clear_message(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load_settings(tmp_path / "none.toml")


def test_an_unknown_table_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEARINGWATCH_KAFKAA__GROUP", "x")
    with pytest.raises(SettingsError, match="did you mean 'kafka'"):
        load_settings()


def test_unknown_variables_hide_neither_each_other_nor_what_else_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_KAFKAA__GROUP", "x")
    monkeypatch.setenv("BEARINGWATCH_LOP__DRAIN_S", "1")
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, OFFLINE + "[http]\nport = -1\n"))
    kafka, loop, port = str(caught.value).splitlines()
    assert "BEARINGWATCH_KAFKAA__GROUP: unknown table" in kafka
    assert "BEARINGWATCH_LOP__DRAIN_S: unknown table" in loop
    assert "http.port: " in port


def test_what_an_orchestrator_sets_for_a_service_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_PORT", "tcp://10.0.0.1:9108")
    assert load_settings(write(tmp_path, OFFLINE)).source.kind == "simulator"


def test_a_token_never_shows_in_an_error(tmp_path: Path) -> None:
    told = OFFLINE + '[influxdb]\nurl = "x"\norg = "o"\nbucket = "b"\ntoken = ["s3cret"]\n'
    assert "s3cret" not in complaint(tmp_path, told)


def test_topics_need_the_kafka_table_only(tmp_path: Path) -> None:
    settings = load_kafka_settings(write(tmp_path, '[kafka]\nprefix = "plant7"\n'))
    assert settings.windows_topic == "plant7.windows"
    assert settings.dead_letters_topic == "plant7.dead-letters"


def test_topics_are_not_disturbed_by_variables_of_other_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_INFLUXDB__TOKEN", "s3cret")
    monkeypatch.setenv("BEARINGWATCH_LOOP__BATCH_WINDOWS", "none")
    monkeypatch.setenv("BEARINGWATCH_KAFKA__GROUP", "g")
    told = '[kafka]\nprefix = "plant7"\n[influxdb]\nurl = "http://x:8086"\n'
    settings = load_kafka_settings(write(tmp_path, told))
    assert (settings.prefix, settings.group) == ("plant7", "g")


def test_a_mistake_in_the_kafka_table_is_named_for_topics(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"kafka\.prefxi: unknown setting; did you mean"):
        load_kafka_settings(write(tmp_path, '[kafka]\nprefxi = "plant7"\n'))


def test_a_variable_of_a_store_that_is_not_chosen_asks_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_INFLUXDB__TOKEN", "s3cret")
    assert load_settings(write(tmp_path, OFFLINE)).influxdb is None


def test_a_variable_of_a_chosen_store_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_INFLUXDB__TOKEN", "s3cret")
    monkeypatch.setenv("BEARINGWATCH_SERIES__KIND", "influxdb")
    with pytest.raises(SettingsError, match=r"influxdb\.url: is required"):
        load_settings(write(tmp_path, OFFLINE))


def test_recordings_are_separated_by_commas_in_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_SOURCE__KIND", "recordings")
    monkeypatch.setenv("BEARINGWATCH_RECORDINGS__PATHS", "in/a.wav,/b.wav")
    recordings = load_settings(write(tmp_path, OFFLINE)).recordings
    assert recordings is not None
    assert recordings.paths == (Path("in/a.wav"), Path("/b.wav"))


def test_every_path_among_the_settings_is_anchored() -> None:
    found = set()
    for name, field in Settings.model_fields.items():
        if "Path" in str(field.annotation):
            found.add(name)
        section = field.annotation
        for inner in getattr(section, "__args__", (section,)):
            for key, value in getattr(inner, "model_fields", {}).items():
                found |= {f"{name}.{key}"} if "Path" in str(value.annotation) else set()
    assert found == set(PATHS)

import pytest

from tests.skips import NO_DATA, SkipGuard


def report_of_skip(reason: str) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid="tests/unit/test_x.py::test_x",
        location=("tests/unit/test_x.py", 1, "test_x"),
        keywords={},
        outcome="skipped",
        longrepr=("tests/unit/test_x.py", 1, f"Skipped: {reason}"),
        when="setup",
    )


@pytest.mark.parametrize(
    ("strict", "reason", "forbidden"),
    [
        (True, "kafka: missing java", 1),
        (True, NO_DATA, 0),
        (False, "kafka: missing java", 0),
    ],
)
def test_only_missing_recordings_may_skip_in_ci(strict: bool, reason: str, forbidden: int) -> None:
    guard = SkipGuard(strict=strict)
    guard.pytest_runtest_logreport(report_of_skip(reason))
    assert len(guard.forbidden) == forbidden


def test_an_expected_failure_is_no_skip() -> None:
    guard = SkipGuard(strict=True)
    report = report_of_skip("expected")
    report.wasxfail = "known"
    guard.pytest_runtest_logreport(report)
    assert guard.forbidden == []

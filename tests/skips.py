"""What may be skipped: anything at home, nothing but missing recordings under ``CI=true``."""

import pytest

DATA_VARIABLE = "BEARINGWATCH_DATA"
NO_DATA = f"recordings are missing: {DATA_VARIABLE} is not set"


class SkipGuard:
    """A pytest plugin that fails a `strict` run when something was skipped that must not be."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self.forbidden: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if self._strict and NO_DATA not in report.longreprtext:
            self.forbidden.append(f"{report.nodeid}: {report.longreprtext}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self.forbidden and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.forbidden:
            terminalreporter.section("skipped although CI=true", red=True, bold=True)
            for line in self.forbidden:
                terminalreporter.line(line)

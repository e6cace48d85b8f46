"""What every test shares: hypothesis profiles, and the rule that CI skips nothing."""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

IN_CI = bool(os.environ.get("CI"))

# Both profiles are derandomized or not for a reason: at a desk new examples find new faults; in CI the same
# commit must give the same answer twice. Shared machines pause at will, so there is no deadline per example.
settings.register_profile("desk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("desk"), derandomize=True, print_blob=True)
settings.load_profile("ci" if IN_CI else "desk")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Take what is there for good (ten thousand tests, all modules) out of the garbage collector's rounds.

    A node is thousands of objects: for every few of them the collector would walk all the others, which is a
    quarter of the time that the tests take.
    """
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests, on any worker, recorded with `record_property("summary", text)`."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(text)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """In CI a skipped test is a failed one: there every program that a test wants is installed."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} would be skipped, which CI does not allow: {reason}"
    return report

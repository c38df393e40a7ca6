"""Fixtures that all tests share: the lab of real hosts."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.lab import Lab, LabUnavailableError

LAB_SKIP = "lab tests not run"


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Real Debian hosts: `web, db = lab.hosts(2)`. For tests that carry `@pytest.mark.lab`.

    Hosts that were up before are used, reset and left up; what the session starts it stops. Where
    the lab cannot run, its tests are skipped with the reason, or fail if CFGDSL_LAB_REQUIRED is set
    (as in CI, where a silent skip would be a hole).
    """
    try:
        opened = Lab.open()
        session = opened.__enter__()
    except LabUnavailableError as error:
        if os.environ.get("CFGDSL_LAB_REQUIRED"):
            raise
        pytest.skip(f"{LAB_SKIP}: {error}")
    try:
        yield session
    finally:
        opened.__exit__(None, None, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that uses the lab must say so, or `-m "not lab"` would start it."""
    for item in items:
        uses_lab = "lab" in getattr(item, "fixturenames", ())
        if uses_lab and item.get_closest_marker("lab") is None:
            raise pytest.UsageError(f"{item.nodeid} uses the lab: mark it with @pytest.mark.lab")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once, at the end, that lab tests were skipped and why; a bare `s` is overlooked."""
    reasons = [
        report.longrepr[2]
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple) and LAB_SKIP in report.longrepr[2]
    ]
    if reasons:
        terminalreporter.write_line(f"{len(reasons)} {reasons[0]}", yellow=True, bold=True)


# A busy machine is no failure: slow generation and slow examples are not what is tested.
settings.register_profile(
    "project", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("project")

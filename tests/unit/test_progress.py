"""Progress of a job: what is left of a phase, and how a worker is stopped."""

import pytest
from django.core.cache import cache

from partner_portal.lib import progress
from partner_portal.lib.progress import CancelledError, JobProgress, Progress


@pytest.fixture
def seconds(monkeypatch):
    """A clock that the test moves."""
    cache.clear()
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_the_time_left_follows_the_speed_of_the_phase(seconds):
    report = JobProgress("import", 7)
    report("writing", 10_000, 100_000)
    assert report.latest == Progress("writing", 10_000, 100_000, None)
    seconds[0] += 1
    report("writing", 20_000, 100_000)
    assert report.latest == Progress("writing", 20_000, 100_000, None), "too early to say"
    seconds[0] += 9
    report("writing", 30_000, 100_000)
    # 20,000 rows took 10 seconds; 70,000 are left.
    assert report.latest == Progress("writing", 30_000, 100_000, 35)
    report("posting", 0, 0)
    seconds[0] += 60
    report("posting", 0, 0)
    assert report.latest == Progress("posting", 0, 0, None), "nobody knows how much there is"


def test_a_cancelled_import_stops_at_the_next_report(seconds):
    report = JobProgress("import", 8)
    report("writing", 0, 100)
    JobProgress("import", 8).request_stop()
    report("writing", 1, 100)
    seconds[0] += 1
    with pytest.raises(CancelledError):
        report("writing", 50, 100)
    JobProgress("import", 9)("writing", 0, 100)
    JobProgress("sync", 8)("writing", 0, 100)
    report.forget()
    assert report.latest is None
    JobProgress("import", 8)("writing", 0, 100)

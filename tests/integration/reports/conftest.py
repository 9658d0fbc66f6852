"""A broker for tests of workers."""

import pytest

from tests.integration.reports.processes import Broker


@pytest.fixture
def broker(tmp_path):
    """A broker of this test alone."""
    broker = Broker(tmp_path)
    yield broker
    broker.stop()

"""After an import, a worker works out what the front page asks for first."""

from unittest.mock import patch

import pytest
from django.core.cache import cache

from dashboard import tasks
from partner_portal.lib.rows.events import ledger_posted


def test_an_import_asks_for_it_once_it_is_committed(scope, django_capture_on_commit_callbacks):
    with patch.object(tasks.prepare_figures, "delay") as asked:
        with django_capture_on_commit_callbacks(execute=True):
            ledger_posted.send(None, scope=scope, client_ids=set())
            assert not asked.called
        asked.assert_called_once_with(scope.partner.pk)


@pytest.fixture
def own_cache():
    """What is stored here must not be read by a test that changes facts past the services."""
    yield
    cache.clear()


def test_what_was_prepared_is_not_worked_out_again(own_cache, partner, scope_of, django_capture_on_commit_callbacks):
    from commissions import outlook

    with django_capture_on_commit_callbacks(execute=True):
        tasks.prepare_figures(partner.pk)
    with patch.object(outlook, "paid_within", side_effect=AssertionError("worked out again")):
        assert outlook.commission_outlook(scope_of("admin")).amount > 0

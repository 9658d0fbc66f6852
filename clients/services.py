"""Keeps the sums of the facts that pages read."""

from typing import Any

from django.db import connection, transaction
from django.dispatch import receiver

from accounts.scope import Scope
from clients.models import RetentionMonth
from partner_portal.lib.events import facts_committed


@receiver(facts_committed)
def sum_retention_again(sender: Any, scope: Scope, **_: Any) -> None:
    """Receiver: an import may have brought MRR months."""
    sum_retention(scope=scope)


@transaction.atomic
def sum_retention(*, scope: Scope) -> None:
    """Make the partner's retention sums anew from all its MRR months; one pass in the database."""
    RetentionMonth.objects.filter(partner=scope.partner).delete()
    with connection.cursor() as cursor:
        cursor.execute(RETENTION_SUMS, {"partner": scope.partner.pk})


RETENTION_SUMS = """
WITH months AS (SELECT DISTINCT month FROM clients_mrrmonth WHERE partner_id = %(partner)s)
INSERT INTO clients_retentionmonth (partner_id, month, currency, start, churned, kept, switched)
SELECT %(partner)s, months.month, was.currency,
       sum(was.mrr),
       coalesce(sum(was.mrr) FILTER (WHERE coalesce(here.mrr, 0) = 0), 0),
       coalesce(sum(least(was.mrr, here.mrr)) FILTER (WHERE here.mrr > 0 AND here.currency = was.currency), 0),
       coalesce(
           jsonb_agg(jsonb_build_array(was.mrr::text, here.mrr::text, here.currency))
               FILTER (WHERE here.mrr > 0 AND here.currency <> was.currency), '[]')
FROM months
JOIN clients_mrrmonth was ON was.partner_id = %(partner)s AND was.month = (months.month - interval '1 month')::date
LEFT JOIN clients_mrrmonth here
       ON here.partner_id = %(partner)s AND here.month = months.month AND here.client_id = was.client_id
GROUP BY months.month, was.currency
"""

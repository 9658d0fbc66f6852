"""Writes the sums of facts that pages read: retention by month."""

from django.db import connection, transaction
from django.dispatch import receiver

from accounts.scope import Scope
from clients.models import RetentionMonth
from partner_portal.lib.rows.events import facts_committed


@receiver(facts_committed)
def sum_retention_after_import(sender: object, scope: Scope, **_: object) -> None:
    """Receive `facts_committed`: MRR months may have changed."""
    sum_retention(scope=scope)


@transaction.atomic
def sum_retention(*, scope: Scope) -> None:
    """Replace the partner's retention sums by those of its MRR months (points.md 5). One pass in the database."""
    RetentionMonth.objects.filter(partner=scope.partner).delete()
    with connection.cursor() as cursor:
        cursor.execute(RETENTION_SUMS, {"partner": scope.partner.pk})


# One sorted pass: its time grows with the number of rows only, even while the planner has no statistics of rows just imported.
RETENTION_SUMS = """
WITH pairs AS (
    SELECT (month + interval '1 month')::date AS month, mrr, currency,
           lead(month) OVER ahead AS next_month, lead(mrr) OVER ahead AS next_mrr, lead(currency) OVER ahead AS next_currency
    FROM clients_mrrmonth WHERE partner_id = %(partner)s AND withdrawal_id IS NULL
    WINDOW ahead AS (PARTITION BY client_id ORDER BY month)
), months AS (
    SELECT month, mrr, currency, next_currency, CASE WHEN next_month = month THEN next_mrr ELSE 0 END AS next_mrr
    FROM pairs
)
INSERT INTO clients_retentionmonth (partner_id, month, currency, start, churned, kept, switched)
SELECT %(partner)s, month, currency,
       sum(mrr),
       coalesce(sum(mrr) FILTER (WHERE next_mrr = 0), 0),
       coalesce(sum(least(mrr, next_mrr)) FILTER (WHERE next_mrr > 0 AND next_currency = currency), 0),
       coalesce(
           jsonb_agg(jsonb_build_array(mrr::text, next_mrr::text, next_currency))
               FILTER (WHERE next_mrr > 0 AND next_currency <> currency), '[]')
FROM months
WHERE month = ANY (
    ARRAY(SELECT DISTINCT month FROM clients_mrrmonth WHERE partner_id = %(partner)s AND withdrawal_id IS NULL)
)
GROUP BY month, currency
"""

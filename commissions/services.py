"""Writes questions about statement lines, and stores which deals earn commission."""

import json
from collections.abc import Collection
from datetime import date

from django.db import connection, transaction
from django.db.models.functions import Now
from django.dispatch import receiver

from accounts import audit
from accounts.roles import Permission
from accounts.scope import Scope
from commissions.earnings import KnownEarning, cut_earnings
from commissions.models import DealEarning, LineQuestion, QuestionStatus, StatementLine
from ledger.queries import posting
from partner_portal.lib.dates import clock
from partner_portal.lib.db import analyze
from partner_portal.lib.db.staging import insert_rows
from partner_portal.lib.rows.events import ledger_posted, noteworthy
from program.queries import rulebook
from program.terms import SALES, DealKind, Origin, Stage

EARNING_FIELDS = (
    "partner", "client", "deal", "known_from", "known_until", "first_month", "last_month", "cancelled_on", "gone_on",
    "stretches",
)  # fmt: skip

DEALS_A_CLIENT = 5  # about

# Stores the earnings of sales from whose line nothing was ever taken, which earn all months of their term: `commissions.expected`
# derives the same, more slowly. Answers with the other sales. `IN` instead of a join, since it is always hashed, whatever the
# planner thinks of rows that this transaction has just written.
STORE_WHOLE = """
    WITH cuts AS (
        SELECT client_id, product_line FROM clients_deal
        WHERE partner_id = %(partner)s AND client_id = ANY(%(clients)s::bigint[]) AND withdrawal_id IS NULL
          AND kind = %(downgrade)s AND stage = %(won)s AND closed_on <= %(through)s
        UNION ALL
        SELECT client_id, product_line FROM clients_cancellation
        WHERE partner_id = %(partner)s AND client_id = ANY(%(clients)s::bigint[]) AND withdrawal_id IS NULL
    ), sales AS MATERIALIZED (
        SELECT id, client_id, closed_on,
               (client_id, product_line) IN (SELECT client_id, product_line FROM cuts)
               OR client_id IN (SELECT client_id FROM cuts WHERE product_line = '') AS cut
        FROM clients_deal
        WHERE partner_id = %(partner)s AND client_id = ANY(%(clients)s::bigint[]) AND withdrawal_id IS NULL
          AND stage = %(won)s AND kind = ANY(%(sales)s) AND origin = %(sourced)s
          AND closed_on BETWEEN %(start)s AND %(through)s
    ), stored AS (
        INSERT INTO commissions_dealearning (partner_id, client_id, deal_id, known_from, first_month, last_month)
        SELECT %(partner)s, client_id, id, closed_on,
               CASE WHEN %(months)s > 0 THEN date_trunc('month', closed_on) END,
               CASE WHEN %(months)s > 0 THEN date_trunc('month', closed_on) + (%(months)s - 1) * interval '1 month' END
        FROM sales WHERE NOT cut
    )
    SELECT id, client_id FROM sales WHERE cut
"""


@transaction.atomic
def ask(*, scope: Scope, line: StatementLine, text: str) -> LineQuestion:
    """Question a line, or rewrite its question; a question that was settled is open again.

    Raises PermissionDenied without the right to question lines.
    """
    scope.require(Permission.QUESTION)
    question, created = LineQuestion.objects.update_or_create(
        partner=scope.partner,
        line=line,
        defaults={"text": text, "status": QuestionStatus.OPEN, "changed_at": Now()},
        create_defaults={"text": text, "asked_by": scope.user},
    )
    audit.record(scope, "question.asked" if created else "question.reworded", subject=str(line))
    return question


@transaction.atomic
def follow_up(*, scope: Scope, question: LineQuestion, status: str, answer: str) -> LineQuestion:
    """Note how far a question has come and what the vendor said. Raises PermissionDenied without the right."""
    scope.require(Permission.QUESTION)
    question.status = status
    question.answer = answer
    question.changed_at = Now()
    question.save(update_fields=["status", "answer", "changed_at"])
    audit.record(scope, "question.followed_up", subject=str(question.line), status=status)
    if status == QuestionStatus.ANSWERED and question.asked_by_id not in (None, scope.user and scope.user.pk):
        noteworthy.send(
            LineQuestion, scope=scope, kind="question_answered", people=[question.asked_by_id],
            key=f"{question.pk}:{clock.now().isoformat()}",
            values={"statement": question.line.statement_id, "line": question.line.line_no},
        )  # fmt: skip
    return question


@transaction.atomic
def withdraw(*, scope: Scope, question: LineQuestion) -> None:
    """Take a question back. Raises PermissionDenied without the right."""
    scope.require(Permission.QUESTION)
    audit.record(scope, "question.withdrawn", subject=str(question.line))
    question.delete()


@receiver(ledger_posted)
def rebuild_after_posting(scope: Scope, client_ids: Collection[int], **_: object) -> None:
    """Rebuild the earnings of clients whose facts changed, or for whom the day of a dated fact has come."""
    state = posting(scope)
    through = state.posted_through if state else scope.today
    rebuild_deal_earnings(scope=scope, client_ids=client_ids, through=through)


@transaction.atomic
def rebuild_deal_earnings(*, scope: Scope, client_ids: Collection[int], through: date) -> None:
    """Replace the stored earnings of these clients by those that their facts up to a day give."""
    DealEarning.objects.filter(partner=scope.partner, client__any=client_ids).delete()
    terms = rulebook(scope).commission
    with connection.cursor() as cursor:
        cursor.execute(
            STORE_WHOLE,
            {
                "partner": scope.partner.pk, "clients": list(client_ids), "start": terms.start, "through": through,
                "months": terms.months, "won": Stage.WON, "sourced": Origin.SOURCED, "sales": [str(kind) for kind in SALES],
                "downgrade": DealKind.DOWNGRADE,
            },
        )  # fmt: skip
        cut = dict(cursor.fetchall())
    rows = [_as_row(scope, known) for known in cut_earnings(scope, cut, through)]
    insert_rows(DealEarning, EARNING_FIELDS, rows)
    if len(client_ids) * DEALS_A_CLIENT >= analyze.MANY_ROWS:
        analyze.analyze_tables([DealEarning])


def _as_row(scope: Scope, known: KnownEarning) -> tuple[object, ...]:
    """Values of `EARNING_FIELDS`."""
    earning = known.earning
    stretches = earning.stretches
    return (
        scope.partner.pk,
        earning.client,
        known.deal,
        known.known_from,
        known.known_until,
        stretches[0].first if stretches else None,
        stretches[-1].last if stretches else None,
        earning.cancelled_on,
        earning.gone_on,
        json.dumps([(f"{row.first}", f"{row.last}", f"{row.mrr}") for row in stretches]) if earning.cut else None,
    )

"""Writes questions about statement lines, and keeps ready which deals earn commission."""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.roles import Permission
from accounts.scope import Scope
from commissions.earnings import worked_out
from commissions.expected import Earning
from commissions.models import DealEarning, LineQuestion, QuestionStatus, StatementLine
from partner_portal.lib.rows.events import ledger_posted

BLOCK = 5_000  # rows a statement


@transaction.atomic
def ask(*, scope: Scope, line: StatementLine, text: str) -> LineQuestion:
    """Question a line, or word its question anew; a question that was settled is open again.

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
    return question


@transaction.atomic
def withdraw(*, scope: Scope, question: LineQuestion) -> None:
    """Take a question back. Raises PermissionDenied without the right."""
    scope.require(Permission.QUESTION)
    audit.record(scope, "question.withdrawn", subject=str(question.line))
    question.delete()


@receiver(ledger_posted)
def ledger_was_posted(sender: Any, scope: Scope, client_ids: Collection[int], **_: Any) -> None:
    """Receiver: the facts of these clients changed, or a day came that something in them is dated."""
    rebuild_deal_earnings(scope=scope, client_ids=client_ids)


@transaction.atomic
def rebuild_deal_earnings(*, scope: Scope, client_ids: Collection[int]) -> None:
    """Keep which deals of these clients earn commission and when, as known today, in place of what was kept of them."""
    DealEarning.objects.filter(partner=scope.partner, client__in=client_ids).delete()
    found = (_kept(scope, deal, each) for deal, each in worked_out(scope, client_ids))
    DealEarning.objects.bulk_create(found, batch_size=BLOCK)


def _kept(scope: Scope, deal: int, found: Earning) -> DealEarning:
    stretches = found.stretches
    return DealEarning(
        partner=scope.partner,
        client_id=found.client,
        deal_id=deal,
        first_month=stretches[0].first if stretches else None,
        last_month=stretches[-1].last if stretches else None,
        cancelled_on=found.cancelled_on,
        gone_on=found.gone_on,
        stretches=[(f"{each.first}", f"{each.last}", f"{each.mrr}") for each in stretches] if found.cut else None,
    )


audit.name_actions(
    {
        "question.asked": _("Statement line questioned"),
        "question.reworded": _("Question about a statement line reworded"),
        "question.followed_up": _("Question about a statement line followed up"),
        "question.withdrawn": _("Question about a statement line withdrawn"),
    }
)

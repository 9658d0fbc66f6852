"""Writes questions about statement lines."""

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.roles import Permission
from accounts.scope import Scope
from commissions.models import LineQuestion, QuestionStatus, StatementLine


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


audit.name_actions(
    {
        "question.asked": _("Statement line questioned"),
        "question.reworded": _("Question about a statement line reworded"),
        "question.followed_up": _("Question about a statement line followed up"),
        "question.withdrawn": _("Question about a statement line withdrawn"),
    }
)

"""Questions about statement lines: those that were asked, and where to ask one."""

from collections.abc import Iterable

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.roles import Permission
from accounts.scope import Scope
from commissions.models import LineQuestion, QuestionStatus


def questions(scope: Scope) -> QuerySet[LineQuestion]:
    """Every question about a line that is not withdrawn, with the line, its client and who asked."""
    asked = LineQuestion.objects.filter(partner=scope.partner, line__withdrawal__isnull=True)
    return asked.select_related("line__client", "asked_by")


def questions_of(scope: Scope, lines_shown: Iterable[int]) -> dict[int, LineQuestion]:
    """The questions about these lines, by the line's primary key."""
    return {question.line_id: question for question in questions(scope).filter(line__in=lines_shown)}


def open_questions(scope: Scope) -> int:
    """Questions that are not settled. Read once per scope."""
    return scope.once("open-questions", questions(scope).exclude(status=QuestionStatus.SETTLED).count)


def question_link(statement: str, line_no: int | str, scope: Scope) -> tuple[str, str] | None:
    """Label and address of the form that questions a line; None for those who may not."""
    if not scope.may(Permission.QUESTION):
        return None
    return _("Query this line"), reverse("commission_question", args=[statement, line_no])

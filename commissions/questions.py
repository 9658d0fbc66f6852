"""Reads the questions that were asked about statement lines."""

from collections.abc import Iterable

from django.db.models import QuerySet

from accounts.scope import Scope
from commissions.models import LineQuestion, QuestionStatus


def questions(scope: Scope) -> QuerySet[LineQuestion]:
    """Every question about a line that is not withdrawn, with the line, its client and who asked."""
    asked = LineQuestion.objects.filter(partner=scope.partner, line__withdrawal__isnull=True)
    return asked.select_related("line__client", "asked_by")


def questions_of(scope: Scope, lines_shown: Iterable[int]) -> dict[int, LineQuestion]:
    """The questions about these lines, by the line's primary key."""
    return {each.line_id: each for each in questions(scope).filter(line__in=lines_shown)}


def open_questions(scope: Scope) -> int:
    """Questions that are not settled."""
    return questions(scope).exclude(status=QuestionStatus.SETTLED).count()

"""Changing the programme's rules."""

from django.db import transaction
from django.db.models import BigIntegerField, Func, Value

from partner_portal.lib.rows import events
from program.models import Program


@transaction.atomic
def rules_changed(*, program: Program) -> None:
    """Move the programme's revision: cached rulebooks go out of use and every ledger is posted again by the next catch-up.

    A sequence gives the number, since processes keep rulebooks by it: a change that is rolled back uses its number up.
    """
    following = Func(Value("program_revision"), function="nextval", output_field=BigIntegerField())
    Program.objects.filter(pk=program.pk).update(revision=following)
    events.rules_changed.send(Program)

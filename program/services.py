"""Registers changes of the programme's rules."""

from django.db import transaction
from django.db.models import BigIntegerField, Func, Value

from partner_portal.lib.rows import events
from program.models import Program


@transaction.atomic
def rules_changed(*, program: Program) -> None:
    """Move the programme's revision, so that cached rulebooks are dropped and every ledger is posted again.

    A sequence gives the number: processes cache rulebooks by it, so the number of a change that is rolled back is never
    given again.
    """
    following = Func(Value("program_revision"), function="nextval", output_field=BigIntegerField())
    Program.objects.filter(pk=program.pk).update(revision=following)
    events.rules_changed.send(Program)

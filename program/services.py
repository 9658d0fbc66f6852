"""Changing the programme's rules."""

from django.db import transaction
from django.db.models import F

from program.models import Program


@transaction.atomic
def rules_changed(*, program: Program) -> None:
    """Move the programme's revision: cached rulebooks go out of use and every ledger is posted again by the next catch-up."""
    Program.objects.filter(pk=program.pk).update(revision=F("revision") + 1)

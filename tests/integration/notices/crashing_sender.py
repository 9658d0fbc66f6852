"""A worker that kills itself with SIGKILL at chosen moments of sending digests; run by `test_digest_kills` on its own.

Each attempt is a child made by `fork`, so that Django starts once; the parent never connects to the database.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

MOMENTS = (
    "claiming",  # the run is written, not committed
    "claimed",  # committed, nobody was told
    "composing",  # the lock is held, the digest half made
    "connected",  # the mail server has answered, nothing was said
    "half a mail",  # the mail server has a part of the text
    "accepted",  # the mail server has taken it, nobody has noted that
    "noting",  # noted, not committed
    "noted",  # committed, the queue not told that the task is done
)
RETRY = timedelta(minutes=6)  # later than a run counts as lost
HALF = 2


def run(partner_id: int, first_slot: datetime, moments: list[str]) -> None:
    """For each moment, on a day of its own: a worker that dies then, one that takes up what is open, and a second delivery."""
    for number, moment in enumerate(moments):
        slot = first_slot + timedelta(days=number)
        in_child(partial(_make_due, partner_id, slot))
        assert in_child(partial(_tick, partner_id, slot, moment)), f"nobody died at “{moment}”"
        in_child(_wait_until_the_server_has_noticed)
        assert not in_child(partial(_tick, partner_id, slot + RETRY, ""))
        assert not in_child(partial(_deliver_again, partner_id, slot))


def in_child(do: Callable[[], object]) -> bool:
    """Call it in a child. Returns whether it was killed; raises when it failed in any other way."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            do()
            code = 0
        finally:
            os._exit(code)
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, do
    return False


def kill_self(*_: object, **__: object) -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def _make_due(partner_id: int, slot: datetime) -> None:
    """Let everybody's digest be due at the slot, with a figure that has changed since the last."""
    from accounts.models import Partner
    from accounts.scope import partner_scope
    from notices.models import NoticeSettings

    with partner_scope(Partner.objects.get(pk=partner_id)):
        for chosen in NoticeSettings.objects.exclude(digest=""):
            chosen.next_slot = slot
            chosen.figures = chosen.figures | {"total": "1"} if chosen.figures else {}
            chosen.save()


def _tick(partner_id: int, now: datetime, moment: str) -> None:
    """What the clock and the worker do, until the moment."""
    from accounts.models import Partner
    from notices import sending

    _die_at(moment)
    for run_id in sending.claim_digests(partner=Partner.objects.get(pk=partner_id), now=now):
        if moment == "claimed":
            kill_self()
        sending.send_digest(partner_id=partner_id, run_id=run_id)
        if moment == "noted":
            kill_self()


def _die_at(moment: str) -> None:
    import smtplib

    from notices import sending

    if moment == "claiming":
        sending.next_slots = kill_self  # type: ignore[assignment]
    elif moment == "composing":
        sending.mails.digest_mail = kill_self  # type: ignore[assignment]
    elif moment == "connected":
        smtplib.SMTP.sendmail = kill_self  # type: ignore[assignment, method-assign]
    elif moment == "half a mail":
        smtplib.SMTP.data = _send_half  # type: ignore[method-assign]
    elif moment == "accepted":
        sending.NoticeSettings.objects.filter = _killing(sending.NoticeSettings.objects.filter, "figures")
    elif moment == "noting":
        sending._end = _killing_end(sending._end)


def _send_half(server: Any, text: Any) -> None:
    server.docmd("DATA")
    server.send(text[: len(text) // HALF])
    kill_self()


def _killing(find: Callable[..., Any], _field: str) -> Callable[..., Any]:
    """The settings are looked for by their key only to note what was sent."""

    def found(*arguments: Any, **values: Any) -> Any:
        if set(values) == {"pk"}:
            kill_self()
        return find(*arguments, **values)

    return found


def _killing_end(end: Callable[..., str]) -> Callable[..., str]:
    def ended(*arguments: Any) -> str:
        end(*arguments)
        kill_self()
        return ""

    return ended


def _wait_until_the_server_has_noticed() -> None:
    from partner_portal.lib.db.locks import DIGEST_RUN, held_keys

    while held_keys(DIGEST_RUN):
        time.sleep(0.02)


def _deliver_again(partner_id: int, slot: datetime) -> None:
    """The queue delivers every task of the slot once more."""
    from accounts.models import Partner
    from accounts.scope import partner_scope
    from notices import sending
    from notices.models import DigestRun

    with partner_scope(Partner.objects.get(pk=partner_id)):
        runs = list(DigestRun.objects.filter(slot=slot).values_list("pk", flat=True))
    assert runs
    for run_id in runs:
        assert sending.send_digest(partner_id=partner_id, run_id=run_id) == "sent"


if __name__ == "__main__":
    import django

    django.setup()
    run(int(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), sys.argv[3].split(","))

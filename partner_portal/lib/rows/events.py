"""Signals between apps, sent in the same transaction: facts came in, the ledger was posted, rules changed, figures are about
to be read, somebody left, mail domains are about to change, something is worth a notice.

facts_committed: scope, client_ids (a set of primary keys whose facts changed; None for all), batch_id (None when a person
                 withdrew or restored facts) and, from an import, progress, which a long receiver may call with how many of
                 how many clients are done. It is also sent when an import is only tried and then undone: a receiver does
                 nothing that a rollback leaves behind. What its answer's `summary` holds is stored with the batch.
ledger_posted:   scope, client_ids (the primary keys of the clients whose facts were read).
figures_settled: scope, and rows (how many facts were written). Sent once everything is written that figures depend on, by an
                 import, an undo, and a posting by the clock or under other rules: what takes long is worked out before anybody
                 can see the new figures. Never sent when an import is only tried.
rules_changed:   nothing more; the programme's rules are everybody's.
figures_wanted:  scope. Sent before rows are read for somebody who is on no page, such as a file that is due: stored sums are
                 brought up to date first.
import_written:  scope, batch (an `ImportBatch`). Sent once an import is really written, not when it is tried or undone.
import_discarded: scope, batch. Sent when an import that was not written is discarded.
member_left:     scope of the one who ended the membership or closed the account, and user. Receivers end whatever gave that
                 person access in the scope's partner, so that nothing works again when they come back. They may answer with
                 a sentence for that reader: what became of what the person left behind.
mail_domains_asked: scope and domains (a set: what would be allowed if the settings were saved). Sent before anything changes.
                 Receivers answer with sentences for the reader, each naming something that would stop.
noteworthy:      scope, kind (a `notices.kinds.NoticeKind`), key (names the event among those of its kind), values (what its
                 sentence needs, as JSON) and people (primary keys of whom it concerns; None for all who may see it). Sent in
                 the transaction that makes it true; the same event sent again is told only once.
credentials_rotated: scope. Sent inside the partner while its secrets are encrypted with the newest key. Receivers answer with
                 how many they encrypted, and the names of those that cannot be read.
attended:        scope, kind and key of an event that the scope's user has dealt with, so that its notice counts as read.
"""

from django.dispatch import Signal

from partner_portal.lib.scope import Scope

facts_committed = Signal()
ledger_posted = Signal()
figures_settled = Signal()
rules_changed = Signal()
figures_wanted = Signal()
import_written = Signal()
import_discarded = Signal()
member_left = Signal()
mail_domains_asked = Signal()
noteworthy = Signal()
attended = Signal()
credentials_rotated = Signal()


def commit_facts(
    sender: object, *, scope: Scope, client_ids: set[int], batch_id: int | None, **progress: object
) -> dict[str, object]:
    """Send `facts_committed`. Returns the summaries that the receivers answer with, merged."""
    points: dict[str, object] = {}
    answers = facts_committed.send(sender, scope=scope, client_ids=client_ids, batch_id=batch_id, **progress)
    for _receiver, answer in answers:
        points |= getattr(answer, "summary", {})
    return points

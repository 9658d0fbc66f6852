"""What one part of the portal tells the others, in the same transaction: facts came in, the ledger was posted, somebody left.

facts_committed: scope, client_ids (a set of primary keys whose facts changed; None for all), batch_id, and progress, which
                 a long receiver may call with how many of how many clients are done. It is also sent when an import is only
                 tried and then undone: a receiver does nothing that a rollback leaves behind. What its answer's `summary`
                 holds is kept with the batch.
ledger_posted:   scope, client_ids (the primary keys of the clients whose facts were looked at).
member_left:     scope of the one who ended the membership, and user. Receivers may answer with a sentence for that reader: what
                 became of what the person left behind.
"""

from django.dispatch import Signal

facts_committed = Signal()
ledger_posted = Signal()
member_left = Signal()

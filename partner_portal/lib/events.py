"""What one part of the portal tells the parts above it, in the same transaction: facts came in, the ledger was posted.

facts_committed: scope, client_ids (a set of primary keys whose facts changed; None for all), batch_id.
ledger_posted:   scope.
"""

from django.dispatch import Signal

facts_committed = Signal()
ledger_posted = Signal()

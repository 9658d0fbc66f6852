"""Sentences that explain a client's state (`ledger.client_states`)."""

from django.utils.translation import gettext_lazy as _

from ledger.client_states import ClientState, Reason
from partner_portal.formats.days import day_text
from partner_portal.lib.sentences import listed

TEXTS = {
    Reason.NOTHING: _("No won deal, no service and no MRR above 0 is known."),
    Reason.CANCELLED: _("The whole client was cancelled on %(day)s, and nothing was sold or managed since."),
    Reason.LINES_CANCELLED: _("Every product line sold is cancelled, and no service is in force."),
    Reason.NO_MRR: _(
        "MRR was 0 in the latest month of its history, with no service in force and no renewal to decide."
    ),
    Reason.MANAGED: _("A service is in force."),
    Reason.PAYS: _("It paid in the latest month of its MRR history."),
    Reason.LINE: _("Sold and not cancelled: %(lines)s."),
    Reason.UNDECIDED: _(
        "MRR was 0 in the latest month of its history, but a renewal is not decided: the decision would tell."
    ),
    Reason.TOO_LITTLE: _(
        "Nothing imported says whether this is a client today. Its MRR history, a won deal or a service would tell."
    ),
}


def state_text(state: ClientState) -> str:
    """Sentence with the fact that decides the state; for an unknown state, with the data that would decide it."""
    return str(TEXTS[state.reason]) % {
        "day": day_text(state.cancelled_on) if state.cancelled_on else "",
        "lines": listed(state.lines),
    }

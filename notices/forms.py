"""Forms of notices: the filter of the inbox."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from notices.kinds import KINDS, visible_kinds
from partner_portal.lib.web.choices import set_choices


class InboxForm(forms.Form):
    """Filters the inbox by kind, and by whether a notice was read."""

    kind = forms.ChoiceField(label=_("Kind"), required=False)
    unread = forms.BooleanField(label=_("Unread only"), required=False)

    def __init__(self, data: dict[str, str], *, scope: Scope) -> None:
        super().__init__(data)
        kinds = ((kind.value, KINDS[kind].label) for kind in visible_kinds(scope.role))
        set_choices(self, "kind", [("", _("All kinds")), *kinds])

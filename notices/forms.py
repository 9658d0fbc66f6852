"""Forms of notices: the filter of the inbox, and which notices a person wants."""

from collections.abc import Mapping

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from notices.channels import channel_kinds
from notices.kinds import KINDS, Place, visible_kinds
from notices.models import ChannelKind, Digest
from partner_portal.lib.web.choices import set_choices

TIME = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


class InboxForm(forms.Form):
    """Filters the inbox by kind, and by whether a notice was read."""

    kind = forms.ChoiceField(label=_("Kind"), required=False)
    unread = forms.BooleanField(label=_("Unread only"), required=False)

    def __init__(self, data: dict[str, str], *, scope: Scope) -> None:
        super().__init__(data)
        kinds = ((kind.value, KINDS[kind].label) for kind in visible_kinds(scope.role))
        set_choices(self, "kind", [("", _("All kinds")), *kinds])


PLACES = {Place.BELL: _("Bell"), Place.MAIL: _("Mail at once"), Place.DIGEST: _("Digest")}


class SettingsForm(forms.Form):
    """Which kinds, where, when not, and the digest. The fields of kinds are named `kind-place`."""

    fall = forms.IntegerField(
        label=_("Tell me when points fall in a week by more than"), min_value=0, max_value=1_000_000
    )
    quiet_from = forms.TimeField(label=_("No mails from"), required=False, widget=TIME)
    quiet_until = forms.TimeField(label=_("until"), required=False, widget=TIME)
    digest = forms.ChoiceField(label=_("Digest"), choices=Digest.choices, required=False)
    digest_at = forms.TimeField(label=_("At"), widget=TIME)

    def __init__(self, data: Mapping[str, str] | None = None, *, scope: Scope, initial: dict[str, object]) -> None:
        super().__init__(data, initial=initial)
        self.kinds = list(visible_kinds(scope.role))
        for kind in self.kinds:
            for place, label in PLACES.items():
                name = _("%(kind)s: %(place)s") % {"kind": KINDS[kind].label, "place": label}
                self.fields[f"{kind}-{place}"] = forms.BooleanField(label=name, required=False)

    def clean(self) -> None:
        super().clean()
        given = [self.cleaned_data.get(name) for name in ("quiet_from", "quiet_until")]
        if any(given) and not all(given) and not self.errors:
            self.add_error("quiet_until", _("Enter both times, or neither."))

    def rows(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Each kind's name with its checkboxes, in the order of PLACES."""
        return [(str(KINDS[kind].label), [self[f"{kind}-{place}"] for place in PLACES]) for kind in self.kinds]

    def chosen_places(self) -> dict[str, list[str]]:
        """The chosen places of each kind. Needs a valid form."""
        return {
            kind.value: [place.value for place in PLACES if self.cleaned_data[f"{kind}-{place}"]] for kind in self.kinds
        }


class ChannelForm(forms.Form):
    """What is posted to a channel."""

    kinds = forms.MultipleChoiceField(label=_("What to send"), widget=forms.CheckboxSelectMultiple, required=False)

    def __init__(self, data: Mapping[str, str] | None = None, *, initial: dict[str, object] | None = None) -> None:
        super().__init__(data, initial=initial)
        set_choices(self, "kinds", [(kind.value, KINDS[kind].label) for kind in channel_kinds()])


class NewChannelForm(ChannelForm):
    """A new channel: its address, and what is posted to it."""

    kind = forms.ChoiceField(label=_("Kind"), choices=ChannelKind.choices)
    label = forms.CharField(label=_("Name"), max_length=120)
    address = forms.CharField(
        label=_("Address"),
        max_length=2000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("The address of the incoming webhook. It is stored encrypted, and nobody can read it here again."),
    )

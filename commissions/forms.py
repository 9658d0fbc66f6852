"""What somebody may ask of commissions: a range of payments, a statement's lines, a standing, a quarter, a cause."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from commissions.models import LineStatus, QuestionStatus
from commissions.outlook import next_quarters
from commissions.quarter_variance import past_quarters
from commissions.variance import CAUSES
from ledger.forms import RangeForm
from partner_portal.lib.forgiving_form import ForgivingForm
from partner_portal.lib.months import months_between, quarter_of

CAUSE_LABELS = {
    "recompute": _("Does not recompute"),
    "reversed": _("Reversal"),
    "rate": _("Other rate"),
    "fx": _("Other exchange rate"),
    "cancelled": _("Paid after the cancellation"),
    "downgraded": _("Downgraded"),
    "revenue": _("Net revenue is not the MRR"),
    "missing": _("Missing line"),
    "not_earning": _("Deal earns no commission then"),
    "other_quarter": _("Month of another quarter"),
    "twice": _("Second line of a month"),
}
STANDING_LABELS = {
    "paid": _("Paid"),
    "scheduled": _("Scheduled"),
    "overdue": _("Overdue"),
    "draft": _("Draft"),
    "withheld": _("Withheld"),
    "forfeited": _("Forfeited"),
}
SHOWN = {"variance": _("Lines that do not recompute"), "reversal": _("Reversals"), "questioned": _("Questioned lines")}


DIFFERENCES = {
    "questioned": _("On questioned lines"),
    "vendor": _("On questioned lines, and missing lines"),
}


class PaidForm(RangeForm):
    """A range of payments."""

    range_prefix = "pay_"
    default_range = "last-12-months"


class LinesForm(ForgivingForm):
    """Lines of one statement, or of all, that stand somewhere or need a look."""

    statement = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)
    standing = forms.ChoiceField(
        label=_("Standing"), required=False, choices=[("", _("All lines")), *STANDING_LABELS.items()]
    )
    show = forms.ChoiceField(label=_("Show"), required=False, choices=[("", _("All lines")), *SHOWN.items()])


class ExpectedForm(ForgivingForm):
    """One of the next four quarters, or all; one client, by its id, or all."""

    quarter = forms.ChoiceField(label=_("Quarter"), required=False)
    client = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, scope: Scope, **kwargs: Any) -> None:
        super().__init__(data, scope=scope, **kwargs)
        first, last = next_quarters(scope.today)
        quarters = sorted({quarter_of(month) for month in months_between(first, last)})
        self.fields["quarter"].choices = [  # type: ignore[attr-defined]
            ("", _("All four quarters")),
            *((quarter, quarter_text(quarter)) for quarter in quarters),
        ]


class VarianceForm(ForgivingForm):
    """A past quarter or all, a cause, what the vendor is to explain, a client by its id."""

    quarter = forms.ChoiceField(label=_("Quarter"), required=False)
    cause = forms.ChoiceField(
        label=_("Cause"), required=False, choices=[("", _("All causes")), *((c, CAUSE_LABELS[c]) for c in CAUSES)]
    )
    show = forms.ChoiceField(
        label=_("Show"), required=False, choices=[("", _("All differences")), *DIFFERENCES.items()]
    )
    client = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, scope: Scope, **kwargs: Any) -> None:
        super().__init__(data, scope=scope, **kwargs)
        self.quarters = past_quarters(scope)
        self.fields["quarter"].choices = [  # type: ignore[attr-defined]
            ("", _("All past quarters")),
            *((quarter, quarter_text(quarter)) for quarter in self.quarters),
        ]


class QuestionsForm(ForgivingForm):
    """Questions that stand somewhere."""

    status = forms.ChoiceField(
        label=_("Status"), required=False, choices=[("", _("All questions")), *QuestionStatus.choices]
    )


class QuestionForm(forms.Form):
    """A question about a line."""

    text = forms.CharField(
        label=_("What should the vendor explain?"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("The line's numbers go along with it."),
    )


class FollowUpForm(forms.Form):
    """How far a question has come."""

    status = forms.ChoiceField(label=_("Status"), choices=QuestionStatus.choices)
    answer = forms.CharField(
        label=_("Answer of the vendor"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )


def quarter_text(quarter: str) -> str:
    """`2026-Q3` as people write it: `Q3 2026`."""
    year, _dash, number = quarter.partition("-")
    return f"{number} {year}"


STATUS_LABELS = dict(LineStatus.choices)

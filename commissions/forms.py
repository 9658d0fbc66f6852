"""Forms that filter commissions: by range of payments, statement, standing, quarter and cause."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from commissions.models import QuestionStatus
from commissions.outlook import quarters
from commissions.quarter_variance import past_quarters
from commissions.variance import CAUSES, CHECKS
from ledger.forms import RangeForm
from partner_portal.formats.days import quarter_text
from partner_portal.lib.rows.datasets import Params
from partner_portal.lib.rows.forms import DatasetForm
from partner_portal.lib.web.choices import set_choices
from program.labels import labels
from program.terms import PaymentStanding

CAUSE_LABELS = {
    "recompute": _("Does not add up"),
    "reversed_twice": _("Reversed twice"),
    "reversed_too_much": _("Reversed too much"),
    "reversal_currency": _("Reversed in another currency"),
    "reversal_rate": _("Reversed at another rate"),
    "reversal_fx": _("Reversed at another exchange rate"),
    "reversed": _("Reversal"),
    "rate": _("Other rate"),
    "fx": _("Other exchange rate"),
    "cancelled": _("Paid after the cancellation"),
    "downgraded": _("Downgraded"),
    "revenue": _("Net revenue differs from MRR"),
    "missing": _("Missing line"),
    "not_earning": _("Deal earns no commission then"),
    "other_quarter": _("Month of another quarter"),
    "twice": _("Second line of a month"),
}
STATEMENT_LABELS = labels(PaymentStanding)
STANDING_LABELS = {name: text for name, text in STATEMENT_LABELS.items() if name != PaymentStanding.SETTLED}
# Over several standings at once, in the order of the labels above.
STANDING_GROUPS = {
    "unpaid": (_("Scheduled or overdue"), (PaymentStanding.SCHEDULED, PaymentStanding.OVERDUE)),
    "held": (_("Withheld or forfeited"), (PaymentStanding.WITHHELD, PaymentStanding.FORFEITED)),
}
SHOWN = {
    "variance": _("Lines that don’t add up"),
    "clawback": _("Reversals that do not match their line"),
    "reversal": _("Reversals"),
    "questioned": _("Queries"),
}
QUARTER = r"^\d{4}-Q[1-4]$"

DIFFERENCES = {
    "questioned": _("On queried lines"),
    "vendor": _("On queried lines, lines with a variance, and missing lines"),
}


class PaidForm(RangeForm):
    """A range of payments."""

    range_prefix = "pay_"
    default_range = "last-12-months"


class LinesForm(DatasetForm):
    """Filters statement lines by statement, client, quarter, standing and problem."""

    statement = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)
    client = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)
    quarter = forms.RegexField(QUARTER, required=False, widget=forms.HiddenInput)
    standing = forms.ChoiceField(
        label=_("Standing"),
        required=False,
        choices=[
            ("", _("All lines")),
            *STANDING_LABELS.items(),
            *((name, label) for name, (label, _standings) in STANDING_GROUPS.items()),
        ],
    )
    show = forms.ChoiceField(label=_("Show"), required=False, choices=[("", _("All lines")), *SHOWN.items()])


class StatementsForm(DatasetForm):
    """Filters statements by standing."""

    standing = forms.ChoiceField(
        label=_("Standing"), required=False, choices=[("", _("All statements")), *STATEMENT_LABELS.items()]
    )


class ChecksForm(DatasetForm):
    """Variances of one statement or of all, of one cause."""

    statement = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)
    cause = forms.ChoiceField(
        label=_("Cause"),
        required=False,
        choices=[
            ("", _("All causes")),
            ("reversals", _("All variances of reversals")),
            *((cause, CAUSE_LABELS[cause]) for cause in CHECKS),
        ],
    )


class OffsetsForm(DatasetForm):
    """Negative statements: all, or only those with something left to be offset."""

    show = forms.ChoiceField(
        label=_("Show"),
        required=False,
        choices=[("", _("All negative statements")), ("left", _("With something left to be offset"))],
    )
    quarter = forms.RegexField(QUARTER, required=False, widget=forms.HiddenInput)


class EarningForm(DatasetForm):
    """Deals that earn in the next four quarters, or still today; of one client, by its id, or of all."""

    show = forms.ChoiceField(
        label=_("Show"),
        required=False,
        choices=[("", _("Earning in the next four quarters")), ("now", _("Earning today"))],
    )
    client = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)


class ExpectedForm(DatasetForm):
    """The next four quarters, or one of these or of the past; one client, by its id, or all."""

    quarter = forms.ChoiceField(label=_("Quarter"), required=False)
    client = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)

    def __init__(self, data: Params | None = None, *, scope: Scope) -> None:
        super().__init__(data, scope=scope)
        every = quarters(scope)
        ahead, over = [row for row in every if not row.over], [row for row in reversed(every) if row.over]
        set_choices(
            self,
            "quarter",
            [
                ("", _("All four quarters")),
                *((row.quarter, quarter_text(row.quarter)) for row in ahead + over),
            ],
        )


class VarianceForm(DatasetForm):
    """A past quarter or all, a cause, what the vendor is to explain, a client by its id."""

    quarter = forms.ChoiceField(label=_("Quarter"), required=False)
    cause = forms.ChoiceField(
        label=_("Cause"), required=False, choices=[("", _("All causes")), *((c, CAUSE_LABELS[c]) for c in CAUSES)]
    )
    show = forms.ChoiceField(
        label=_("Show"), required=False, choices=[("", _("All differences")), *DIFFERENCES.items()]
    )
    client = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)

    def __init__(self, data: Params | None = None, *, scope: Scope) -> None:
        super().__init__(data, scope=scope)
        self.quarters = past_quarters(scope)
        set_choices(
            self,
            "quarter",
            [
                ("", _("All past quarters")),
                *((quarter, quarter_text(quarter)) for quarter in self.quarters),
            ],
        )


class QuestionsForm(DatasetForm):
    """Filters questions by status."""

    status = forms.ChoiceField(
        label=_("Status"),
        required=False,
        choices=[("", _("All queries")), ("unsettled", _("Not settled")), *QuestionStatus.choices],
    )


class QuestionForm(forms.Form):
    """A question about a line."""

    text = forms.CharField(
        label=_("What should the vendor explain?"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("We include the line's figures."),
    )


class FollowUpForm(forms.Form):
    """How far a question has come."""

    status = forms.ChoiceField(label=_("Status"), choices=QuestionStatus.choices)
    answer = forms.CharField(
        label=_("Answer of the vendor"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

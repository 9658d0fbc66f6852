"""What the panes ask: how a file, a list, a report or a schedule is wanted."""

import uuid
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.validators import validate_email
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.rows.datasets import Selection
from partner_portal.lib.rows.forms import DatasetForm
from partner_portal.lib.web.one_line import OneLineField
from partner_portal.lib.web.whole_number import whole_number
from reports.definitions import clean_file_name
from reports.dialects import DIALECTS, dialect_for
from reports.models import Chart, Comparison, Delivery, Format, Frequency, WhenEmpty
from reports.queries.schedules import review_days
from reports.schedule import FIRST_WORKDAY, LAST, Rule, next_slots

SHOWN, ALL = "shown", "all"


class ExportForm(forms.Form):
    """Name, format, dialect and columns of a file."""

    name = forms.CharField(label=_("File name"), max_length=150)
    format = forms.ChoiceField(label=_("Format"), choices=Format.choices, initial=Format.XLSX)
    dialect = forms.ChoiceField(label=_("CSV dialect"), choices=[(d.key, d.label) for d in DIALECTS.values()])
    columns = forms.ChoiceField(label=_("Columns"), choices=[(SHOWN, SHOWN), (ALL, ALL)], initial=SHOWN)
    stable_names = forms.BooleanField(
        label=_("Stable names as heads"), required=False, help_text=_("For programs: the same in every language.")
    )
    mail_when_ready = forms.BooleanField(label=_("Mail me when it is ready"), required=False)

    def __init__(self, data: Any = None, *, selection: Selection, name: str) -> None:
        super().__init__(
            data,
            auto_id="export-%s",
            initial={
                "name": name, "format": Format.XLSX, "columns": SHOWN, "dialect": dialect_for(selection.scope.locale).key,
            },
        )  # fmt: skip
        self.selection = selection

    def clean_name(self) -> str:
        name = clean_file_name(self.cleaned_data["name"])
        if not name:
            raise forms.ValidationError(_("Give the file a name of letters or digits."))
        return name

    def column_names(self) -> tuple[str, ...]:
        """The columns wanted, in order."""
        dataset, scope = self.selection.dataset, self.selection.scope
        columns = self.selection.columns if self.cleaned_data["columns"] == SHOWN else dataset.permitted(scope)
        return tuple(column.name for column in columns)


class OfListForm(DatasetForm):
    """Which list's members."""

    of = forms.IntegerField(required=False, min_value=0, max_value=2**62)

    def clean(self) -> dict[str, Any]:
        self._errors = forms.utils.ErrorDict()
        return {"of": self.cleaned_data.get("of") or 0}


class UseInListForm(forms.Form):
    """A new list, or an existing one to add to. `key` makes the form count once, however often it is sent."""

    NEW, OLD = "new", "old"
    where = forms.ChoiceField(choices=[(NEW, NEW), (OLD, OLD)], initial=NEW)
    name = OneLineField(label=_("Name"), max_length=120, required=False)
    kept_list = forms.ChoiceField(label=_("Existing list"), required=False)
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, lists: list[tuple[str, str]], name: str) -> None:
        super().__init__(data, auto_id="list-%s", initial={"where": self.NEW, "name": name[:120], "key": uuid.uuid4()})
        self.fields["kept_list"].choices = lists  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("where") == self.NEW and not cleaned.get("name") and "name" not in self.errors:
            self.add_error("name", _("Give the list a name."))
        if cleaned.get("where") == self.OLD and not cleaned.get("kept_list") and "kept_list" not in self.errors:
            self.add_error("kept_list", _("Choose a list."))
        return cleaned


class NameForm(forms.Form):
    """A new name."""

    name = OneLineField(label=_("Name"), max_length=120)


class ReportForm(forms.Form):
    """How a view is kept: name, days, columns in order, looks, and who may open it."""

    FIXED, MOVING = "fixed", "moving"
    name = OneLineField(label=_("Name"), max_length=120)
    description = OneLineField(label=_("What it is for"), max_length=500, required=False)
    days = forms.ChoiceField(choices=[(MOVING, MOVING), (FIXED, FIXED)], required=False)
    comparison = forms.ChoiceField(label=_("Compare with"), choices=Comparison.choices, required=False)
    chart = forms.ChoiceField(label=_("Chart"), choices=Chart.choices, required=False)
    shared = forms.BooleanField(required=False)
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, selection: Selection, initial: dict[str, Any] | None = None) -> None:
        super().__init__(
            data, auto_id="report-%s", initial={"key": uuid.uuid4(), "days": self.MOVING} | (initial or {})
        )
        self.selection = selection

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.chosen_columns():
            self.add_error(None, _("Choose at least one column."))
        return cleaned

    def chosen_columns(self) -> list[str]:
        """The ticked columns by the numbers given to them; the order of the list decides between equals."""
        permitted = [column.name for column in self.selection.dataset.permitted(self.selection.scope)]
        given: QueryDict = self.data  # type: ignore[assignment]
        ticked = [name for name in given.getlist("column") if name in permitted]

        def place(name: str) -> int:
            return whole_number(self.data.get(f"place-{name}"), digits=3, default=999)

        return sorted(dict.fromkeys(ticked), key=place)

    @property
    def offered(self) -> list[dict[str, Any]]:
        """Every permitted column: the shown ones first, in order, each with its place."""
        shown = self.chosen_columns() if self.is_bound else [column.name for column in self.selection.columns]
        permitted = {column.name: column for column in self.selection.dataset.permitted(self.selection.scope)}
        order = [*shown, *(name for name in permitted if name not in shown)]
        return [
            {"name": name, "label": permitted[name].label, "shown": name in shown, "place": number}
            for number, name in enumerate(order, 1)
        ]


WEEKDAYS = [
    (0, _("Monday")), (1, _("Tuesday")), (2, _("Wednesday")), (3, _("Thursday")), (4, _("Friday")), (5, _("Saturday")),
    (6, _("Sunday")),
]  # fmt: skip
MONTH_DAYS = [
    (FIRST_WORKDAY, _("First working day")),
    (LAST, _("Last day")),
    *((day, str(day)) for day in range(1, 32)),
]


def when_empty(selection: Selection) -> str:
    """What a new schedule of these rows does without rows: that there is no money to report is news, so it is sent."""
    return WhenEmpty.SEND if selection.dataset.permission == Permission.VIEW_MONEY else WhenEmpty.SKIP


class ScheduleForm(forms.Form):
    """When a report goes out, to whom, and how."""

    name = OneLineField(label=_("Name of the report"), max_length=120, required=False)
    frequency = forms.ChoiceField(label=_("How often"), choices=Frequency.choices, initial=Frequency.WEEKLY)
    weekday = forms.TypedChoiceField(label=_("On"), choices=WEEKDAYS, coerce=int, initial=0, required=False)
    month_day = forms.TypedChoiceField(
        label=_("Day of the month"), choices=MONTH_DAYS, coerce=int, initial=FIRST_WORKDAY, required=False
    )
    at = forms.TimeField(label=_("At"), initial="07:30", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    zone = forms.ChoiceField(label=_("Time zone"))
    format = forms.ChoiceField(label=_("Format"), choices=Format.choices, initial=Format.XLSX)
    dialect = forms.ChoiceField(label=_("CSV dialect"), choices=[(d.key, d.label) for d in DIALECTS.values()])
    delivery = forms.ChoiceField(label=_("What members get"), choices=Delivery.choices, initial=Delivery.LINK)
    when_empty = forms.ChoiceField(label=_("When there are no rows"), choices=WhenEmpty.choices, initial=WhenEmpty.SKIP)
    people = forms.TypedMultipleChoiceField(
        label=pgettext_lazy("recipients", "To"), coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    outside = forms.CharField(label=_("Outside addresses"), required=False, max_length=1000)
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(
        self, data: Any = None, *, scope: Scope, people: list[Any], domains: frozenset[str], initial: dict[str, Any]
    ) -> None:
        zone = scope.partner.time_zone
        start = {
            "key": uuid.uuid4(), "zone": zone, "dialect": dialect_for(scope.locale).key,
            "people": [scope.user.pk] if scope.user else [],
        }  # fmt: skip
        super().__init__(data, auto_id="schedule-%s", initial=start | initial)
        self.reviews = review_days(scope)
        if not self.reviews:
            self.fields["frequency"].choices = [  # type: ignore[attr-defined]
                choice for choice in Frequency.choices if choice[0] != Frequency.REVIEWS
            ]
        zones = sorted({zone, "UTC", str(initial.get("zone", zone))})
        self.fields["zone"].choices = [(each, each) for each in zones]  # type: ignore[attr-defined]
        own = scope.user.pk if scope.user else None
        self.fields["people"].choices = [  # type: ignore[attr-defined]
            (each.pk, _("%(name)s (you)") % {"name": each} if each.pk == own else str(each)) for each in people
        ]
        self.fields["outside"].help_text = (
            _("Allowed: %(domains)s. They get nothing until they say yes.") % {"domains": ", ".join(sorted(domains))}
            if domains
            else _("An admin has to allow their mail domain first, under Settings.")
        )

    def clean_outside(self) -> list[str]:
        addresses = self.cleaned_data["outside"].replace(",", " ").replace(";", " ").lower().split()
        for address in addresses:
            validate_email(address)
        return list(dict.fromkeys(addresses))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        frequency = cleaned.get("frequency")
        day = cleaned.get("weekday") if frequency == Frequency.WEEKLY else cleaned.get("month_day")
        by_day = frequency in {Frequency.WEEKLY, Frequency.MONTHLY, Frequency.QUARTERLY}
        cleaned["day"] = day if by_day and day not in (None, "") else 0
        return cleaned

    @property
    def values(self) -> dict[str, Any]:
        """The fields of a schedule."""
        names = ("frequency", "day", "at", "zone", "format", "dialect", "delivery", "when_empty")
        return {name: self.cleaned_data[name] for name in names}

    def next_three(self, now: datetime) -> list[datetime]:
        """The next slots of what is chosen, or of what the form starts with; none while it is wrong."""
        if self.is_bound:
            if not self.is_valid():
                return []
            given = self.cleaned_data
            rule = Rule(given["frequency"], given["at"], given["zone"], given["day"], self.reviews)
        else:
            start = {name: self.get_initial_for_field(self.fields[name], name) for name in self.fields}
            day = start["weekday"] if start["frequency"] == Frequency.WEEKLY else start["month_day"]
            at = start["at"] if isinstance(start["at"], time) else time.fromisoformat(start["at"])
            by_day = start["frequency"] in {Frequency.WEEKLY, Frequency.MONTHLY, Frequency.QUARTERLY}
            rule = Rule(start["frequency"], at, start["zone"], day if by_day else 0, self.reviews)
        return [slot.astimezone(ZoneInfo(rule.zone)) for slot in next_slots(rule, now)]

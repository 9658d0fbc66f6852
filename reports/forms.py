"""Forms of the panes that make a file, a list, a report or a schedule."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any, TypedDict
from zoneinfo import ZoneInfo

from django import forms
from django.core.validators import validate_email
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.rows.datasets import Label, Selection
from partner_portal.lib.rows.forms import DatasetForm
from partner_portal.lib.web.one_line import OneLineField
from partner_portal.lib.web.whole_number import whole_number
from reports.definitions import ReportAppearance, clean_file_name
from reports.dialects import DIALECTS, dialect_for
from reports.models import Chart, Comparison, Delivery, Format, Frequency, Schedule, WhenEmpty
from reports.queries.schedules import review_days
from reports.schedule import FIRST_WORKDAY, LAST, Rule, ScheduleValues, next_slots

SHOWN, ALL = "shown", "all"


def _set_choices(form: forms.Form, name: str, choices: Sequence[tuple[object, object]]) -> None:
    field = form.fields[name]
    if isinstance(field, forms.ChoiceField):
        field.choices = choices


class ExportForm(forms.Form):
    """Name, format, dialect and columns of a file."""

    name = forms.CharField(label=_("File name"), max_length=150)
    format = forms.ChoiceField(label=_("Format"), choices=Format.choices, initial=Format.XLSX)
    dialect = forms.ChoiceField(label=_("CSV dialect"), choices=[(d.key, d.label) for d in DIALECTS.values()])
    columns = forms.ChoiceField(label=_("Columns"), choices=[(SHOWN, SHOWN), (ALL, ALL)], initial=SHOWN)
    stable_names = forms.BooleanField(
        label=_("Technical column names"), required=False, help_text=_("For programs: the same in every language.")
    )
    mail_when_ready = forms.BooleanField(label=_("Mail me when it is ready"), required=False)

    def __init__(self, data: QueryDict | None = None, *, selection: Selection, name: str) -> None:
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
        """The names of the chosen columns, in order."""
        dataset, scope = self.selection.dataset, self.selection.scope
        columns = self.selection.columns if self.cleaned_data["columns"] == SHOWN else dataset.permitted(scope)
        return tuple(column.name for column in columns)


class OfListForm(DatasetForm):
    """The list whose members are the rows."""

    of = forms.IntegerField(required=False, min_value=0, max_value=2**62)

    def clean(self) -> dict[str, Any]:
        self._errors = forms.utils.ErrorDict()
        return {"of": self.cleaned_data.get("of") or 0}


class UseInListForm(forms.Form):
    """A new list, or an existing one to add to. `key` identifies the form, so that sending it twice makes one list."""

    NEW, OLD = "new", "old"
    where = forms.ChoiceField(choices=[(NEW, NEW), (OLD, OLD)], initial=NEW)
    name = OneLineField(label=_("Name"), max_length=120, required=False)
    saved_list = forms.ChoiceField(label=_("Existing list"), required=False)
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None = None, *, lists: list[tuple[str, str]], name: str) -> None:
        super().__init__(data, auto_id="list-%s", initial={"where": self.NEW, "name": name[:120], "key": uuid.uuid4()})
        _set_choices(self, "saved_list", lists)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("where") == self.NEW and not cleaned.get("name") and "name" not in self.errors:
            self.add_error("name", _("Give the list a name."))
        if cleaned.get("where") == self.OLD and not cleaned.get("saved_list") and "saved_list" not in self.errors:
            self.add_error("saved_list", _("Choose a list."))
        return cleaned


class NameForm(forms.Form):
    """A new name."""

    name = OneLineField(label=_("Name"), max_length=120)


class OfferedColumn(TypedDict):
    """A column to choose, with its present place."""

    name: str
    label: Label
    shown: bool
    place: int


class ReportForm(forms.Form):
    """How a report is stored: name, days, columns in order, comparison, chart, and who may open it."""

    FIXED, MOVING = "fixed", "moving"
    name = OneLineField(label=_("Name"), max_length=120)
    description = OneLineField(label=_("What it is for"), max_length=500, required=False)
    days = forms.ChoiceField(choices=[(MOVING, MOVING), (FIXED, FIXED)], required=False)
    comparison = forms.ChoiceField(label=_("Compare with"), choices=Comparison.choices, required=False)
    chart = forms.ChoiceField(label=_("Chart"), choices=Chart.choices, required=False)
    shared = forms.BooleanField(required=False)
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(
        self, data: QueryDict | None = None, *, selection: Selection, initial: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(
            data, auto_id="report-%s", initial={"key": uuid.uuid4(), "days": self.MOVING, **(initial or {})}
        )
        self.selection = selection
        self.ticked = data.getlist("column") if data else []

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.chosen_columns():
            self.add_error(None, _("Choose at least one column."))
        return cleaned

    def chosen_columns(self) -> list[str]:
        """The ticked columns by their place numbers; equal numbers stay in the order of the dataset."""
        permitted = [column.name for column in self.selection.dataset.permitted(self.selection.scope)]
        ticked = [name for name in self.ticked if name in permitted]

        def place(name: str) -> int:
            return whole_number(self.data.get(f"place-{name}"), digits=3, default=999)

        return sorted(dict.fromkeys(ticked), key=place)

    @property
    def appearance(self) -> ReportAppearance:
        """Name, description, comparison, chart and visibility. Needs a valid form."""
        cleaned = self.cleaned_data
        return ReportAppearance(
            name=cleaned["name"],
            description=cleaned["description"],
            comparison=cleaned["comparison"],
            chart=cleaned["chart"],
            shared=cleaned["shared"],
        )

    @property
    def offered(self) -> list[OfferedColumn]:
        """Every permitted column with its place: the shown ones first, in order."""
        shown = self.chosen_columns() if self.is_bound else [column.name for column in self.selection.columns]
        permitted = {column.name: column for column in self.selection.dataset.permitted(self.selection.scope)}
        order = [*shown, *(name for name in permitted if name not in shown)]
        return [
            OfferedColumn(name=name, label=permitted[name].label, shown=name in shown, place=number)
            for number, name in enumerate(order, 1)
        ]


class ColumnsForm:
    """Which columns somebody sees of a dataset, and in which order: one POST ticks them, moves one, or forgets the choice.

    The fields: `order`, every column from first to last; `column`, those ticked; and the button pressed, `up` or `down` with a
    column, or `reset`. The column that names a row stays first.
    """

    def __init__(self, data: QueryDict | None, *, selection: Selection) -> None:
        self._selection = selection
        permitted = {column.name: column for column in selection.dataset.permitted(selection.scope)}
        self.fixed = selection.usual[0].name
        self.chosen = [column.name for column in selection.columns]
        if data is not None and "reset" in data:
            self.chosen = [column.name for column in selection.usual]
        elif data is not None:
            ticked = {self.fixed, *data.getlist("column")}
            order = [
                name for name in dict.fromkeys([self.fixed, *data.getlist("order"), *permitted]) if name in permitted
            ]
            self.chosen = self._moved([name for name in order if name in ticked], data)
        order = [*self.chosen, *(name for name in permitted if name not in self.chosen)]
        self.columns = [permitted[name] for name in order]

    def _moved(self, names: list[str], data: QueryDict) -> list[str]:
        for button, step in (("up", -1), ("down", 1)):
            name = data.get(button)
            if name in names and name != self.fixed:
                place = names.index(name)
                names.insert(min(max(place + step, 1), len(names) - 1), names.pop(place))
        return names


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
    """The default of `when_empty` for these rows. Rows of money send: that nothing was paid is news."""
    return WhenEmpty.SEND if selection.dataset.permission == Permission.VIEW_MONEY else WhenEmpty.SKIP


class ScheduleForm(forms.Form):
    """When a report is sent, to whom, and how."""

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
        self,
        data: QueryDict | None = None,
        *,
        scope: Scope,
        people: Sequence[User],
        domains: frozenset[str],
        initial: Mapping[str, object],
    ) -> None:
        zone = scope.partner.time_zone
        start = {
            "key": uuid.uuid4(), "zone": zone, "dialect": dialect_for(scope.locale).key,
            "people": [scope.user.pk] if scope.user else [],
        }  # fmt: skip
        super().__init__(data, auto_id="schedule-%s", initial={**start, **initial})
        self.reviews = review_days(scope)
        if not self.reviews:
            choices = [choice for choice in Frequency.choices if choice[0] != Frequency.REVIEWS]
            _set_choices(self, "frequency", choices)
        zones = sorted({zone, "UTC", str(initial.get("zone", zone))})
        _set_choices(self, "zone", [(name, name) for name in zones])
        own = scope.user.pk if scope.user else None
        _set_choices(
            self,
            "people",
            [(user.pk, _("%(name)s (you)") % {"name": user} if user.pk == own else str(user)) for user in people],
        )
        self.fields["outside"].help_text = (
            _("Allowed: %(domains)s. They must confirm before the first mail.")
            % {"domains": ", ".join(sorted(domains))}
            if domains
            else _("An admin has to allow their mail domain first, under Settings.")
        )

    @staticmethod
    def initial_of(schedule: Schedule) -> dict[str, object]:
        """The initial values that show a schedule as it is."""
        recipients = list(schedule.recipients.filter(left_at=None))
        names = ("frequency", "at", "zone", "format", "delivery", "when_empty")
        initial = {name: getattr(schedule, name) for name in names} | {
            "name": schedule.report.name,
            "weekday": schedule.day if schedule.frequency == Frequency.WEEKLY else 0,
            "month_day": schedule.day if schedule.frequency in {Frequency.MONTHLY, Frequency.QUARTERLY} else -1,
            "people": [recipient.user_id for recipient in recipients if recipient.user_id],
            "outside": " ".join(recipient.email for recipient in recipients if recipient.email),
        }
        return initial | ({"dialect": schedule.dialect} if schedule.dialect else {})

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
    def values(self) -> ScheduleValues:
        """The fields of a schedule. Needs a valid form."""
        cleaned = self.cleaned_data
        return ScheduleValues(
            frequency=cleaned["frequency"],
            day=cleaned["day"],
            at=cleaned["at"],
            zone=cleaned["zone"],
            format=cleaned["format"],
            dialect=cleaned["dialect"],
            delivery=cleaned["delivery"],
            when_empty=cleaned["when_empty"],
        )

    def next_three(self, now: datetime) -> list[datetime]:
        """The next three slots of the chosen rule, or of the initial one; none while the form is invalid."""
        if self.is_bound:
            if not self.is_valid():
                return []
            cleaned = self.cleaned_data
            rule = Rule(cleaned["frequency"], cleaned["at"], cleaned["zone"], cleaned["day"], self.reviews)
        else:
            start = {name: self.get_initial_for_field(self.fields[name], name) for name in self.fields}
            day = start["weekday"] if start["frequency"] == Frequency.WEEKLY else start["month_day"]
            at = start["at"] if isinstance(start["at"], time) else time.fromisoformat(start["at"])
            by_day = start["frequency"] in {Frequency.WEEKLY, Frequency.MONTHLY, Frequency.QUARTERLY}
            rule = Rule(start["frequency"], at, start["zone"], day if by_day else 0, self.reviews)
        return [slot.astimezone(ZoneInfo(rule.zone)) for slot in next_slots(rule, now)]

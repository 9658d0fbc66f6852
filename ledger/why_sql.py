"""The sentences of `ledger.why_text` as an expression, so that the database writes them into files of a million rows.

Built for the active language. A test compares every sentence with the one that Python makes.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Case, F, Func, IntegerField, Q, TextField, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, NullIf
from django.utils.formats import get_format
from django.utils.functional import Promise

from ledger import why_text
from ledger.why_text import managing_partners
from partner_portal.formats.days import day_text
from program.terms import Cause, Track

PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_ZERO = Value(Decimal(0))
WHOLE = "FM99,999,999,999,999,999,999,990"


def why_in_sql(fields: str = "", *, with_money: bool) -> Combinable:
    """The sentence of an entry with its corrections taken back. fields: the lookup of the entry, such as `entry__`."""
    return _Why(fields, with_money).sentence()


class _Why:
    """Builds the expression from the columns of one entry."""

    def __init__(self, fields: str, with_money: bool) -> None:
        self.fields = fields
        self.with_money = with_money
        #: A reversal is explained by what it takes back, so with the sign turned.
        reversal = Q(**{f"{fields}reverses__isnull": False})
        self.reversal = reversal
        self.points = Case(When(reversal, then=-F(f"{fields}points")), default=F(f"{fields}points"))

    def sentence(self) -> Case:
        """`why_text.why`, and before a reversal that it takes back."""
        why = Case(
            When(self._is(track=Track.MANAGED), then=self._managed()),
            When(self._is(cause=Cause.EARNED), then=self._computation(self.points)),
            When(self._is(cause=Cause.DOWNGRADED), then=self._downgraded()),
            When(self._is(cause=Cause.EXPIRED), then=self._expired()),
            When(self._is(cause=Cause.CHURNED), then=self._lost()),
            output_field=TextField(),
        )
        back = _filled(str(why_text.TAKES_BACK).replace("%s", "%(why)s"), why=why)
        return Case(When(self.reversal, then=back), default=why, output_field=TextField())

    def _field(self, name: str) -> F:
        return F(self.fields + name)

    def _is(self, **values: object) -> Q:
        return Q(**{self.fields + name: value for name, value in values.items()})

    def _computation(self, points: Combinable) -> Case:
        missing = Q()
        for name in ("amount", "per_unit", "rate", "factor"):
            missing |= self._is(**{f"{name}__isnull": True})
        unit: Combinable = Value(str(why_text.UNITS))
        if self.with_money:
            unit = _filled(
                "%(money)s / %(unit)s %(per)s",
                money=self._money(),
                unit=_number(self._field("per_unit")),
                per=Value(str(why_text.PER_US_100)),
            )
        shared = Case(
            When(self._is(partners__isnull=True), then=Value("")),
            When(self._is(partners=1), then=Value(f" / {managing_partners(1)}")),
            default=_filled(
                " / " + managing_partners(2).replace("2", "%(count)s", 1), count=_text(self._field("partners"))
            ),
            output_field=TextField(),
        )
        return Case(
            When(missing, then=_filled(why_text.SEVERAL, points=_number(points))),
            default=_filled(
                "%(unit)s x %(rate)s (%(track)s) x %(factor)s%(shared)s = %(points)s",
                unit=unit,
                rate=_number(self._field("rate")),
                track=self._field("track"),
                factor=_number(self._field("factor")),
                shared=shared,
                points=_number(points),
            ),
            output_field=TextField(),
        )

    def _downgraded(self) -> Func:
        return _filled(
            why_text.DOWNGRADED if self.with_money else why_text.DOWNGRADED_WITHOUT_MONEY,
            by=self._field("by_deal_id"),
            amount=self._money(),
            share=_number(Coalesce(self._field("share"), _ZERO) * 100),
            lost=_number(-self.points),
            before=_number(self._field("before")),
            deal=self._field("deal__deal_id"),
        )

    def _expired(self) -> Case:
        start, on = self._field("lot__on"), self._field("on")
        values = {"months": _text(_months(start, on)), "start": _day(start)}
        unknown = Q(**{f"{self.fields}lot__on__isnull": True})
        return Case(
            When(unknown & self._whole(), then=self._of_lot(why_text.EXPIRED_WHOLE_ON)),
            When(unknown, then=self._of_lot(why_text.EXPIRED_REST_ON)),
            When(self._whole(), then=self._of_lot(why_text.EXPIRED_WHOLE, **values)),
            default=self._of_lot(why_text.EXPIRED_REST, **values),
            output_field=TextField(),
        )

    def _lost(self) -> Case:
        what = Coalesce(
            NullIf(self._field("cancelled_line"), Value("")),
            Value(str(why_text.WHOLE_CLIENT)),
            output_field=TextField(),
        )
        return Case(
            When(self._whole(), then=self._of_lot(why_text.LOST_WHOLE, what=what)),
            default=self._of_lot(why_text.LOST_REST, what=what),
            output_field=TextField(),
        )

    def _whole(self) -> Q:
        """Whether the lot had lost nothing before."""
        return Q(**{f"{self.fields}lot__isnull": True}) | self._is(before=self._field("lot__points"))

    def _of_lot(self, text: str | Promise, **values: Combinable) -> Func:
        before = self._field("before")
        return _filled(
            text,
            earned=_number(Coalesce(self._field("lot__points"), before)),
            left=_number(before),
            deal=self._field("deal__deal_id"),
            on=_day(self._field("on")),
            **values,
        )

    def _managed(self) -> Case:
        before = self._field("before")
        after = before + self.points
        values = {
            "before": _number(before),
            "after": _number(after),
            "on": _day(self._field("on")),
            "computed": self._computation(after),
        }
        nothing = self._is(before=-self.points)
        churned = self._is(cause=Cause.CHURNED)
        return Case(
            When(self._is(cause=Cause.EARNED), then=values["computed"]),
            When(nothing & churned, then=_filled(why_text.MANAGED_CHURNED, **values)),
            When(nothing, then=_filled(why_text.MANAGED_ENDED, **values)),
            When(churned, then=_filled(why_text.MANAGED_CHURNED_SAME_DAY, **values)),
            default=_filled(why_text.MANAGED, **values),
            output_field=TextField(),
        )

    def _money(self) -> Func:
        return _filled(
            "%(currency)s %(amount)s",
            currency=self._field("currency"),
            amount=_marked(
                Func(
                    Coalesce(self._field("amount"), _ZERO),
                    Value(f"{WHOLE}.00"),
                    function="to_char",
                    output_field=TextField(),
                )
            ),
        )


def _filled(text: str | Promise, **values: Combinable) -> Func:
    """`text % values` by PostgreSQL's `format`."""
    names = list(dict.fromkeys(PLACEHOLDER.findall(str(text))))
    numbered = PLACEHOLDER.sub(lambda match: f"%{names.index(match[1]) + 1}$s", str(text))
    return Func(Value(numbered), *(values[name] for name in names), function="format", output_field=TextField())


def _number(value: Combinable) -> Func:
    """`formats.numbers.exact_number`: in full, without zeros at its end."""
    text = Func(value, Value(f"{WHOLE}.9999999999"), function="to_char", output_field=TextField())
    return _marked(Func(text, Value("."), function="rtrim", output_field=TextField()))


def _marked(number: Combinable) -> Func:
    marks = get_format("THOUSAND_SEPARATOR") + get_format("DECIMAL_SEPARATOR")
    return Func(number, Value(",."), Value(marks), function="translate", output_field=TextField())


def _day(value: Combinable) -> Func:
    """`formats.days.day_text`, of a language that writes day, month and year in this order."""
    months = "|".join(day_text(date(2022, month, 11))[2:-4] for month in range(1, 13))
    month = Func(Value(months), Value("|"), _part("month", value), function="split_part", output_field=TextField())
    return _filled(
        "%(day)s%(month)s%(year)s",
        day=Func(value, Value("FMDD"), function="to_char", output_field=TextField()),
        month=month,
        year=Func(value, Value("YYYY"), function="to_char", output_field=TextField()),
    )


def _months(first: Combinable, last: Combinable) -> Combinable:
    """`lib.dates.months.month_count`."""
    years: Any = _part("year", last) - _part("year", first)
    months: Combinable = years * 12 + _part("month", last) - _part("month", first)
    return months


def _part(name: str, value: Combinable) -> Func:
    return Func(value, template=f"extract({name} FROM %(expressions)s)::int", output_field=IntegerField())


def _text(value: Combinable) -> Func:
    return Func(value, template="(%(expressions)s)::text", output_field=TextField())

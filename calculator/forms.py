"""The form of the calculator: the inputs of an estimate and of a conversion, both read from one query string.

Numbers are read as people write them; `written` names their language, so that a shared link means the same to everybody.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING
from unicodedata import normalize

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from calculator.numbers import NumberError, read_number, write_number
from partner_portal.formats.numbers import plain_number
from partner_portal.lib.cldr import country_codes, country_name
from partner_portal.lib.web.choices import set_choices
from program.labels import labelled
from program.queries import rulebook
from program.rulebook import Rulebook
from program.terms import Market, Origin

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise  # exists in django-stubs only

LIMIT = Decimal(10) ** 14  # the same as for amounts in import files
POINT_PLACES = 4
MONEY_PLACES = 2
EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)
LANGUAGES = tuple(dict(settings.LANGUAGES))
ORIGINS = labelled((Origin.SOURCED, Origin.ASSISTED))
DIRECTIONS = [("to-currency", _("Points to currency")), ("to-points", _("Currency to points"))]
TABS = ("points", "currency")

DEFAULTS = {
    "amount": "1000", "currency": "", "origin": Origin.SOURCED.value, "market": Market.STANDARD.value,
    "manage": "yes", "others": "0",
    "c_direction": "to-currency", "c_currency": "", "c_origin": Origin.SOURCED.value,
    "c_market": Market.STANDARD.value, "c_others": "0", "c_sold": "50", "c_managed": "10",
}  # fmt: skip
CONVERTED = {  # the inputs of a conversion, with their labels as points and as an amount
    "c_sold": (_("Sold points"), _("Sold amount, MRR")),
    "c_managed": (_("Managed points"), _("Managed amount, MRR")),
}
TYPED = ("amount", "others", "c_sold", "c_managed", "c_others")  # an empty input has no default


class WrittenNumber(forms.CharField):
    """A number of 0 or more, as it is written in `language`, with at most `places` decimals."""

    def __init__(self, *, label: "_StrPromise", places: int) -> None:
        super().__init__(label=label, max_length=200, required=False)
        self.places = places
        self.language = "en"

    def clean(self, value: object) -> Decimal:
        text = super().clean(value)
        try:
            return read_number(text, self.language, places=self.places, limit=LIMIT)
        except NumberError as error:
            raise forms.ValidationError(str(error)) from error


class CalculatorForm(forms.Form):
    """Both tabs of the calculator. An error on one tab does not prevent the result of the other."""

    on = forms.DateField(label=_("Day"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    amount = WrittenNumber(label=_("Sold amount, MRR"), places=MONEY_PLACES)
    currency = forms.ChoiceField(label=_("Client currency"))
    origin = forms.ChoiceField(label=_("Origin"), choices=ORIGINS, widget=forms.RadioSelect)
    market = forms.ChoiceField(label=_("Client country or market"))
    manage = forms.ChoiceField(
        label=_("Do you also manage this client?"),
        choices=[("yes", _("Yes")), ("no", _("No"))],
        widget=forms.RadioSelect,
    )
    others = forms.IntegerField(label=_("Other managing partners"), min_value=0, max_value=999)
    c_direction = forms.ChoiceField(label=_("Direction"), choices=DIRECTIONS, widget=forms.RadioSelect)
    c_currency = forms.ChoiceField(label=_("Currency"))
    c_origin = forms.ChoiceField(label=_("Origin"), choices=ORIGINS, widget=forms.RadioSelect)
    c_market = forms.ChoiceField(label=_("Client country or market"))
    c_others = forms.IntegerField(label=_("Other managing partners"), min_value=0, max_value=999)
    c_sold = WrittenNumber(label=_("Sold"), places=POINT_PLACES)
    c_managed = WrittenNumber(label=_("Managed"), places=POINT_PLACES)

    def __init__(self, data: Mapping[str, object] | None = None, *, scope: Scope) -> None:
        given = {key: str(data[key]) for key in data} if data else {}
        self.scope = scope
        self.reader = scope.locale.partition("-")[0] if scope.locale.partition("-")[0] in LANGUAGES else "en"
        # Defaults are digits only, which read the same in every language.
        self.written = given["written"] if given.get("written") in LANGUAGES else self.reader
        self.tab = given["tab"] if given.get("tab") in TABS else TABS[0]
        book = rulebook(scope)
        day = _day(given.get("on", ""), scope)
        known = sorted(book.currency_table(day).amounts)
        own = scope.partner.payout_currency if scope.partner.payout_currency in known else known[0]
        typed = {key: value for key, value in given.items() if value or key in TYPED}
        filled = DEFAULTS | {"currency": own, "c_currency": own} | typed
        super().__init__(filled | {"on": given.get("on") or scope.today.isoformat()}, auto_id="calc-%s")
        for name in ("currency", "c_currency"):
            set_choices(self, name, [(code, code) for code in [own, *(code for code in known if code != own)]])
            self.fields[name].error_messages["invalid_choice"] = _(
                "The currency table of the day has no fixed amount for “%(value)s”."
            )
        for name in ("market", "c_market"):
            set_choices(self, name, markets(book, day, self.reader))
        for name, field in self.fields.items():
            if isinstance(field, WrittenNumber):
                field.language = self.written
                if self.to_points and name in CONVERTED:
                    field.places = MONEY_PLACES
        for name, (points, amount) in CONVERTED.items():
            self.fields[name].label = amount if self.to_points else points

    @property
    def to_points(self) -> bool:
        """Whether the conversion goes from currency to points."""
        return self.data.get("c_direction") == "to-points"

    def clean_on(self) -> date:
        day: date | None = self.cleaned_data["on"]
        if day is None:
            return self.scope.today
        if not EARLIEST <= day < LATEST:
            raise forms.ValidationError(_("Enter a date between 2000 and 2099."))
        return day

    def are_valid(self, *names: str) -> bool:
        """Whether all of these fields, and the day, are valid."""
        return not any(name in self.errors for name in ("on", *names))

    def shown(self, name: str, places: int = 0) -> str:
        """A number in the reader's language, with at least that many decimals; the text as typed if it is invalid."""
        if name in self.errors or name not in self.cleaned_data:
            return str(self.data.get(name, ""))
        return write_number(self.cleaned_data[name], self.reader, places=places)

    def growth(self, name: str) -> bool:
        """Whether the field `market` or `c_market` names a growth market, directly or by country, on the day."""
        market = str(self.cleaned_data[name])
        return market == Market.GROWTH or self.rules().is_growth(market, self.cleaned_data["on"])

    def rules(self) -> Rulebook:
        """The rules of the calculation."""
        return rulebook(self.scope)


def markets(book: Rulebook, day: date, language: str) -> list[tuple[str, str]]:
    """The choices of a client's market: both markets, then every country by name, with its market and factor."""
    plain, grown = (
        str(_("Standard market, × %(factor)s")) % {"factor": plain_number(book.market_factor(False, day))},
        str(_("Growth market, × %(factor)s")) % {"factor": plain_number(book.market_factor(True, day))},
    )
    named = sorted(((country_name(code, language), code) for code in country_codes()), key=_without_accents)
    return [(Market.STANDARD.value, plain), (Market.GROWTH.value, grown)] + [
        (code, f"{name}: {(grown if book.is_growth(code, day) else plain)}") for name, code in named
    ]


def _without_accents(named: tuple[str, str]) -> str:
    return normalize("NFKD", named[0]).encode("ascii", "ignore").decode().casefold()


def _day(text: str, scope: Scope) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return scope.today
    return day if EARLIEST <= day < LATEST else scope.today

"""The vendor's programme as dated data: rates, currency tables, growth markets, reviews, and rule sets with their tiers.

Rows are entered ahead of their date. Each change moves `Program.revision`, upon which every ledger is posted again.
"""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from partner_portal.lib.cldr import country_codes, currency_codes
from program.labels import labelled, values
from program.rulebook import in_every_year
from program.terms import Metric

MONTH = [MinValueValidator(1), MaxValueValidator(12)]
DAY = [MinValueValidator(1), MaxValueValidator(31)]
NOT_NEGATIVE = [MinValueValidator(Decimal(0))]
ABOVE_ZERO = [MinValueValidator(Decimal("0.0001"))]


def _check_day(row: models.Model, month: str, day: str) -> None:
    """Raises ValidationError for the field `day` when not every year has the day."""
    values = getattr(row, month), getattr(row, day)
    if all(values) and not in_every_year(*values):
        raise ValidationError({day: _("Not every year has this day.")})


class Program(models.Model):
    """A partner programme. One unit is `unit_usd` US dollars of MRR; rates are points per unit."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    partner_certification = models.CharField(max_length=120)
    unit_usd = models.DecimalField(max_digits=12, decimal_places=2, validators=[MinValueValidator(Decimal("0.01"))])
    sold_life_months = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)])
    hold_months = models.PositiveSmallIntegerField()
    managed_rate = models.DecimalField(max_digits=8, decimal_places=4, validators=NOT_NEGATIVE)
    year_month = models.PositiveSmallIntegerField(_("month in which its year begins"), default=1, validators=MONTH)
    year_day = models.PositiveSmallIntegerField(_("day on which its year begins"), default=1, validators=DAY)
    commission_rate = models.DecimalField(max_digits=8, decimal_places=6, validators=NOT_NEGATIVE)
    commission_months = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)])
    commission_from = models.DateField()
    commission_pay_days_after_quarter = models.PositiveSmallIntegerField()
    revision = models.PositiveBigIntegerField(default=1, editable=False)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError for a year that begins on a day that not every year has."""
        _check_day(self, "year_month", "year_day")


class SoldRate(models.Model):
    """Points per unit of MRR, for product lines first sold from `start` on."""

    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="sold_rates")
    start = models.DateField(_("in force from"))
    sourced = models.DecimalField(max_digits=8, decimal_places=4, validators=NOT_NEGATIVE)
    assisted = models.DecimalField(max_digits=8, decimal_places=4, validators=NOT_NEGATIVE)

    class Meta:
        ordering = ["start"]
        constraints = [models.UniqueConstraint(fields=["program", "start"], name="one_sold_rate_a_day")]

    def __str__(self) -> str:
        return f"{self.sourced} / {self.assisted} from {self.start}"


class CurrencyTable(models.Model):
    """The fixed points table of currencies in force from `start`."""

    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="currency_tables")
    start = models.DateField(_("in force from"))

    class Meta:
        ordering = ["start"]
        constraints = [models.UniqueConstraint(fields=["program", "start"], name="one_currency_table_a_day")]

    def __str__(self) -> str:
        return f"Currency table of {self.start}"


class CurrencyAmount(models.Model):
    """The local amount that counts as `Program.unit_usd` US dollars."""

    table = models.ForeignKey(CurrencyTable, on_delete=models.CASCADE, related_name="amounts")
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=14, decimal_places=4, validators=ABOVE_ZERO)

    class Meta:
        ordering = ["currency"]
        constraints = [
            models.UniqueConstraint(fields=["table", "currency"], name="one_amount_a_currency"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="currency_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.amount}"

    def clean(self) -> None:
        """Raises ValidationError for an unknown currency."""
        self.currency = self.currency.upper()
        if self.currency not in currency_codes():
            raise ValidationError({"currency": _("Not a currency code in use (ISO 4217).")})


class GrowthMarket(models.Model):
    """The countries whose points count `factor` times from `start` on."""

    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="growth_markets")
    start = models.DateField(_("in force from"))
    factor = models.DecimalField(max_digits=6, decimal_places=4, validators=ABOVE_ZERO)
    countries = ArrayField(models.CharField(max_length=2))

    class Meta:
        ordering = ["start"]
        constraints = [models.UniqueConstraint(fields=["program", "start"], name="one_growth_list_a_day")]

    def __str__(self) -> str:
        return f"{len(self.countries)} growth markets from {self.start}"

    def clean(self) -> None:
        """Raises ValidationError that names the unknown countries."""
        self.countries = sorted({country.upper() for country in self.countries or ()})
        if unknown := ", ".join(sorted(set(self.countries) - country_codes())):
            raise ValidationError(
                {"countries": _("Not country codes (ISO 3166-1 alpha-2): %(codes)s") % {"codes": unknown}}
            )


class Review(models.Model):
    """A yearly tier review, and the day on which its window of readings begins."""

    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="reviews")
    month = models.PositiveSmallIntegerField(validators=MONTH)
    day = models.PositiveSmallIntegerField(validators=DAY)
    window_month = models.PositiveSmallIntegerField(validators=MONTH)
    window_day = models.PositiveSmallIntegerField(validators=DAY)

    class Meta:
        ordering = ["month", "day"]

    def __str__(self) -> str:
        return f"Review of {self.day}/{self.month}"

    def clean(self) -> None:
        """Raises ValidationError for a review or a window on a day that not every year has."""
        _check_day(self, "month", "day")
        _check_day(self, "window_month", "window_day")


class RuleSet(models.Model):
    """Tiers and what they require, in force from `start`. `sample` thresholds are marked wherever they show."""

    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="rule_sets")
    start = models.DateField(_("in force from"))
    name = models.CharField(max_length=120)
    source = models.CharField(max_length=300, blank=True)
    sample = models.BooleanField(default=False)

    class Meta:
        ordering = ["start"]
        constraints = [models.UniqueConstraint(fields=["program", "start"], name="one_rule_set_a_day")]

    def __str__(self) -> str:
        return f"{self.name} ({self.start})"


class Tier(models.Model):
    """A tier of a rule set; `position` orders them, lowest first."""

    rule_set = models.ForeignKey(RuleSet, on_delete=models.CASCADE, related_name="tiers")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=60)
    by_invitation = models.BooleanField(default=False)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["rule_set", "position"], name="one_tier_a_position"),
            models.UniqueConstraint(fields=["rule_set", "name"], name="one_tier_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Requirement(models.Model):
    """`metric >= value`; all requirements of a tier must hold on the same day."""

    tier = models.ForeignKey(Tier, on_delete=models.CASCADE, related_name="requirements")
    position = models.PositiveSmallIntegerField(default=0)
    metric = models.CharField(max_length=20, choices=labelled(Metric))
    value = models.DecimalField(max_digits=18, decimal_places=4, validators=NOT_NEGATIVE)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["tier", "metric"], name="one_requirement_a_metric"),
            models.CheckConstraint(condition=models.Q(metric__in=values(Metric)), name="requirement_metric_known"),
        ]

    def __str__(self) -> str:
        return f"{self.metric} >= {self.value}"

"""The operators' pages for the programme's rules. Every saved change moves the revision (see `program.services`).

A change that would leave days without rules is rejected, since all figures of all partners depend on them: deleting the last
table of a kind, or a currency that facts may be in already.
"""

from collections.abc import Sequence

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import ValidationError
from django.db.models import Exists, Model, OuterRef
from django.forms import BaseFormSet, BaseInlineFormSet, ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from program.models import (
    CurrencyAmount,
    CurrencyTable,
    GrowthMarket,
    Program,
    Requirement,
    Review,
    RuleSet,
    SoldRate,
    Tier,
)
from program.services import rules_changed


def program_of(row: Model) -> Program:
    """The programme that a row of the rules belongs to. Raises TypeError for any other row."""
    match row:
        case Program():
            return row
        case Tier():
            return row.rule_set.program
        case SoldRate() | CurrencyTable() | GrowthMarket() | RuleSet():
            return row.program
    raise TypeError(f"{row!r} is no rule of a programme")


class RulesAdmin[R: Model](admin.ModelAdmin):
    """Pages of one kind of rules, on which every change, inlines included, moves the programme's revision."""

    actions = None  # rows are deleted one by one: each may have its own reason not to be
    ordering = ["start"]
    list_display = ["__str__", "start", "program"]

    def reason_not_deletable(self, row: R) -> str:
        """The sentence that says why the row cannot be deleted; "" when it can."""
        return ""

    def save_related(
        self, request: HttpRequest, form: "ModelForm[R]", formsets: Sequence[BaseFormSet], change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        rules_changed(program=program_of(form.instance))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        reason = self.reason_not_deletable(row) if row is not None else ""
        if not reason:
            return super().delete_view(request, object_id, extra_context)
        self.message_user(request, reason, messages.ERROR)
        return HttpResponseRedirect(reverse(f"admin:program_{self.opts.model_name}_change", args=[quote(object_id)]))

    def delete_model(self, request: HttpRequest, obj: R) -> None:
        program = program_of(obj)
        super().delete_model(request, obj)
        rules_changed(program=program)


class AmountsOfTable(BaseInlineFormSet):
    """The amounts of a currency table. No table lacks a currency of an earlier one, since facts may be in it."""

    def clean(self) -> None:
        """Raises ValidationError that names the missing currencies and the table that has them."""
        super().clean()
        table = self.instance
        if any(self.errors) or table.program_id is None or table.start is None:
            return
        others = CurrencyTable.objects.filter(program=table.program_id).exclude(pk=table.pk)
        before = others.filter(start__lt=table.start).last()
        after = others.filter(start__gt=table.start).first()
        here = {
            form.instance.currency for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")
        }
        if not here:
            raise ValidationError(_("A currency table needs amounts."))
        if before is not None and (missing := _currencies(before) - here):
            raise ValidationError(
                _("%(codes)s: missing here, but in the table of %(day)s, which this one replaces.")
                % {"codes": _listed(missing), "day": before.start}
            )
        if after is not None and (missing := here - _currencies(after)):
            raise ValidationError(
                _("%(codes)s: missing in the table of %(day)s, which comes after. Add the amounts there first.")
                % {"codes": _listed(missing), "day": after.start}
            )
        if gone := _currencies(table) - here:
            raise ValidationError(
                _("%(codes)s: facts may be in this currency already, so its amount can be changed, but not deleted.")
                % {"codes": _listed(gone)}
            )


def _currencies(table: CurrencyTable) -> set[str]:
    return set(CurrencyAmount.objects.filter(table=table.pk).values_list("currency", flat=True))


def _listed(codes: set[str]) -> str:
    return ", ".join(sorted(codes))


class AmountInline(admin.TabularInline):
    """The amounts of a currency table."""

    model = CurrencyAmount
    formset = AmountsOfTable
    extra = 1


class ReviewInline(admin.TabularInline):
    """The yearly reviews of a programme."""

    model = Review
    extra = 0


class TierInline(admin.TabularInline):
    """The tiers of a rule set."""

    model = Tier
    extra = 1
    show_change_link = True


class RequirementInline(admin.TabularInline):
    """The requirements of a tier."""

    model = Requirement
    extra = 1


@admin.register(Program)
class ProgramAdmin(RulesAdmin[Program]):
    """Pages of the programme; there is one, and it cannot be deleted."""

    ordering = ["slug"]
    list_display = ["name", "slug", "revision"]
    readonly_fields = ["revision"]
    inlines = [ReviewInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not Program.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Program | None = None) -> bool:
        return False  # partners would have no rules at all


@admin.register(SoldRate)
class SoldRateAdmin(RulesAdmin[SoldRate]):
    """Pages of the rates of sold points."""

    def reason_not_deletable(self, row: SoldRate) -> str:
        if SoldRate.objects.filter(program=row.program_id).exclude(pk=row.pk).exists():
            return ""
        return _("These are the programme’s only rates. Enter others first.")


@admin.register(CurrencyTable)
class CurrencyTableAdmin(RulesAdmin[CurrencyTable]):
    """Pages of currency tables with their amounts."""

    inlines = [AmountInline]

    def reason_not_deletable(self, row: CurrencyTable) -> str:
        others = CurrencyTable.objects.filter(program=row.program_id).exclude(pk=row.pk)
        replacement = others.filter(start__lt=row.start).last() or others.first()  # the first table has no beginning
        if replacement is None:
            return _("This is the programme’s only currency table. Enter another first.")
        if missing := _currencies(row) - _currencies(replacement):
            return _("The table of %(day)s would hold instead, and has no amount for %(codes)s.") % {
                "day": replacement.start,
                "codes": _listed(missing),
            }
        return ""


admin.site.register(GrowthMarket, RulesAdmin)


class TiersAdmin[R: RuleSet | Tier](RulesAdmin[R]):
    """Pages of rule sets and tiers. Warns of tiers that require nothing yet, since requirements are entered later."""

    def save_related(
        self, request: HttpRequest, form: "ModelForm[R]", formsets: Sequence[BaseFormSet], change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        requirements = Exists(Requirement.objects.filter(tier=OuterRef("pk")))
        rule_set = form.instance if isinstance(form.instance, RuleSet) else form.instance.rule_set
        names = [tier.name for tier in rule_set.tiers.exclude(requirements)]
        if names:
            text = _(
                "“%(rules)s”: %(tiers)s asks for no figure yet, so every certified partner meets it from %(day)s on."
            )
            self.message_user(
                request,
                text % {"rules": rule_set.name, "tiers": ", ".join(names), "day": rule_set.start},
                messages.WARNING,
            )


@admin.register(RuleSet)
class RuleSetAdmin(TiersAdmin[RuleSet]):
    """Pages of rule sets with their tiers."""

    list_display = ["name", "start", "sample", "source"]
    inlines = [TierInline]


@admin.register(Tier)
class TierAdmin(TiersAdmin[Tier]):
    """Pages of tiers with their requirements."""

    ordering = ["rule_set__start", "position"]
    list_display = ["name", "rule_set", "position", "by_invitation"]
    list_filter = ["rule_set"]
    inlines = [RequirementInline]

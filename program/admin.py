"""The operators' pages for the programme's rules. Every saved change moves the revision (see `program.services`).

What would leave days without rules is refused here, since every partner's figures are worked out from them: the last table
of a kind, and a currency that facts may be in already.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef
from django.forms import BaseInlineFormSet
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


class RulesAdmin(admin.ModelAdmin):
    """Any change, its inlines included, is a change of the rules."""

    actions = None  # rules go one by one: each has its own reason to stay
    ordering = ["start"]
    list_display = ["__str__", "start", "program"]

    def program_of(self, row: Any) -> Program:
        return row.program  # type: ignore[no-any-return]

    def reason_not_deletable(self, row: Any) -> str:
        """Why the row cannot be deleted, in words; "" when it can."""
        return ""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        rules_changed(program=self.program_of(form.instance))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        reason = self.reason_not_deletable(row) if row is not None else ""
        if not reason:
            return super().delete_view(request, object_id, extra_context)
        self.message_user(request, reason, messages.ERROR)
        return HttpResponseRedirect(reverse(f"admin:program_{self.opts.model_name}_change", args=[quote(object_id)]))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        program = self.program_of(obj)
        super().delete_model(request, obj)
        rules_changed(program=program)


class AmountsOfTable(BaseInlineFormSet):
    """Tables never lose a currency, whichever of them a fact of that currency meets."""

    def clean(self) -> None:
        """Raises ValidationError that names the currencies and the table that is in the way."""
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
    model = CurrencyAmount
    formset = AmountsOfTable
    extra = 1


class ReviewInline(admin.TabularInline):
    model = Review
    extra = 0


class TierInline(admin.TabularInline):
    model = Tier
    extra = 1
    show_change_link = True


class RequirementInline(admin.TabularInline):
    model = Requirement
    extra = 1


@admin.register(Program)
class ProgramAdmin(RulesAdmin):
    ordering = ["slug"]
    list_display = ["name", "slug", "revision"]
    readonly_fields = ["revision"]
    inlines = [ReviewInline]

    def program_of(self, row: Program) -> Program:
        return row

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not Program.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Program | None = None) -> bool:
        return False  # partners would have no rules at all


@admin.register(SoldRate)
class SoldRateAdmin(RulesAdmin):
    def reason_not_deletable(self, row: SoldRate) -> str:
        if SoldRate.objects.filter(program=row.program_id).exclude(pk=row.pk).exists():
            return ""
        return _("These are the programme’s only rates. Enter others first.")


@admin.register(CurrencyTable)
class CurrencyTableAdmin(RulesAdmin):
    inlines = [AmountInline]

    def reason_not_deletable(self, row: CurrencyTable) -> str:
        others = CurrencyTable.objects.filter(program=row.program_id).exclude(pk=row.pk)
        instead = others.filter(start__lt=row.start).last() or others.first()  # days before the first table use it too
        if instead is None:
            return _("This is the programme’s only currency table. Enter another first.")
        if missing := _currencies(row) - _currencies(instead):
            return _("The table of %(day)s would hold instead, and has no amount for %(codes)s.") % {
                "day": instead.start,
                "codes": _listed(missing),
            }
        return ""


admin.site.register(GrowthMarket, RulesAdmin)


class TiersAdmin(RulesAdmin):
    """Tiers are entered with their rule set, what they ask for one by one: what is still to do is said."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        asks = Exists(Requirement.objects.filter(tier=OuterRef("pk")))
        rule_set = form.instance if isinstance(form.instance, RuleSet) else form.instance.rule_set
        names = [tier.name for tier in rule_set.tiers.exclude(asks)]
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
class RuleSetAdmin(TiersAdmin):
    list_display = ["name", "start", "sample", "source"]
    inlines = [TierInline]


@admin.register(Tier)
class TierAdmin(TiersAdmin):
    ordering = ["rule_set__start", "position"]
    list_display = ["name", "rule_set", "position", "by_invitation"]
    list_filter = ["rule_set"]
    inlines = [RequirementInline]

    def program_of(self, row: Tier) -> Program:
        return row.rule_set.program

"""The operators' pages for the programme's rules. Every saved change moves the revision (see `program.services`)."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

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

    date_hierarchy = None
    ordering = ["start"]
    list_display = ["__str__", "start", "program"]

    def program_of(self, row: Any) -> Program:
        return row.program  # type: ignore[no-any-return]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        rules_changed(program=self.program_of(form.instance))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        program = self.program_of(obj)
        super().delete_model(request, obj)
        rules_changed(program=program)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        programs = {self.program_of(row) for row in queryset}
        super().delete_queryset(request, queryset)
        for program in programs:
            rules_changed(program=program)


class AmountInline(admin.TabularInline):
    model = CurrencyAmount
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


@admin.register(CurrencyTable)
class CurrencyTableAdmin(RulesAdmin):
    inlines = [AmountInline]


@admin.register(RuleSet)
class RuleSetAdmin(RulesAdmin):
    list_display = ["name", "start", "sample", "source"]
    inlines = [TierInline]


@admin.register(Tier)
class TierAdmin(RulesAdmin):
    ordering = ["rule_set__start", "position"]
    list_display = ["name", "rule_set", "position", "by_invitation"]
    list_filter = ["rule_set"]
    inlines = [RequirementInline]

    def program_of(self, row: Tier) -> Program:
        return row.rule_set.program


admin.site.register([SoldRate, GrowthMarket], RulesAdmin)

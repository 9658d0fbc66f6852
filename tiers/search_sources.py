"""Tier plans, as the search finds them."""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.search import Hit, SearchSource, SearchText, register
from tiers.plans.queries import plans


def _plans(scope: Scope, wanted: SearchText, most: int) -> list[Hit]:
    matching = [plan for plan in plans(scope) if wanted.matches(plan.name)]
    return [Hit(plan.name, reverse("tier_plan", args=[plan.pk]), str(plan.owner)) for plan in matching[:most]]


register(SearchSource("plans", _("Tier plans"), 8, Permission.VIEW, _plans))

"""Clients and deals, as the search finds them."""

from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.roles import Permission
from accounts.scope import Scope
from clients.queries import matching_clients, matching_deals
from partner_portal.lib.search import Hit, SearchSource, SearchText, register


def _clients(scope: Scope, wanted: SearchText, most: int) -> list[Hit]:
    return [
        Hit(
            client.name,
            reverse("client", args=[client.client_id]),
            ", ".join(filter(None, (client.client_id, client.country, client.domain))),
        )
        for client in matching_clients(scope, wanted, most)
    ]


def _deals(scope: Scope, wanted: SearchText, most: int) -> list[Hit]:
    return [
        Hit(
            deal.name or deal.deal_id,
            f"{reverse('client', args=[deal.client.client_id])}#deal-{deal.pk}",
            f"{deal.deal_id}, {deal.client.name}, {deal.get_stage_display()}",
        )
        for deal in matching_deals(scope, wanted, most)
    ]


def _all_clients(wanted: SearchText) -> str:
    return f"{reverse('clients')}?{urlencode({'q': wanted.text})}"


register(SearchSource("clients", _("Clients"), 2, Permission.VIEW, _clients, _all_clients))
register(SearchSource("deals", _("Deals"), 3, Permission.VIEW, _deals))

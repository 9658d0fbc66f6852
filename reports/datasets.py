"""The dataset of a list's members."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.rows.datasets import Column, Dataset, Kind, register
from reports.forms import OfListForm
from reports.models import ListMember
from reports.queries.lists import list_filter, members


def _rows(scope: Scope, params: Mapping[str, Any]) -> QuerySet[ListMember]:
    return members(scope, params["of"])


def _describe(scope: Scope, params: Mapping[str, Any]) -> list[str]:
    client_list = list_filter(scope, str(params["of"]))
    return [client_list.name] if client_list else []


register(
    Dataset(
        key="list-members",
        title=_("Clients of a list"),
        unit=(_("client"), _("clients")),
        permission=Permission.VIEW,
        columns=(
            Column("client", _("Client"), expression="client__name", opens_client="client_id"),
            Column("client_id", _("Client id"), expression="client__client_id"),
            Column("country", _("Country"), expression="client__country", default=False),
            Column("added_at", _("Added on"), Kind.DATE, expression="added_at__date"),
            Column("added_by", _("Added by"), expression="added_by__name"),
            Column("source", _("From")),
        ),
        rows=_rows,
        form=OfListForm,
        order=("client",),
        search=("client", "client_id"),
        client="client_id",
        row="client_id",
        describe=_describe,
    )
)

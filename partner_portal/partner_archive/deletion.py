"""Deletes every row of a partner, as the owner of the tables: also those that nothing else may delete."""

from contextlib import ExitStack

from django.db import connection, models
from psycopg import sql

from accounts.models import Partner
from accounts.scope import partner_scope
from partner_portal.postgres.guards import append_only_lifted, append_only_models, tenant_models


def delete_rows(partner: Partner, *, with_itself: bool) -> list[str]:
    """Delete the partner's rows, and the partner too where asked; people stay. Returns the names of its files in the storage.

    Raises ProgrammingError for anybody but the owner.
    """
    with partner_scope(partner):
        files = [name for model in tenant_models() for name in _files(model, partner)]
        with ExitStack() as lifted, connection.cursor() as cursor:
            for model in append_only_models():
                lifted.enter_context(append_only_lifted(model))
            for model in tenant_models():  # in any order: references are checked afterwards
                table = sql.Identifier(model._meta.db_table)
                cursor.execute(sql.SQL("DELETE FROM {} WHERE partner_id = %s").format(table), [partner.pk])
            if with_itself:
                cursor.execute("DELETE FROM accounts_partner WHERE id = %s", [partner.pk])
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return files


def _files(model: type[models.Model], partner: Partner) -> list[str]:
    fields = [field.name for field in model._meta.concrete_fields if isinstance(field, models.FileField)]
    rows = model._base_manager.filter(partner=partner)
    return [name for field in fields for name in rows.exclude(**{field: ""}).values_list(field, flat=True)]

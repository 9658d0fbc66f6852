"""What an archive holds: every table with rows of a partner, and every column of them that names rows by number.

Numbers of rows differ between installations. Foreign keys are found in the models; numbers that are stored in any other way are
declared here, and a test fails for a column that is not.
"""

from collections.abc import Mapping

from django.db import models

from accounts.models import Partner, User
from partner_portal.lib.rows.facts import kinds
from partner_portal.postgres.guards import tenant_models

#: Tables that are not moved, and why.
LEFT_OUT: Mapping[str, str] = {
    "api.ApiToken": "the text of a token names the partner and the token by their numbers, so that it is not valid elsewhere",
    "ledger.PreparedFigure": "worked out again when somebody looks, and signed with the installation's own secret",
    "sources.VendorCall": "a worker makes it within minutes",
    "sources.KindPreview": "a trial that is made again when somebody looks",
}

#: Columns with the number of a row, without being foreign keys, and the table of that row.
NUMBERS: Mapping[str, Mapping[str, str]] = {
    "accounts.Partner": {"sample_import": "imports.ImportBatch"},
    "clients.Withdrawal": {"batch_id": "imports.ImportBatch"},
    "imports.ImportBatch": {"connection_id": "sources.Connection"},
    "imports.ImportChange": {"withdrawal_id": "clients.Withdrawal"},
    "ledger.PointEntry": {"batch_id": "imports.ImportBatch"},
    "sources.Run": {"batch_id": "imports.ImportBatch"},
}

#: Columns with the number of a fact, of the kind that the row's column `kind` names.
FACT_NUMBERS: Mapping[str, str] = {"imports.ImportChange": "fact_id", "sources.ConnectedRow": "fact_id"}

#: JSON with numbers inside, which `partner_archive.numbers` rewrites.
JSON_WITH_NUMBERS: Mapping[str, frozenset[str]] = {
    "clients.LineMerge": frozenset({"moved", "swapped"}),
    "imports.ImportBatch": frozenset({"gone", "effects"}),
    "imports.ImportChange": frozenset({"before"}),
    "notices.ChannelMessage": frozenset({"values"}),
    "notices.Notice": frozenset({"values"}),
    "reports.Export": frozenset({"params"}),
    "reports.SavedReport": frozenset({"params"}),
    "reports.ScheduleRun": frozenset({"delivered", "missed"}),
}

#: JSON that names no rows by number. Events of the audit log stay word for word, also where they name an import by its number.
JSON_WITHOUT_NUMBERS: Mapping[str, frozenset[str]] = {
    "accounts.AuditEvent": frozenset({"details"}),
    "accounts.Membership": frozenset({"columns", "panels", "ranges"}),
    "accounts.Partner": frozenset({"thresholds"}),
    "clients.RetentionMonth": frozenset({"switched"}),
    "commissions.DealEarning": frozenset({"stretches"}),
    "imports.ImportBatch": frozenset({"complete", "points", "preview"}),
    "imports.ImportTable": frozenset({"mapping", "notices"}),
    "imports.RememberedMapping": frozenset({"data"}),
    "notices.Channel": frozenset({"kinds"}),
    "notices.NoticeSettings": frozenset({"figures", "places"}),
    "reports.Export": frozenset({"columns", "totals", "trial"}),
    "reports.SavedReport": frozenset({"columns"}),
    "reports.ScheduleRun": frozenset({"reached"}),
    "sources.Connection": frozenset({"account", "answers", "checked", "files", "schema"}),
    "sources.ConnectedRow": frozenset({"candidates"}),
    "sources.Proposal": frozenset({"accepted", "row"}),
    "sources.Run": frozenset({"details", "points", "read", "result"}),
    "tiers.TierChange": frozenset({"reason"}),
    "tiers.TierPlan": frozenset({"assumptions"}),
}

#: Numbers inside texts: of what kinds of notice, where in the text, of which table.
NUMBERS_IN_KEYS: Mapping[str, tuple[str, str]] = {
    "renewal_overdue": ("last", "renewals.Renewal"),
    "renewal_deadline": ("last", "renewals.Renewal"),
    "cancellation_requested": ("last", "renewals.Renewal"),
    "import_failed": ("first", "imports.ImportBatch"),
    "connection_failed": ("first", "sources.Run"),
    "schedule_paused": ("first", "reports.Schedule"),
    "file_ready": ("first", "reports.Export"),
    "file_failed": ("first", "reports.Export"),
    "channel_dead": ("first", "notices.Channel"),
    "question_answered": ("first", "commissions.LineQuestion"),
}
NUMBERS_IN_NOTICES: Mapping[str, tuple[str, str]] = {
    "import_failed": ("batch", "imports.ImportBatch"),
    "connection_failed": ("connection", "sources.Connection"),
    "schedule_paused": ("schedule", "reports.Schedule"),
    "file_ready": ("export", "reports.Export"),
    "file_failed": ("export", "reports.Export"),
    "channel_dead": ("channel", "notices.Channel"),
}

#: Encrypted columns, and the one whose value names what they are sealed for; "" for "channel" itself.
SEALED: Mapping[str, Mapping[str, str]] = {
    "sources.Connection": {"secret": "vendor"},
    "notices.Channel": {"address": "", "signing": ""},
}
SEALED_MARK = "sealed"  # stands in a table for a value that is in the box of secrets

#: What a row says in the archive, as SQL, where that differs: contents of files stay behind, and with them what was open.
STATED: Mapping[str, Mapping[str, str]] = {
    "imports.ImportFile": {"file": "''"},
    "imports.ImportBatch": {
        "status": "CASE WHEN status IN ('choosing', 'checking', 'checked', 'committing') THEN 'cancelled' ELSE status END"
    },
    "reports.Export": {"file": "''", "state": "CASE state WHEN 'ready' THEN 'expired' ELSE state END"},
    "sources.Run": {
        "state": "CASE state WHEN 'waits' THEN 'discarded' WHEN 'running' THEN 'interrupted' ELSE state END",
        "ended_at": "CASE state WHEN 'running' THEN coalesce(ended_at, now()) ELSE ended_at END",
    },
}


def archived_models() -> list[type[models.Model]]:
    """The partner itself and every table with rows of it that is moved, in the order of writing.

    The people that a partner knows come first: a trigger adds those of memberships that are missing.
    """
    rest = [model for model in tenant_models() if model._meta.label not in LEFT_OUT]
    return [Partner, *sorted(rest, key=lambda model: model._meta.label != "accounts.PartnerPerson")]


def stored_fields(model: type[models.Model]) -> list[models.Field]:
    """The fields of a table that are written: all but those that the database generates."""
    return [field for field in model._meta.concrete_fields if not field.generated]


def member(model: type[models.Model]) -> str:
    """The name of a table's part in the archive."""
    return f"tables/{model._meta.db_table}"


def has_number(model: type[models.Model]) -> bool:
    """Whether its rows have numbers of their own, which change when they are moved."""
    return isinstance(model._meta.pk, models.AutoField)


def fact_models() -> dict[str, type[models.Model]]:
    """The tables of facts by the key of their kind."""
    return {kind.key: kind.model for kind in kinds()}


def person_columns(model: type[models.Model]) -> list[str]:
    """The columns that name people."""
    return [str(field.column) for field in stored_fields(model) if field.related_model is User]

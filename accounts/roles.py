"""Who may do what. A role is a list of permissions, and this file is the only place that says which."""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Permission(StrEnum):
    """A right inside a partner."""

    #: View the programme, points, deals, renewals and clients, without amounts of money.
    VIEW = "view"
    #: View amounts: MRR, commission, statements, points-dollars.
    VIEW_MONEY = "view_money"
    #: Download rows as a file.
    EXPORT = "export"
    #: Save lists, reports, plans and packs.
    SAVE = "save"
    #: Have files sent by mail on a schedule.
    SCHEDULE = "schedule"
    #: Question a statement line.
    QUESTION = "question"
    #: Import facts, which changes points.
    IMPORT = "import"
    #: Change the partner's settings and team contacts.
    SETTINGS = "settings"
    #: Invite people and change roles.
    MEMBERS = "members"
    #: Read the audit log.
    AUDIT = "audit"


class Role(models.TextChoices):
    """What a member may do inside a partner; PERMISSIONS has the rights of every role."""

    ADMIN = "admin", _("Admin")
    MANAGER = "manager", _("Manager")
    FINANCE = "finance", _("Finance")
    MEMBER = "member", _("Member")


_P = Permission
PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.MANAGER: frozenset({_P.VIEW, _P.VIEW_MONEY, _P.EXPORT, _P.SAVE, _P.SCHEDULE, _P.QUESTION, _P.IMPORT}),
    Role.FINANCE: frozenset({_P.VIEW, _P.VIEW_MONEY, _P.EXPORT, _P.SAVE, _P.SCHEDULE, _P.QUESTION}),
    Role.MEMBER: frozenset({_P.VIEW, _P.EXPORT, _P.SAVE}),
}

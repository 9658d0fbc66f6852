"""Who may do what. A role is a list of permissions, and this file is the only place that says which."""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Permission(StrEnum):
    """One right inside a partner."""

    VIEW = "view"  # programme, points, deals, renewals and clients, without amounts of money
    VIEW_MONEY = "view_money"  # amounts: MRR, commission, statements, points-dollars
    EXPORT = "export"  # take rows out as a file
    KEEP = "keep"  # own lists and saved reports
    SCHEDULE = "schedule"  # files that leave by mail, by the clock
    QUESTION = "question"  # question a statement line
    IMPORT = "import"  # bring in facts, which moves points
    SETTINGS = "settings"  # the partner's settings and team contacts
    MEMBERS = "members"  # invite people, change roles
    AUDIT = "audit"  # read the audit log


class Role(models.TextChoices):
    ADMIN = "admin", _("Admin")
    MANAGER = "manager", _("Manager")
    FINANCE = "finance", _("Finance")
    MEMBER = "member", _("Member")


_P = Permission
PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.MANAGER: frozenset({_P.VIEW, _P.VIEW_MONEY, _P.EXPORT, _P.KEEP, _P.SCHEDULE, _P.QUESTION, _P.IMPORT}),
    Role.FINANCE: frozenset({_P.VIEW, _P.VIEW_MONEY, _P.EXPORT, _P.KEEP, _P.SCHEDULE, _P.QUESTION}),
    Role.MEMBER: frozenset({_P.VIEW, _P.EXPORT, _P.KEEP}),
}

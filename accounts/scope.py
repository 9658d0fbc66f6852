"""Who is acting, in which partner, with which rights. Every query takes a `Scope` first; nothing is loaded by id alone."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Count, Model, QuerySet
from django.db.models.expressions import Combinable

from accounts.models import Membership, Partner, User
from accounts.roles import PERMISSIONS, Permission
from partner_portal.lib import log_context
from partner_portal.lib.dates import clock
from partner_portal.lib.db.locks import PERSON_REQUESTS, SLOT_CLAIMED, places
from partner_portal.lib.db.replica import note_tenant

#: Annotations, by name, that apps above this one add to the memberships of a request, so that they cost no query.
with_memberships: dict[str, Combinable] = {}


@dataclass(frozen=True, slots=True)
class Scope:
    """A user in a partner, what they may do there, and the partner's today."""

    #: Who is acting; None for the system itself.
    user: User | None
    #: Whose rows are read and written.
    partner: Partner
    #: The role in the partner, a value of `roles.Role`.
    role: str
    #: What the role may do.
    permissions: frozenset[Permission]
    #: The language of texts, such as `en-gb`.
    locale: str
    #: The business day that is today for the partner.
    today: date
    #: What `once` has read for this scope.
    memo: dict[Hashable, object] = field(default_factory=dict, compare=False, repr=False)

    @property
    def partner_id(self) -> int:
        """The primary key of the partner."""
        return self.partner.pk

    @property
    def generation(self) -> int:
        """The partner's generation, which moves at every commit of facts or entries."""
        return self.partner.generation

    def on(self, day: date) -> "Scope":
        """Return the same scope on another day: its `today` is `day`."""
        return self if day == self.today else replace(self, today=day, memo={})

    def once[T](self, key: Hashable, make: Callable[[], T]) -> T:
        """Return `make()`, or its earlier answer in this scope for the same key and generation of the partner.

        For what several panels of a page read. key: names the answer and all it depends on besides the scope itself.
        What changes without moving the generation must `forget` when it does.
        """
        place = (self.generation, key)
        if place not in self.memo:
            self.memo[place] = make()
        return cast("T", self.memo[place])

    def forget(self) -> None:
        """Drop what `once` has read: rows behind it were written."""
        self.memo.clear()

    def may(self, permission: Permission | str) -> bool:
        """Whether the right is held."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raises PermissionDenied when the right is not held."""
        if permission not in self.permissions:
            raise PermissionDenied(permission)

    @property
    def may_see_money(self) -> bool:
        """Whether amounts of money may be shown."""
        return Permission.VIEW_MONEY in self.permissions

    @property
    def may_import(self) -> bool:
        """Whether facts may be imported, withdrawn and restored."""
        return Permission.IMPORT in self.permissions


def member_scope(membership: Membership) -> Scope:
    """The scope of one membership, now."""
    partner = membership.partner
    return Scope(
        user=membership.user,
        partner=partner,
        role=membership.role,
        permissions=PERMISSIONS[membership.role],
        locale=membership.user.language or partner.language,
        today=clock.today(partner.time_zone),
    )


def system_scope(partner: Partner) -> Scope:
    """The portal's own scope inside one partner: commands and the periodic tasks."""
    return Scope(None, partner, "system", frozenset(Permission), partner.language, clock.today(partner.time_zone))


def memberships_of(user: User) -> list[Membership]:
    """The user's memberships with their partners and `with_memberships`, oldest first. Needs `user_scope(user)`."""
    rows = Membership.objects.select_related("partner").annotate(**with_memberships)
    return list(rows.filter(user=user).order_by("id"))


def owner_scope(partner: Partner, user: User) -> Scope:
    """The scope that the owner of some work has now. Raises PermissionDenied when they left or may not sign in."""
    membership = next((row for row in memberships_of(user) if row.partner_id == partner.pk), None)
    if membership is None or not user.is_active:
        raise PermissionDenied("no longer a member")
    membership.user = user
    return member_scope(membership)


def set_tenant(partner_id: int | None, user_id: int | None = None) -> None:
    """Set whose rows the database shows for the rest of this transaction. Raises outside a transaction."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a scope needs a transaction")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('portal.partner', %s, true), set_config('portal.user', %s, true)",
            [str(partner_id or ""), str(user_id or "")],
        )
    log_context.note_tenant(partner_id, user_id)
    note_tenant(partner_id, user_id)


def enter(user_id: int, limit: int) -> bool:
    """As `set_tenant(None, user_id)`; False when the person has `limit` requests running already (0: no limit).

    The place among them is a lock of this transaction: it is free again when the request ends, even by the death of its
    process. Both take one query.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {SLOT_CLAIMED}, set_config('portal.partner', '', true), set_config('portal.user', %s, true)",
            [*places(PERSON_REQUESTS, user_id, limit), str(user_id)],
        )
        log_context.note_tenant(None, user_id)
        return bool(cursor.fetchone()[0]) or not limit


def claim_slot(user_id: int, limit: int) -> bool:
    """The same for a request that is not signed in but answered in somebody's name; the tenant stays as it is set."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {SLOT_CLAIMED}", places(PERSON_REQUESTS, user_id, limit))
        return bool(cursor.fetchone()[0]) or not limit


@contextmanager
def partner_scope(partner: Partner, user: User | None = None) -> Iterator[None]:
    """A transaction that sees and writes this partner's rows only.

    Nested inside another scope, the outer one holds again afterwards.
    """
    with _tenant(partner.pk, user.pk if user else None):
        yield


@contextmanager
def user_scope(user: User) -> Iterator[None]:
    """A transaction that sees this person's memberships in every partner, and nothing else of any partner."""
    with _tenant(None, user.pk):
        yield


@contextmanager
def outside_partners() -> Iterator[None]:
    """Open a transaction that sees the people of every partner, and no partner's rows.

    For what happens before anybody is signed in, and for inviting somebody who may be known elsewhere.
    """
    with _tenant(None, None):
        yield


def partners_with(*rows: QuerySet[Any]) -> list[Partner]:
    """Return the partners of whom any of these rows exists, oldest first: whom a periodic task has something to do for.

    Two queries over all partners. Only here, in `count_by` and in `sums_by_partner` does the database show rows of more than one
    partner: to be read, of models marked `read_by_clock`, and nothing but the partners leaves.
    """
    first, *others = (query.order_by().values("partner_id").distinct() for query in rows)
    with _by_clock():
        pks = {row["partner_id"] for row in first.union(*others)}
    return list(Partner.objects.filter(pk__in=pks).order_by("pk"))


def sums_by_partner[M: Model, S](
    rows: QuerySet[M], partners: Iterable[Partner], make: Callable[..., S], **sums: Combinable
) -> dict[int, S]:
    """Return `make(**sums)` over the rows of each partner, by its primary key, for operators. One query; no row leaves."""
    by_partner = rows.order_by().filter(partner__in=list(partners)).values("partner_id").annotate(**sums)
    with _by_clock():
        return {row.pop("partner_id"): make(**row) for row in by_partner}


def count_by(column: str, rows: QuerySet[Model]) -> dict[str, int]:
    """Return how many of these rows of all partners have each value of a column, such as a state: for operators.

    Like `partners_with`, of models marked `read_by_clock`; only the counts leave.
    """
    counted = rows.order_by().values_list(column).annotate(number=Count("pk"))
    with _by_clock():
        return {str(value): number for value, number in counted}


@contextmanager
def _by_clock() -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('portal.clock', 'yes', true)")
        yield
        cursor.execute("SELECT set_config('portal.clock', '', true)")


@contextmanager
def _tenant(partner_id: int | None, user_id: int | None) -> Iterator[None]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('portal.partner', true), current_setting('portal.user', true)")
            before = cursor.fetchone()
        set_tenant(partner_id, user_id)
        yield
        set_tenant(*(int(value) if value else None for value in before))

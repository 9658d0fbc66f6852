"""Services that merge two product lines, and undo that (docs/points.md 13, docs/adr/0114).

Facts store the name of their line, so merging writes the target's name into the source's facts. A row whose key the target
has already (a cancellation or renewal of the same client and day) is withdrawn instead, and comes back when the merge is
undone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Concat, Now
from django.dispatch import receiver
from django.http import Http404
from django.utils.translation import gettext as _

from accounts import audit
from accounts.roles import Permission
from accounts.scope import Scope
from accounts.services import bump_generation
from clients.lines import LINE, kinds_with_lines, product_line
from clients.models import LineMerge, Withdrawal
from clients.queries import stored_rows
from clients.withdrawals import Outcome, restore_rows, withdraw_rows
from partner_portal.lib.db.locks import PARTNER_FACTS, lock
from partner_portal.lib.rows.events import commit_facts, facts_committed
from partner_portal.lib.rows.facts import FactKind
from partner_portal.lib.rows.withdrawals import MovedRows

_IN_BETWEEN = "\x01"  # no file can bring such a name: rows wait under it while two of them exchange theirs


class NotMergeableError(Exception):
    """Two lines cannot be merged, or a merge not be undone; the message says why."""


def merges(scope: Scope) -> QuerySet[LineMerge]:
    """The partner's merges that hold, newest first."""
    rows = LineMerge.objects.filter(partner=scope.partner, undone_at=None)
    return rows.select_related("source", "target", "merged_by").order_by("-pk")


def merge_of(scope: Scope, pk: int) -> LineMerge:
    """A merge that holds. Raises Http404."""
    merge = merges(scope).filter(pk=pk).first()
    if merge is None:
        raise Http404
    return merge


@transaction.atomic
def merge_lines(*, scope: Scope, source_id: int, target_id: int) -> Outcome:
    """Merge a line into another: its facts count for the other from now on, and so do those of later imports.

    Posts the ledger and records the merge. Raises Http404 for lines that are not there, NotMergeableError for one line twice.
    """
    scope.require(Permission.IMPORT)
    lock(PARTNER_FACTS, scope.partner.pk)
    source, target = product_line(scope, source_id), product_line(scope, target_id)
    if source == target:
        raise NotMergeableError(_("Choose two different product lines."))
    merge = LineMerge.objects.create(partner=scope.partner, source=source, target=target, merged_by=scope.user)
    source.merged_into = target
    source.save(update_fields=["merged_into"])
    moved = _follow(scope, merge)
    return _publish(scope, "line.merged", merge, moved)


@transaction.atomic
def undo_merge(*, scope: Scope, merge_id: int) -> Outcome:
    """Give the facts that a merge moved their own line back. Rows that a later import brought stay with the target.

    Raises Http404, and NotMergeableError while the target is merged into yet another line.
    """
    scope.require(Permission.IMPORT)
    lock(PARTNER_FACTS, scope.partner.pk)
    merge = merge_of(scope, merge_id)
    source, target = merge.source, merge.target
    if target.merged_into_id is not None:
        text = _("“%(line)s” was itself merged into another product line. Undo that first.")
        raise NotMergeableError(text % {"line": target.name})
    source.merged_into = None
    source.save(update_fields=["merged_into"])
    moved = _Moved()
    for kind in kinds_with_lines():
        back = stored_rows(kind, scope, pk__in=merge.moved.get(kind.key, ()), product_line=target.name)
        swapped = stored_rows(kind, scope, pk__in=merge.swapped.get(kind.key, ()), product_line=source.name)
        _exchange(kind, moved, back, source.name, swapped, target.name)
    if merge.withdrawal_id is not None:
        gone = {
            kind.key: list(
                stored_rows(kind, scope, withdrawal=merge.withdrawal_id, client__withdrawal=None).values_list(
                    "pk", flat=True
                )
            )
            for kind in kinds_with_lines()
        }
        moved.client_ids |= restore_rows(scope=scope, rows=gone).client_ids
    merge.undone_at = Now()
    merge.save(update_fields=["undone_at"])
    return _publish(scope, "line.merge_undone", merge, moved)


@dataclass(slots=True)
class _Moved:
    """Rows that got another name, by kind, and the clients whose points may have moved."""

    rows: dict[str, frozenset[int]] = field(default_factory=dict)
    swapped: dict[str, list[int]] = field(default_factory=dict)
    client_ids: set[int] = field(default_factory=set)


def _follow(scope: Scope, merge: LineMerge) -> _Moved:
    """Give every fact with the name of the source that of the target, and remember which in the merge."""
    moved = _Moved()
    twins: dict[str, list[int]] = {}
    for kind in kinds_with_lines():
        own = {row.key: row for row in _rows(kind, scope, merge.source.name)}
        theirs = {row.key: row for row in _rows(kind, scope, merge.target.name)} if own else {}
        met = {key: row for key, row in own.items() if key in theirs}
        twins[kind.key] = [row.pk for key, row in met.items() if row.counts and theirs[key].counts]
        swapped = [theirs[key].pk for key, row in met.items() if row.counts and not theirs[key].counts]
        going = [row.pk for key, row in own.items() if key not in met or (row.counts and not theirs[key].counts)]
        _exchange(
            kind,
            moved,
            stored_rows(kind, scope, pk__in=going),
            merge.target.name,
            stored_rows(kind, scope, pk__in=swapped),
            merge.source.name,
        )
    if any(twins.values()):
        reason = _("The same as a row of “%(target)s”, into which “%(source)s” was merged")
        names = {"target": merge.target.name, "source": merge.source.name}
        gone = withdraw_rows(scope=scope, rows=twins, reason=(reason % names)[:1000])
        moved.client_ids |= gone.client_ids
        if merge.withdrawal_id is None:
            merge.withdrawal_id = gone.withdrawal_id
        elif gone.withdrawal_id is not None:  # rows that came back under the merged name since
            for kind in kinds_with_lines():
                stored_rows(kind, scope, withdrawal=gone.withdrawal_id).update(withdrawal=merge.withdrawal_id)
            Withdrawal.objects.filter(pk=gone.withdrawal_id).delete()
    for kind_key in {*moved.rows, *moved.swapped}:
        leaving, returning = moved.rows.get(kind_key, frozenset()), frozenset(moved.swapped.get(kind_key, ()))
        before, exchanged = set(merge.moved.get(kind_key, ())), set(merge.swapped.get(kind_key, ()))
        # A row that goes back to the name it had is neither moved nor swapped any more.
        merge.moved[kind_key] = sorted((before - returning) | (leaving - exchanged))
        merge.swapped[kind_key] = sorted((exchanged - leaving) | (returning - before))
    merge.save()
    return moved


@dataclass(frozen=True, slots=True)
class _Row:
    pk: int
    key: tuple[object, ...]  # the values of its key but for the line; its own where the line is not part of the key
    counts: bool  # is not withdrawn


def _rows(kind: FactKind, scope: Scope, name: str) -> Iterable[_Row]:
    others = [kind.column(column).field_name for column in kind.key_columns if column != LINE]
    keys = others if LINE in kind.key_columns else ["pk"]
    for pk, withdrawal, *key in stored_rows(kind, scope, product_line=name).values_list("pk", "withdrawal", *keys):
        yield _Row(pk, tuple(key), withdrawal is None)


def _exchange(
    kind: FactKind, moved: _Moved, rows: "QuerySet[Any]", name: str, swapped: "QuerySet[Any]", their_name: str
) -> None:
    """Name rows `name`, and those that stand in their place `their_name`. Keys are unique at any moment."""
    pks, theirs = list(rows.values_list("pk", flat=True)), list(swapped.values_list("pk", flat=True))
    model: Any = kind.model
    if theirs:
        model.with_withdrawn.filter(pk__in=theirs).update(product_line=Concat(Value(_IN_BETWEEN), F("product_line")))
    if pks:
        model.with_withdrawn.filter(pk__in=pks).update(product_line=name)
        moved.rows[kind.key] = frozenset(pks)
        if kind.client_field:
            clients = model.with_withdrawn.filter(pk__in=pks).order_by().values_list(kind.client_field, flat=True)
            moved.client_ids |= set(clients.distinct())
    if theirs:
        model.with_withdrawn.filter(pk__in=theirs).update(product_line=their_name)
        moved.swapped[kind.key] = theirs


@receiver(facts_committed)
def follow_merges(sender: object, scope: Scope, **_: object) -> None:
    """Receive `facts_committed`: an undone import may have brought rows back that a merged line has the name of."""
    if sender is LineMerge:
        return
    in_order = list(merges(scope).order_by("pk"))
    names = [merge.source.name for merge in in_order]
    if any(stored_rows(kind, scope, withdrawal=None, product_line__in=names).exists() for kind in kinds_with_lines()):
        for merge in in_order:
            _follow(scope, merge)


def _publish(scope: Scope, action: str, merge: LineMerge, moved: _Moved) -> Outcome:
    bump_generation(scope)
    points = commit_facts(LineMerge, scope=scope, client_ids=set(moved.client_ids), batch_id=None)
    counts = {kind_key: len(pks) for kind_key, pks in moved.rows.items()}
    audit.record(scope, action, str(merge), rows=counts, merge=merge.pk)
    return Outcome(MovedRows(moved.rows, frozenset(moved.client_ids)), points)

"""Channels of a partner: Slack, Teams and signed webhooks. Adds and removes them, and sends what is due to them."""

import json
import logging
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils import translation

from accounts.audit import record
from accounts.models import Partner
from accounts.roles import Permission
from accounts.scope import Scope, partner_scope, system_scope
from notices.kinds import KINDS, NoticeKind
from notices.models import Channel, ChannelKind, ChannelMessage, ChannelState, MessageState
from notices.outbound import AddressRefused, NotDelivered, check_address, post
from notices.signature import new_secret, signed_headers
from notices.texts import Sentences, sentences
from partner_portal.lib import site
from partner_portal.lib.dates import clock
from partner_portal.lib.rows.events import noteworthy
from sources.credentials import SecretUnreadable, hint, reseal, seal, unseal

log = logging.getLogger(__name__)

SEALED_FOR = "channel"  # in place of a vendor
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 300, 600, 840, 1200, 1440))
LEASE = timedelta(minutes=5)  # a worker has so long; then the message is sent again, under the same id
DEAD_AFTER = timedelta(days=3)  # of failures alone
SHOWN_MESSAGES = 20
STORED_DAYS = 30
GONE = 410
TEST = "test"


def channels(scope: Scope) -> QuerySet[Channel]:
    """The partner's channels, oldest first."""
    return Channel.objects.filter(partner=scope.partner).order_by("pk")


def channel(scope: Scope, pk: int) -> Channel:
    """One of the partner's channels. Raises Http404."""
    match = channels(scope).filter(pk=pk).first()
    if match is None:
        raise Http404
    return match


def messages_of(scope: Scope, of: Channel) -> list[ChannelMessage]:
    """The latest messages of a channel, newest first."""
    return list(ChannelMessage.objects.filter(partner=scope.partner, channel=of).order_by("-pk")[:SHOWN_MESSAGES])


def channel_kinds() -> list[NoticeKind]:
    """The kinds that can be posted to a channel: those that concern the partner and no single person."""
    return [kind for kind, rules in KINDS.items() if not rules.personal]


@transaction.atomic
def add(*, scope: Scope, kind: str, label: str, address: str, kinds: Sequence[str]) -> tuple[Channel, str]:
    """Store a channel. Returns it with the secret that signs a webhook, which cannot be read again; "" for others.

    Raises AddressRefused for an address that may not be sent to, and PermissionDenied without the settings right.
    """
    scope.require(Permission.SETTINGS)
    parts = check_address(address)
    secret = new_secret() if kind == ChannelKind.WEBHOOK else ""
    made = Channel.objects.create(
        partner=scope.partner, kind=kind, label=label, kinds=list(kinds), host=(parts.hostname or "")[:200],
        address_hint=hint(address), address=_seal(scope.partner, address),
        signing=_seal(scope.partner, secret) if secret else "", created_by=scope.user,
    )  # fmt: skip
    record(scope, "channel.added", label, kind=kind)
    return made, secret


def _seal(partner: Partner, text: str) -> str:
    return seal(text, partner_id=partner.pk, vendor=SEALED_FOR)


@transaction.atomic
def change(*, scope: Scope, of: Channel, kinds: Sequence[str]) -> None:
    """Choose what is posted to a channel. Raises PermissionDenied without the settings right."""
    scope.require(Permission.SETTINGS)
    Channel.objects.filter(pk=of.pk).update(kinds=list(kinds))
    record(scope, "channel.changed", of.label)


@transaction.atomic
def set_active(*, scope: Scope, of: Channel, active: bool) -> None:
    """Pause a channel, or resume it: also one that was dead. Raises PermissionDenied without the settings right."""
    scope.require(Permission.SETTINGS)
    state = ChannelState.ACTIVE if active else ChannelState.PAUSED
    Channel.objects.filter(pk=of.pk).update(state=state, failing_since=None)
    record(scope, "channel.resumed" if active else "channel.paused", of.label)


@transaction.atomic
def remove(*, scope: Scope, of: Channel) -> None:
    """Delete a channel, its address and its messages. Raises PermissionDenied without the settings right."""
    scope.require(Permission.SETTINGS)
    record(scope, "channel.removed", of.label)
    of.delete()


@transaction.atomic
def enqueue_test(*, scope: Scope, of: Channel) -> None:
    """Let a worker send a test message. Raises PermissionDenied without the settings right."""
    scope.require(Permission.SETTINGS)
    now = clock.now()
    ChannelMessage.objects.create(
        partner=scope.partner, channel=of, kind=TEST, key=now.isoformat(), values={}, not_before=now
    )


def enqueue(scope: Scope, kind: NoticeKind, key: str, values: dict[str, object]) -> None:
    """Enqueue an event for every active channel that takes its kind, in the transaction that notifies people."""
    if KINDS[kind].personal:
        return
    active = [row for row in channels(scope).filter(state=ChannelState.ACTIVE) if kind in row.kinds]
    ChannelMessage.objects.bulk_create(
        (
            ChannelMessage(
                partner=scope.partner, channel=row, kind=kind, key=key, values=values, not_before=clock.now()
            )
            for row in active
        ),
        ignore_conflicts=True,
    )


def due_messages() -> QuerySet[ChannelMessage]:
    """The messages of all partners that are due. For `accounts.scope.partners_with`."""
    return ChannelMessage.objects.filter(state=MessageState.DUE, not_before__lte=clock.now())


def claim_messages(*, partner: Partner) -> list[int]:
    """The ids of the partner's messages that are due. Each is due again after LEASE unless its worker says otherwise."""
    with partner_scope(partner):
        due = due_messages().filter(partner=partner).order_by("pk").select_for_update(skip_locked=True)
        claimed = [row.pk for row in due]
        ChannelMessage.objects.filter(pk__in=claimed).update(not_before=clock.now() + LEASE)
    return claimed


def send(*, partner_id: int, message_id: int) -> str:
    """Send one message outside any transaction. Returns its state."""
    partner = Partner.objects.get(pk=partner_id)
    with partner_scope(partner):
        found = ChannelMessage.objects.select_related("channel").filter(partner=partner, pk=message_id).first()
    if found is None or found.state != MessageState.DUE:
        return str(found.state) if found else "removed"
    if found.channel.state != ChannelState.ACTIVE and found.kind != TEST:
        return _end(partner, found, MessageState.FAILED, "stopped")
    try:
        address, signing = _secrets(partner, found.channel)
        with translation.override(partner.language):
            body = json.dumps(_body(partner, found), ensure_ascii=False).encode()
        now = int(clock.now().timestamp())
        headers = signed_headers(signing, f"msg_{found.uid.hex}", now, body) if signing else {}
        status = post(address, body, headers)
    except (AddressRefused, NotDelivered) as error:
        return _failed(partner, found, error.code)
    except SecretUnreadable:
        return _failed(partner, found, "secret")
    except Exception:
        log.exception("message %s of a channel could not be made", found.pk)
        return _end(partner, found, MessageState.FAILED, "error")
    return (
        _end(partner, found, MessageState.SENT, str(status))
        if 200 <= status < 300
        else _failed(partner, found, str(status))
    )


def _secrets(partner: Partner, of: Channel) -> tuple[str, str]:
    address, signing = (
        unseal(text, partner_id=partner.pk, vendor=SEALED_FOR) if text else "" for text in (of.address, of.signing)
    )
    return address, signing


def _end(partner: Partner, found: ChannelMessage, state: MessageState, answer: str) -> str:
    with partner_scope(partner):
        ChannelMessage.objects.filter(pk=found.pk).update(
            state=state, answer=answer[:60], attempts=found.attempts + 1, not_before=None
        )
        if state == MessageState.SENT:
            Channel.objects.filter(pk=found.channel_id).update(failing_since=None)
    return str(state)


def _failed(partner: Partner, found: ChannelMessage, answer: str) -> str:
    """Try again later, up to a limit. A channel that is gone, or has failed for long, is dead: its admins are notified once."""
    now = clock.now()
    with partner_scope(partner):
        channel = Channel.objects.select_for_update().get(pk=found.channel_id)
        channel.failing_since = channel.failing_since or now
        is_dead = answer == str(GONE) or now - channel.failing_since >= DEAD_AFTER
        if is_dead and channel.state == ChannelState.ACTIVE:
            channel.state = ChannelState.DEAD
            scope = system_scope(partner)
            record(scope, "channel.dead", channel.label)
            values = {"channel": channel.pk, "name": channel.label, "answer": answer}
            key = f"{channel.pk}:{channel.failing_since.isoformat()}"
            noteworthy.send(Channel, scope=scope, kind="channel_dead", key=key, values=values, people=None)
        channel.save(update_fields=["failing_since", "state"])
    if is_dead or found.kind == TEST or found.attempts >= len(BACK_OFF):
        return _end(partner, found, MessageState.FAILED, answer)
    with partner_scope(partner):
        ChannelMessage.objects.filter(pk=found.pk).update(
            answer=answer[:60], attempts=found.attempts + 1, not_before=now + BACK_OFF[found.attempts]
        )
    return str(MessageState.DUE)


def _body(partner: Partner, found: ChannelMessage) -> dict[str, object]:
    words = sentences(found.kind, found.values) if found.kind != TEST else _test_words()
    link = site.absolute(words.link)
    if found.channel.kind == ChannelKind.SLACK:
        title, why, name = (_slack(text) for text in (words.title, words.why, partner.name))
        return {"text": f"*{name}: {title}*\n{why}\n<{link}>".replace("\n\n", "\n")}
    if found.channel.kind == ChannelKind.TEAMS:
        texts = [{"text": f"{partner.name}: {words.title}", "weight": "Bolder"}, {"text": words.why}]
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [{"type": "TextBlock", "wrap": True, **text} for text in texts if text["text"]],
            "actions": [{"type": "Action.OpenUrl", "title": "Partner Portal", "url": link}],
        }
        content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        return {"type": "message", "attachments": [content]}
    data = {"partner": partner.slug, "title": words.title, "why": words.why, "link": link, **found.values}
    return {"type": f"notice.{found.kind}", "timestamp": found.created_at.isoformat(), "data": data}


def _test_words() -> Sentences:
    title = translation.gettext("This is a test of the Partner Portal")
    return Sentences(title, translation.gettext("Notices will look like this."), "/notices/")


def _slack(text: str) -> str:
    """Text without the three characters that Slack reads as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def outdated_messages() -> QuerySet[ChannelMessage]:
    """Messages of all partners that ended long ago."""
    limit = clock.now() - timedelta(days=STORED_DAYS)
    return ChannelMessage.objects.exclude(state=MessageState.DUE).filter(created_at__lt=limit)


def rotate(*, scope: Scope) -> tuple[int, list[str]]:
    """Encrypt the partner's addresses with the newest key. Returns how many, and the labels of those that cannot be read."""
    done, unreadable = 0, []
    for row in channels(scope).select_for_update():
        try:
            row.address, row.signing = reseal(row.address), reseal(row.signing) if row.signing else ""
        except SecretUnreadable:
            unreadable.append(row.label)
            continue
        row.save(update_fields=["address", "signing"])
        done += 1
    return done, unreadable

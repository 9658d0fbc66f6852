"""Notices of people, the events of a partner behind them, and when its figures were last checked for events."""

import uuid
from datetime import time

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner, User


class Notice(models.Model):
    """A notice to one person of one event. Its sentence is made when it is shown (`notices.texts`), so only values are stored.

    kind:      a `NoticeKind`. key: names the event among those of its kind.
    values:    what the sentence needs, as JSON: `rows`, one for each event of the notice, and `count` of all of them.
    in_bell:   whether the inbox shows it and the bell counts it; otherwise it only goes into mails.
    mail_at:   from when on it is mailed by itself; null when it is not, or was.
    in_digest: whether the next digest contains it.
    """

    visible_to_own_user = True
    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=30)
    key = models.CharField(max_length=200)
    values = models.JSONField(default=dict)
    in_bell = models.BooleanField(default=True)
    in_digest = models.BooleanField(default=False)
    mail_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "user", "kind", "key"], name="one_notice_per_event")]
        indexes = [
            models.Index(fields=["partner", "user", "-id"], name="notice_latest"),
            models.Index(
                fields=["user", "partner"], condition=models.Q(in_bell=True, read_at=None), name="notice_unread"
            ),
            models.Index(fields=["mail_at"], condition=models.Q(mail_at__isnull=False), name="notice_to_mail"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class NotifiedEvent(models.Model):
    """An event of a partner that its people were notified of. It makes no second notice, also for those who join later."""

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=30)
    key = models.CharField(max_length=200)
    notified_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "kind", "key"], name="one_event_per_key")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class EventCheck(models.Model):
    """The last time a partner's figures were checked for events.

    generation, checked_on: the partner's at the last check; the next is due when either has moved.
    total:       points at the last check. week: the Monday of its week. total_before: points at the last check before that.
    """

    read_by_clock = True

    partner = models.OneToOneField(Partner, on_delete=models.CASCADE, primary_key=True, related_name="+")
    generation = models.PositiveBigIntegerField(null=True)
    checked_on = models.DateField(null=True)
    total = models.DecimalField(max_digits=18, decimal_places=4, null=True)
    week = models.DateField(null=True)
    total_before = models.DecimalField(max_digits=18, decimal_places=4, null=True)

    def __str__(self) -> str:
        return f"{self.partner_id}: {self.checked_on}"


class Digest(models.TextChoices):
    NONE = "", _("No digest")
    WEEKLY = "weekly", _("Every Monday")
    DAILY = "daily", _("Every day")


class NoticeSettings(models.Model):
    """Which notices a person wants, and where; somebody without a row has the defaults.

    places:     kind -> list of `kinds.Place`, for kinds that differ from `kinds.DEFAULT_PLACES`.
    fall:       more points than this have to go in a week for a notice.
    quiet_from, quiet_until: times of the partner's zone between which no mail is sent; both null for none.
    digest_at:  when the digest is sent, in the partner's zone. next_slot: the instant it is next due; null for none.
    figures:    those of the last digest, as JSON (`notices.digest`): the next one says what changed since.
    refusal:    the mail server's permanent rejection of `refused_address`, which gets no more mails of notices; "" for none.
    """

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    places = models.JSONField(default=dict)
    fall = models.PositiveIntegerField(_("points"), default=25)
    quiet_from = models.TimeField(null=True)
    quiet_until = models.TimeField(null=True)
    digest = models.CharField(_("digest"), max_length=6, choices=Digest, blank=True)
    digest_at = models.TimeField(default=time(7, 30))
    next_slot = models.DateTimeField(null=True)
    figures = models.JSONField(default=dict)
    refusal = models.CharField(max_length=300, blank=True)
    refused_address = models.CharField(max_length=254, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "user"], name="one_notice_settings"),
            models.CheckConstraint(
                condition=models.Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | models.Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="quiet_has_both_ends",
            ),
        ]
        indexes = [models.Index(fields=["next_slot"], condition=models.Q(next_slot__isnull=False), name="digest_due")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.partner_id}"


class DigestState(models.TextChoices):
    DUE = "due", _("Due")
    SENT = "sent", _("Sent")
    SKIPPED = "skipped", _("Nothing new")
    RETRYING = "retrying", _("Trying again")
    FAILED = "failed", _("Failed")


class DigestRun(models.Model):
    """The one digest of a person for one slot."""

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    slot = models.DateTimeField()
    state = models.CharField(max_length=8, choices=DigestState, default=DigestState.DUE)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "user", "slot"], name="one_digest_per_slot"),
            models.CheckConstraint(condition=models.Q(state__in=DigestState.values), name="digest_state_known"),
        ]
        indexes = [
            models.Index(fields=["not_before"], condition=models.Q(state__in=["due", "retrying"]), name="digest_open")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.slot}"


class ChannelKind(models.TextChoices):
    SLACK = "slack", _("Slack")
    TEAMS = "teams", _("Microsoft Teams")
    WEBHOOK = "webhook", _("Signed webhook")


class ChannelState(models.TextChoices):
    ACTIVE = "active", _("Active")
    PAUSED = "paused", _("Paused")
    DEAD = "dead", _("Does not answer")


class Channel(models.Model):
    """Where a partner's events are posted besides its people's notices: Slack, Teams, or another system.

    address:  where messages are sent, encrypted for this partner (`sources.credentials`): whoever knows it may post there.
    host, address_hint: of the address, for people. signing: the secret that signs a webhook, encrypted; "" for others.
    kinds:    the `NoticeKind`s that are posted to it.
    failing_since: when the first message failed since the last that arrived; null for none.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(_("kind"), max_length=7, choices=ChannelKind)
    label = models.CharField(_("name"), max_length=120)
    address = models.TextField()
    host = models.CharField(max_length=200)
    address_hint = models.CharField(max_length=8, blank=True)
    signing = models.TextField(blank=True)
    kinds = models.JSONField(default=list)
    state = models.CharField(max_length=6, choices=ChannelState, default=ChannelState.ACTIVE)
    failing_since = models.DateTimeField(null=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=ChannelState.values), name="channel_state_known")
        ]

    def __str__(self) -> str:
        return self.label


class MessageState(models.TextChoices):
    DUE = "due", _("Due")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")


class ChannelMessage(models.Model):
    """One event for one channel. `uid` is the id under which every try of it is sent; `answer` what came of the last one."""

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="messages", db_index=False)
    kind = models.CharField(max_length=30)
    key = models.CharField(max_length=200)
    values = models.JSONField(default=dict)
    uid = models.UUIDField(default=uuid.uuid4)
    state = models.CharField(max_length=6, choices=MessageState, default=MessageState.DUE)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    answer = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "kind", "key"], name="one_message_per_event")]
        indexes = [models.Index(fields=["not_before"], condition=models.Q(state="due"), name="message_due")]

    def __str__(self) -> str:
        return f"{self.channel_id}: {self.kind} {self.key}"

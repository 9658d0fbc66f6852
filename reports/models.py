"""Lists of clients, saved reports, exported files, and schedules with their recipients and runs.

A report or a file stores a definition (dataset, parameters, columns), never rows; a list stores its members.
"""

import uuid
from typing import TypedDict

from django.db import models
from django.db.models.functions import Now
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner, User
from reports.schedule import FIRST_WORKDAY, LAST


class SavedList(models.Model):
    """A list of clients, visible to everyone in the partner.

    source: where its first clients came from, as text. request_key: of the form that made it; resending it makes no second.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=120)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    source = models.CharField(max_length=300, blank=True)
    request_key = models.UUIDField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "request_key"], name="one_list_per_form"),
            models.UniqueConstraint(
                "partner", models.functions.Lower("name"), condition=models.Q(deleted_at__isnull=True),
                name="list_names_differ",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name


class ListMember(models.Model):
    """A client in a list: who added it, when, and from which rows (`source`, as text)."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    saved_list = models.ForeignKey(SavedList, on_delete=models.CASCADE, related_name="members", db_index=False)
    client = models.ForeignKey("clients.Client", on_delete=models.CASCADE, related_name="+")
    added_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    added_at = models.DateTimeField(db_default=Now())
    source = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["saved_list", "client"], name="client_once_in_a_list")]

    def __str__(self) -> str:
        return f"{self.client_id} in {self.saved_list_id}"


class Chart(models.TextChoices):
    NONE = "", _("No chart")
    BAR = "bar", _("Bars")
    LINE = "line", _("Line")


class Comparison(models.TextChoices):
    NONE = "", _("No comparison")
    PREVIOUS = "prev", _("The period before")
    YEAR = "year", _("The same days a year earlier")


class Pinned(models.TextChoices):
    NO = "", _("Not on a dashboard")
    MINE = "mine", _("On my dashboard")
    PARTNER = "partner", _("On everybody's dashboard")


class SavedReport(models.Model):
    """A stored view of a dataset: its parameters as in an address, its columns in order, and how it is shown.

    `params` holds a moving range by its name or a fixed one by its days. Readers see the rows and columns of their own role.
    """

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=120)
    description = models.CharField(_("description"), max_length=500, blank=True)
    dataset = models.CharField(max_length=60)
    params = models.JSONField(default=dict)
    columns = models.JSONField(default=list)
    comparison = models.CharField(_("comparison"), max_length=4, choices=Comparison, blank=True)
    chart = models.CharField(_("chart"), max_length=4, choices=Chart, blank=True)
    shared = models.BooleanField(default=False)
    pinned = models.CharField(max_length=7, choices=Pinned, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    schema = models.PositiveSmallIntegerField(default=1)
    request_key = models.UUIDField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    opened_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["partner", "name"])]
        constraints = [
            models.UniqueConstraint(fields=["partner", "request_key"], name="one_report_per_form"),
            models.CheckConstraint(
                condition=~models.Q(pinned="partner") | models.Q(shared=True), name="shared_card_is_shared"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Format(models.TextChoices):
    XLSX = "xlsx", _("Excel (.xlsx)")
    CSV = "csv", _("CSV (.csv)")
    ZIP = "zip", _("CSV with a receipt (.zip)")


class State(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")


class Export(models.Model):
    """A requested file and its state. The row stays when the file has been removed.

    `attempts` counts the workers that claimed it; only the last one may store the outcome. `request_key` is a digest of the
    request, so that a double click makes one file. `totals` are decimals as texts by column; `days` and `filters` are those
    of the receipt. `trial` is null except for a schedule's test mail: the fields of the schedule that is tried out.
    """

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    title = models.CharField(max_length=200)
    filters = models.CharField(max_length=1000, blank=True)
    days = models.CharField(max_length=100, blank=True)
    dataset = models.CharField(max_length=60)
    params = models.JSONField(default=dict)
    columns = models.JSONField(default=list)
    format = models.CharField(max_length=4, choices=Format)
    dialect = models.CharField(max_length=10, blank=True)
    stable_names = models.BooleanField(default=False)
    request_key = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    rows = models.PositiveBigIntegerField(default=0)
    done = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=300, blank=True)
    totals = models.JSONField(default=dict)
    file = models.FileField(max_length=300, blank=True)
    size = models.PositiveBigIntegerField(null=True)
    downloads = models.PositiveIntegerField(default=0)
    report = models.ForeignKey(SavedReport, on_delete=models.SET_NULL, null=True, related_name="+")
    by_schedule = models.BooleanField(default=False)
    mail_when_ready = models.BooleanField(default=False)
    trial = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    queued_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["partner", "owner", "-created_at"]),
            models.Index(fields=["state"], condition=models.Q(state__in=["queued", "running"]), name="export_open"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="ready") | ~models.Q(file="") & models.Q(size__isnull=False),
                name="ready_export_has_file",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="failed") | ~models.Q(reason=""), name="failure_has_reason"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_ready(self) -> bool:
        """Whether the file can be downloaded."""
        return self.state == State.READY

    @property
    def file_name(self) -> str:
        """The file's name with its extension."""
        return f"{self.name}.{self.format}"


class Frequency(models.TextChoices):
    DAILY = "daily", _("Every day")
    WEEKDAYS = "weekdays", _("Monday to Friday")
    WEEKLY = "weekly", _("Every week")
    MONTHLY = "monthly", _("Every month")
    QUARTERLY = "quarterly", _("Every quarter")
    REVIEWS = "reviews", _("The day after each review")


class Delivery(models.TextChoices):
    LINK = "link", _("A link")
    ATTACHMENT = "file", _("The file, up to 10 MB")


class WhenEmpty(models.TextChoices):
    SKIP = "skip", _("Skip that time")
    SEND = "send", _("Send “no rows”")


class Schedule(models.Model):
    """A saved report that is sent periodically, under its owner's rights at that moment.

    `day` is the weekday of a weekly one (0 Monday), or the day of the month: 1 to 31, 0 the last, -1 the first working day.
    The reviews are those of the programme. `next_slot` is the next instant it is due, null while paused; `paused` is why it
    is paused. `failures` counts runs in a row that reached nobody.
    """

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    report = models.ForeignKey(SavedReport, on_delete=models.PROTECT, related_name="schedules")
    frequency = models.CharField(max_length=9, choices=Frequency)
    day = models.SmallIntegerField(default=0)
    at = models.TimeField()
    zone = models.CharField(max_length=60)
    format = models.CharField(max_length=4, choices=Format, default=Format.XLSX)
    dialect = models.CharField(max_length=10, blank=True)
    delivery = models.CharField(max_length=4, choices=Delivery, default=Delivery.LINK)
    when_empty = models.CharField(max_length=4, choices=WhenEmpty, default=WhenEmpty.SKIP)
    next_slot = models.DateTimeField(null=True)
    paused = models.CharField(max_length=300, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    request_key = models.UUIDField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["next_slot"], condition=models.Q(next_slot__isnull=False), name="schedule_due")]
        constraints = [
            models.UniqueConstraint(fields=["partner", "request_key"], name="one_schedule_per_form"),
            models.CheckConstraint(
                condition=models.Q(paused="") | models.Q(next_slot__isnull=True), name="paused_is_not_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.report_id} {self.frequency} {self.at}"

    @property
    def often(self) -> str:
        """How often, and on which day, as text."""
        if self.frequency == Frequency.WEEKLY:
            return gettext("Every %(weekday)s") % {"weekday": WEEKDAYS[self.day]}
        special = {LAST: gettext("on the last day"), FIRST_WORKDAY: gettext("on the first working day")}
        day = special.get(self.day) or gettext("on day %(day)d") % {"day": self.day}
        if self.frequency == Frequency.MONTHLY:
            return gettext("Every month, %(day)s") % {"day": day}
        if self.frequency == Frequency.QUARTERLY:
            return gettext("Every quarter, in its first month, %(day)s") % {"day": day}
        return str(Frequency(self.frequency).label)


class Recipient(models.Model):
    """A recipient of a schedule: a member, or an outside address, which gets mail once it has confirmed.

    `refused_at`, `refused_address` and `refusal` hold the mail server's last permanent rejection: the recipient is suspended
    until somebody resumes it, or until the member's address changes. `alerted_at` is when owner and admins were alerted that
    mail does not reach them; null again once it does.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="recipients")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    email = models.EmailField(blank=True)
    key = models.UUIDField(default=uuid.uuid4, unique=True)
    confirmed_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)
    refused_at = models.DateTimeField(null=True)
    refused_address = models.CharField(max_length=254, blank=True)
    refusal = models.CharField(max_length=300, blank=True)
    alerted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user__isnull=False, email="") | models.Q(user__isnull=True) & ~models.Q(email=""),
                name="recipient_is_member_or_address",
            ),
            models.UniqueConstraint(
                fields=["schedule", "user"], condition=models.Q(user__isnull=False), name="member_once_in_a_schedule"
            ),
            models.UniqueConstraint(
                fields=["schedule", "email"], condition=~models.Q(email=""), name="address_once_in_a_schedule"
            ),
        ]

    def __str__(self) -> str:
        return self.email or str(self.user_id)

    @property
    def address(self) -> str:
        """The address that its mails go to now."""
        return self.user.email if self.user else self.email

    @property
    def name(self) -> str:
        """The name on pages and in mails."""
        return str(self.user) if self.user else self.email

    @property
    def suspended(self) -> bool:
        """Whether the mail server has permanently rejected the present address."""
        return self.refused_at is not None and self.refused_address == self.address


class RunState(models.TextChoices):
    DUE = "due", _("Due")
    SENT = "sent", _("Sent")
    SKIPPED = "skipped", _("Skipped, no rows")
    RETRYING = "retrying", _("Trying again")
    FAILED = "failed", _("Failed")
    MISSED = "missed", _("Missed")


class Missed(TypedDict):
    """An entry of `ScheduleRun.missed`: a recipient without mail."""

    recipient: int
    name: str
    reason: str
    later: bool


class ScheduleRun(models.Model):
    """The one run of a schedule for one slot.

    `delivered` has the primary keys of the recipients that have their mail, `reached` their names, `missed` a `Missed` for
    each of the others; its `later` says that the run tries again. `late` counts the earlier slots that were missed.
    """

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="runs", db_index=False)
    slot = models.DateTimeField()
    state = models.CharField(max_length=8, choices=RunState, default=RunState.DUE)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    late = models.PositiveSmallIntegerField(default=0)
    rows = models.PositiveBigIntegerField(null=True)
    reason = models.CharField(max_length=300, blank=True)
    delivered = models.JSONField(default=list)
    reached = models.JSONField(default=list)
    missed = models.JSONField(default=list)
    export = models.ForeignKey(Export, on_delete=models.SET_NULL, null=True, related_name="+")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["schedule", "slot"], name="one_run_per_slot")]
        indexes = [
            models.Index(fields=["not_before"], condition=models.Q(state__in=["due", "retrying"]), name="run_open")
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.slot}"

"""People, the partner organisations they belong to, the partner's contacts at the vendor, and the audit log."""

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from accounts.roles import Role


class UserManager(BaseUserManager["User"]):
    """Creates people and operators."""

    def create_user(self, email: str, password: str | None = None, **extra: object) -> "User":
        """A person with a confirmed address: only the mail to it, or an operator, lets them in."""
        from accounts.scope import outside_partners

        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        with outside_partners():  # inside a partner the database shows nobody who does not belong to it yet
            user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: object) -> "User":
        """An operator: reaches the admin site, where programme rules are edited. Sees no partner's data by that.

        Only the database's owner may; `portal_app` gets a database error.
        """
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. What they may see comes from their memberships, never from the user row.

    `email` is confirmed: it equals the verified primary `EmailAddress`. An address that is still to be confirmed is another
    `EmailAddress` row, and neither signs in nor gets mails.
    """

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    language = models.CharField(_("language"), max_length=8, blank=True)
    theme = models.CharField(
        max_length=5, choices=[("", _("System")), ("light", _("Light")), ("dark", _("Dark"))], blank=True
    )
    density = models.CharField(
        max_length=7, choices=[("", _("Comfortable")), ("compact", _("Compact"))], blank=True, db_default=""
    )
    #: whether keys without Ctrl, such as /, do something
    single_keys = models.BooleanField(_("single-key shortcuts"), default=True, db_default=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(db_default=Now())

    objects = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(email=""), name="person_has_address"),
            models.UniqueConstraint(Lower("email"), name="one_person_per_address"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def initials(self) -> str:
        """Up to two letters for the avatar."""
        names = (self.name or self.email.partition("@")[0]).replace(".", " ").split()
        return "".join(name[0] for name in (names[:1] + names[-1:] if len(names) > 1 else names)).upper()


class Partner(models.Model):
    """An organisation in the vendor's programme: the tenant. `generation` moves whenever its facts or entries do."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=120)
    time_zone = models.CharField(_("time zone"), max_length=60, default="UTC")
    language = models.CharField(_("language"), max_length=8, default="en")
    payout_currency = models.CharField(
        _("payout currency"), max_length=3, default="USD", validators=[RegexValidator(r"^[A-Z]{3}$")]
    )
    mail_domains = models.TextField(_("allowed mail domains"), blank=True)
    stale_after_days = models.PositiveSmallIntegerField(_("data is stale after (days)"), default=7)
    #: the partner's own tier thresholds, read and written by `program.own_thresholds`
    thresholds = models.JSONField(default=dict, db_default={}, editable=False)
    #: number of the import that brought the sample data, while it is in force
    sample_import = models.BigIntegerField(null=True, editable=False)
    generation = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person's role in a partner. Its own user sees it too: until it is read, a request has no partner."""

    visible_to_own_user = True
    read_by_clock = True

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    ranges = models.JSONField(
        default=dict, db_default={}
    )  # the last range of every section, see `accounts.last_ranges`
    #: whether this person has put away the checklist of the first day
    checklist_hidden = models.BooleanField(default=False, db_default=False)
    #: the order of each page's panels and which are folded, see `accounts.panel_layout`
    panels = models.JSONField(default=dict, db_default={})
    #: the columns of every dataset in order, by its key, see `accounts.chosen_columns`
    columns = models.JSONField(default=dict, db_default={})
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "partner"], name="one_membership_per_partner")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class PartnerPerson(models.Model):
    """Somebody who is or was a member of a partner, so that their name stays readable there.

    A trigger adds the row with the membership and nothing removes it. Row-level security shows people by it.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "partner"], name="partner_knows_person_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.partner_id}"


class TeamContact(models.Model):
    """Somebody at the vendor who looks after the partner, the Partner Development Manager first."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="team_contacts")
    name = models.CharField(_("name"), max_length=120)
    role = models.CharField(_("role"), max_length=120)
    email = models.EmailField(_("e-mail"))
    description = models.TextField(_("what to ask them"), blank=True, max_length=1000)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return f"{self.name}, {self.role}"


class AuditEvent(models.Model):
    """Who did what, when. Append-only; holds no secrets and no row contents."""

    append_only = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(db_default=Now())
    action = models.CharField(max_length=60)
    subject = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["partner", "-at"])]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"

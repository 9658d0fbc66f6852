"""Tokens with which programs read a partner's figures in a person's name."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner, User
from accounts.roles import Role


class ApiToken(models.Model):
    """A person's token in one partner. It may do what both its own role and the person's present role allow.

    prefix: the first letters of the secret, to recognise it by. digest: SHA-256 of the secret, in hex; the secret itself is
    not stored.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=60)
    role = models.CharField(_("role"), max_length=10, choices=Role)
    prefix = models.CharField(max_length=8)
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "user", "name"],
                condition=models.Q(revoked_at__isnull=True),
                name="api_token_name",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="api_token_role_known"),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created_at")), name="api_token_ends_later"
            ),
            models.CheckConstraint(condition=models.Q(digest__regex=r"^[0-9a-f]{64}$"), name="api_token_digest"),
        ]

    def __str__(self) -> str:
        return self.name

"""Saved review packs: snapshots of the front page for a meeting and for questions after it."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner, User


class ReviewPack(models.Model):
    """A snapshot of the front page's figures as one page."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    title = models.CharField(_("title"), max_length=120)
    #: The day that the page shows.
    on = models.DateField()
    #: When the data was last updated; None if it never was.
    as_of = models.DateTimeField(null=True)
    #: Whether it holds amounts, so that only those who may see money may open it.
    with_money = models.BooleanField()
    #: The locale that it was rendered in.
    language = models.CharField(max_length=8)
    #: The HTML, rendered once.
    body = models.TextField()
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [models.CheckConstraint(condition=~models.Q(title=""), name="review_pack_has_title")]

    def __str__(self) -> str:
        return self.title

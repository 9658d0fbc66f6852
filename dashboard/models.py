"""Review packs that were kept: pages frozen as they were, for a meeting and for what is asked after it."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner, User


class ReviewPack(models.Model):
    """The front page's figures as one page, frozen: `body` is the HTML that was made then, and is never made again.

    with_money: it holds amounts, so it opens only for those who may see them.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    title = models.CharField(_("title"), max_length=120)
    on = models.DateField()
    as_of = models.DateTimeField(null=True)
    with_money = models.BooleanField()
    language = models.CharField(max_length=8)
    body = models.TextField()
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [models.CheckConstraint(condition=~models.Q(title=""), name="review_pack_has_title")]

    def __str__(self) -> str:
        return self.title

"""The mail to a contact at the vendor. It says the figures themselves, since the contact has no account here."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from urllib.parse import quote

from django.utils.translation import gettext as _

from accounts.scope import Scope
from dashboard.front_page_text import review_effect
from ledger.queries import Changes, changes, posting
from partner_portal.formats.days import long_day_text, period_text
from partner_portal.formats.numbers import decimal_text, signed_decimal_text
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.sentences import listed
from partner_portal.lib.shown_places import close_places
from program.labels import label, tier_name
from tiers.gap_text import short_of
from tiers.queries import TierStanding, tier_standing

LONGEST = 1_900  # characters; Windows hands a mail program addresses of up to 2,048


def figures_text(scope: Scope, period: Period) -> list[str]:
    """The partner's standing today and what the period brought, a sentence a line; none before the first import."""
    if posting(scope) is None:
        return []
    standing = tier_standing(scope)
    day = _("%(partner)s on %(on)s:") % {"partner": scope.partner.name, "on": long_day_text(standing.day)}
    return [day, *(f"- {line}" for line in [*_standing(standing), *_changes(changes(scope, period))])]


def _standing(standing: TierStanding) -> list[str]:
    points = standing.points
    names = {"tier": tier_name(standing.credited), "performance": tier_name(standing.performance)}
    same = standing.credited == standing.performance
    lines = [_("Tier: %(tier)s") % names if same else _("Tier: %(tier)s (performance today: %(performance)s)") % names]
    numbers = {
        "total": decimal_text(points.total, points.places),
        "sold": decimal_text(points.sold, points.places),
        "managed": decimal_text(points.managed, points.places),
    }
    lines.append(_("Total: %(total)s points (%(sold)s sold, %(managed)s managed)") % numbers)
    held = next((gap for gap in standing.targets if gap.tier == standing.credited), None)
    if held is not None:
        lines.append(_("Gap: %(gap)s") % {"gap": short_of(held, standing.certified.name)})
    if standing.next_tier is not None and (held is None or standing.next_tier.tier != held.tier):
        lines.append(_("Next tier: %(gap)s") % {"gap": short_of(standing.next_tier, standing.certified.name)})
    if standing.outlook is not None:
        review = {"on": long_day_text(standing.outlook.review.on), "effect": review_effect(standing.outlook)}
        lines.append(_("Review: %(on)s. If nothing else happens, the tier %(effect)s") % review)
    return lines


def _changes(moved: Changes) -> list[str]:
    net = moved.closing.total - moved.opening.total
    days = period_text(moved.period)
    lines = [_("%(days)s: %(net)s points") % {"days": days, "net": signed_decimal_text(net, close_places(net))}]
    lost: dict[str, Decimal] = {}
    for causes in moved.causes.values():
        for cause, points in causes.items():
            if points < 0:
                name = str(label(cause))
                lost[name] = lost.get(name, Decimal(0)) + points
    if lost:
        rows = sorted(lost.items(), key=lambda row: row[1])
        causes_text = listed([f"{name} {signed_decimal_text(points, close_places(points))}" for name, points in rows])
        lines.append(_("Lost, by cause: %(causes)s") % {"causes": causes_text})
    return lines


def mailto(scope: Scope, address: str, figures: Sequence[str], view: str) -> str:
    """A `mailto:` address with subject and text, short enough for every mail program: what does not fit is left out.

    figures: of `figures_text`. view: the full address of the page the reader has in mind, for their colleagues.
    """
    subject = _("%(partner)s: a question about our programme") % {"partner": scope.partner.name}
    pack = ["", _("Attached: our review pack.")] if figures else []
    link = ["", _("For colleagues who can sign in: %(address)s") % {"address": view}]
    bodies = [[*figures, *pack, *link], *([*figures[:count], *pack] for count in range(len(figures), -1, -1))]
    addresses = [_address(address, subject, body) for body in bodies]
    return next((full for full in addresses if len(full) <= LONGEST), addresses[-1])


def _address(address: str, subject: str, lines: Iterable[str]) -> str:
    body = "\r\n".join(lines).strip()
    return f"mailto:{quote(address, safe='@')}?subject={quote(subject, safe='')}&body={quote(body, safe='')}"

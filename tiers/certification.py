"""Reads the certifications that tiers require: who holds them, and until when (docs/points.md 12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q

from accounts.scope import Scope
from clients.models import Certification
from clients.queries import certifications
from clients.rules import CertificationFact
from partner_portal.lib.collation import sort_key
from program.queries import rulebook

WARNING_DAYS = 60


@dataclass(frozen=True, slots=True)
class PartnerCertification:
    """The certification that every tier requires, as held on a day."""

    name: str
    #: Whether somebody holds it.
    held: bool
    #: Who holds it, soonest to expire first.
    holders: Sequence[CertificationFact]
    #: The first day on which nobody will hold it; None: never, or nobody holds it.
    until: date | None
    #: The number of people with any valid certification.
    people: int


def partner_certification(scope: Scope, day: date) -> PartnerCertification:
    """The partner certification on the day, and how many people hold any certification."""
    name = rulebook(scope).partner_certification
    certified = certifications(scope)
    return PartnerCertification(
        name,
        certified.held(name, day),
        certified.holders(name, day),
        certified.held_until(name, day),
        certified.people(day),
    )


def lapses_soon(until: date | None, day: date) -> bool:
    """Whether a certification held until `until` lapses within WARNING_DAYS of the day."""
    return until is not None and until <= day + timedelta(days=WARNING_DAYS)


def certified_people(scope: Scope, day: date) -> list[dict[str, object]]:
    """One row per person with a certification valid on the day.

    Keys: `person`, `certifications` (names, sorted), `lapses_on` (the first day on which one of them is no longer valid) and
    `partner_until` (the same for the partner certification). None: never, or not held.
    """
    required = rulebook(scope).partner_certification
    valid = Certification.objects.filter(Q(expires_on__isnull=True) | Q(expires_on__gt=day), earned_on__lte=day)
    by_person: dict[str, list[Certification]] = {}
    for certification in valid.filter(partner=scope.partner).order_by("person", "certification", "earned_on"):
        by_person.setdefault(certification.person, []).append(certification)
    rows: list[dict[str, object]] = []
    for person, held in by_person.items():
        until = {row.certification: row.expires_on for row in sorted(held, key=_expiry)}
        rows.append(
            {
                "person": person,
                "certifications": ", ".join(sorted(until, key=sort_key)),
                "lapses_on": min((end for end in until.values() if end), default=None),
                "partner_until": until.get(required),
            }
        )
    return rows


def _expiry(row: Certification) -> tuple[date, int]:
    return row.expires_on or date.max, row.pk

"""Ends sessions of a person, or their access to one partner."""

from importlib import import_module

from allauth.usersessions.models import UserSession
from django.conf import settings

from accounts.models import User
from accounts.scope import outside_partners

LEFT_KEY = "left_partners"  # partners that a session no longer opens, until its person signs in again


def end_all(user: User) -> None:
    """Sign a person out everywhere."""
    with outside_partners():
        for session in UserSession.objects.filter(user=user):
            session.end()


def close_partner(user: User, partner_id: int) -> None:
    """Keep a person's open sessions out of one partner, also when they become a member again. New ones may open it."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    with outside_partners():
        keys = list(UserSession.objects.filter(user=user).values_list("session_key", flat=True))
    for key in keys:
        session = store(session_key=key)
        if session.load():
            session[LEFT_KEY] = sorted({*session.get(LEFT_KEY, []), partner_id})
            session.save()

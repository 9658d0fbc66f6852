"""The front page and what belongs to it."""

from django.urls import path

from accounts.views import partner

urlpatterns = [
    path("dashboard/team/", partner.team, name="dashboard_team"),
]

"""The front page and what belongs to it."""

from django.urls import path

from accounts.views import partner
from dashboard import views

urlpatterns = [
    path("", views.home, name="home"),
    path("dashboard/", views.overview, name="dashboard"),
    path("dashboard/team/", partner.team, name="dashboard_team"),
    path("dashboard/changes/<slug:which>/", views.changes, name="dashboard_changes"),
    path("dashboard/expiring/", views.expiring, name="dashboard_expiring"),
]

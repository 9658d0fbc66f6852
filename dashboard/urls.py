"""URLs of the front page, the rows behind its figures, and review packs."""

from django.urls import path

from dashboard import views

urlpatterns = [
    path("", views.home, name="home"),
    path("dashboard/", views.overview, name="dashboard"),
    path("dashboard/checklist/", views.hide_checklist, name="dashboard_checklist"),
    path("dashboard/team/", views.team, name="dashboard_team"),
    path("dashboard/panels/", views.panels, name="dashboard_panels"),
    path("dashboard/changes/<slug:which>/", views.changes, name="dashboard_changes"),
    path("dashboard/pack/", views.pack, name="dashboard_pack"),
    path("dashboard/packs/", views.packs, name="dashboard_packs"),
    path("dashboard/packs/<int:pk>/", views.saved_pack, name="dashboard_saved_pack"),
    path("dashboard/shared/<slug:which>/", views.shared, name="dashboard_shared"),
    path("dashboard/stuck-deals/", views.stuck, name="dashboard_stuck"),
    path("dashboard/retention/", views.churn, name="dashboard_churn"),
    path("dashboard/expiring/", views.expiring, name="dashboard_expiring"),
]

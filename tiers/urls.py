"""URLs of the tier page, the rows behind its figures, and plans."""

from django.urls import path

from tiers import views
from tiers.plans import views as plans

urlpatterns = [
    path("tiers/", views.tier, name="tier"),
    path("tiers/panels/", views.panels, name="tier_panels"),
    path("tiers/breakdown/", views.points_breakdown, name="tier_breakdown"),
    path("tiers/expiring/", views.expiring, name="tier_expiring"),
    path("tiers/lots/", views.lots, name="tier_lots"),
    path("tiers/entries/", views.entries, name="tier_entries"),
    path("tiers/over-time/", views.closer, name="tier_over_time"),
    path("tiers/people/", views.people, name="tier_people"),
    path("tiers/tools/", views.tools, name="tier_tools"),
    path("tiers/thresholds/", views.thresholds, name="tier_thresholds"),
    path("tiers/invitations/", views.invitation, name="tier_invitation"),
    path("tiers/plans/", plans.plan_list, name="tier_plans"),
    path("tiers/plans/new/", plans.plan_new, name="tier_plan_new"),
    path("tiers/plans/save/", plans.plan_save, name="tier_plan_save"),
    path("tiers/plans/<int:pk>/", plans.plan, name="tier_plan"),
    path("tiers/plans/<int:pk>/delete/", plans.plan_delete, name="tier_plan_delete"),
]

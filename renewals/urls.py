"""Renewals: the page, reminders, and the private calendar."""

from django.urls import path

from renewals import views

urlpatterns = [
    path("", views.overview, name="renewals"),
    path("rows/", views.rows, name="renewal_rows"),
    path("reminders/", views.reminders, name="renewal_reminders"),
    path("reminders/stop/<str:token>/", views.stop_reminder, name="renewal_reminder_stop"),
    path("calendar/<slug:partner>/<str:token>.ics", views.calendar, name="renewal_calendar"),
]

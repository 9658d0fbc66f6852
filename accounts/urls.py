"""Pages of one's own account and of the partner's people; log-in, password, second factor and sessions are allauth's."""

from django.urls import path

from accounts import views

urlpatterns = [
    path("partner/", views.switch_partner, name="accounts_partner"),
    path("theme/", views.theme, name="accounts_theme"),
    path("language/", views.language, name="accounts_language"),
]

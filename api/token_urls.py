"""/accounts/tokens/."""

from django.urls import path

from api.views import pages

urlpatterns = [
    path("", pages.tokens, name="api_tokens"),
    path("<int:pk>/revoke/", pages.revoke, name="api_token_revoke"),
]

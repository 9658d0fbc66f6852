"""URLs below /connections/."""

from django.urls import path

from sources import kind_views, views

urlpatterns = [
    path("", views.connections, name="connections"),
    path("new/<slug:vendor>/", views.connect, name="connections_new"),
    path("new/<slug:vendor>/consent/", views.consent, name="connections_consent"),
    path("new/<slug:vendor>/consented/", views.consented, name="connections_consented"),
    path("lists/<int:pk>/send/", views.send_list, name="list_send"),
    path("calls/<int:pk>/", views.call, name="vendor_call"),
    path("<int:pk>/", views.connection, name="connection"),
    path("<int:pk>/questions/", views.questions, name="connection_questions"),
    path("<int:pk>/token/", views.token, name="connection_token"),
    path("<int:pk>/clients/", views.unmatched, name="connection_clients"),
    path("<int:pk>/sync/", views.sync, name="connection_sync"),
    path("<int:pk>/pause/", views.pause, name="connection_pause"),
    path("<int:pk>/resume/", views.resume, name="connection_resume"),
    path("<int:pk>/gone/", views.gone, name="connection_gone"),
    path("<int:pk>/kinds/<slug:kind>/", kind_views.kind, name="connection_kind"),
    path("<int:pk>/proposals/<slug:kind>/", kind_views.proposals, name="connection_proposals"),
    path("<int:pk>/proposals/<slug:kind>/effect/", kind_views.effect, name="connection_effect"),
    path("<int:pk>/disconnect/", views.disconnect, name="connection_disconnect"),
]

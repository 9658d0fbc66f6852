"""/notices/: the inbox, and one notice, which leads to its rows."""

from django.urls import path

from notices import views

urlpatterns = [
    path("", views.inbox, name="notices"),
    path("bell/", views.bell, name="notices_bell"),
    path("read/", views.mark_all_read, name="notices_read"),
    path("settings/", views.settings_page, name="notices_settings"),
    path("stop/<str:token>/", views.stop, name="notices_stop"),
    path("channels/", views.channel_list, name="notices_channels"),
    path("channels/<int:pk>/", views.channel_page, name="notices_channel"),
    path("channels/<int:pk>/do/", views.channel_action, name="notices_channel_action"),
    path("<int:pk>/", views.open_notice, name="notice"),
]

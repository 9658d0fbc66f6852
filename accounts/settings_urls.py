"""The partner's settings and contacts."""

from django.urls import path

from accounts.views import partner

urlpatterns = [
    path("", partner.partner_settings, name="settings"),
    path("reset-demo/", partner.reset_demo, name="settings_reset_demo"),
    path("contacts/new/", partner.new_contact, name="settings_contact_new"),
    path("contacts/restore/", partner.restore_contact, name="settings_contact_restore"),
    path("contacts/<int:pk>/", partner.change_contact, name="settings_contact"),
    path("contacts/<int:pk>/remove/", partner.remove_contact, name="settings_contact_remove"),
    path("contacts/<int:pk>/move/", partner.move_contact, name="settings_contact_move"),
]

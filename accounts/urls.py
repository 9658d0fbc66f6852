"""Pages of one's own account and of the partner's people. Sign-in, password, second factor and sessions are allauth's."""

from django.urls import path

from accounts.views import account, members

urlpatterns = [
    path("logout/", account.sign_out, name="accounts_sign_out"),
    path("profile/", account.profile, name="accounts_profile"),
    path("partner/", account.open_partner, name="accounts_partner"),
    path("appearance/", account.appearance, name="accounts_appearance"),
    path("language/", account.language, name="accounts_language"),
    path("members/", members.members, name="accounts_members"),
    path("members/<int:pk>/role/", members.change_role, name="accounts_member_role"),
    path("members/<int:pk>/invite/", members.invite_again, name="accounts_member_invite"),
    path("members/<int:pk>/remove/", members.remove_member, name="accounts_member_remove"),
    path("audit/", members.audit_log, name="accounts_audit"),
    path("audit/file/", members.audit_file, name="accounts_audit_file"),
]

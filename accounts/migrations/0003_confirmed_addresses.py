"""Everybody has one confirmed address.

A person whose address had been emptied by an unfinished change gets back the one that the audit log saw last.
"""

from django.db import migrations

# What somebody did about their own account names their address of that day.
LAST_SEEN = """
SELECT subject FROM accounts_auditevent
WHERE user_id = %s AND action IN ('signin.done', 'signin.left', 'password.changed', 'password.reset', 'profile.changed')
  AND subject LIKE '%%_@_%%'
ORDER BY at DESC, id DESC LIMIT 1
"""


def give_addresses(apps, schema_editor):
    User = apps.get_model("accounts", "User")
    EmailAddress = apps.get_model("account", "EmailAddress")
    for user in User.objects.filter(email=""):
        user.email = last_address(apps, schema_editor, user.pk) or f"person-{user.pk}@address.invalid"
        user.save(update_fields=["email"])
    for user in User.objects.iterator():
        user_email = user.email.lower()
        if user_email != user.email:
            User.objects.filter(pk=user.pk).update(email=user_email)
        own = EmailAddress.objects.filter(user_id=user.pk)
        own.filter(primary=True).exclude(email=user_email).update(primary=False)
        if not own.filter(email=user_email).update(verified=True, primary=True):
            EmailAddress.objects.create(user_id=user.pk, email=user_email, verified=True, primary=True)


def last_address(apps, schema_editor, user_id):
    """The address in the newest event of any partner; None when there is none, or somebody else has it by now."""
    with schema_editor.connection.cursor() as cursor:
        for partner in apps.get_model("accounts", "Partner").objects.order_by("pk"):
            cursor.execute("SELECT set_config('portal.partner', %s, true)", [str(partner.pk)])
            cursor.execute(LAST_SEEN, [user_id])
            found = cursor.fetchone()
            cursor.execute("SELECT set_config('portal.partner', '', true)")
            if found and not apps.get_model("accounts", "User").objects.filter(email__iexact=found[0]).exists():
                return found[0].lower()
    return None


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0002_last_ranges"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [
        migrations.RunPython(give_addresses, migrations.RunPython.noop),
    ]

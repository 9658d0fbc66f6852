"""Remember who is or was a member of a partner: row-level security shows people by it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TRIGGER = """
CREATE FUNCTION portal_know_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO accounts_partnerperson (partner_id, user_id) VALUES (NEW.partner_id, NEW.user_id) ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER know_person AFTER INSERT ON accounts_membership
  FOR EACH ROW EXECUTE FUNCTION portal_know_person();
"""
NO_TRIGGER = """
DROP TRIGGER know_person ON accounts_membership;
DROP FUNCTION portal_know_person();
"""
# Everybody who was a member did something that the log holds, unless they never signed in.
KNOWN = """
INSERT INTO accounts_partnerperson (partner_id, user_id)
SELECT partner_id, user_id FROM accounts_membership WHERE partner_id = %s
UNION SELECT partner_id, user_id FROM accounts_auditevent WHERE partner_id = %s AND user_id IS NOT NULL
"""


def know_people(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for pk in apps.get_model("accounts", "Partner").objects.values_list("pk", flat=True):
            cursor.execute("SELECT set_config('portal.partner', %s, true)", [str(pk)])
            cursor.execute(KNOWN, [pk, pk])
        cursor.execute("SELECT set_config('portal.partner', '', true)")


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0004_address_constraints"),
    ]

    operations = [
        migrations.CreateModel(
            name="PartnerPerson",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.partner"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "partner"), name="partner_knows_person_once")
                ],
            },
        ),
        migrations.RunSQL(TRIGGER, NO_TRIGGER),
        migrations.RunPython(know_people, migrations.RunPython.noop),
    ]

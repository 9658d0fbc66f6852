"""Store one spelling of each product line, and give it to the facts that have another.

A cancellation or renewal that then has the key of another one is withdrawn. Ledgers are posted anew by the next catch-up.
"""

import unicodedata

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


# In the order in which imports write them, with the other columns of keys that hold a line.
TABLES = (
    ("clients_deal", None),
    ("clients_cancellation", "cancelled_on"),
    ("renewals_renewal", "renews_on"),
    ("commissions_statementline", None),
)
REASON = "The same as another row, but for the spelling of its product line"


def key_of(name):
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def unite_spellings(apps, schema_editor):
    changed = False
    with schema_editor.connection.cursor() as cursor:
        for pk in apps.get_model("accounts", "Partner").objects.values_list("pk", flat=True):
            cursor.execute("SELECT set_config('portal.partner', %s, true)", [str(pk)])
            changed |= unite_of_partner(cursor, pk)
        cursor.execute("SELECT set_config('portal.partner', '', true)")
        if changed:
            cursor.execute("UPDATE program_program SET revision = nextval('program_revision')")


def unite_of_partner(cursor, partner):
    """Return whether a fact got another spelling."""
    shown, changed = {}, False
    for table, day in TABLES:
        cursor.execute(
            f"SELECT product_line FROM {table} WHERE partner_id = %s AND product_line <> '' GROUP BY 1 ORDER BY min(id)",
            [partner],
        )
        for (name,) in cursor.fetchall():
            first = shown.setdefault(key_of(name), name)
            if first != name:
                changed = True
                if day:
                    withdraw_twins(cursor, partner, table, day, name, first)
                cursor.execute(
                    f"UPDATE {table} SET product_line = %s WHERE partner_id = %s AND product_line = %s"
                    + (TWIN.format(table=table, day=day, negated="NOT") if day else ""),
                    [first, partner, name, *([first] if day else [])],
                )
    cursor.executemany(
        "INSERT INTO clients_productline (partner_id, key, name) VALUES (%s, %s, %s)",
        [(partner, key, name) for key, name in shown.items() if key],
    )
    return changed


TWIN = """
    AND {negated} EXISTS (
        SELECT 1 FROM {table} other
        WHERE other.partner_id = {table}.partner_id AND other.client_id = {table}.client_id
          AND other.{day} = {table}.{day} AND other.product_line = %s
    )
"""


def withdraw_twins(cursor, partner, table, day, name, first):
    """Withdraw the rows of a spelling that the first one has too."""
    twin = TWIN.format(table=table, day=day, negated="")
    condition = f"{table}.partner_id = %s AND {table}.product_line = %s {twin}"
    cursor.execute(f"SELECT count(*) FROM {table} WHERE withdrawal_id IS NULL AND {condition}", [partner, name, first])
    if cursor.fetchone()[0]:
        cursor.execute(
            "INSERT INTO clients_withdrawal (partner_id, reason) VALUES (%s, %s) RETURNING id", [partner, REASON]
        )
        withdrawal = cursor.fetchone()[0]
        cursor.execute(
            f"UPDATE {table} SET withdrawal_id = %s WHERE withdrawal_id IS NULL AND {condition}",
            [withdrawal, partner, name, first],
        )


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0005_people_of_partners'),
        ('clients', '0006_withdrawn_facts'),
        ('commissions', '0004_withdrawn_facts'),
        ('program', '0003_revisions_are_used_once'),
        ('renewals', '0004_withdrawn_facts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ProductLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.TextField()),
                ('name', models.CharField(max_length=1000)),
                ('merged_into', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.productline')),
                ('partner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.partner')),
            ],
        ),
        migrations.CreateModel(
            name='LineMerge',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('merged_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('moved', models.JSONField(default=dict)),
                ('swapped', models.JSONField(default=dict)),
                ('undone_at', models.DateTimeField(null=True)),
                ('merged_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('partner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.partner')),
                ('withdrawal', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='clients.withdrawal')),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.productline')),
                ('target', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.productline')),
            ],
        ),
        migrations.AddConstraint(
            model_name='productline',
            constraint=models.UniqueConstraint(fields=('partner', 'key'), name='one_product_line_a_key'),
        ),
        migrations.RunPython(unite_spellings, migrations.RunPython.noop),
    ]

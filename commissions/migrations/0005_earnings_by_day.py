import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """One row for every day on which more is known of a deal. The rows that are there hold for today; those of past days
    follow with the next catch-up, which a new revision of the programme asks for."""

    dependencies = [
        ("clients", "0007_product_lines"),
        ("commissions", "0004_withdrawn_facts"),
        ("program", "0004_what_operators_may_enter"),
    ]

    operations = [
        migrations.AlterField(
            "dealearning",
            "deal",
            models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="clients.deal"
            ),
        ),
        migrations.AddField("dealearning", "known_from", models.DateField(null=True)),
        migrations.AddField("dealearning", "known_until", models.DateField(null=True)),
        # The policies come back with the guards, after every migrate.
        migrations.RunSQL(
            """
            ALTER TABLE commissions_dealearning NO FORCE ROW LEVEL SECURITY;
            ALTER TABLE clients_deal NO FORCE ROW LEVEL SECURITY;
            UPDATE commissions_dealearning earning SET known_from = deal.closed_on
              FROM clients_deal deal WHERE deal.id = earning.deal_id;
            UPDATE program_program SET revision = nextval('program_revision');
            """,
            migrations.RunSQL.noop,
        ),
        migrations.AlterField("dealearning", "known_from", models.DateField()),
        migrations.AddConstraint(
            "dealearning",
            models.UniqueConstraint(fields=["deal", "known_from"], name="one_earning_a_deal_and_day"),
        ),
    ]

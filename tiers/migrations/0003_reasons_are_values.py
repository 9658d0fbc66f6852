from django.db import migrations, models


class Migration(migrations.Migration):
    """Reasons become values. They are derived: what is stored is dropped, and `tiers.services.derive_marked_histories`
    derives the histories whose reasons are {} as soon as `migrate` is done."""

    dependencies = [
        ("tiers", "0002_tier_plans"),
    ]

    operations = [
        migrations.RenameModel("CreditedTier", "TierChange"),
        # With a default, so that the migration can be taken back.
        migrations.AlterField("TierChange", "reason", models.TextField(default="")),
        migrations.RemoveField("TierChange", "reason"),
        migrations.AddField("TierChange", "reason", models.JSONField(default=dict)),
    ]

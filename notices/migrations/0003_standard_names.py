"""Events and checks by the names an engineer would search for; constraints are renamed in place, without a new index."""

from django.db import migrations, models

RENAMED = [
    ("notice", "notice", "told_once", "one_notice_per_event", ["partner", "user", "kind", "key"]),
    ("notifiedevent", "notifiedevent", "event_told_once", "one_event_per_key", ["partner", "kind", "key"]),
    ("channelmessage", "channelmessage", "channel_told_once", "one_message_per_event", ["channel", "kind", "key"]),
]


def renamed(model: str, table: str, old: str, new: str, fields: list[str]) -> migrations.RunSQL:
    words = "ALTER TABLE notices_{} RENAME CONSTRAINT {} TO {}"
    return migrations.RunSQL(
        words.format(table, old, new),
        words.format(table, new, old),
        state_operations=[
            migrations.RemoveConstraint(model, old),
            migrations.AddConstraint(model, models.UniqueConstraint(fields=fields, name=new)),
        ],
    )


class Migration(migrations.Migration):
    dependencies = [("notices", "0002_channels")]

    operations = [
        migrations.RenameModel("ToldEvent", "NotifiedEvent"),
        migrations.RenameField("NotifiedEvent", "told_at", "notified_at"),
        migrations.RenameModel("Watch", "EventCheck"),
        migrations.RenameField("EventCheck", "looked_on", "checked_on"),
        *(renamed(*names) for names in RENAMED),
    ]

"""Entries are partitioned by a hash of their partner (ADR 178). Django's state does not change: only the database knows.

Whatever indexes and foreign keys the table has are made anew. Reversible, at the same cost.
"""

from django.db import migrations

PARTITIONS = 16
TABLE, WHOLE = "ledger_pointentry", "ledger_pointentry_whole"


def partition(_apps, schema_editor):
    _rebuild(schema_editor, PARTITIONS)


def unite(_apps, schema_editor):
    _rebuild(schema_editor, 0)


def _rebuild(schema_editor, partitions):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid), confrelid::regclass::text FROM pg_constraint"
            " WHERE conrelid = %s::regclass AND contype = 'f'",
            [TABLE],
        )
        foreign = cursor.fetchall()
        cursor.execute(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass AND NOT indisunique", [TABLE]
        )
        # Of a partitioned table it says ON ONLY, which would leave its partitions without.
        indexes = [definition.replace(" ON ONLY ", " ON ") for (definition,) in cursor.fetchall()]
        cursor.execute(f"SELECT nextval(pg_get_serial_sequence('{TABLE}', 'id'))")
        (next_id,) = cursor.fetchone()

        # Not even the owner sees rows past a forced policy.
        cursor.execute(f"ALTER TABLE {TABLE} NO FORCE ROW LEVEL SECURITY")
        cursor.execute(f"ALTER TABLE {TABLE} RENAME TO {WHOLE}")
        by = " PARTITION BY HASH (partner_id)" if partitions else ""
        columns = f"LIKE {WHOLE} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING IDENTITY INCLUDING STORAGE"
        cursor.execute(f"CREATE TABLE {TABLE} ({columns}){by}")
        for number in range(partitions):
            cursor.execute(
                f"CREATE TABLE {TABLE}_{number:02} PARTITION OF {TABLE}"
                f" FOR VALUES WITH (MODULUS {partitions}, REMAINDER {number})"
            )
        cursor.execute(f"INSERT INTO {TABLE} SELECT * FROM {WHOLE}")
        cursor.execute(f"DROP TABLE {WHOLE}")

        also = ", partner_id" if partitions else ""
        cursor.execute(f"ALTER TABLE {TABLE} ADD CONSTRAINT {TABLE}_pkey PRIMARY KEY (id{also})")
        cursor.execute(f"ALTER TABLE {TABLE} ADD CONSTRAINT {TABLE}_reverses_id_key UNIQUE (reverses_id{also})")
        for definition in indexes:
            cursor.execute(definition)
        for name, definition, target in foreign:  # whose rows are looked up, by the owner
            cursor.execute(f"ALTER TABLE {target} NO FORCE ROW LEVEL SECURITY")
            cursor.execute(f'ALTER TABLE {TABLE} ADD CONSTRAINT "{name}" {definition}')
            cursor.execute(f"ALTER TABLE {target} FORCE ROW LEVEL SECURITY")
        cursor.execute(f"SELECT setval(pg_get_serial_sequence('{TABLE}', 'id'), %s, false)", [next_id])
        cursor.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
        cursor.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
        cursor.execute(f"ANALYZE {TABLE}")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_drop_partner_constraints")]
    needs_a_pause = "All entries are copied into another table of the same name, about ten seconds for a million."

    operations = [migrations.RunPython(partition, unite)]

from django.db import migrations, models

import partner_portal.lib.collation

# `partner_portal.lib.collation` makes the same keys in Python. Bodies are written as RETURN, so that a restore resolves every
# name in them whatever the search path is.
FUNCTIONS = r"""
CREATE OR REPLACE FUNCTION portal_search_key(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN octet_length(value) = length(value) THEN lower(value COLLATE "C")
  ELSE replace(replace(replace(translate(
    casefold(regexp_replace(
      normalize(value, NFKD), '[\u0300-\u036F\u1AB0-\u1AFF\u1DC0-\u1DFF\u20D0-\u20FF\uFE20-\uFE2F]', '', 'g'
    ) COLLATE "pg_unicode_fast"),
    'øłđðħıŧŋ‘’‚‛ʼ“‐”‑„‒‟–«—»―−', 'olddhitn''''''''''"-"-"-"-"-"--'),
    'æ', 'ae'), 'œ', 'oe'), 'þ', 'th') COLLATE "C"
END;

-- A number at the very end is the common case, and by far the quicker one.
CREATE OR REPLACE FUNCTION portal_padded(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN value !~ '[0-9]' THEN value
  WHEN rtrim(value, '0123456789') !~ '[0-9]' AND length(value) - length(rtrim(value, '0123456789')) <= 20
    THEN rtrim(value, '0123456789') || lpad(substr(value, length(rtrim(value, '0123456789')) + 1), 20, '0')
  ELSE regexp_replace(
    regexp_replace(value, '[0-9]+', '00000000000000000000\&', 'g'), '0*([0-9]{20,})', '\1', 'g')
END;

CREATE OR REPLACE FUNCTION portal_sort_key(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN left(portal_padded(portal_search_key(value)), 200);
"""
NO_FUNCTIONS = """
DROP FUNCTION portal_sort_key(text);
DROP FUNCTION portal_padded(text);
DROP FUNCTION portal_search_key(text);
"""


class Migration(migrations.Migration):
    dependencies = [("clients", "0004_what_pages_look_for")]

    operations = [
        migrations.RunSQL(FUNCTIONS, NO_FUNCTIONS),
        migrations.AddField(
            "client",
            "name_sort_key",
            models.GeneratedField(
                expression=partner_portal.lib.collation.SortKey("name"),
                output_field=models.CharField(db_collation="C", max_length=200),
                db_persist=True,
            ),
        ),
        migrations.AddField(
            "client",
            "name_search_key",
            models.GeneratedField(
                expression=partner_portal.lib.collation.SearchKey("name"),
                output_field=models.TextField(db_collation="C"),
                db_persist=True,
            ),
        ),
        migrations.RemoveIndex("client", "client_by_name"),
        migrations.AddIndex("client", models.Index(fields=["partner", "name_sort_key"], name="client_by_name_key")),
    ]

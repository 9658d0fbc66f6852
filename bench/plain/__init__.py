"""The same work in plain Django, to measure ours against: ORM sums, Paginator, templates, csv.writer and openpyxl.

    python -m bench.plain PARTNER

A typical developer's project over the tables of the portal that it reads, in a process of its own. It knows nothing of
row-level security, roles, languages, rules, or sums that are stored.
"""

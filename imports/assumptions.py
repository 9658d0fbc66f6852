"""Sentences about how a file was read, for the check page and the record of the import."""

from django.utils.translation import gettext as _

from imports.cells.encodings import ENCODINGS
from imports.mapping import Mapping, Rule
from imports.tables import Table, shortened


def assumptions(mapping: Mapping, table: Table) -> list[str]:
    """Sentences on how a mapping reads the cells of a file. table: as it was read."""
    sentences = []
    if mapping.reading.encoding:
        sentences.append(_("read as %(encoding)s") % {"encoding": ENCODINGS[mapping.reading.encoding]})
    if mapping.reading.header_row > 1:
        sentences.append(_("the header is row %(row)s") % {"row": mapping.reading.header_row})
    for name, rule in mapping.columns.items():
        place = rule.place_in(table.header)
        if rule.constant and place is None:
            sentences.append(
                _("%(column)s is %(value)s in every row") % {"column": name, "value": shortened(rule.constant)}
            )
        elif place is not None:
            sentences += [_("%(column)s: %(how)s") % {"column": name, "how": how} for how in _how(rule)]
    return sentences


def _how(rule: Rule) -> list[str]:
    how = {
        "day_first": [_("the day comes first, as in 23/11/2026")],
        "month_first": [_("the month comes first, as in 11/23/2026")],
        "epoch_ms": [_("milliseconds since 1970")],
    }.get(rule.dates, [])
    how += {
        "2000": [_("years with two digits are 2000 to 2099")],
        "1930": [_("years with two digits are 1930 to 2029")],
    }.get(rule.century, [])
    how += {"comma": [_("decimal comma, as in 1.234,56")], "point": [_("decimal point, as in 1,234.56")]}.get(
        rule.decimals, []
    )
    if rule.words:
        how.append("; ".join(f"{shortened(word)} = {meaning}" for word, meaning in list(rule.words.items())[:8]))
    return how

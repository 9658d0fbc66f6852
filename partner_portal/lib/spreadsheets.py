"""What the spreadsheet programs of a language expect of a CSV file."""

COMMA_LANGUAGES = frozenset(
    {"nl", "de", "fr", "es", "it", "pt", "da", "sv", "nb"}
)  # decimal comma, columns by semicolon

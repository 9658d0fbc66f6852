"""How days are written, by language, where it differs from English (Django's FORMAT_MODULE_PATH)."""

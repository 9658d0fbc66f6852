"""Days and ranges of days."""

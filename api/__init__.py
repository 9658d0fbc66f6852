"""The read-only JSON API: the figures and the rows that pages show, for scripts and BI tools."""

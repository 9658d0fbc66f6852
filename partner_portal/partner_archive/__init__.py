"""One partner with its whole history as one file, to be moved to another installation, kept as a backup, or handed over."""

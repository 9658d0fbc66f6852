"""What `manage.py doctor` examines: settings, database, queue, mail, files and clock, each with what to do about a fault."""

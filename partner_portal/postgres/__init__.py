"""PostgreSQL for a portal: the embedded server when no DATABASE_URL is set, and one of two roles for each process."""

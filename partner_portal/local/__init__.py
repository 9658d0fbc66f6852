"""What serves one machine: the embedded PostgreSQL and Valkey, started on demand and stopped after their last user."""

"""What only PostgreSQL can do: locks and statistics."""

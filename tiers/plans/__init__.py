"""Tier plans: assumptions about deals, renewals and clients, and what they would do at the next reviews."""

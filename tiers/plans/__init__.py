"""Tier plans: assumptions about deals, renewals and clients, and their outcome at the next reviews."""

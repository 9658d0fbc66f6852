"""Simulated HubSpot account for development and tests: `manage.py hubspot_simulator`.

It was written from facts about the API, not from the vendor's documents, and imitates its quirks and faults.
"""

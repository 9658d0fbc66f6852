"""A HubSpot account to try things out with, and to test against: `manage.py hubspot_simulator`.

It was written from facts about the API, not from the vendor's documents, and has the API's vices as well as its virtues.
"""

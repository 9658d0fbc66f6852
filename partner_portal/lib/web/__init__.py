"""Requests, forms and tables of pages."""

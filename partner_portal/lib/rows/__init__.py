"""Kinds of rows that come in, and datasets that go out."""

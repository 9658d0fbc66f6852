"""Measures the portal on generated data: speed, memory and queries, against the bars that the project sets itself."""

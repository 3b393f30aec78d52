"""Measurements, each printed as one JSON line: `python -m benchmarks.<name>`."""

"""Benchmarks: each prints a table with its goals, and writes it and a plot to results/."""

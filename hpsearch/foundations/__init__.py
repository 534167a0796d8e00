"""Foundations: errors, files, hashes, versions, formatting."""

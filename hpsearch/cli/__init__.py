"""The command line: `hpsearch`, and `scripts/run_study.py`, which is ``hpsearch run``."""

from hpsearch.cli.app import main

__all__ = ["main"]

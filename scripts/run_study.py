"""Run a study: the same program as ``hpsearch run``."""

import sys

from hpsearch.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["run", *sys.argv[1:]]))

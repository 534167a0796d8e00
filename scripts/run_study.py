"""Run a study: the same program as ``hpsearch run``."""

import sys

from hpsearch.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "run")
    raise SystemExit(main())

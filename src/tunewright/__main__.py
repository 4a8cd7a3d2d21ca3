"""`python -m tunewright` is the command `tunewright`."""

from __future__ import annotations

import sys

from tunewright.app.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

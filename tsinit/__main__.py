"""``python -m tsinit`` is the command ``tsinit``."""

import sys

from tsinit.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""``python -m tsinit`` is the command ``tsinit``."""

import sys

from tsinit._interrupt import is_interrupt


def main() -> int:
    """Run the command line; Ctrl-C ends it with code 130 from its first import on, which takes seconds.

    Returns
    -------
    int
        Its exit code.
    """
    try:
        from tsinit.cli import main as run

        return run()
    except BaseException as error:
        if not is_interrupt(error):
            raise
        sys.stderr.write("\ntsinit: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())

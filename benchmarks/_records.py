"""Results as lines of JSON: what is there is not run again, so that a long study can be stopped and extended."""

import json


def read(path):
    """Return the rows of a file, none where there is no file yet.

    Parameters
    ----------
    path : pathlib.Path or None
    """
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def append(path, *rows):
    """Write rows behind those of a file; without a file they are not kept."""
    if path is not None:
        with path.open("a") as lines:
            lines.writelines(json.dumps(row) + "\n" for row in rows)

"""Ctrl-C ends the command line with code 130 and a word, also while it imports."""

import subprocess
import sys

import pytest

from tsinit._interrupt import is_interrupt

SCRIPT = """
import builtins, sys

original = builtins.__import__

def pressed(name, *rest, **more):
    if name == {module!r}:
        raise KeyboardInterrupt
    return original(name, *rest, **more)

from tsinit.__main__ import main

builtins.__import__ = pressed
sys.argv = ["tsinit", "datasets"]
sys.exit(main())
"""


@pytest.mark.parametrize("module", ["tsinit.cli", "argparse", "numba", "numpy", "tsinit.datasets"])
def test_ctrl_c_during_an_import_is_code_130(module):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(module=module)], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 130
    assert done.stderr == "\ntsinit: interrupted\n"


def test_an_interrupt_is_found_behind_other_errors():
    wrapped = ImportError("numpy failed to import")
    wrapped.__context__ = SystemError("returned a result with an exception set")
    wrapped.__context__.__cause__ = KeyboardInterrupt()
    assert is_interrupt(wrapped)
    assert not is_interrupt(ImportError())
    assert not is_interrupt(None)

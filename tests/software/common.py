"""What the tests with other software share."""
import importlib
import sys


def skip(what):
    print("skipped: " + what + " is not there")
    sys.exit(77)


def need(module):
    try:
        return importlib.import_module(module)
    except ImportError:
        skip("Python's " + module)

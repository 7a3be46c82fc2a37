"""What the loading_*.py scripts share. Every check prints one line, `ok NAME` or `not ok NAME: why`, which 048_loading.pl counts."""

import contextlib
import importlib.util
import io
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))


def tool(name):
    """A script of tools/ as a module."""
    spec = importlib.util.spec_from_file_location(f"tool_{name}", ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def check(name, right, why=""):
    print(f"ok {name}" if right else f"not ok {name}: {why}", flush=True)


def same(name, expected, found):
    expected, found = np.asarray(expected), np.asarray(found)
    check(
        name,
        expected.shape == found.shape and (expected == found).all(),
        f"expected {expected!r:.200}, found {found!r:.200}",
    )


def refused(name, words, call, *arguments):
    """It ends with one line that has all the words."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            call(*arguments)
    except SystemExit as error:
        line = str(error)
        missing = [word for word in words if word not in line]
        check(f"refused: {name}", not missing and "\n" not in line, f"{missing} not in: {line}")
    except Exception as error:  # pylint: disable=broad-except
        check(f"refused: {name}", False, f"{type(error).__name__}: {error}")
    else:
        check(f"refused: {name}", False, "was taken")


def write_vecs(path, kind, rows):
    with open(path, "wb") as file:
        for row in rows:
            file.write(np.array([len(row)], "<i4").tobytes() + np.asarray(row, kind).tobytes())


def write_bin(path, kind, rows, head=None):
    with open(path, "wb") as file:
        file.write(np.array(head or rows.shape, "<u4").tobytes() + np.asarray(rows, kind).tobytes())

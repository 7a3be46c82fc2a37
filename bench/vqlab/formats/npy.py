"""numpy's .npy: one array, rows or columns first, any byte order."""
import math

import numpy as np

from .vectors import WrongFile, check_numbers, check_shape, of_array, reading


def header(path):
    """(shape, columns first, dtype, where the numbers begin)."""
    with open(path, "rb") as file, reading(path, "not a .npy file"):
        version = np.lib.format.read_magic(file)
        # Versions 2 and 3 differ in the names of records alone, which are no vectors.
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        return *read_header(file), file.tell()


def array(path):
    """The file's array, mapped into memory: of any shape, of numbers."""
    shape, columns_first, dtype, offset = header(path)
    check_numbers(path, dtype)
    size, expected = path.stat().st_size, offset + math.prod(shape) * dtype.itemsize
    if size != expected:
        why = "cut off" if size < expected else "more than one array"
        raise WrongFile(path, f"has {size:,} bytes where an array {shape} of {dtype} takes {expected:,}: {why}")
    if not math.prod(shape):
        return np.empty(shape, dtype)    # nothing that could be mapped
    return np.memmap(path, dtype, "r", offset, shape, "F" if columns_first else "C")


def read(path, _field=None):
    shape = header(path)[0]
    check_shape(path, shape)
    return of_array(path, array(path))

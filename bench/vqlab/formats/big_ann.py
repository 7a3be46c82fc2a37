"""fbin, f16bin, u8bin, i8bin of the big-ann benchmarks: rows and dimensions as uint32, then the rows. Little-endian."""
import numpy as np

from .vectors import WrongFile, of_array

NUMBERS = {".fbin": "<f4", ".f16bin": "<f2", ".u8bin": "u1", ".i8bin": "i1"}


def read(path, _field=None):
    kind = np.dtype(NUMBERS[path.suffix.lower()])
    size = path.stat().st_size
    if size < 8:
        raise WrongFile(path, f"{size} bytes are too few for its head, rows and dimensions")
    rows, dims = (int(number) for number in np.fromfile(path, "<u4", 2))
    expected = 8 + rows * dims * kind.itemsize
    if size != expected:
        raise WrongFile(path, f"has {size:,} bytes where {rows:,} rows of {dims:,} dimensions, as its head says, take {expected:,}: "
                              f"cut off, or not {path.suffix}")
    if not rows * dims:
        return of_array(path, np.empty((rows, dims), kind))
    return of_array(path, np.memmap(path, kind, "r", 8, (rows, dims)))

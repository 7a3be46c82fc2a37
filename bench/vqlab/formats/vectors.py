"""The rows of a file, whatever its format: read piece by piece, as float32, and never one that is not right."""
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator

import numpy as np

MAX_DIMS = 16_000           # what types vector and halfvec hold
PIECE_BYTES = 8 << 20       # of float32, read and sent at a time
BFLOAT16 = np.dtype("V2")   # numpy has no name for it; ml_dtypes and others write two bytes without a meaning


class WrongFile(SystemExit):
    """One line: which file, what is wrong with it, what would be right."""

    def __init__(self, path, text):
        super().__init__(" ".join(f"{path}: {text}".split()))


@contextmanager
def reading(path, trouble="cannot be read, perhaps damaged"):
    """Whatever a library makes of a damaged file (a dozen kinds of errors were seen) becomes one line."""
    try:
        yield
    except Exception as error:    # pylint: disable=broad-except
        raise WrongFile(path, f"{trouble}: {error or type(error).__name__}") from error


@dataclass
class Vectors:
    path: Path
    rows: int
    dims: int
    pieces: Callable[[int], Iterator[np.ndarray]]   # all rows in order, in arrays of at most that many

    def __post_init__(self):
        if self.rows < 1:
            raise WrongFile(self.path, "has no rows")
        if not 1 <= self.dims <= MAX_DIMS:
            raise WrongFile(self.path, f"rows have {self.dims:,} dimensions; a vector has 1 to {MAX_DIMS:,}")

    def blocks(self, rows=None):
        """The first `rows` rows, or all, as arrays of float32."""
        wanted, done = min(rows or self.rows, self.rows), 0
        pieces = self.pieces(max(1, PIECE_BYTES // (4 * self.dims)))
        while done < wanted:
            with reading(self.path):
                piece = next(pieces, None)
            if piece is None:
                raise WrongFile(self.path, f"ends after {done:,} rows of {self.rows:,}")
            block = as_float32(self.path, piece[:wanted - done], done)
            done += len(block)
            yield block

    def whole(self, rows=None):
        out = np.empty((min(rows or self.rows, self.rows), self.dims), np.float32)
        done = 0
        for block in self.blocks(rows):
            out[done:done + len(block)] = block
            done += len(block)
        return out


def of_array(path, array):
    """Of something that has a shape, a dtype and slices: an array, a memory map, an HDF5 dataset."""
    check_shape(path, array.shape)
    check_numbers(path, array.dtype)

    def pieces(size):
        return (array[start:start + size] for start in range(0, len(array), size))
    return Vectors(path, *array.shape, pieces)


def check_shape(path, shape):
    if shape is None or len(shape) != 2:
        raise WrongFile(path, f"an array of shape {shape}; rows of vectors have two dimensions, (rows, dimensions)")


def check_numbers(path, dtype):
    if dtype.kind in "fiub" or (dtype == BFLOAT16 and dtype.names is None):
        return
    what = {"c": "complex numbers, half of which a real vector would lose; store real and imaginary parts as dimensions of their own",
            "O": "Python objects or rows of different lengths; store one array of float32",
            "V": "records or a type unknown to numpy; store float32, or bfloat16 in two bytes"}
    raise WrongFile(path, f"{dtype}: " + what.get(dtype.kind, "no numbers; store float32"))


def as_float32(path, piece, first):
    """first: number of its first row in the file."""
    if piece.dtype.kind == "V":
        halves = np.ascontiguousarray(piece).view("<u2")
        piece = (halves.astype("<u4") << 16).view("<f4")    # the upper half of a float32
    with np.errstate(over="ignore"):
        block = np.ascontiguousarray(piece, np.float32)
    if not np.isfinite(block).all():
        refuse_unfinite(path, piece, block, first)
    return block


def refuse_unfinite(path, piece, block, first):
    row, column = np.argwhere(~np.isfinite(block))[0]
    value = piece[row, column]
    what = f"{value}, beyond what a vector's float4 holds" if np.isfinite(value) else f"{value}"
    raise WrongFile(path, f"row {first + row} (the first is 0) has {what} in dimension {column + 1}; numbers must be finite: "
                          "correct the row or leave it out")

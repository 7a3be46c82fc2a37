"""fvecs, bvecs, ivecs: each row is its dimensions as int32, then that many numbers. Little-endian."""
import numpy as np

from .vectors import MAX_DIMS, Vectors, WrongFile

NUMBERS = {".fvecs": "<f4", ".bvecs": "u1", ".ivecs": "<i4"}


def read(path, _field=None):
    kind = np.dtype(NUMBERS[path.suffix.lower()])
    raw = np.memmap(path, np.uint8, "r")
    dims = int(raw[:4].view("<i4")[0]) if len(raw) >= 4 else 0
    if not 1 <= dims <= MAX_DIMS:
        raise WrongFile(path, f"its first row claims {dims:,} dimensions; is this a {path.suffix} file?")
    stride = 4 + dims * kind.itemsize
    if len(raw) % stride:
        raise WrongFile(path, f"{len(raw):,} bytes are no whole number of rows of {dims:,} dimensions ({stride:,} bytes each): "
                              f"cut off, rows of different lengths, or not {path.suffix}")
    rows = raw.reshape(-1, stride)

    def pieces(size):
        for start in range(0, len(rows), size):
            piece = rows[start:start + size]
            check_heads(path, piece[:, :4].view("<i4")[:, 0], dims, start)
            yield piece[:, 4:].view(kind)
    return Vectors(path, len(rows), dims, pieces)


def check_heads(path, heads, dims, first):
    wrong = np.flatnonzero(heads != dims)
    if len(wrong):
        raise WrongFile(path, f"row {first + wrong[0]} (the first is 0) claims {heads[wrong[0]]:,} dimensions, the first row has {dims:,}: "
                              f"rows of different lengths, or not {path.suffix}")

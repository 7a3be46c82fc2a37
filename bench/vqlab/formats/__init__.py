"""Files of vectors, by the end of their name. docs/loading.md says what each may hold."""
from pathlib import Path

from . import arrow, big_ann, hdf5, npy, vecs
from .vectors import MAX_DIMS, Vectors, WrongFile, reading

READERS = {".npy": npy.read, **dict.fromkeys(vecs.NUMBERS, vecs.read), **dict.fromkeys(big_ann.NUMBERS, big_ann.read),
           **dict.fromkeys((".hdf5", ".h5"), hdf5.read), **dict.fromkeys((".parquet", ".arrow", ".arrows", ".feather"), arrow.read)}
NAMED_PARTS = (hdf5.read, arrow.read)    # formats with more than one array or column in a file
HINTS = {".npz": "an archive of arrays; np.save one of them as .npy", ".gz": "unpack it first", ".zst": "unpack it first",
         ".csv": "COPY ... FROM in psql reads text", ".pt": "torch tensors; np.save(..., tensor.numpy())",
         ".safetensors": "np.save the tensor as .npy", ".pkl": "pickles run code; np.save an array"}


def check_file(path):
    if not path.exists():
        raise WrongFile(path, "no such file")
    if not path.is_file():
        raise WrongFile(path, "not a file")
    if not path.stat().st_size:
        raise WrongFile(path, "the file is empty")


def open_vectors(path, field=None):
    """Vectors of a file. field: the dataset or column where the format has several."""
    path = Path(path)
    check_file(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        hint = HINTS.get(path.suffix.lower(), f"known are {', '.join(READERS)}")
        raise WrongFile(path, f"vectors are not read from '{path.suffix}': {hint}")
    if field is not None and reader not in NAMED_PARTS:
        raise WrongFile(path, f"{path.suffix} files hold one array; --field is for HDF5, Parquet and Arrow")
    with reading(path):
        return reader(path, field)

"""HDF5 as ann-benchmarks has it: datasets train and test, neighbors, and the metric in the attribute distance."""
import numpy as np

from .vectors import WrongFile, of_array, reading


def open_file(path):
    try:
        import h5py    # only these files need it
    except ImportError as error:
        raise WrongFile(path, "needs Python's h5py: bench/requirements-hdf5.txt") from error
    with reading(path, "not an HDF5 file, or a damaged one"):
        file = h5py.File(path)
    if text(file.attrs.get("type")) == "sparse" or "size_train" in file:
        file.close()
        raise WrongFile(path, "holds sparse sets (lists of members), which are no vectors; take a set of dense rows")
    return file


def text(value):
    """An attribute as text, however it was stored: str, bytes, or an array with one of them. None where it is none of these."""
    if isinstance(value, np.ndarray):
        value = value.reshape(-1)[0] if value.size == 1 else None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return str(value).strip().lower() if isinstance(value, str) else None


def names(file):
    return ", ".join(file) or "nothing"


def vectors(path, file, name):
    found = file[name] if name in file else None
    if not hasattr(found, "shape"):    # a group, or a type that has a name
        raise WrongFile(path, f"no dataset {name}; it has: {names(file)}")
    try:
        return of_array(path, found)
    except WrongFile as error:
        raise WrongFile(path, f"dataset {name}: " + str(error).removeprefix(f"{path}: ")) from error


def read(path, field=None):
    """One dataset: the one named, or train, or the only one."""
    file = open_file(path)
    if field is None and "train" not in file:
        if len(file) != 1:
            raise WrongFile(path, f"no dataset train; it has: {names(file)}. Choose with --field")
        field = next(iter(file))
    return vectors(path, file, field or "train")

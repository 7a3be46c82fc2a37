"""Parquet and Arrow (IPC files and streams, Feather): a column of lists of numbers, of fixed size or not."""
import numpy as np

from .vectors import Vectors, WrongFile, reading

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
except ImportError:    # only these files need it
    pa = None


class Parquet:
    def __init__(self, path):
        self.file = pq.ParquetFile(path, memory_map=True, page_checksum_verification=True)
        self.schema, self.rows = self.file.schema_arrow, self.file.metadata.num_rows

    def columns(self, name, size):
        return (batch.column(0) for batch in self.file.iter_batches(size, columns=[name]))


class Ipc:
    """A file, whose end says where its batches are, or a stream, which is only read from its beginning."""

    def __init__(self, path):
        self.path = path
        self.schema, batches = self.open(None)
        self.rows = sum(batch.num_rows for batch in batches)

    def open(self, options):
        with open(self.path, "rb") as file:
            is_file = file.read(6) == b"ARROW1"
        source = pa.memory_map(str(self.path))
        if not is_file:
            reader = pa.ipc.open_stream(source, options=options)
            return reader.schema, iter(reader)
        reader = pa.ipc.open_file(source, options=options)
        return reader.schema, (reader.get_batch(i) for i in range(reader.num_record_batches))

    def columns(self, name, size):
        options = pa.ipc.IpcReadOptions(included_fields=[self.schema.get_field_index(name)])
        for batch in self.open(options)[1]:
            for start in range(0, batch.num_rows, size):
                yield batch.column(0).slice(start, size)


def read(path, field=None):
    if pa is None:
        raise WrongFile(path, "needs Python's pyarrow: bench/requirements-arrow.txt")
    with reading(path, f"not a {path.suffix} file, or a damaged one"):
        source = Parquet(path) if path.suffix.lower() == ".parquet" else Ipc(path)
    name = chosen(path, source.schema, field)
    dims = first_length(path, source, name)

    def pieces(size):
        done = 0
        for column in source.columns(name, size):
            yield as_rows(path, name, column, dims, done)
            done += len(column)
    return Vectors(path, source.rows, dims, pieces)


def stored(kind):
    """What an extension type, such as a tensor, is stored as."""
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def holds_vectors(kind):
    if len(getattr(kind, "shape", [0])) != 1:    # a tensor of more dimensions than one
        return False
    kind = stored(kind)
    types = pa.types
    lists = (types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view, types.is_large_list_view)
    return any(is_list(kind) for is_list in lists) and (types.is_floating(kind.value_type) or types.is_integer(kind.value_type))


def chosen(path, schema, field):
    """The name of the column asked for, or of the only one that holds vectors."""
    every = ", ".join(f"{column.name} {column.type}" for column in schema)
    if field is not None:
        places = schema.get_all_field_indices(field)
        if len(places) != 1:
            raise WrongFile(path, f"{len(places) or 'no'} columns {field}; it has: {every}")
        if not holds_vectors(schema.field(field).type):
            raise WrongFile(path, f"column {field} is {schema.field(field).type}; vectors are lists of numbers")
        return field
    found = [column.name for column in schema if holds_vectors(column.type)]
    if not found:
        raise WrongFile(path, f"no column of lists of numbers; it has: {every}")
    if len(found) > 1:
        raise WrongFile(path, f"columns {', '.join(found)} hold lists of numbers; choose one with --field")
    return found[0]


def first_length(path, source, name):
    kind = stored(source.schema.field(name).type)
    if pa.types.is_fixed_size_list(kind):
        return kind.list_size
    column = next((column for column in source.columns(name, 1) if len(column)), None)
    if column is None:
        raise WrongFile(path, "has no rows")
    refuse_nulls(path, name, column, 0)
    return len(column[0])


def refuse_nulls(path, name, column, first):
    if column.null_count:
        row = first + int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise WrongFile(path, f"row {row} (the first is 0) of column {name} is null; leave such rows out")


def as_rows(path, name, column, dims, first):
    column = column.storage if isinstance(column.type, pa.BaseExtensionType) else column
    refuse_nulls(path, name, column, first)
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    wrong = np.flatnonzero(lengths != dims)
    if len(wrong):
        raise WrongFile(path, f"row {first + wrong[0]} (the first is 0) of column {name} has {lengths[wrong[0]]} dimensions, "
                              f"the first row has {dims}")
    values = column.flatten()
    if values.null_count:
        place = int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0])
        raise WrongFile(path, f"row {first + place // dims} (the first is 0) of column {name} has a null in dimension {place % dims + 1}")
    return values.to_numpy(zero_copy_only=False).reshape(-1, dims)

"""Vectors into tables by COPY BINARY, rows packed by numpy."""
import numpy as np
from tqdm import tqdm

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)    # flags and header extension are zero
ROWS_A_BLOCK = 4096    # packed at a time: a few megabytes
OPERATORS = {"l2": "<->", "ip": "<#>", "cosine": "<=>"}
OPCLASSES = {"l2": "vector_l2_ops", "ip": "vector_ip_ops", "cosine": "vector_cosine_ops"}
NUMBERS = {"vector": ">f4", "halfvec": ">f2"}    # of the types, on the wire


def copy_rows(ids, vectors, kind="vector"):
    """Binary tuples of (bigint, vector): field count, then length and value of both, all big-endian.
    A vector on the wire is its dimension, an unused int16 and the numbers."""
    rows, dims = vectors.shape
    number = np.dtype(NUMBERS[kind])
    layout = np.dtype([("fields", ">i2"), ("id_bytes", ">i4"), ("id", ">i8"), ("vector_bytes", ">i4"),
                       ("dims", ">i2"), ("unused", ">i2"), ("vector", number, (dims,))])
    packed = np.zeros(rows, layout)
    packed["fields"], packed["id_bytes"], packed["id"] = 2, 8, ids
    packed["vector_bytes"], packed["dims"], packed["vector"] = 4 + number.itemsize * dims, dims, vectors
    return packed.tobytes()


def progress(blocks, rows):
    """The blocks, with a bar on standard error where that is a terminal."""
    with tqdm(total=rows, unit=" rows", unit_scale=True, disable=None) as bar:
        for block in blocks:
            yield block
            bar.update(len(block))


def copy_blocks(connection, target, blocks, first_id=0, kind="vector"):
    """target: table and columns, (id, vector), as SQL. Ids are counted on from first_id. Returns how many rows."""
    rows = 0
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN (FORMAT binary)") as copy:
        copy.write(SIGNATURE)
        for block in blocks:
            copy.write(copy_rows(np.arange(rows, rows + len(block)) + first_id, block, kind))
            rows += len(block)
        copy.write(b"\xff\xff")
    return rows


def copy_vectors(connection, table, vectors, first_id=0):
    blocks = (vectors[start:start + ROWS_A_BLOCK] for start in range(0, len(vectors), ROWS_A_BLOCK))
    copy_blocks(connection, f"{table} (id, embedding)", progress(blocks, len(vectors)), first_id)


def load_table(connection, table, vectors, primary_key=False, storage=None):
    """A table (id bigint, embedding vector(dims)); ids are row numbers. storage=None leaves the type's default, which
    moves vectors of more than some 500 dimensions out of line, as an ordinary user's table does."""
    key = "PRIMARY KEY" if primary_key else "NOT NULL"
    connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.execute(f"CREATE TABLE {table} (id bigint {key}, embedding vector({vectors.shape[1]}) NOT NULL)")
    if storage:
        connection.execute(f"ALTER TABLE {table} ALTER embedding SET STORAGE {storage}")
    copy_vectors(connection, table, vectors)
    connection.execute(f"VACUUM (ANALYZE, FREEZE) {table}")

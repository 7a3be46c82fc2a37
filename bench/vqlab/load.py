"""Vectors into tables by COPY BINARY, rows packed by numpy."""
import numpy as np

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)    # flags and header extension are zero
ROWS_A_BLOCK = 4096    # packed at a time: a few megabytes
OPERATORS = {"l2": "<->", "ip": "<#>", "cosine": "<=>"}
OPCLASSES = {"l2": "vector_l2_ops", "ip": "vector_ip_ops", "cosine": "vector_cosine_ops"}


def copy_rows(ids, vectors):
    """Binary tuples of (bigint, vector): field count, then length and value of both, all big-endian.
    A vector on the wire is its dimension, an unused int16 and the float4 components."""
    rows, dims = vectors.shape
    layout = np.dtype([("fields", ">i2"), ("id_bytes", ">i4"), ("id", ">i8"), ("vector_bytes", ">i4"),
                       ("dims", ">i2"), ("unused", ">i2"), ("vector", ">f4", (dims,))])
    packed = np.zeros(rows, layout)
    packed["fields"], packed["id_bytes"], packed["id"] = 2, 8, ids
    packed["vector_bytes"], packed["dims"], packed["vector"] = 4 + 4 * dims, dims, vectors
    return packed.tobytes()


def copy_vectors(connection, table, vectors, first_id=0):
    with connection.cursor() as cursor, \
            cursor.copy(f"COPY {table} (id, embedding) FROM STDIN (FORMAT binary)") as copy:
        copy.write(SIGNATURE)
        for start in range(0, len(vectors), ROWS_A_BLOCK):
            block = vectors[start:start + ROWS_A_BLOCK]
            copy.write(copy_rows(np.arange(start, start + len(block)) + first_id, block))
        copy.write(b"\xff\xff")


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

"""Loads a file of vectors into a table, in one transaction: all rows, or none and a line that says why."""
import argparse
import sys
import time
from dataclasses import dataclass

import numpy as np
import psycopg
from psycopg import sql

from vqlab import load
from vqlab.formats import WrongFile, open_vectors

LARGEST_HALF = 65_504
LARGEST_ID = 2 ** 63 - 1


def positive(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def arguments(words):
    parser = argparse.ArgumentParser(prog="tools/load.sh", description=__doc__, epilog="Formats and errors: docs/loading.md")
    parser.add_argument("file", help=".npy, .fvecs, .bvecs, .ivecs, .fbin, .f16bin, .u8bin, .i8bin, .hdf5, .parquet, .arrow, .feather")
    parser.add_argument("--table", default="items", help="is made if it isn't there; default %(default)s")
    parser.add_argument("--column", default="embedding", help="of type vector or halfvec; default %(default)s")
    parser.add_argument("--id-column", default="id", help="of type bigint, takes the row's number; default %(default)s")
    parser.add_argument("--first-id", type=int, default=0, help="the number of the file's first row; default %(default)s")
    parser.add_argument("--type", choices=load.NUMBERS, help="of the column of a new table; default vector")
    parser.add_argument("--field", help="column of a Parquet or Arrow file, dataset of an HDF5 file, where there are several")
    parser.add_argument("--rows", type=positive, help="only the first ROWS rows of the file")
    parser.add_argument("--dsn", default="", help="connection string; default: as psql, from PGHOST, PGDATABASE, ...")
    return parser.parse_args(words)


@dataclass
class Column:
    table: tuple    # its name, with a schema or without
    name: str
    key: str
    kind: str       # vector or halfvec

    def target(self, connection):
        return sql.SQL("{} ({}, {})").format(sql.Identifier(*self.table), sql.Identifier(self.key),
                                             sql.Identifier(self.name)).as_string(connection)


def names(connection, text):
    """Parts of a name as SQL reads it: in lower case unless in quotes."""
    return tuple(connection.execute("SELECT parse_ident(%s)", [text]).fetchone()[0])


def one_name(connection, text):
    found = names(connection, text)
    if len(found) != 1:
        raise SystemExit(f"{text}: a column's name has no dot, unless in quotes")
    return found[0]


def find_column(connection, args, dims):
    """The column to load into; its table is made if it isn't there."""
    table, name, key = names(connection, args.table), one_name(connection, args.column), one_name(connection, args.id_column)
    if connection.execute("SELECT to_regclass(%s)", [args.table]).fetchone()[0] is None:
        column = Column(table, name, key, args.type or "vector")
        create(connection, column, dims)
        return column
    found = {row[0]: row[1:] for row in connection.execute(
        "SELECT attname, typname, atttypmod, format_type(atttypid, NULL) FROM pg_attribute JOIN pg_type t ON t.oid = atttypid "
        "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped", [args.table])}
    for wanted, types in ((key, ("int8",)), (name, tuple(load.NUMBERS))):
        check_column(args.table, found, wanted, types)
    kind, width, _ = found[name]
    if args.type not in (None, kind):
        raise SystemExit(f"table {args.table}: column {name} is of type {kind}, not {args.type}")
    if width not in (-1, dims):
        raise SystemExit(f"table {args.table}: column {name} takes {width:,} dimensions, and {args.file} has rows of {dims:,}")
    return Column(table, name, key, kind)


def check_column(table, found, wanted, types):
    if wanted not in found:
        raise SystemExit(f"table {table} has no column {wanted}; it has: {', '.join(found)}")
    if found[wanted][0] not in types:
        needed = " or ".join(types).replace("int8", "bigint")
        raise SystemExit(f"table {table}: column {wanted} is of type {found[wanted][2]}; {needed} is needed")


def create(connection, column, dims):
    kind = connection.execute("SELECT oid::regtype::text FROM pg_type WHERE typname = %s AND typtype = 'b' "
                              "ORDER BY pg_type_is_visible(oid) DESC LIMIT 1", [column.kind]).fetchone()
    if kind is None:
        raise SystemExit(f"type {column.kind} is not in this database: CREATE EXTENSION vector_quant first, as a superuser")
    # The type's name comes from the server, quoted where it needs to be.
    connection.execute(sql.SQL("CREATE TABLE {} ({} bigint PRIMARY KEY, {} {}({}))").format(
        sql.Identifier(*column.table), sql.Identifier(column.key), sql.Identifier(column.name), sql.SQL(kind[0]), sql.Literal(dims)))


def halves(path, blocks):
    """Refuses what halfvec would make infinite."""
    done = 0
    for block in blocks:
        row, place = np.unravel_index(np.abs(block).argmax(), block.shape)
        if abs(block[row, place]) > LARGEST_HALF:
            raise WrongFile(path, f"row {done + row} (the first is 0) has {block[row, place]} in dimension {place + 1}; "
                                  f"halfvec holds up to {LARGEST_HALF:,}: take --type vector")
        done += len(block)
        yield block


def copy_file(connection, args, vectors):
    wanted = min(args.rows or vectors.rows, vectors.rows)
    if not -LARGEST_ID <= args.first_id <= LARGEST_ID - wanted:
        raise SystemExit(f"--first-id {args.first_id}: {wanted:,} rows from there on are beyond bigint")
    column = find_column(connection, args, vectors.dims)
    blocks = vectors.blocks(wanted)
    if column.kind == "halfvec":
        blocks = halves(vectors.path, blocks)
    blocks = load.progress(blocks, wanted)
    rows = load.copy_blocks(connection, column.target(connection), blocks, args.first_id, column.kind)
    connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(*column.table)))
    return rows


def told(error):
    """A server's error in one line."""
    if not error.diag.message_primary:
        return " ".join(str(error).split())
    hint = error.diag.message_hint
    if error.sqlstate == "23505":    # unique_violation
        hint = "rows with these numbers are there: --first-id counts from another one"
    parts = (error.diag.message_primary, error.diag.message_detail, hint)
    return ". ".join(part.rstrip(".") for part in parts if part)


def main(words=None):
    args = arguments(words)
    began = time.monotonic()
    vectors = open_vectors(args.file, args.field)
    try:
        with psycopg.connect(args.dsn) as connection:    # commits at the end of the block, rolls back on any error
            rows = copy_file(connection, args, vectors)
    except psycopg.Error as error:
        raise SystemExit(f"{args.table}: {told(error)}") from error
    print(f"{args.table}: {rows:,} rows of {vectors.dims:,} dimensions in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

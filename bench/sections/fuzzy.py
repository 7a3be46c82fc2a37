"""Routing alone: rows to read where lists are divided by the first codeword. No server; bench/core/fuzzy.cpp has the table."""
from sections import native

QUICK = {"plain": "344", "shares": "0.3"}


def run(args, data, path):
    program = native.build("fuzzy", args.work)
    native.run(program, native.folder_of(data, path, args), args, **(QUICK if args.quick else {}))

"""What wrvq's codebooks take of a small index, and what fewer bits a coordinate or fewer layers cost. No server.

Sets of 1,000 rows and more are drawn from each set; neighbours are theirs. Bytes are codebooks and rows: what an index has of both.
"""
from dataclasses import replace

import numpy as np

from sections import native
from vqlab import datasets, report

ROWS = (1000, 2000, 5000, 20_000)    # and all
ROW = 14                             # bytes beside its code: factors, TID
LAYERS, FEWER_LAYERS = 64, (16, 24, 32, 48)
BITS = (8, 4, 2, 1)
BEST = (10, 20, 50)


def run(args, data, path):
    program = native.build("codes", args.work)
    header = ("rows", "code", "bits", "codebooks kB", "all kB", *(f"in best {r}" for r in BEST), "train s")
    rows = [line for size in (*(n for n in ROWS if n < len(data.base)), len(data.base))
            for line in of_size(args, program, drawn(data, size, args.k), path if size == len(data.base) else None)]
    report.write_csv(f"{args.work}/codebooks_{data.name}.csv", header, rows)
    print("\n" + report.table(header, rows), flush=True)


def drawn(data, size, k):
    if size == len(data.base):
        return data
    which = np.sort(np.random.default_rng(1).choice(len(data.base), size, replace=False))
    return datasets.ensure_truth(replace(data, name=f"{data.name}-{size}", base=data.base[which], truth=None), k)


def of_size(args, program, data, path):
    folder = native.folder_of(data, path, args)
    lists = max(1, int(min(6 * len(data.base) ** .5, len(data.base) / 100)))    # as an index has
    common = {"lists": lists, "codewords": 16, "depths": ",".join(map(str, BEST))}
    for layers, bits in (((LAYERS,), BITS), (FEWER_LAYERS, (8,))):
        native.run(program, folder, args, quiet=True, codecs="rvq", layers=",".join(map(str, layers)),
                   **{"codeword-bits": ",".join(map(str, bits))}, **common)
        yield from (line(data, row) for row in figures(args, data))
    native.run(program, folder, args, quiet=True, codecs="rabitq", **common)
    yield from (line(data, row) for row in figures(args, data))


def figures(args, data):
    return [row for row in native.read(f"{args.work}/codes_{data.name}.csv") if row["form"] == "scaled"]


def line(data, row):
    rvq, books, code = row["codec"] == "rvq", int(row["stored_bytes"]), int(row["code_bytes"])
    name = f"wrvq, {2 * code} layers" if rvq else "ivf_rabitq"
    return (len(data.base), name, row["rotation"].split()[0] if rvq else "", f"{books / 1000:.0f}",
            f"{(books + len(data.base) * (code + ROW)) / 1000:,.0f}", *(f"{float(row[f'r{r}']):.3f}" for r in BEST),
            f"{float(row['train_s']):.1f}")

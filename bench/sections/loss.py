"""What residual quantization leaves of the rows: plain, the paper's and ours at equal layers; codes of equal bytes. No
server; bench/core/loss.cpp has the tables.
"""
from sections import native

QUICK = {"parts": "layers,paper", "layers": "4,8", "rounds": 8, "rows": 8192, "held": 2000}
ROWS = ((512, 32_768), (16_000, 16_384))    # trained on, up to so many dimensions: six minutes a set
HELD = 4000


def run(args, data, path):
    program = native.build("loss", args.work)
    rows = next(rows for dims, rows in ROWS if data.dims <= dims)
    options = QUICK if args.quick else {"rows": rows, "held": HELD}
    native.run(program, native.folder_of(data, path, args), args, **options)

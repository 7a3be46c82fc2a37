"""What residual quantization leaves of the rows: plain, the paper's and ours at equal layers; codes of equal bytes. No
server; bench/core/loss.cpp has the tables.
"""
from sections import native

QUICK = {"parts": "layers,paper", "layers": "4,8", "rounds": 8, "rows": 8192, "held": 2000}


def run(args, data, path):
    program = native.build("loss", args.work)
    native.run(program, native.folder_of(data, path, args), args, **(QUICK if args.quick else {}))

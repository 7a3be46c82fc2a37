"""The programs of bench/core: built when needed, run on a set's files, their figures read back."""
import csv
import subprocess
from pathlib import Path

import numpy as np

CORE = Path(__file__).resolve().parent.parent / "core"
TRUTH_NAMES = {"l2": "gt_l2", "cosine": "gt_cos", "ip": "gt_ip"}


def build(name, work):
    subprocess.run(["make", "-s", "-C", CORE, name], check=True)
    return Path(work) / name


def folder_of(data, path, args):
    """A folder of .npy files that the programs read: the set's own where it is one that was taken whole."""
    if path is not None and path.is_dir() and not args.rows:
        return path
    folder = Path(args.work) / "sets" / data.name
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "base_f32.npy", data.base)
    np.save(folder / "query_f32.npy", data.queries)
    np.save(folder / f"{TRUTH_NAMES[data.metric]}_k{data.truth.shape[1]}.npy", data.truth.astype(np.int32))
    return folder


def run(program, folder, args, quiet=False, **options):
    given = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    subprocess.run([program, "--queries", str(args.queries), "--out", args.work, *given, folder], check=True,
                   stdout=subprocess.DEVNULL if quiet else None)


def read(path):
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))

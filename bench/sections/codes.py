"""What the codes alone are worth: the true ten among the best R by the code's estimate over all rows. No server.

bench/core/codes.cpp measures ours, every loss and rotation; --faiss puts Faiss's 4-bit FastScan codes of the same size
beside those as shipped: nprobe = all lists, no refinement, the same queries.
"""
import time

from sections import native
from vqlab import datasets, report

BEST = (10, 20, 50, 100)
TRUE = 10
SUB_DIMS = (2, 4, 8)


def run(args, data, path):
    program = native.build("codes", args.work)
    native.run(program, native.folder_of(data, path, args), args)
    ours = native.read(f"{args.work}/codes_{data.name}.csv")
    rows = [shipped(row) for row in ours if row["form"] == "scaled" and (
        row["codec"] == "rabitq" or (row["rotation"] == "trained" and row["loss"] == "off"))]
    if args.faiss:
        rows += faiss_rows(data)
    rows.sort(key=lambda row: row[1])
    header = ("code", "bytes", *(f"in best {r}" for r in BEST), "train s")
    report.write_csv(f"{args.work}/codes_side_{data.name}.csv", header, rows)
    print("\n" + report.table(header, rows))


def shipped(row):
    name = "ivf_rabitq" if row["codec"] == "rabitq" else f"scann, pq_dims {row['sub_dims']}"
    return (name, int(row["code_bytes"]), *(f"{float(row[f'r{r}']):.3f}" for r in BEST), f"{float(row['train_s']):.1f}")


def faiss_rows(data):
    import faiss    # installed only for --faiss
    faiss.omp_set_num_threads(2)
    base, queries = (datasets.unit(x) if data.metric == "cosine" else x for x in (data.base, data.queries))
    metric = faiss.METRIC_L2 if data.metric == "l2" else faiss.METRIC_INNER_PRODUCT
    lists = max(1, round(len(base) ** 0.5))
    for sub in SUB_DIMS:
        columns = data.dims // sub
        for kind in ("fsr", "fs"):    # with and without residuals
            factory = f"IVF{lists},PQ{columns}x4{kind}"
            index = faiss.index_factory(data.dims, factory, metric)
            start = time.process_time()
            index.train(base)
            seconds = time.process_time() - start
            index.add(base)
            index.nprobe = lists
            found = index.search(queries, max(BEST))[1]
            yield (f"Faiss {factory}", index.code_size, *(f"{share(data.truth, found, r):.3f}" for r in BEST),
                   f"{seconds:.1f}")


def share(truth, found, best):
    hits = sum(len(set(true[:TRUE]) & set(ids[:best])) for true, ids in zip(truth.tolist(), found.tolist()))
    return hits / (TRUE * len(found))

"""What the codes alone are worth: the true ten among the best R by the code's estimate over all rows (the true R where
that is less). No server.

bench/core/codes.cpp measures ours, every loss and rotation; --faiss puts Faiss's 4-bit FastScan codes of the same size
beside those as shipped: nprobe = all lists, no refinement, the same queries.
"""
import time

from sections import native
from vqlab import datasets, neighbours, report

BEST = (1, 10, 20, 50, 100)
TRUE = 10
SUB_DIMS = (2, 4, 8)
CODECS = "rabitq,pq4,rvq"
PAPER = {"layers": 4, "depths": "1@5%,5@5%,10@5%"}    # the paper's table: reranks 5 % of the rows at most


def run(args, data, path):
    program = native.build("codes", args.work)
    folder, csv = native.folder_of(data, path, args), f"{args.work}/codes_{data.name}.csv"
    paper(program, folder, csv, args)
    native.run(program, folder, args, codecs=CODECS, depths=",".join(map(str, BEST)))
    ours = native.read(csv)
    rows = [shipped(row) for row in ours if row["form"] == "scaled" and (
        row["codec"] != "pq4" or (row["rotation"] == "trained" and row["loss"] == "off"))]
    if args.faiss:
        rows += faiss_rows(data)
    rows.sort(key=lambda row: row[1])
    header = ("code", "bytes", *(f"in best {r}" for r in BEST), "train s")
    report.write_csv(f"{args.work}/codes_side_{data.name}.csv", header, rows)
    print("\n" + report.table(header, rows))


def paper(program, folder, csv, args):
    """4 x 256 on whole vectors and on residuals, the best 5 % of all rows reranked."""
    header, rows = ("4 x 256", "lists", "recall@1", "@5", "@10"), []
    for lists in (1, 0):
        native.run(program, folder, args, quiet=True, codecs="rvq", lists=lists, **PAPER)
        row = next(row for row in native.read(csv) if row["form"] == "scaled")
        rows.append(("wrvq", lists or "sqrt(rows)", *(row[f"r{depth}"] for depth in PAPER["depths"].split(","))))
    report.write_csv(csv.replace("codes_", "codes_paper_"), header, rows)
    print("\n" + report.table(header, rows))


def shipped(row):
    name = {"rabitq": "ivf_rabitq", "pq4": f"scann, pq_dims {row['sub_dims']}",
            "rvq": f"wrvq, {row['code_bytes']} layers"}[row["codec"]]
    return (name, int(row["code_bytes"]), *(f"{float(row[f'r{r}']):.3f}" for r in BEST), f"{float(row['train_s']):.1f}")


def faiss_rows(data):
    import faiss    # installed only for --faiss
    faiss.omp_set_num_threads(2)
    base, queries = (neighbours.unit(x) if data.metric == "cosine" else x for x in (data.base, data.queries))
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
    wanted = min(TRUE, best)
    hits = sum(len(set(true[:wanted]) & set(ids[:best])) for true, ids in zip(truth.tolist(), found.tolist()))
    return hits / (wanted * len(found))

"""Faiss in this process, one thread, no SQL: what an index costs without a database around it."""
import time

from vqlab import measure, report

SECONDS = 1.5


def kinds(rows):
    """(name, factory string, knob, its values). With a refining index the knob is the coarse index's."""
    lists = round(rows ** 0.5)
    return (
        ("HNSW16", "HNSW16,Flat", "efSearch", (16, 32, 64, 128)),
        (f"IVF{lists} Flat", f"IVF{lists},Flat", "nprobe", (2, 5, 10, 20, 50)),
        (f"RR+IVF{lists} RaBitQ FastScan+SQ8", f"RR,IVF{lists},RaBitQfs,Refine(SQ8)", "nprobe", (5, 10, 20, 50)),
    )


def run(bench, data):
    import faiss    # installed only for --faiss
    from vqlab.neighbours import unit
    faiss.omp_set_num_threads(2)
    base, queries = (unit(x) if data.metric == "cosine" else x for x in (data.base, data.queries))
    metric = faiss.METRIC_L2 if data.metric == "l2" else faiss.METRIC_INNER_PRODUCT
    rows = []
    for name, factory, knob, values in kinds(len(base)):
        bench.say(f"Faiss {name}")
        index = faiss.index_factory(data.dims, factory, metric)
        start = time.monotonic()
        index.train(base)
        index.add(base)
        seconds = time.monotonic() - start
        rows += [(name, f"{seconds:.1f}", *row)
                 for row in sweep(faiss, index, data, queries, knob, values, bench.args.k)]
    header = ("in process", "build s", "setting", f"recall@{bench.args.k}", "queries/s")
    report.write_csv(bench.csv(f"faiss_{data.name}"), header, rows)
    print("\n" + report.table(header, rows))


def sweep(faiss, index, data, queries, knob, values, k):
    faiss.omp_set_num_threads(1)
    for value in values:
        if isinstance(index, faiss.IndexRefine):
            index.k_factor = 10    # 100 candidates reranked for ten
        faiss.ParameterSpace().set_index_parameter(index, knob, value)
        found = [[int(row) for row in ids if row >= 0] for ids in index.search(queries, k)[1]]
        done, start = 0, time.monotonic()
        while time.monotonic() - start < SECONDS:
            index.search(queries[done % len(queries)][None], k)
            done += 1
        yield f"{knob} {value}", f"{measure.recall(data, found, k):.4f}", f"{done / (time.monotonic() - start):,.0f}"

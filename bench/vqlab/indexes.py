"""The indexes that can be measured. A new access method is one line here."""
from dataclasses import dataclass, field, replace

from .load import OPCLASSES


@dataclass(frozen=True)
class Index:
    name: str                 # as in --indexes
    extension: str            # also the name of its database: two kinds of `vector` cannot share one
    method: str
    knob: str                 # the setting that trades speed for recall
    sweep: tuple              # its values; clamped by the server where the index is smaller
    options: str = ""         # for WITH (...); {sqrt_rows}, {our_lists} and {spherical} are filled in
    usual: bool = True        # measured when --indexes names none
    as_shipped: bool = True   # answers queries without the knob
    settings: dict = field(default_factory=dict)
    filters: tuple = ()       # further columns

    def create_sql(self, table, metric, rows, name="bench_index"):
        options = self.options.format(sqrt_rows=max(1, round(rows ** 0.5)), our_lists=our_lists(rows),
                                      spherical="false" if metric == "l2" else "true")
        columns = ", ".join((f"embedding {OPCLASSES[metric]}", *self.filters))
        return (f"CREATE INDEX {name} ON {table} USING {self.method} ({columns})"
                + (f" WITH ({options})" if options else ""))

    def with_filter(self, column):
        """The same with a filter column."""
        return replace(self, name=f"{self.name}_{column}", filters=(column,))

    def at(self, value):
        """Settings of one point of the sweep; None leaves the knob as shipped."""
        return self.settings if value is None else {**self.settings, self.knob: value}


def our_lists(rows):
    """As many lists as our indexes make by themselves (choose_nlist in src/ivf/build/train.cpp)."""
    return max(1, int(min(6 * rows ** 0.5, rows / 100, 65536)))


# As its own documentation advises: about as many lists as the root of the rows, residual codes, all cores of this machine.
VECTORCHORD = """options = $$residual_quantization = true
[build.internal]
lists = [{sqrt_rows}]
spherical_centroids = {spherical}
build_threads = 2$$"""
PROBES = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
INDEXES = (
    Index("ivf_rabitq", "vector_quant", "ivf_rabitq", "ivf_rabitq.nprobe", PROBES),
    Index("ivf_rabitq_sq8", "vector_quant", "ivf_rabitq", "ivf_rabitq.nprobe", PROBES,
          "refine = true, refine_type = 'SQ8'", usual=False),
    Index("scann", "vector_quant", "scann", "scann.nprobe", PROBES),
    Index("scann_pq2", "vector_quant", "scann", "scann.nprobe", PROBES, "pq_dims = 2", usual=False),
    Index("scann_pq3", "vector_quant", "scann", "scann.nprobe", PROBES, "pq_dims = 3", usual=False),
    Index("scann_pq4", "vector_quant", "scann", "scann.nprobe", PROBES, "pq_dims = 4", usual=False),
    Index("scann_sqrt", "vector_quant", "scann", "scann.nprobe", PROBES, "nlist = {sqrt_rows}", usual=False),
    Index("scann_sq8", "vector_quant", "scann", "scann.nprobe", PROBES,
          "refine = true, refine_type = 'SQ8'", usual=False),
    Index("wrvq", "vector_quant", "wrvq", "wrvq.nprobe", PROBES),
    Index("wrvq_64", "vector_quant", "wrvq", "wrvq.nprobe", PROBES, "codebooks = 64", usual=False),
    Index("wrvq_96", "vector_quant", "wrvq", "wrvq.nprobe", PROBES, "codebooks = 96", usual=False),
    Index("hnsw", "vector", "hnsw", "hnsw.ef_search", (10, 20, 40, 80, 120, 200, 400),
          "m = 16, ef_construction = 64"),
    Index("vchordrq", "vchord", "vchordrq", "vchordrq.probes", (3, 5, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192), VECTORCHORD,
          as_shipped=False, settings={"vchordrq.probes": 24}),
    Index("ivfflat", "vector", "ivfflat", "ivfflat.probes", (1, 3, 6, 10, 20, 40, 80), "lists = {sqrt_rows}"),
    Index("ivfflat_same", "vector", "ivfflat", "ivfflat.probes", PROBES, "lists = {our_lists}", usual=False),
)
EXTENSIONS = tuple(dict.fromkeys(index.extension for index in INDEXES))


def available(connections, names=None):
    """Indexes whose extension and access method exist, in the order of the table. connections: extension -> one."""
    unknown = set(names or ()) - {index.name for index in INDEXES}
    if unknown:
        raise SystemExit(f"unknown index {', '.join(sorted(unknown))}; known: {', '.join(i.name for i in INDEXES)}")
    return [index for index in INDEXES
            if index.extension in connections and (index.name in names if names else index.usual)
            and connections[index.extension].execute("SELECT FROM pg_am WHERE amname = %s", [index.method]).rowcount]

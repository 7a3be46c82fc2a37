"""Pictures of the benchmark's figures: PNG files from the CSV files of run.sh. plot.sh has the environment for it.

    plot.py FOLDER_OF_CSV FOLDER_OF_PNG

Colours are told apart in every kind of colour vision (Okabe and Ito's), ours are solid, pgvector's grey and dashed. Lines carry
their names; nothing has to be looked up in a legend.
"""
import csv
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib
import numpy
matplotlib.use("Agg")
from matplotlib import pyplot, ticker

WIDTH, DPI = 10, 100    # inches; two panels beside each other
SETS = ("fashion-mnist-784", "arxiv-minilm-384")
TITLES = {"fashion-mnist-784": "fashion-mnist, 784 dimensions, L2", "arxiv-minilm-384": "arXiv abstracts, 384 dimensions, cosine"}
STYLES = {    # colour, marker
    "ivf_rabitq": ("#0072B2", "o"),
    "scann": ("#D55E00", "s"),
    "wrvq": ("#009E73", "^"),
    "hnsw": ("#444444", "D"),
    "vchordrq": ("#8A6D00", "P"),
    "ivfflat": ("#888888", "v"),
    "exact": ("#CC79A7", "None"),
}
PEERS = {"hnsw": "hnsw (pgvector)", "ivfflat": "ivfflat (pgvector)", "vchordrq": "VectorChord"}
INK = "#333333"
LEAST_RECALL = 0.85


def label_of(index):
    return PEERS.get(index, index)


def read(folder, kind):
    """Rows of KIND_SET.csv for the sets there are, by set."""
    found = {}
    for name in SETS:
        path = Path(folder) / f"{kind}_{name}.csv"
        if path.exists():
            with open(path, newline="", encoding="utf-8") as f:
                found[name] = list(csv.DictReader(f))
    return found


def by_index(rows):
    """In the order of STYLES, indexes that have one."""
    groups = defaultdict(list)
    for row in rows:
        groups[row["index"]].append(row)
    return {index: groups[index] for index in STYLES if index in groups}


def panels(count, height=4, rows=1, **options):
    figure, axes = pyplot.subplots(rows, count, figsize=(WIDTH * count / 2, height * rows), squeeze=False,
                                   layout="constrained", **options)
    return figure, axes


def plain(axis, title, x, y):
    axis.set_title(title, loc="left", fontsize=10, color=INK)
    axis.set_xlabel(x, color=INK)
    axis.set_ylabel(y, color=INK)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(which="major", color="#E5E5E5", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=9, colors=INK)


def line(axis, index, xs, ys, **options):
    colour, marker = STYLES[index]
    dashed = index in PEERS or index == "exact"
    return axis.plot(xs, ys, **{"color": colour, "marker": marker, "markersize": 4, "linewidth": 1.6,
                                "linestyle": (0, (4, 2)) if dashed else "-", **options})


def name_lines(axis, ends):
    """Names to the right of the axes, level with their lines' ends, moved apart where they would touch. ends: (text, colour, y)."""
    axis.figure.canvas.draw()
    to_screen = axis.transAxes.inverted().transform
    height = axis.get_window_extent().height
    least = 13 / height * axis.figure.dpi / 72    # a line of text, as a share of the axes
    wanted = sorted((to_screen(axis.transData.transform((axis.get_xlim()[0], y)))[1], text, colour) for text, colour, y in ends)
    places = spread([place for place, _, _ in wanted], least)
    for (_, text, colour), place in zip(wanted, places):
        axis.annotate(text, (1.01, place), xycoords="axes fraction", color=colour, fontsize=9, va="center",
                      annotation_clip=False)


def spread(places, least):
    """Ascending places, moved so that neighbours are `least` apart, about where they were and not below the axes."""
    moved = []
    for place in places:
        moved.append(max(place, moved[-1] + least) if moved else place)
    shift = statistics.mean(moved) - statistics.mean(places)
    return [place - min(shift, moved[0] - least / 3) for place in moved]


def save(figure, folder, name):
    path = Path(folder) / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
    pyplot.close(figure)
    print(path)


def recall_axis(axis):
    """What is missed, on a logarithmic axis: the step from 0.98 to 0.99 counts as much as that from 0.96 to 0.98."""
    axis.set_xscale("function", functions=(lambda r: -numpy.log10(numpy.maximum(1 - r, 1e-5)), lambda y: 1 - 10.0 ** -y))
    axis.set_xlim(LEAST_RECALL, 0.9995)
    axis.xaxis.set_major_locator(ticker.FixedLocator((0.9, 0.95, 0.98, 0.99, 0.995, 0.999)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("recall@10", color=INK)


def shown(curve):
    return [point for point in curve if point[0] >= LEAST_RECALL]


def undominated(curve):
    """Of (recall, queries/s) in order of recall, the points that no other beats in both. Where a sweep finds nothing more it ends."""
    kept = []
    for recall, rate in sorted(curve, key=lambda point: (point[0], -point[1])):
        if all(rate > other for further, other in curve if further > recall) and (not kept or recall > kept[-1][0] + 2e-4):
            kept.append((recall, rate))
    return kept


def thousands(value, _):
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def rates(rows):
    """(recall, median queries/s) of each setting in order of recall, and of the one as shipped."""
    points = defaultdict(list)
    for row in rows:
        points[row["value"]].append(row)
    curve = {value: (float(same[0]["recall"]), statistics.median(float(row["qps"]) for row in same))
             for value, same in points.items()}
    return sorted(point for value, point in curve.items() if value), curve.get("")


def against_recall(found, what, draw):
    """A panel a set of something against recall. draw(axis, index, rows) draws an index's lines and gives (name, where it ends)
    of each."""
    figure, axes = panels(len(found), height=4.2)
    for axis, (name, rows) in zip(axes[0], found.items()):
        plain(axis, TITLES[name], "", what)
        axis.set_yscale("log")
        recall_axis(axis)
        ends = [(label, STYLES[index][0], end) for index, mine in by_index(rows).items() for label, end in draw(axis, index, mine)]
        log_ticks(axis.yaxis)
        name_lines(axis, ends)
    return figure, axes[0][0]


def recall_speed(source, folder):
    """Queries a second against recall."""
    def draw(axis, index, rows):
        curve, shipped = rates(rows)
        curve = shown(undominated(curve))
        line(axis, index, *zip(*curve))
        if shipped:
            axis.plot(*shipped, marker="o", markersize=9, markerfacecolor="none", color=STYLES[index][0])
        yield label_of(index), curve[-1][1]

    found = read(source, "query")
    if not found:
        return
    figure, first = against_recall(found, "queries a second, one client", draw)
    first.annotate("circles: as shipped, nothing set", (0.02, 0.03), xycoords="axes fraction", fontsize=8, color=INK)
    save(figure, folder, "recall_speed")


def log_ticks(axis):
    axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(thousands)
    axis.set_minor_locator(ticker.NullLocator())


def bars(source, folder, column, name, title, unit):
    """One bar an index, its figure at the end."""
    found = read(source, "build")
    if not found:
        return
    figure, axes = panels(len(found), height=2.2)
    for axis, (data, rows) in zip(axes[0], found.items()):
        values = {index: float(mine[0][column]) for index, mine in by_index(rows).items()}
        names = list(reversed(values))
        drawn = axis.barh([label_of(index) for index in names], [values[index] for index in names],
                          color=[STYLES[index][0] for index in names], height=0.65)
        axis.bar_label(drawn, [f"{values[index]:.0f} {unit}" if values[index] >= 100 else f"{values[index]:.1f} {unit}"
                               for index in names], padding=3, fontsize=9, color=INK)
        axis.set_title(f"{title}: {TITLES[data]}", loc="left", fontsize=9, color=INK)
        axis.spines[["top", "right", "bottom"]].set_visible(False)
        axis.tick_params(labelsize=9, colors=INK, length=0)
        axis.set_xticks([])
        axis.margins(x=0.16)
    save(figure, folder, name)


def filters(source, folder):
    """Time against the share of rows that a filter leaves: through each index, and as the planner has it."""
    found = read(source, "filters")
    if not found:
        return
    parts = (("relaxed_order", "no", "through the index"), ("planner", "yes", "planner's choice, btree on the category"))
    figure, axes = panels(len(found), height=3.6, rows=len(parts), sharex=True, sharey=True)
    ends = []
    for column, (name, rows) in enumerate(found.items()):
        labels = list(dict.fromkeys(row["selectivity"] for row in rows))
        for axis, (mode, btree, title) in zip(axes[:, column], parts):
            plain(axis, f"{TITLES[name].split(',')[0]}: {title}", "", "ms a query (median)" if column == 0 else "")
            exact = [row for row in rows if row["mode"] == "exact" and row["category_index"] == btree]
            lines = {"exact": exact, **by_index([row for row in rows if row["mode"] == mode and row["category_index"] == btree])}
            for index, mine in lines.items():
                ends.append((axis, "no vector index" if index == "exact" else label_of(index), STYLES[index][0],
                             filter_line(axis, index, mine, labels)))
            filter_axes(axis, labels)
    for axis in axes[-1]:
        axis.set_xlabel("share of the rows that WHERE leaves", color=INK)
    for axis in axes.flat:
        name_lines(axis, [end[1:] for end in ends if end[0] is axis])
    axes[0][0].annotate("hollow: fewer rows than exist", (0.02, 0.93), xycoords="axes fraction", fontsize=8, color=INK)
    save(figure, folder, "filters")


def filter_line(axis, index, rows, labels):
    """Draws it; returns where it ends. Points of queries that gave fewer than ten rows although there are more are hollow."""
    xs = [labels.index(row["selectivity"]) for row in rows]
    ys = [float(row["median_ms"]) for row in rows]
    line(axis, index, xs, ys)
    for x, y, row in zip(xs, ys, rows):
        if int(row["rows_returned_min"]) < min(10, int(row["rows"])):
            axis.plot(x, y, marker=STYLES[index][1], markersize=8, markerfacecolor="white", color=STYLES[index][0])
    return ys[-1]


def filter_columns(source, folder):
    """Time against the share of rows that a filter on a column of the index leaves, beside pgvector's iterative scan."""
    found = read(source, "filter_columns")
    if not found:
        return
    figure, axes = panels(len(found), height=3.6, sharey=True)
    for number, (axis, (name, rows)) in enumerate(zip(axes[0], found.items())):
        rows = [row for row in rows if row["index"] == "hnsw" or (row["filter_columns"] == "1" and row["selectivity"] != "no WHERE")]
        labels = list(dict.fromkeys(row["selectivity"] for row in rows))
        plain(axis, TITLES[name], "share of the rows that WHERE leaves", "ms a query (median)" if number == 0 else "")
        ends = [(label_of(index), STYLES[index][0], filter_line(axis, index, mine, labels)) for index, mine in by_index(rows).items()]
        filter_axes(axis, labels)
        name_lines(axis, ends)
    save(figure, folder, "filter_columns")


def filter_axes(axis, labels):
    axis.set_xticks(range(len(labels)), ["all" if label == "1" else label for label in labels])
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(thousands)
    axis.yaxis.set_minor_locator(ticker.NullLocator())


def target_recall(source, folder):
    """Rows looked at against recall: nprobe fixed, and target_recall."""
    def draw(axis, index, rows):
        for mode, style in (("fixed", {"linestyle": (0, (1, 1.5)), "alpha": 0.75}), ("target", {})):
            curve = shown(sorted((float(row["recall"]), float(row["codes"])) for row in rows if row["mode"] == mode))
            if curve:
                line(axis, index, *zip(*curve), **style)
                yield index + (", nprobe" if mode == "fixed" else ", target"), curve[-1][1]

    found = read(source, "target")
    if not found:
        return
    figure, first = against_recall(found, "codes scanned a query", draw)
    first.annotate("dotted: the same nprobe for every query\nsolid: vector_quant.target_recall", (0.98, 0.03),
                   xycoords="axes fraction", ha="right", fontsize=8, color=INK)
    save(figure, folder, "target_recall")


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    source, folder = sys.argv[1:]
    pyplot.rcParams.update({"font.size": 9, "axes.edgecolor": "#999999", "text.color": INK})
    recall_speed(source, folder)
    bars(source, folder, "mb", "size", "index size", "MB")
    bars(source, folder, "seconds", "build_time", "build", "s")
    filters(source, folder)
    filter_columns(source, folder)
    target_recall(source, folder)


if __name__ == "__main__":
    main()

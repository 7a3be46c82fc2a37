"""Tables for people and CSV for machines."""
import csv
import statistics
from pathlib import Path


def table(header, rows):
    """Aligned columns, numbers to the right; also valid Markdown."""
    cells = [list(header)] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ["| " + " | ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                               for i, (cell, w) in enumerate(zip(row, widths))) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def write_csv(path, header, rows):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as f:
        csv.writer(f).writerows([header, *rows])


def spread(values, digits=0):
    """min/median/max"""
    low, middle, high = min(values), statistics.median(values), max(values)
    return "/".join(f"{value:.{digits}f}" for value in (low, middle, high))

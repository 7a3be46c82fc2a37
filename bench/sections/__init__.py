"""One module a section of the benchmarks."""

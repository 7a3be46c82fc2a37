"""What the demo and the benchmarks share: a private server, datasets, loading, indexes, measuring."""

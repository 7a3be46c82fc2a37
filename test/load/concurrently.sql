\set n random(0, :tables - 1)
REINDEX INDEX CONCURRENTLY v:n;

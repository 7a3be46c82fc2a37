\set n random(0, :tables - 1)
REINDEX INDEX v:n;

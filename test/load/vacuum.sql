\set n random(0, :tables - 1)
VACUUM t:n;

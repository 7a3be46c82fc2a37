\set n random(0, :tables - 1)
\set first random(1, 3900)
BEGIN;
INSERT INTO t:n SELECT nextval('s'), id % 7, v FROM vectors WHERE id BETWEEN :first AND :first + 40;
ROLLBACK;

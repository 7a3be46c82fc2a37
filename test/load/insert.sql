\set n random(0, :tables - 1)
\set first random(1, 3700)
\set count random_zipfian(1, 300, 1.2)
INSERT INTO t:n SELECT nextval('s'), id % 7, v FROM vectors WHERE id BETWEEN :first AND :first + :count - 1;

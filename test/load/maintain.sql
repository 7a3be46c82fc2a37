\set n random(0, :tables - 1)
TRUNCATE t:n;
INSERT INTO t:n SELECT nextval('s'), id % 7, v FROM vectors WHERE id <= 1200;
SELECT vector_quant_maintain('v:n');

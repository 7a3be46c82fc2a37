\set n random(0, :tables - 1)
INSERT INTO t:n SELECT nextval('s'), id % 7, v FROM vectors;
SELECT vector_quant_maintain('v:n');

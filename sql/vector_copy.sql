-- COPY, text and binary: what goes out comes back; damaged binary input is refused.

CREATE TABLE t (id int, v vector);
INSERT INTO t VALUES (1, '[0,0,0]'), (2, '[1.5,-2,1e-45]'), (3, NULL), (4, '[3.4028235e38]');
INSERT INTO t SELECT 5, array_agg(n)::vector FROM generate_series(1, 16000) n;
CREATE TABLE t2 (LIKE t);

\copy t TO 'results/vector.bin' WITH (FORMAT binary)
\copy t2 FROM 'results/vector.bin' WITH (FORMAT binary)
SELECT count(*), bool_and(t.v IS NOT DISTINCT FROM t2.v) AS equal FROM t JOIN t2 USING (id);
TRUNCATE t2;
\copy t TO 'results/vector.txt'
\copy t2 FROM 'results/vector.txt'
SELECT count(*), bool_and(t.v IS NOT DISTINCT FROM t2.v) AS equal FROM t JOIN t2 USING (id);
COPY (SELECT v FROM t WHERE id < 5 ORDER BY id) TO STDOUT;

-- Files with one field: signature, flags, extension; one column, its length, its bytes; end.
CREATE TABLE raw (v vector(2));
\set head 'PGCOPY\\n\\377\\r\\n\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\001\\000\\000\\000'
\setenv HEAD :head
-- two dimensions as they should be
\! printf "$HEAD"'\014\000\002\000\000\077\200\000\000\300\040\000\000\377\377' > results/vector_raw.bin
\copy raw FROM 'results/vector_raw.bin' WITH (FORMAT binary)
-- no dimension
\! printf "$HEAD"'\004\000\000\000\000\377\377' > results/vector_raw.bin
\copy raw FROM 'results/vector_raw.bin' WITH (FORMAT binary)
-- 16,001 dimensions
\! printf "$HEAD"'\004\076\201\000\000\377\377' > results/vector_raw.bin
\copy raw FROM 'results/vector_raw.bin' WITH (FORMAT binary)
-- 65,535 dimensions
\! printf "$HEAD"'\004\377\377\000\000\377\377' > results/vector_raw.bin
\copy raw FROM 'results/vector_raw.bin' WITH (FORMAT binary)
-- one dimension for vector(2)
\! printf "$HEAD"'\010\000\001\000\000\077\200\000\000\377\377' > results/vector_raw.bin
\copy raw FROM 'results/vector_raw.bin' WITH (FORMAT binary)
-- the reserved field is not zero
\! printf "$HEAD"'\014\000\002\000\001\077\200\000\000\300\040\000\000\377\377' > results/vector_raw.bin
\copy raw FROM 'results/vector_raw.bin' WITH (FORMAT binary)
-- NaN
\! printf "$HEAD"'\014\000\002\000\000\077\200\000\000\177\300\000\000\377\377' > results/vector_raw.bin
\copy raw FROM 'results/vector_raw.bin' WITH (FORMAT binary)
-- infinity
\! printf "$HEAD"'\014\000\002\000\000\077\200\000\000\377\200\000\000\377\377' > results/vector_raw.bin
\copy raw FROM 'results/vector_raw.bin' WITH (FORMAT binary)
-- fewer floats than announced
\! printf "$HEAD"'\010\000\002\000\000\077\200\000\000\377\377' > results/vector_raw.bin
\copy raw FROM 'results/vector_raw.bin' WITH (FORMAT binary)
-- more bytes than announced
\! printf "$HEAD"'\020\000\002\000\000\077\200\000\000\300\040\000\000\000\000\000\000\377\377' > results/vector_raw.bin
\copy raw FROM 'results/vector_raw.bin' WITH (FORMAT binary)
TABLE raw;

DROP TABLE t, t2, raw;

-- COPY of halfvec, text and binary: what goes out comes back; damaged binary input is refused.

CREATE TABLE t (id int, v halfvec);
INSERT INTO t VALUES (1, '[0,-0,0]'), (2, '[1.5,-2,6e-8]'), (3, NULL), (4, '[65504]');
INSERT INTO t SELECT 5, array_agg(n % 2000 / 7.0)::halfvec FROM generate_series(1, 16000) n;
CREATE TABLE t2 (LIKE t);

\copy t TO 'results/halfvec.bin' WITH (FORMAT binary)
\copy t2 FROM 'results/halfvec.bin' WITH (FORMAT binary)
SELECT count(*), bool_and(halfvec_send(t.v) IS NOT DISTINCT FROM halfvec_send(t2.v)) AS same_bits FROM t JOIN t2 USING (id);
TRUNCATE t2;
\copy t TO 'results/halfvec.txt'
\copy t2 FROM 'results/halfvec.txt'
SELECT count(*), bool_and(halfvec_send(t.v) IS NOT DISTINCT FROM halfvec_send(t2.v)) AS same_bits FROM t JOIN t2 USING (id);
COPY (SELECT v FROM t WHERE id < 5 ORDER BY id) TO STDOUT;

-- Files with one field, as in vector_copy: the elements are two bytes each.
CREATE TABLE raw (v halfvec(2));
\set head 'PGCOPY\\n\\377\\r\\n\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\001\\000\\000\\000'
\setenv HEAD :head
\set load '\\copy raw FROM ''results/halfvec_raw.bin'' WITH (FORMAT binary)'
-- two dimensions as they should be
\! printf "$HEAD"'\010\000\002\000\000\074\000\301\000\377\377' > results/halfvec_raw.bin
:load
-- no dimension
\! printf "$HEAD"'\004\000\000\000\000\377\377' > results/halfvec_raw.bin
:load
-- 16,001 dimensions
\! printf "$HEAD"'\004\076\201\000\000\377\377' > results/halfvec_raw.bin
:load
-- one dimension for halfvec(2)
\! printf "$HEAD"'\006\000\001\000\000\074\000\377\377' > results/halfvec_raw.bin
:load
-- the reserved field is not zero
\! printf "$HEAD"'\010\000\002\377\377\074\000\301\000\377\377' > results/halfvec_raw.bin
:load
-- NaN
\! printf "$HEAD"'\010\000\002\000\000\074\000\176\000\377\377' > results/halfvec_raw.bin
:load
-- infinity
\! printf "$HEAD"'\010\000\002\000\000\074\000\374\000\377\377' > results/halfvec_raw.bin
:load
-- fewer halfs than announced
\! printf "$HEAD"'\006\000\002\000\000\074\000\377\377' > results/halfvec_raw.bin
:load
-- more bytes than announced
\! printf "$HEAD"'\012\000\002\000\000\074\000\301\000\000\000\377\377' > results/halfvec_raw.bin
:load
TABLE raw;

DROP TABLE t, t2, raw;

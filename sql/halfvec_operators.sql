-- Operators of halfvec, ordering and the btree operator class.

SELECT a <-> b AS l2, a <#> b AS negative_ip, a <=> b AS cosine, a <+> b AS l1
FROM (VALUES ('[0,0]'::halfvec, '[3,4]'::halfvec), ('[1,2]', '[2,4]'), ('[1,0]', '[0,2]')) AS pair (a, b);
SELECT '[1,2]'::halfvec <-> '[3]';

-- arithmetic: computed exactly, rounded once
SELECT '[1,2,3]'::halfvec + '[4,5,6]', '[1,2,3]'::halfvec - '[4,5,6]', '[1,2,3]'::halfvec * '[4,5,6]',
  '[1,2]'::halfvec || '[3]';
SELECT '[2048,2048,65504,-65504]'::halfvec + '[1,3,15.99,-15.99]' AS to_even,
  '[0.1]'::halfvec * '[0.1]' AS product, '[6e-8]'::halfvec * '[0.5009765625]' AS smallest;
SELECT '[0,-1]'::halfvec * '[6e-8,0]' AS zero_is_no_underflow;
SELECT '[1,2]'::halfvec + '[3]';
SELECT '[1,2]'::halfvec - '[3]';
SELECT '[1,2]'::halfvec * '[3]';
SELECT '[65504]'::halfvec + '[16]';
SELECT '[-65504]'::halfvec - '[65504]';
SELECT '[256]'::halfvec * '[256]';
SELECT '[6e-8]'::halfvec * '[0.5]';
SELECT vector_dims(array_fill(0, ARRAY[15999])::halfvec || '[1]');
SELECT array_fill(0, ARRAY[16000])::halfvec || '[1]';

-- arithmetic is that of the floats, rounded
SELECT setseed(0.25);
SELECT count(*), bool_and(a + b = (a::vector + b::vector)::halfvec) AS add,
  bool_and(a - b = (a::vector - b::vector)::halfvec) AS sub, bool_and(a * b = (a::vector * b::vector)::halfvec) AS mul
FROM (SELECT array_agg(random() * 200 - 100)::halfvec AS a, array_agg(random() - 0.5)::halfvec AS b
  FROM generate_series(1, 100) row, generate_series(1, 37) GROUP BY row) s;

-- comparison: by value, not by bits; then by length
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt, halfvec_cmp(a, b)
FROM (VALUES
  ('[1,2,3]'::halfvec, '[1,2,3]'::halfvec), ('[1,2,3]', '[1,2,4]'), ('[1,2]', '[1,2,3]'), ('[2]', '[1,2,3]'),
  ('[-0]', '[0]'), ('[-1]', '[1]'), ('[-2]', '[-1]'), ('[6e-8]', '[6.2e-5]')
) AS pair (a, b);

-- every operator has its commutator, negator and estimators, as those of vector
SELECT o.oprname, c.oprname AS commutator, n.oprname AS negator, o.oprrest, o.oprjoin
FROM pg_operator o LEFT JOIN pg_operator c ON c.oid = o.oprcom LEFT JOIN pg_operator n ON n.oid = o.oprnegate
WHERE o.oprleft = 'halfvec'::regtype ORDER BY o.oprname COLLATE "C";

-- ORDER BY, DISTINCT, unique index
CREATE TABLE t (id int, v halfvec(3));
INSERT INTO t VALUES (1, '[0,0,0]'), (2, '[1,2,3]'), (3, '[1,1,1]'), (4, NULL), (5, '[1,2,3.0001]'), (6, '[-1,9,9]');
SELECT v FROM t ORDER BY v, id;
SELECT DISTINCT v FROM t ORDER BY v;
CREATE UNIQUE INDEX t_v ON t (v);
DELETE FROM t WHERE id = 5;
CREATE UNIQUE INDEX t_v ON t (v);
INSERT INTO t VALUES (7, '[1,1,1]');
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE v = '[1,2,3]';
SELECT id FROM t WHERE v = '[1,2,3]';
SELECT id FROM t WHERE v > '[0,0,0]' AND v <= '[1,1,2]' ORDER BY v;
SELECT id FROM t ORDER BY v <-> '[1,1,1]', id;
DROP TABLE t;

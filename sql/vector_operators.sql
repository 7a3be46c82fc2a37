-- Operators, ordering and the btree operator class.

-- distances
SELECT a <-> b AS l2, a <#> b AS negative_ip, a <=> b AS cosine, a <+> b AS l1
FROM (VALUES ('[0,0]'::vector, '[3,4]'::vector), ('[1,2]', '[2,4]'), ('[1,0]', '[0,2]')) AS pair (a, b);
SELECT '[1,2]'::vector <-> '[3]';

-- arithmetic
SELECT '[1,2,3]'::vector + '[4,5,6]', '[1,2,3]'::vector - '[4,5,6]', '[1,2,3]'::vector * '[4,5,6]',
  '[1,2]'::vector || '[3]';
SELECT '[0,-1]'::vector * '[1e-45,0]' AS zero_is_no_underflow;
SELECT '[1,2]'::vector + '[3]';
SELECT '[1,2]'::vector - '[3]';
SELECT '[1,2]'::vector * '[3]';
SELECT '[3e38]'::vector + '[3e38]';
SELECT '[-3e38]'::vector - '[3e38]';
SELECT '[1e20]'::vector * '[1e20]';
SELECT '[1e-37]'::vector * '[1e-37]';
SELECT vector_dims(array_fill(0, ARRAY[15999])::vector || '[1]');
SELECT array_fill(0, ARRAY[16000])::vector || '[1]';

-- comparison: element by element, then by length
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt, vector_cmp(a, b)
FROM (VALUES
  ('[1,2,3]'::vector, '[1,2,3]'::vector), ('[1,2,3]', '[1,2,4]'), ('[1,2]', '[1,2,3]'),
  ('[2]', '[1,2,3]'), ('[-0]', '[0]')
) AS pair (a, b);

-- every comparison operator has its commutator, negator and estimators
SELECT o.oprname, c.oprname AS commutator, n.oprname AS negator, o.oprrest, o.oprjoin
FROM pg_operator o LEFT JOIN pg_operator c ON c.oid = o.oprcom LEFT JOIN pg_operator n ON n.oid = o.oprnegate
WHERE o.oprleft = 'vector'::regtype ORDER BY o.oprname COLLATE "C";

-- ORDER BY, DISTINCT, GROUP BY, unique index
CREATE TABLE t (id int, v vector(3));
INSERT INTO t VALUES (1, '[0,0,0]'), (2, '[1,2,3]'), (3, '[1,1,1]'), (4, NULL), (5, '[1,2,3]');
SELECT v FROM t ORDER BY v, id;
SELECT v FROM t ORDER BY v DESC NULLS LAST, id;
SELECT DISTINCT v FROM t ORDER BY v;
SELECT v, count(*) FROM t GROUP BY v ORDER BY v;
CREATE UNIQUE INDEX t_v ON t (v);
DELETE FROM t WHERE id = 5;
CREATE UNIQUE INDEX t_v ON t (v);
INSERT INTO t VALUES (6, '[1,1,1]');
INSERT INTO t VALUES (6, '[1,1,1]'), (7, '[1,1,2]') ON CONFLICT (v) DO NOTHING;

SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE v = '[1,2,3]';
SELECT id FROM t WHERE v = '[1,2,3]';
SELECT id FROM t WHERE v > '[0,0,0]' AND v <= '[1,1,2]' ORDER BY v;
EXPLAIN (COSTS OFF) SELECT v FROM t ORDER BY v;
SELECT a.id FROM t a JOIN t b USING (v) ORDER BY a.id;

-- nearest first, by sequential scan
SELECT id FROM t ORDER BY v <-> '[1,1,1]', id;
SELECT id FROM t WHERE v IS NOT NULL ORDER BY v <#> '[1,2,3]', id LIMIT 2;
DROP TABLE t;

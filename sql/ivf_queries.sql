-- Queries through the index, in every form that PostgreSQL runs them.
SET client_min_messages = warning;
SET jit = off;
SET enable_seqscan = off;
SET @AM@.epsilon = 4; -- exact order at any instruction set

-- A grid: rows at known places, so that answers can be read.
CREATE TABLE qu (id int PRIMARY KEY, x int, y int, v vector(3));
INSERT INTO qu SELECT i, i % 40, i / 40, ARRAY[i % 40, 1.3 * (i / 40), i % 3]::vector FROM generate_series(0, 1599) i;
CREATE INDEX qu_idx ON qu USING @AM@ (v) WITH (nlist = 16);
ANALYZE qu;
SELECT vector_quant_index_check('qu_idx', true);

-- LIMIT and OFFSET
SELECT id FROM qu ORDER BY v <-> '[10.1,13.2,1]' LIMIT 3;
SELECT id FROM qu ORDER BY v <-> '[10.1,13.2,1]' LIMIT 0;
SELECT id FROM qu ORDER BY v <-> '[10.1,13.2,1]' OFFSET 1 LIMIT 2;
SET @AM@.iterative_scan = relaxed_order; -- every row comes
SELECT count(*) FROM (SELECT id FROM qu ORDER BY v <-> '[10.1,13.2,1]' OFFSET 1590) s;
RESET @AM@.iterative_scan;
SELECT id FROM qu ORDER BY v <-> '[10.1,13.2,1]' FETCH FIRST 2 ROWS ONLY;
-- the whole table comes, each row once, in order
CREATE FUNCTION qu_all(OUT rows bigint, OUT ids bigint, OUT disorder bigint) LANGUAGE sql AS
$$
    SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE d < before)
    FROM (SELECT id, d, lag(d) OVER (ORDER BY place) AS before
          FROM (SELECT id, d, row_number() OVER () AS place
                FROM (SELECT id, v <-> '[10.1,13.2,1]' AS d FROM qu ORDER BY v <-> '[10.1,13.2,1]') a) b) c
$$;
SET @AM@.nprobe = 16;
SELECT * FROM qu_all();
RESET @AM@.nprobe;

-- WHERE: enough rows for any condition, also one that few or no rows meet
SELECT id FROM qu WHERE y = 39 ORDER BY v <-> '[0,0,0]' LIMIT 3;
SELECT id FROM qu WHERE id IN (5, 1599) ORDER BY v + '[0,0,0]' <-> '[0,0,0]' LIMIT 3;
SET enable_bitmapscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT id FROM qu WHERE x = 39 AND y = 39 ORDER BY v <-> '[0,0,0]' LIMIT 3;
SELECT id FROM qu WHERE x = 39 AND y = 39 ORDER BY v <-> '[0,0,0]' LIMIT 3;
SELECT id FROM qu WHERE x = 40 ORDER BY v <-> '[0,0,0]' LIMIT 3;
SET @AM@.iterative_scan = relaxed_order; -- every row comes
SELECT count(*) FROM (SELECT id FROM qu WHERE x % 2 = 0 ORDER BY v <-> '[0,0,0]' LIMIT 700) s;
RESET @AM@.iterative_scan;
SELECT id FROM qu WHERE v <-> '[10.1,13.2,1]' < 1.2 ORDER BY v <-> '[10.1,13.2,1]';
RESET enable_bitmapscan;
RESET enable_sort;

-- iterative_scan: what one list holds; every row; rows that are not nearer than the last. Strict order may leave rows out: bounds
-- hold with high probability, and the first rows go out before all lists were visited
SET @AM@.nprobe = 1;
SET @AM@.iterative_scan = off;
SELECT rows BETWEEN 1 AND 800 AS some, rows = ids AS distinct_rows, disorder FROM qu_all();
SET @AM@.iterative_scan = relaxed_order;
SELECT rows, ids FROM qu_all();
SET @AM@.iterative_scan = strict_order;
SELECT rows BETWEEN 1520 AND 1600 AS most, rows = ids AS distinct_rows, disorder FROM qu_all();
-- what strict order leaves out is counted; without a margin for the error of the bounds that is a good part
SET @AM@.epsilon = 0;
SELECT rows AS given FROM qu_all() \gset
SELECT :given + dropped AS rows, dropped > 0 AS some FROM vector_quant_last_scan();
SET @AM@.iterative_scan = relaxed_order;
SELECT rows AS given FROM qu_all() \gset
SELECT :given AS rows, dropped FROM vector_quant_last_scan();
SET @AM@.epsilon = 4;
SET @AM@.max_probes = 4;
SELECT rows BETWEEN 1 AND 1400 AS some, rows = ids AS distinct_rows FROM qu_all();
RESET @AM@.nprobe;
RESET @AM@.max_probes;
RESET @AM@.iterative_scan;
SET @AM@.nprobe = 16;

-- joins and rescans
EXPLAIN (COSTS OFF)
SELECT o.id, n.id FROM qu o, LATERAL (SELECT id FROM qu i ORDER BY i.v <-> o.v LIMIT 2) n WHERE o.id < 4 ORDER BY 1, 2;
SELECT o.id, n.id FROM qu o, LATERAL (SELECT id FROM qu i ORDER BY i.v <-> o.v LIMIT 1) n WHERE o.id < 4 ORDER BY 1, 2;
SELECT count(*), count(*) FILTER (WHERE o.id = n.id) AS itself
    FROM qu o, LATERAL (SELECT id FROM qu i ORDER BY i.v <-> o.v LIMIT 1) n;
SELECT q.n, (SELECT id FROM qu ORDER BY v <-> ARRAY[q.n, q.n, q.n]::vector LIMIT 1) FROM generate_series(0, 4) q(n);
SELECT q.n, s.id FROM (VALUES (1, '[0,0,0]'::vector), (2, NULL), (3, '[39,50.7,0]')) q(n, v)
    LEFT JOIN LATERAL (SELECT id FROM qu ORDER BY qu.v <-> q.v LIMIT 1) s ON q.v IS NOT NULL ORDER BY 1;
CREATE TABLE qu_names (id int PRIMARY KEY, name text);
INSERT INTO qu_names SELECT id, 'row ' || id FROM qu;
SELECT name FROM (SELECT id, v <-> '[3,3,3]' AS d FROM qu ORDER BY v <-> '[3,3,3]' LIMIT 3) s JOIN qu_names USING (id) ORDER BY d, name;
SELECT name FROM qu JOIN qu_names USING (id) ORDER BY v <-> '[30.2,30.3,1]' LIMIT 2;

-- set operations, grouping, subqueries
(SELECT id FROM qu ORDER BY v <-> '[0.1,0.1,0]' LIMIT 2) UNION ALL (SELECT id FROM qu ORDER BY v <-> '[38.9,50.6,0]' LIMIT 2);
(SELECT id FROM qu ORDER BY v <-> '[20.1,13.2,1]' LIMIT 3) EXCEPT (SELECT id FROM qu ORDER BY v <-> '[20.1,13.2,1]' LIMIT 2);
SELECT x, count(*) FROM (SELECT x FROM qu ORDER BY v <-> '[7.1,20,1]' LIMIT 6) s GROUP BY x ORDER BY x;
WITH near AS MATERIALIZED (SELECT id, v <-> '[10.1,13.2,1]' AS d FROM qu ORDER BY v <-> '[10.1,13.2,1]' LIMIT 3)
    SELECT id FROM near ORDER BY d + 0;
SELECT DISTINCT y FROM (SELECT y FROM qu ORDER BY v <-> '[10.1,13.2,1]' LIMIT 4) s ORDER BY y;
SELECT id, rank() OVER (ORDER BY v <-> '[10.1,13.2,1]') FROM qu LIMIT 2;

-- the query from somewhere else
SELECT id FROM qu ORDER BY v <-> (SELECT v FROM qu WHERE id = 777) LIMIT 1;
SELECT id FROM qu ORDER BY '[10.1,13.2,1]' <-> v LIMIT 1;
SELECT id FROM qu ORDER BY v <-> ARRAY[10.1, 13.2, 1]::vector LIMIT 1;
SELECT count(*) FROM (SELECT id FROM qu ORDER BY v <-> (SELECT v FROM qu WHERE id = -1) LIMIT 5) s;

-- prepared statements, with the value in the plan and without
PREPARE qu_p(vector, int) AS SELECT id FROM qu ORDER BY v <-> $1 LIMIT $2;
EXECUTE qu_p('[10.1,13.2,1]', 2);
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE qu_p('[10.1,13.2,1]', 2);
EXECUTE qu_p('[10.1,13.2,1]', 2);
EXECUTE qu_p('[0.1,0.1,0]', 1);
EXECUTE qu_p(NULL, 0);
EXECUTE qu_p('[1,2]', 1);
EXECUTE qu_p('[0.1,0.1,0]', 1);
RESET plan_cache_mode;
REINDEX INDEX qu_idx; -- the prepared statement finds the new index
EXECUTE qu_p('[0.1,0.1,0]', 1);
DEALLOCATE qu_p;

-- cursors: rows come as they are asked for; more than the first probed lists hold
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM qu ORDER BY v <-> '[10.1,13.2,1]';
FETCH 2 FROM c;
FETCH 1 FROM c;
MOVE 1000 IN c;
MOVE 1000 IN c;
FETCH 1 FROM c;
CLOSE c;
DECLARE c NO SCROLL CURSOR FOR SELECT id FROM qu ORDER BY v <-> '[10.1,13.2,1]';
FETCH BACKWARD 1 FROM c;
ROLLBACK;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM qu ORDER BY v <-> '[10.1,13.2,1]';
FETCH 2 FROM c;
FETCH PRIOR FROM c;
FETCH ABSOLUTE 3 FROM c;
COMMIT;
-- its snapshot, whatever happens meanwhile
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM qu ORDER BY v <-> '[10.1,13.2,1]';
FETCH 1 FROM c;
DELETE FROM qu WHERE id = 410;
INSERT INTO qu VALUES (9999, 0, 0, '[10.1,13.2,1]');
MOVE 2000 IN c;
SELECT id FROM qu ORDER BY v <-> '[10.1,13.2,1]' LIMIT 1;
ROLLBACK;
SELECT vector_quant_index_check('qu_idx', true);
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT id FROM qu ORDER BY v <-> '[0.1,0.1,0]' LIMIT 3;
COMMIT;
FETCH ALL FROM c;
CLOSE c;
-- FOR UPDATE, and where the row changes under it
BEGIN;
SELECT id FROM qu ORDER BY v <-> '[10.1,13.2,1]' LIMIT 1 FOR UPDATE;
ROLLBACK;
UPDATE qu SET x = -1 WHERE id = (SELECT id FROM qu ORDER BY v <-> '[0.1,0.1,0]' LIMIT 1) RETURNING id;
DELETE FROM qu WHERE id IN (SELECT id FROM qu ORDER BY v <-> '[0.1,0.1,0]' LIMIT 1) RETURNING id;
SELECT id FROM qu ORDER BY v <-> '[0.1,0.1,0]' LIMIT 1;
-- a transaction sees its own rows, and not those of a subtransaction that failed
BEGIN;
INSERT INTO qu VALUES (10000, 0, 0, '[500,500,500]');
SAVEPOINT s;
INSERT INTO qu VALUES (10001, 0, 0, '[500,500,500]');
ROLLBACK TO s;
SELECT id FROM qu ORDER BY v <-> '[501,501,501]' LIMIT 1;
ROLLBACK;
SELECT id < 10000 AS old FROM qu ORDER BY v <-> '[501,501,501]' LIMIT 1;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT id FROM qu ORDER BY v <-> '[10.1,13.2,1]' LIMIT 1;
COMMIT;
-- PL/pgSQL loops
DO $$
DECLARE r record; n int := 0;
BEGIN
    FOR r IN SELECT id FROM qu ORDER BY v <-> '[10.1,13.2,1]' LOOP
        n := n + 1;
        EXIT WHEN n = 300;
    END LOOP;
    RAISE WARNING '% rows', n;
END $$;
SELECT count(vector_quant_index_check(index, true)) > 0 AS sound FROM vector_quant_indexes() WHERE "table"::text ~ '^qu';
DROP TABLE qu, qu_names;
DROP FUNCTION qu_all;

-- partitions: ordered together, each by its own index
CREATE TABLE qu (id int, k int, v vector(2)) PARTITION BY LIST (k);
CREATE TABLE qu_0 PARTITION OF qu FOR VALUES IN (0);
CREATE TABLE qu_1 PARTITION OF qu FOR VALUES IN (1);
INSERT INTO qu SELECT i, i % 2, ARRAY[i, 0]::vector FROM generate_series(1, 400) i;
CREATE INDEX qu_idx ON qu USING @AM@ (v) WITH (nlist = 4);
CREATE TABLE qu_2 PARTITION OF qu FOR VALUES IN (2);
INSERT INTO qu VALUES (500, 2, '[200.2,0]');
EXPLAIN (COSTS OFF) SELECT id FROM qu ORDER BY v <-> '[200.4,0]' LIMIT 4;
SELECT id FROM qu ORDER BY v <-> '[200.4,0]' LIMIT 4;
SELECT id FROM qu WHERE k = 1 ORDER BY v <-> '[200.4,0]' LIMIT 2;
UPDATE qu SET k = 2 WHERE id = 200;
SELECT id FROM qu WHERE k = 2 ORDER BY v <-> '[200.4,0]' LIMIT 3;
ALTER TABLE qu DETACH PARTITION qu_2;
SELECT id FROM qu ORDER BY v <-> '[200.4,0]' LIMIT 2;
SELECT count(vector_quant_index_check(indexrelid, true)) FROM pg_index WHERE indrelid::regclass::text LIKE 'qu\__';
DROP TABLE qu, qu_2;

-- inheritance
CREATE TABLE qu (id int, v vector(2));
CREATE TABLE qu_child () INHERITS (qu);
INSERT INTO qu SELECT i, ARRAY[i, 0]::vector FROM generate_series(1, 99, 2) i;
INSERT INTO qu_child SELECT i, ARRAY[i, 0]::vector FROM generate_series(2, 100, 2) i;
CREATE INDEX ON qu USING @AM@ (v);
CREATE INDEX ON qu_child USING @AM@ (v);
EXPLAIN (COSTS OFF) SELECT id FROM qu ORDER BY v <-> '[50.1,0]' LIMIT 3;
SELECT id FROM qu ORDER BY v <-> '[50.1,0]' LIMIT 3;
SELECT id FROM ONLY qu ORDER BY v <-> '[50.1,0]' LIMIT 2;
SELECT count(vector_quant_index_check(index, true)) > 0 AS sound FROM vector_quant_indexes() WHERE "table"::text ~ '^qu';
DROP TABLE qu CASCADE;

-- partial index
CREATE TABLE qu (id int, k int, v vector(2));
INSERT INTO qu SELECT i, i % 5, ARRAY[i, 0]::vector FROM generate_series(1, 500) i;
CREATE INDEX qu_part ON qu USING @AM@ (v) WITH (nlist = 4) WHERE k = 2;
EXPLAIN (COSTS OFF) SELECT id FROM qu WHERE k = 2 ORDER BY v <-> '[100.1,0]' LIMIT 3;
SELECT id FROM qu WHERE k = 2 ORDER BY v <-> '[100.2,0]' LIMIT 3;
UPDATE qu SET k = 2 WHERE id = 100;
UPDATE qu SET k = 3 WHERE id = 102;
SELECT id FROM qu WHERE k = 2 ORDER BY v <-> '[100.2,0]' LIMIT 3;
RESET enable_seqscan; -- 18 marks what a setting disables
EXPLAIN (COSTS OFF) SELECT id FROM qu ORDER BY v <-> '[100.1,0]' LIMIT 3;
SET enable_seqscan = off;
SELECT vector_quant_index_check('qu_part', true);
DROP TABLE qu;

-- expression index, and one over another type
CREATE TABLE qu (id int, v vector(5), a real[]);
INSERT INTO qu SELECT i, ARRAY[i, 1, 2, -i, 3]::vector, ARRAY[i, 7] FROM generate_series(1, 300) i;
INSERT INTO qu VALUES (301, NULL, NULL);
CREATE INDEX qu_sub ON qu USING @AM@ ((subvector(v, 1, 3)::vector(3))) WITH (nlist = 3);
CREATE INDEX qu_arr ON qu USING @AM@ ((a::vector(2))) WITH (nlist = 3, refine = true);
EXPLAIN (COSTS OFF) SELECT id FROM qu ORDER BY subvector(v, 1, 3)::vector(3) <-> '[100.2,1,2]' LIMIT 2;
SELECT id FROM qu ORDER BY subvector(v, 1, 3)::vector(3) <-> '[100.2,1,2]' LIMIT 2;
SELECT id FROM qu ORDER BY a::vector(2) <-> '[99.9,7]' LIMIT 2;
INSERT INTO qu VALUES (302, '[100.3,1,2,0,0]', '{99.8,7}');
SELECT id FROM qu ORDER BY subvector(v, 1, 3)::vector(3) <-> '[100.2,1,2]' LIMIT 2;
SELECT id FROM qu ORDER BY a::vector(2) <-> '[99.9,7]' LIMIT 2;
SELECT id FROM (SELECT id, v FROM qu ORDER BY subvector(v, 1, 3)::vector(3) <-> '[100.2,1,2]' LIMIT 20) s
    ORDER BY v <-> '[100.2,1,2,-98.9,3]' LIMIT 2;
SET @AM@.iterative_scan = relaxed_order; -- every row comes
SELECT count(*) FROM (SELECT id FROM qu ORDER BY subvector(v, 1, 3)::vector(3) <-> '[1,1,1]') s;
RESET @AM@.iterative_scan;
SELECT vector_quant_index_check('qu_sub', true), vector_quant_index_check('qu_arr', true);
DROP TABLE qu;

-- temporary and unlogged tables
CREATE TEMP TABLE qu (id int, v vector(2)) ON COMMIT DELETE ROWS;
CREATE INDEX qu_idx ON qu USING @AM@ (v);
BEGIN;
INSERT INTO qu SELECT i, ARRAY[i, 0]::vector FROM generate_series(1, 100) i;
SELECT id FROM qu ORDER BY v <-> '[50.1,0]' LIMIT 2;
SELECT vector_quant_index_check('qu_idx', true);
COMMIT;
SELECT id FROM qu ORDER BY v <-> '[50.1,0]' LIMIT 2;
SELECT vector_quant_index_check('qu_idx', true);
DROP TABLE qu;
CREATE UNLOGGED TABLE qu (id int, v vector(2));
INSERT INTO qu SELECT i, ARRAY[i, 0]::vector FROM generate_series(1, 300) i;
CREATE INDEX qu_idx ON qu USING @AM@ (v) WITH (nlist = 3);
INSERT INTO qu SELECT i, ARRAY[i, 0]::vector FROM generate_series(301, 400) i;
SELECT id FROM qu ORDER BY v <-> '[50.1,0]' LIMIT 2;
SELECT vector_quant_index_check('qu_idx', true);
ALTER TABLE qu SET LOGGED;
SELECT id FROM qu ORDER BY v <-> '[350.1,0]' LIMIT 2;
SELECT vector_quant_index_check('qu_idx', true);
ALTER TABLE qu SET UNLOGGED;
SELECT vector_quant_index_check('qu_idx', true);
DROP TABLE qu;
CREATE MATERIALIZED VIEW qu AS SELECT i AS id, ARRAY[i, 0]::vector(2) AS v FROM generate_series(1, 100) i;
CREATE INDEX qu_idx ON qu USING @AM@ (v);
REFRESH MATERIALIZED VIEW qu;
SELECT id FROM qu ORDER BY v <-> '[50.1,0]' LIMIT 2;
SELECT vector_quant_index_check('qu_idx', true);
DROP MATERIALIZED VIEW qu;

-- two indexes on one column, one per operator
CREATE TABLE qu (id int, v vector(2));
INSERT INTO qu VALUES (1, '[1,0]'), (2, '[10,10]'), (3, '[0,2]');
CREATE INDEX qu_l2 ON qu USING @AM@ (v);
CREATE INDEX qu_cos ON qu USING @AM@ (v vector_cosine_ops);
SELECT id FROM qu ORDER BY v <-> '[0.9,1]' LIMIT 1;
SELECT id FROM qu ORDER BY v <=> '[0.9,1]' LIMIT 1;
SELECT count(vector_quant_index_check(index, true)) > 0 AS sound FROM vector_quant_indexes() WHERE "table"::text ~ '^qu';
DROP TABLE qu;

-- out-of-line values that no scan has read, while a scan is under way
CREATE TABLE qu (id int, v vector(700));
ALTER TABLE qu ALTER v SET STORAGE EXTERNAL;
INSERT INTO qu SELECT i, (ARRAY[i] || array_fill(0, ARRAY[699]))::vector FROM generate_series(1, 100) i;
CREATE TABLE qu2 AS SELECT * FROM qu WHERE id <= 3;
CREATE INDEX qu_idx ON qu USING @AM@ (v);
BEGIN;
DECLARE qu_cursor CURSOR FOR SELECT id FROM qu ORDER BY v <-> (SELECT v FROM qu2 WHERE id = 2);
FETCH 1 qu_cursor;
SELECT a.id, b.id, a.v <-> b.v AS d FROM qu2 a, qu2 b ORDER BY 1, 2;
FETCH 2 qu_cursor;
COMMIT;
SELECT count(vector_quant_index_check(index, true)) > 0 AS sound FROM vector_quant_indexes() WHERE "table"::text ~ '^qu';
DROP TABLE qu, qu2;

-- A scan that goes deep reads the rest of the table in its own order: the rows are those of an exact scan, and in order.
SET client_min_messages = warning;
SET jit = off;
CREATE TABLE sw (id int PRIMARY KEY, owner int, status text, meta jsonb, v vector(8));
CREATE FUNCTION sw_vector(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg(hashint8(i * 100::bigint + d) % 1000 / 100.0)::real[]::vector FROM generate_series(1, 8) d';
INSERT INTO sw SELECT i, i % 100, 'S' || i % 50, jsonb_build_object('k', i % 30), sw_vector(i) FROM generate_series(1, 6000) i;
INSERT INTO sw VALUES (6001, 7, 'S7', '{"k": 7}', NULL), (6002, 7, 'S7', '{"k": 7}', '[0,0,0,0,0,0,0,0]');
CREATE INDEX sw_l2 ON sw USING @AM@ (v vector_l2_ops) WITH (@VARIANT@);
UPDATE sw SET status = status || 'u', meta = meta WHERE id % 3 = 0; -- HOT where the page has room
DELETE FROM sw WHERE id % 10 = 9;
ANALYZE sw;

-- A query's rows by the index and by an exact scan: how many, how many are the same, steps back in order; rows that were read in
-- the order of the table, and those that came late.
CREATE FUNCTION sw_compare(op text, q vector, condition text, n int DEFAULT 100000, OUT rows bigint, OUT expected bigint, OUT same bigint,
    OUT disorder bigint, OUT swept boolean, OUT few_dropped boolean) LANGUAGE plpgsql AS
$$
DECLARE
    sql text := format('SELECT id, v %1$s %2$L::vector AS d FROM sw WHERE %3$s ORDER BY v %1$s %2$L::vector LIMIT %4$s', op, q, condition, n);
BEGIN
    DROP TABLE IF EXISTS truth, found;
    SET LOCAL enable_seqscan = on; -- off since the last call in this transaction
    SET LOCAL enable_sort = on;
    SET LOCAL enable_indexscan = off;
    EXECUTE 'CREATE TEMP TABLE truth AS ' || sql;
    SET LOCAL enable_indexscan = on;
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_sort = off;
    SET LOCAL enable_bitmapscan = off;
    EXECUTE 'CREATE TEMP TABLE found AS SELECT id, d, row_number() OVER () AS place FROM (' || sql || ') s';
    SELECT s.swept > 0, s.dropped <= 60 INTO swept, few_dropped FROM vector_quant_last_scan() s;
    SELECT count(*), count(DISTINCT id) INTO rows, same FROM found WHERE id IN (SELECT id FROM truth);
    IF same <> rows OR rows <> (SELECT count(*) FROM found) THEN RAISE WARNING 'rows come twice, or are none of these'; END IF;
    SELECT count(*) INTO expected FROM truth;
    SELECT count(*) FILTER (WHERE d < before) INTO disorder
        FROM (SELECT d, lag(d) OVER (ORDER BY place) AS before FROM found) s;
    rows := (SELECT count(*) FROM found);
END
$$;

-- fewer rows than LIMIT, by filters that only the executor knows; late rows may be missing
SELECT c, rows BETWEEN expected - 1 AND expected AS rows, same = rows AS same, disorder, swept, few_dropped
    FROM unnest(ARRAY['owner = 5', 'lower(status) = ''s7u''', 'meta @> ''{"k": 7}''', 'owner < 0', 'id % 400 = 1']) c,
        sw_compare('<->', sw_vector(17), c || ' AND v IS NOT NULL');
-- all rows
SELECT rows > 0.985 * expected AS rows, same = rows AS same, disorder, swept, few_dropped FROM sw_compare('<->', sw_vector(17), 'v IS NOT NULL');
-- a query for few rows reads none
SELECT rows, swept FROM sw_compare('<->', sw_vector(17), 'true', 10);
-- relaxed order gives every row, and each once
SET @AM@.iterative_scan = relaxed_order;
SELECT rows = expected AS rows, same = rows AS same, swept FROM sw_compare('<->', sw_vector(17), 'v IS NOT NULL');
SELECT rows = expected AS rows, same = rows AS same, swept FROM sw_compare('<->', sw_vector(17), 'owner % 4 = 1 AND v IS NOT NULL');
-- where settings limit what a query looks at, it keeps to them
SET @AM@.iterative_scan = off;
SELECT swept FROM sw_compare('<->', sw_vector(17), 'owner = 5');
RESET @AM@.iterative_scan;
SET @AM@.max_probes = 3;
SET @AM@.nprobe = 2;
SELECT swept FROM sw_compare('<->', sw_vector(17), 'owner = 5');
RESET @AM@.max_probes;
RESET @AM@.nprobe;
SET @AM@.refine_k = 3;
SELECT swept FROM sw_compare('<->', sw_vector(17), 'owner = 5');
RESET @AM@.refine_k;

-- a filter that must not be asked twice, one with a subquery, one that fails
CREATE SEQUENCE sw_asked;
SELECT rows BETWEEN expected - 1 AND expected AS rows, swept FROM sw_compare('<->', sw_vector(17), 'owner = 5 AND nextval(''sw_asked'') > 0 AND v IS NOT NULL');
SELECT rows BETWEEN expected - 1 AND expected AS rows, same = rows AS same, swept
    FROM sw_compare('<->', sw_vector(17), 'owner = (SELECT max(5)) AND v IS NOT NULL');
SELECT rows BETWEEN expected - 1 AND expected AS rows, same = rows AS same, swept
    FROM sw_compare('<->', sw_vector(17), 'EXISTS (SELECT FROM sw s WHERE s.id = sw.id + 1 AND s.owner = 6) AND v IS NOT NULL');
SELECT FROM sw_compare('<->', sw_vector(17), '1 / (id - 4321) > -1');

-- parameters: a generic plan, and each row of a join
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
PREPARE sw_owner(int) AS SELECT count(*) FROM (SELECT id FROM sw WHERE owner = $1 AND v IS NOT NULL ORDER BY v <-> sw_vector(17) LIMIT 1000) s;
EXECUTE sw_owner(5);
EXECUTE sw_owner(6);
SELECT swept > 0 AS swept FROM vector_quant_last_scan();
SELECT o, count(*), count(DISTINCT id), bool_and(d >= before OR before IS NULL) AS in_order
    FROM generate_series(10, 13) o, LATERAL (SELECT id, d, lag(d) OVER () AS before FROM (SELECT id, v <-> sw_vector(o) AS d FROM sw WHERE owner = o
        ORDER BY v <-> sw_vector(o) LIMIT 1000) a) s GROUP BY o ORDER BY o;
RESET plan_cache_mode;
-- as the executor counts them: not in the index, or removed
CREATE FUNCTION sw_removed(OUT removed bigint) LANGUAGE plpgsql AS
$$
DECLARE plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, FORMAT JSON) SELECT id FROM sw WHERE owner = 108 ORDER BY v <-> sw_vector(17) LIMIT 10' INTO plan;
    removed := plan #> '{0,Plan,Plans,0,Rows Removed by Filter}';
END
$$;
SELECT removed - (SELECT count(*) FROM sw) AS difference FROM sw_removed();
DROP FUNCTION sw_removed;
-- a cursor, and rows that change meanwhile
BEGIN;
DECLARE sw_cursor CURSOR FOR SELECT id FROM sw WHERE owner = 25 ORDER BY v <-> sw_vector(17);
MOVE 3 FROM sw_cursor;
UPDATE sw SET v = sw_vector(id + 1) WHERE owner = 25;
DELETE FROM sw WHERE owner = 25 AND id > 3000;
CREATE FUNCTION sw_fetch() RETURNS bigint LANGUAGE plpgsql AS
$$ DECLARE c refcursor := 'sw_cursor'; i int; n bigint := 0; BEGIN LOOP FETCH c INTO i; EXIT WHEN NOT FOUND; n := n + 1; END LOOP; RETURN n; END $$;
SELECT sw_fetch() BETWEEN 56 AND 57 AS rest;
ROLLBACK;
RESET enable_seqscan;
RESET enable_sort;
RESET enable_bitmapscan;

-- zero has no place under cosine; the inner product; an expression and a predicate
DROP INDEX sw_l2;
CREATE INDEX sw_cos ON sw USING @AM@ (v vector_cosine_ops) WITH (@VARIANT@);
SELECT rows BETWEEN expected - 2 AND expected - 1 AS rows, same = rows AS same, disorder, swept
    FROM sw_compare('<=>', sw_vector(17), 'owner = 7 AND v IS NOT NULL');
DROP INDEX sw_cos;
CREATE INDEX sw_ip ON sw USING @AM@ (v vector_ip_ops) WITH (refine = true, @VARIANT@);
SELECT rows BETWEEN expected - 1 AND expected AS rows, same = rows AS same, disorder, swept
    FROM sw_compare('<#>', sw_vector(17), 'owner = 7 AND v IS NOT NULL');
DROP INDEX sw_ip;
-- an index that answers without the table: its own looks count
CREATE INDEX sw_fp32 ON sw USING @AM@ (v vector_l2_ops) WITH (refine = true, refine_type = fp32, @VARIANT@);
SELECT rows BETWEEN expected - 1 AND expected AS rows, same = rows AS same, disorder, swept, (SELECT returned < 300 FROM vector_quant_last_scan()) AS early
    FROM sw_compare('<->', sw_vector(17), 'owner = 7 AND v IS NOT NULL');
DROP INDEX sw_fp32;
CREATE INDEX sw_part ON sw USING @AM@ (v vector_l2_ops) WITH (@VARIANT@) WHERE id % 2 = 1;
SELECT rows BETWEEN expected - 3 AND expected AS rows, same = rows AS same, disorder, swept
    FROM sw_compare('<->', sw_vector(17), 'id % 2 = 1 AND owner = 7 AND v IS NOT NULL');
DROP INDEX sw_part;
ALTER TABLE sw ALTER v TYPE real[];
CREATE INDEX sw_expr ON sw USING @AM@ ((v::vector(8)) vector_l2_ops) WITH (@VARIANT@);
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*) BETWEEN 59 AND 60 AS rows FROM (SELECT id FROM sw WHERE owner = 5 ORDER BY v::vector(8) <-> sw_vector(17) LIMIT 100) s;
SELECT swept > 0 AS swept FROM vector_quant_last_scan();
DROP TABLE sw;
DROP SEQUENCE sw_asked;

-- what a filter costs, and how many rows it lets pass: vectors out of line, many to be compared
CREATE TABLE sw_wide (id int, v vector(600));
CREATE FUNCTION sw_wide_vector(i int) RETURNS vector(600) LANGUAGE sql IMMUTABLE AS
    'SELECT (sw_vector(i)::real[] || array_fill(0::real, ARRAY[592]))::vector(600)';
CREATE FUNCTION sw_dear(i int) RETURNS boolean LANGUAGE plpgsql STABLE COST 10000 AS 'BEGIN RETURN i % 2 = 0; END';
INSERT INTO sw_wide SELECT i, sw_wide_vector(i) FROM generate_series(1, 3000) i;
ALTER TABLE sw_wide ALTER v SET STORAGE EXTERNAL;
CREATE INDEX sw_wide_v ON sw_wide USING @AM@ (v vector_l2_ops) WITH (@VARIANT@);
ANALYZE sw_wide;
CREATE FUNCTION sw_wide_swept(condition text, n int, OUT swept boolean) LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT id FROM sw_wide WHERE %s ORDER BY v <-> sw_wide_vector(17) LIMIT %s) s', condition, n);
    SELECT s.swept > 0 INTO swept FROM vector_quant_last_scan() s;
END
$$;
SELECT c, n, swept FROM (VALUES ('id > 0', 230), ('v IS NOT NULL', 230), ('id > 0', 3000), ('v <-> sw_wide_vector(17) > -1', 230),
    ('sw_dear(id)', 110), ('id % 100 = 1', 230), ('id % 100 = 1 AND v IS NOT NULL', 230)) q(c, n), sw_wide_swept(c, n);
-- a table that nobody has counted since it grew
TRUNCATE sw_wide;
INSERT INTO sw_wide SELECT i, sw_wide_vector(i) FROM generate_series(1, 300) i;
REINDEX TABLE sw_wide;
ANALYZE sw_wide;
INSERT INTO sw_wide SELECT i, sw_wide_vector(i) FROM generate_series(301, 3000) i;
SELECT swept FROM sw_wide_swept('true', 150);
DROP FUNCTION sw_wide_swept, sw_dear, sw_wide_vector;
DROP TABLE sw_wide;
DROP FUNCTION sw_vector, sw_compare;

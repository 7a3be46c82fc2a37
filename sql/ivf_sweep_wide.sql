-- Deep scans of vectors out of line, in a table that is small beside them: what an exact scan with a cheap filter reads in no time.
SET client_min_messages = warning;
SET jit = off;
CREATE TABLE sww (id int, owner int, v vector(600));
ALTER TABLE sww ALTER v SET STORAGE EXTERNAL;
CREATE FUNCTION sww_vector(i int) RETURNS vector(600) LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg((hashint8(i * 100::bigint + d % 100) % 1000 / 100.0 + hashint8(i % 50 + d * 1000::bigint) % 1000 / 50.0)::real)::vector(600)
        FROM generate_series(1, 600) d';
INSERT INTO sww SELECT i, i % 100, sww_vector(i) FROM generate_series(1, 3000) i;
CREATE INDEX sww_v ON sww USING @AM@ (v vector_l2_ops) WITH (@VARIANT@);
CREATE TABLE sww_query AS SELECT sww_vector(5000) AS v;
ALTER TABLE sww_query ALTER v SET STORAGE EXTERNAL;
UPDATE sww_query SET v = sww_vector(5000);
ANALYZE sww;
SET enable_seqscan = off;
SET enable_sort = off;

-- A few looks, then the table in its own order: however few rows are given out, and whatever is near the query.
CREATE FUNCTION sww_looks(condition text, n int, OUT rows bigint, OUT swept boolean, OUT looks bigint) LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT id FROM sww WHERE %s ORDER BY v <-> sww_vector(5000) LIMIT %s) s', condition, n) INTO rows;
    SELECT s.swept > 0, s.reranked INTO swept, looks FROM vector_quant_last_scan() s;
END
$$;
SELECT c, rows, swept, looks < 100 AS few_looks FROM unnest(ARRAY['owner = 5', 'owner + 1 = 6', 'id < 0', 'id % 100 = 5 AND owner > 4']) c, sww_looks(c, 200);
-- what passes the filter lies near the query alone: the pass is as cheap
UPDATE sww SET owner = 1000 WHERE id IN (SELECT id FROM sww ORDER BY v <-> sww_vector(5000) LIMIT 30);
VACUUM ANALYZE sww;
SELECT rows, swept, looks < 150 AS few_looks FROM sww_looks('owner = 1000', 200);
-- few rows that are there: none of that
SELECT rows, swept FROM sww_looks('true', 10);
SELECT rows, swept FROM sww_looks('owner <= 50', 10);

-- Rows given out after that have the distances that the executor makes by itself: with the query on either side, by other functions,
-- to other queries.
CREATE FUNCTION sww_sums(exact boolean, condition text, shown text, OUT rows bigint, OUT sums text) LANGUAGE plpgsql AS
$$
BEGIN
    IF exact THEN
        SET LOCAL enable_seqscan = on;
        SET LOCAL enable_sort = on;
        SET LOCAL enable_indexscan = off;
    ELSE
        SET LOCAL enable_seqscan = off;
        SET LOCAL enable_sort = off;
        SET LOCAL enable_indexscan = on;
    END IF;
    EXECUTE format('SELECT count(*), array_agg(d ORDER BY d[1])::text FROM (SELECT ARRAY[id, %s] AS d FROM sww WHERE %s ORDER BY v <-> (SELECT v FROM sww_query)) s',
        replace(shown, 'q', '(SELECT v FROM sww_query)'), condition) INTO rows, sums;
END
$$;
SET @AM@.iterative_scan = relaxed_order; -- every row
SELECT c, i.rows, i.sums = e.sums AS same FROM unnest(ARRAY['owner = 5', 'id % 10 = 3', 'true']) c,
    sww_sums(false, c, 'v <-> q, q <-> v, v <#> q, v <=> q, v <-> sww_vector(6000), q <-> q, v <-> v, v <-> q') i,
    sww_sums(true, c, 'v <-> q, q <-> v, v <#> q, v <=> q, v <-> sww_vector(6000), q <-> q, v <-> v, v <-> q') e;
RESET @AM@.iterative_scan;
-- so a vector is read once, but for those looked at before
CREATE FUNCTION sww_pages(exact boolean) RETURNS int LANGUAGE plpgsql AS
$$
DECLARE plan jsonb;
BEGIN
    PERFORM set_config(name, exact::text, true) FROM unnest(ARRAY['enable_seqscan', 'enable_sort']) name;
    PERFORM set_config('enable_indexscan', (NOT exact)::text, true);
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) SELECT v <-> (SELECT v FROM sww_query) FROM sww ORDER BY v <-> (SELECT v FROM sww_query)' INTO plan;
    RETURN (plan #>> '{0,Plan,Shared Hit Blocks}')::int + (plan #>> '{0,Plan,Shared Read Blocks}')::int;
END
$$;
SELECT sww_pages(false) < 1.5 * sww_pages(true) AS once;
-- two cursors over rows of one table, each with its own query
BEGIN;
DECLARE sww_a CURSOR FOR SELECT id, v <-> sww_vector(5000) AS d, v <-> sww_vector(6000) AS e FROM sww WHERE owner = 7 ORDER BY v <-> sww_vector(5000);
DECLARE sww_b CURSOR FOR SELECT id, v <-> sww_vector(5000) AS d, v <-> sww_vector(6000) AS e FROM sww WHERE owner = 7 ORDER BY v <-> sww_vector(6000);
CREATE FUNCTION sww_fetch(OUT rows int, OUT wrong int) LANGUAGE plpgsql AS
$$
DECLARE
    a refcursor := 'sww_a';
    b refcursor := 'sww_b';
    r record;
BEGIN
    rows := 0;
    wrong := 0;
    LOOP
        FETCH a INTO r;
        EXIT WHEN NOT FOUND;
        rows := rows + 1;
        wrong := wrong + (SELECT (r.d <> t.v <-> sww_vector(5000))::int + (r.e <> t.v <-> sww_vector(6000))::int FROM sww t WHERE t.id = r.id);
        FETCH b INTO r;
        wrong := wrong + (SELECT (r.d <> t.v <-> sww_vector(5000))::int + (r.e <> t.v <-> sww_vector(6000))::int FROM sww t WHERE t.id = r.id);
    END LOOP;
END
$$;
SELECT rows BETWEEN 25 AND 30 AS rows, wrong FROM sww_fetch();
ROLLBACK;
DROP FUNCTION sww_looks, sww_sums, sww_pages, sww_vector;
DROP TABLE sww, sww_query;

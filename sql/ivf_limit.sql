-- Rows of a LIMIT go out together: none of them comes late behind the others, which strict order leaves out.
SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
CREATE FUNCTION li_row(i int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    $$ SELECT array_agg(((hashint8extended(d, i) & 1048575) / 1048576.0 - 0.5)::real ORDER BY d)::vector FROM generate_series(1, dims) d $$;
CREATE TABLE li (id int PRIMARY KEY, v vector(32)) WITH (autovacuum_enabled = off);
INSERT INTO li SELECT i, li_row(i, 32) FROM generate_series(1, 4000) i;
CREATE INDEX li_idx ON li USING @AM@ (v) WITH (nlist = 20);
CREATE INDEX li_exact ON li USING @AM@ (v) WITH (nlist = 20, refine = true, refine_type = 'FP32');
ANALYZE li;
CREATE TABLE li_query AS SELECT n, li_row(100000 + n, 32) AS q FROM generate_series(1, 40) n;
CREATE TABLE li_truth AS SELECT n, q, array_agg(id) AS ids FROM li_query, LATERAL (SELECT id FROM li ORDER BY v <-> q, id LIMIT 10) s GROUP BY n, q;
SET enable_seqscan = off;
SET enable_sort = off;
SET @AM@.nprobe = 65536;

-- how: what follows LIMIT. FOR UPDATE has a node between the LIMIT and the scan, so rows go out one by one.
CREATE FUNCTION li_find(how text, OUT hits bigint, OUT dropped bigint, OUT looked_at bigint) LANGUAGE plpgsql AS $$
DECLARE r record; got int[]; s record;
BEGIN
    hits := 0; dropped := 0; looked_at := 0;
    FOR r IN SELECT * FROM li_truth LOOP
        EXECUTE format('WITH near AS MATERIALIZED (SELECT id FROM li ORDER BY v <-> %L %s) SELECT array_agg(id) FROM near', r.q, how) INTO got;
        SELECT * INTO s FROM vector_quant_last_scan();
        hits := hits + (SELECT count(*) FROM unnest(got) id WHERE id = ANY (r.ids));
        dropped := dropped + s.dropped;
        looked_at := looked_at + s.reranked;
    END LOOP;
END $$;
BEGIN;
DROP INDEX li_exact;
SET LOCAL @AM@.epsilon = 0.7;
SELECT a.hits < 400 AS bounds_are_narrow, a.hits > b.hits AS more, a.dropped < b.dropped AS fewer_late, a.looked_at <= b.looked_at AS no_look_more
    FROM li_find('LIMIT 10') a, li_find('LIMIT 10 FOR UPDATE') b;
-- so many rows are held back at most
SET LOCAL @AM@.epsilon = 4;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM li ORDER BY v <-> li_row(7, 32) LIMIT 3999) s;
ROLLBACK;

-- A LIMIT of any kind gives what an exact scan gives.
SET @AM@.epsilon = 4;
CREATE FUNCTION li_same(rest text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE exact float8[]; got float8[]; same bool := true; r record;
        query text := 'SELECT array_agg(d) FROM (SELECT v <-> %1$L AS d FROM li WHERE true %2$s) s';
BEGIN
    FOR r IN SELECT q FROM li_query WHERE n <= 10 LOOP
        SET LOCAL enable_indexscan = off;
        SET LOCAL enable_seqscan = on;
        SET LOCAL enable_sort = on;
        EXECUTE format(query, r.q, replace(rest, 'ORDER', format('ORDER BY v <-> %L', r.q))) INTO exact;
        SET LOCAL enable_indexscan = on;
        SET LOCAL enable_seqscan = off;
        SET LOCAL enable_sort = off;
        EXECUTE format(query, r.q, replace(rest, 'ORDER', format('ORDER BY v <-> %L', r.q))) INTO got;
        same := same AND exact IS NOT DISTINCT FROM got;
    END LOOP;
    RETURN same;
END $$;
SELECT rest, li_same(rest) FROM unnest('{ORDER LIMIT 0,ORDER LIMIT 1,ORDER LIMIT 2,ORDER LIMIT 10,ORDER LIMIT 1500,ORDER LIMIT 9999,ORDER LIMIT NULL,ORDER LIMIT 5 OFFSET 7,
    ORDER OFFSET 3995,ORDER FETCH FIRST 3 ROWS WITH TIES,AND id % 2 = 0 ORDER LIMIT 10,AND id % 500 = 0 ORDER LIMIT 10}'::text[]) rest;

-- Rows that the snapshot does not see are not among them, also where an exact refine code says their distance before anybody has looked.
DELETE FROM li WHERE id IN (SELECT id FROM li_query, LATERAL (SELECT id FROM li ORDER BY v <-> q LIMIT 25) s WHERE n <= 10);
SELECT rest, li_same(rest) FROM unnest('{ORDER LIMIT 1,ORDER LIMIT 2,ORDER LIMIT 3,ORDER LIMIT 10,ORDER LIMIT 100}'::text[]) rest;
BEGIN;
DROP INDEX li_idx;
SELECT rest, li_same(rest) FROM unnest('{ORDER LIMIT 1,ORDER LIMIT 2,ORDER LIMIT 3,ORDER LIMIT 10,ORDER LIMIT 100}'::text[]) rest;
-- Others take their place among those that go out together.
DELETE FROM li_truth WHERE n > 10;
SET LOCAL enable_indexscan = off;
UPDATE li_truth t SET ids = ARRAY(SELECT id FROM li ORDER BY v <-> t.q, id LIMIT 10);
SET LOCAL enable_indexscan = on;
SET LOCAL @AM@.epsilon = 0.7;
SELECT a.hits < 100 AS bounds_are_narrow, a.hits > b.hits AS more, a.dropped < b.dropped AS fewer_late
    FROM li_find('LIMIT 10') a, li_find('LIMIT 10 FOR UPDATE') b;
ROLLBACK;

-- A subquery with an index of ours before the scan hides neither the LIMIT nor the filter.
CREATE FUNCTION li_looks(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE c refcursor; r record; looks bigint;
BEGIN
    OPEN c FOR EXECUTE query;
    FETCH c INTO r;
    SELECT reranked INTO looks FROM vector_quant_last_scan();
    CLOSE c;
    RETURN looks;
END $$;
SELECT li_looks('SELECT id FROM li WHERE id % 2 = 0 ORDER BY v <-> (SELECT v FROM li WHERE id > 0 ORDER BY v <-> li_row(5, 32) LIMIT 1) LIMIT 50')
     = li_looks(format('SELECT id FROM li WHERE id %% 2 = 0 ORDER BY v <-> %L LIMIT 50', (SELECT v FROM li WHERE id > 0 ORDER BY v <-> li_row(5, 32) LIMIT 1))) AS alike;

-- Another LIMIT for each search of a node.
SELECT n, count(*) FROM li_query, LATERAL (SELECT id FROM li ORDER BY v <-> q LIMIT n) s WHERE n IN (1, 2, 3, 10, 40) GROUP BY n ORDER BY n;
DROP TABLE li, li_query, li_truth;
DROP FUNCTION li_row, li_find, li_same, li_looks;

-- What a target promises beside the plain case: for queries of any length, far outside the rows, for one row and for a thousand, under
-- filters, and among copies. Recall is that of distances: of rows equally far each is right.
SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;

-- Rows about 60 places. Queries are not in the table.
CREATE FUNCTION rc_uniform(i int, seed int) RETURNS float8 LANGUAGE sql IMMUTABLE
    AS 'SELECT (hashint8extended(i, seed) & 1048575) / 1048576.0 - 0.5';
CREATE FUNCTION rc_row(place int, i int, spread float8) RETURNS vector LANGUAGE sql IMMUTABLE
    AS 'SELECT array_agg((2 * rc_uniform(d, 1000 + place) + spread * rc_uniform(d, 100000 + i))::real ORDER BY d)::vector
        FROM generate_series(1, 24) d';
CREATE TABLE rc (id int, v vector(24), r int);
INSERT INTO rc SELECT i, rc_row(i % 60, i, 1) FROM generate_series(1, 6000) i;
-- r: how far from the first place, in thousandths of the rows
UPDATE rc SET r = o FROM (SELECT id, 1000 * row_number() OVER (ORDER BY v <-> rc_row(0, 0, 0), id) / 6000 AS o FROM rc) s WHERE s.id = rc.id;
VACUUM ANALYZE rc;
CREATE TABLE rc_query AS SELECT n, rc_row(n % 60, 1000000 + n, 1) AS v FROM generate_series(1, 40) n;

-- Queries times `factor`: recall of `k` rows that pass the filter, the mean number of lists, and a hash of all ids.
CREATE FUNCTION rc_at(op text, k int, factor real DEFAULT 1, filter text DEFAULT 'true',
    OUT recall float8, OUT lists float8, OUT ids int) LANGUAGE plpgsql AS
$$ DECLARE
    rows text := format('FROM rc WHERE %s ORDER BY v %s $1 LIMIT %s', filter, op, k);
    q record; border float8; most int; found int; row_ids int[]; all_ids int[] := '{}'; queries int := 0;
BEGIN
    recall := 0; lists := 0;
    FOR q IN SELECT (v * array_fill(factor, ARRAY[24])::vector) AS v FROM rc_query ORDER BY n LOOP
        SET LOCAL enable_indexscan = off;
        SET LOCAL enable_seqscan = on;
        EXECUTE format('SELECT max(d), count(*) FROM (SELECT v %s $1 AS d %s) s', op, rows) INTO border, most USING q.v;
        SET LOCAL enable_indexscan = on;
        SET LOCAL enable_seqscan = off;
        EXECUTE format('SELECT count(*) FILTER (WHERE d <= $2), array_agg(id) FROM (SELECT id, v %s $1 AS d %s) s', op, rows)
            INTO found, row_ids USING q.v, border;
        lists := lists + (SELECT s.lists FROM vector_quant_last_scan() s);
        recall := recall + found::float8 / most;
        all_ids := all_ids || row_ids;
        queries := queries + 1;
    END LOOP;
    recall := recall / queries;
    lists := lists / queries;
    ids := hashtext(all_ids::text);
END $$;

SET vector_quant.target_recall = 0.95;
-- The length of a query changes neither the order by inner product nor what is done for it. Powers of two, which round nothing.
CREATE INDEX rc_idx ON rc USING @AM@ (v vector_ip_ops);
SELECT count(*), count(DISTINCT ids) AS results, count(DISTINCT lists) AS work, min(recall) >= 0.94 AS reached, max(lists) < 10 AS few_lists
FROM unnest('{0.0009765625,0.125,1,8,128}'::real[]) f, rc_at('<#>', 10, f);
DROP INDEX rc_idx;

CREATE INDEX rc_idx ON rc USING @AM@ (v vector_l2_ops);
-- queries outside the rows
SELECT f, recall FROM unnest('{2,4,10,100}'::real[]) f, rc_at('<->', 10, f) WHERE NOT recall >= 0.9;
-- one row or a thousand
SELECT k, recall FROM unnest('{1,10,100,1000}'::int[]) k, rc_at('<->', k) WHERE NOT recall >= CASE k WHEN 1 THEN 0.9 ELSE 0.94 END;
-- a filter that says where rows lie, and most queries are not there
SELECT share, recall FROM unnest('{500,100,10}'::int[]) share, rc_at('<->', 10, 1, 'r < ' || share) WHERE NOT recall >= 0.92;
-- the same with nothing set
RESET vector_quant.target_recall;
SELECT k, recall FROM unnest('{1,10,100,1000}'::int[]) k, rc_at('<->', k) WHERE NOT recall >= CASE k WHEN 1 THEN 0.92 ELSE 0.97 END;
SELECT share, recall FROM unnest('{500,100,10}'::int[]) share, rc_at('<->', 10, 1, 'r < ' || share) WHERE NOT recall >= 0.95;

-- twenty near copies of each of 300 rows; queries are none of them
UPDATE rc SET v = rc_row(id % 300, id, 0.01);
VACUUM rc;
REINDEX INDEX rc_idx;
SELECT recall FROM rc_at('<->', 10) WHERE NOT recall >= 0.97;
SET vector_quant.target_recall = 0.95;
SELECT recall FROM rc_at('<->', 10) WHERE NOT recall >= 0.94;

RESET vector_quant.target_recall;
DROP TABLE rc, rc_query;
DROP FUNCTION rc_at, rc_row, rc_uniform;

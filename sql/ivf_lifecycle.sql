-- Life of an index: every step is followed by the full check and compared with the exact answer.
\set VERBOSITY terse
SET client_min_messages = warning;
SET enable_seqscan = off;
SET jit = off; -- enable_seqscan = off makes plans look expensive
SET @AM@.epsilon = 4; -- exact order at any instruction set

CREATE TABLE lc (id int, v vector(3));
INSERT INTO lc VALUES (1, '[0,0,0]'), (2, '[1,2,3]'), (3, '[1,1,1]'), (4, NULL), (5, '[1,2,4]');

-- one small index per operator class
CREATE INDEX lc_idx ON lc USING @AM@ (v);
INSERT INTO lc VALUES (6, '[1,2,5]');
EXPLAIN (COSTS OFF) SELECT id, v FROM lc ORDER BY v <-> '[3,3,3]' LIMIT 3;
SELECT id, v FROM lc ORDER BY v <-> '[3,3,3]';
SELECT count(*) FROM (SELECT v FROM lc ORDER BY v <-> (SELECT NULL::vector)) q;
SELECT vector_quant_index_check('lc_idx', true);
DROP INDEX lc_idx;

CREATE INDEX lc_idx ON lc USING @AM@ (v vector_ip_ops);
INSERT INTO lc VALUES (7, '[1,2,6]');
EXPLAIN (COSTS OFF) SELECT id, v FROM lc ORDER BY v <#> '[3,3,3]' LIMIT 3;
SELECT id, v FROM lc ORDER BY v <#> '[3,3,3]';
SELECT count(*) FROM (SELECT v FROM lc ORDER BY v <#> (SELECT NULL::vector)) q;
SELECT vector_quant_index_check('lc_idx', true);
DROP INDEX lc_idx;

-- zero vectors have no direction: not in the index, as NULLs
CREATE INDEX lc_idx ON lc USING @AM@ (v vector_cosine_ops);
INSERT INTO lc VALUES (8, '[1,2,7]'), (9, '[0,0,0]');
EXPLAIN (COSTS OFF) SELECT id, v FROM lc ORDER BY v <=> '[3,3,3]' LIMIT 3;
SELECT id, v FROM lc ORDER BY v <=> '[3,3,3]';
SELECT count(*) FROM (SELECT v FROM lc ORDER BY v <=> '[0,0,0]') q;
SELECT count(*) FROM (SELECT v FROM lc ORDER BY v <=> (SELECT NULL::vector)) q;
SELECT vector_quant_index_check('lc_idx', true);
DROP TABLE lc;

-- Enough rows for many lists. Coordinates are thousandths, so that distances rarely tie.
CREATE FUNCTION lc_vector(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg((i * p * p * p % 1009) / 1009.0)::vector FROM unnest(ARRAY[3, 5, 7, 11, 13, 17, 19, 23]) p $$;
CREATE TABLE lc (id int PRIMARY KEY, v vector(8));
INSERT INTO lc SELECT i, lc_vector(i) FROM generate_series(1, 1000) i;
CREATE INDEX lc_l2 ON lc USING @AM@ (v vector_l2_ops) WITH (nlist = 10);
CREATE INDEX lc_ip ON lc USING @AM@ (v vector_ip_ops) WITH (nlist = 10, refine = true);
CREATE INDEX lc_cos ON lc USING @AM@ (v vector_cosine_ops) WITH (nlist = 10, @VARIANT@);

-- Rows that differ between the index's full answer and the table's, and places out of order: all zero.
CREATE FUNCTION lc_verify(OUT l2 bigint, OUT ip bigint, OUT cosine bigint, OUT misplaced bigint) LANGUAGE plpgsql
SET enable_seqscan = off SET @AM@.nprobe = 65536 SET @AM@.epsilon = 4 AS
$$
DECLARE q vector := lc_vector(5000);
BEGIN
    PERFORM vector_quant_index_check(i::regclass, true) FROM unnest('{lc_l2,lc_ip,lc_cos}'::text[]) i;
    CREATE TEMP TABLE seen AS
        SELECT 1 AS m, id, v, row_number() OVER () AS place FROM (SELECT id, v FROM lc ORDER BY v <-> q) s;
    INSERT INTO seen SELECT 2, id, v, row_number() OVER () FROM (SELECT id, v FROM lc ORDER BY v <#> q) s;
    INSERT INTO seen SELECT 3, id, v, row_number() OVER () FROM (SELECT id, v FROM lc ORDER BY v <=> q) s;
    PERFORM set_config('enable_indexscan', 'off', true);
    SELECT count(*) FILTER (WHERE m = 1), count(*) FILTER (WHERE m = 2), count(*) FILTER (WHERE m = 3)
        INTO l2, ip, cosine
        FROM ((TABLE every_row EXCEPT ALL SELECT m, id, v FROM seen)
              UNION ALL (SELECT m, id, v FROM seen EXCEPT ALL TABLE every_row)) d;
    SELECT count(*) INTO misplaced
        FROM (SELECT d < lag(d) OVER (PARTITION BY m ORDER BY place) AS smaller
              FROM (SELECT m, place, CASE m WHEN 1 THEN v <-> q WHEN 2 THEN v <#> q ELSE v <=> q END AS d
                    FROM seen) s) o
        WHERE smaller;
    PERFORM set_config('enable_indexscan', 'on', true);
    DROP TABLE seen;
END
$$;
CREATE VIEW every_row AS
    SELECT m, id, v FROM lc, generate_series(1, 3) m
    WHERE v IS NOT NULL AND (m < 3 OR vector_norm(v) > 0);
EXPLAIN (COSTS OFF) SELECT id, v FROM lc ORDER BY v <=> '[1,1,1,1,1,1,1,1]';
SELECT * FROM lc_verify();

INSERT INTO lc SELECT i, lc_vector(i) FROM generate_series(1001, 3000) i;
SELECT * FROM lc_verify();
UPDATE lc SET v = lc_vector(id + 10000) WHERE id % 3 = 0;
SELECT * FROM lc_verify();
-- a row whose vector stays where it is (HOT), and one that loses it
UPDATE lc SET v = NULL WHERE id % 100 = 0;
UPDATE lc SET v = '[0,0,0,0,0,0,0,0]' WHERE id % 100 = 1;
SELECT * FROM lc_verify();
DELETE FROM lc WHERE id % 2 = 0;
SELECT * FROM lc_verify();
VACUUM lc;
SELECT * FROM lc_verify();
INSERT INTO lc SELECT i, lc_vector(i) FROM generate_series(3001, 3500) i;
SELECT * FROM lc_verify();

-- an aborted insert leaves dead rows behind, which VACUUM takes
BEGIN;
INSERT INTO lc SELECT i, lc_vector(i) FROM generate_series(4001, 4100) i;
ROLLBACK;
SELECT * FROM lc_verify();
VACUUM lc;
SELECT * FROM lc_verify();
VACUUM FULL lc;
SELECT * FROM lc_verify();

-- rebuilding
REINDEX INDEX lc_l2;
SELECT * FROM lc_verify();
REINDEX TABLE CONCURRENTLY lc;
SELECT * FROM lc_verify();
DROP INDEX lc_l2;
CREATE INDEX CONCURRENTLY lc_l2 ON lc USING @AM@ (v) WITH (nlist = 7);
SELECT * FROM lc_verify();
SELECT relname, reloptions[1] FROM pg_class WHERE relname LIKE 'lc_%' AND relam <> 0 AND relkind = 'i' AND reloptions IS NOT NULL ORDER BY 1;

-- everything deleted, then everything back
DELETE FROM lc;
SELECT * FROM lc_verify();
VACUUM lc;
SELECT * FROM lc_verify();
SELECT count(*) FROM (SELECT id FROM lc ORDER BY v <-> '[1,1,1,1,1,1,1,1]') q;
INSERT INTO lc SELECT i, lc_vector(i) FROM generate_series(1, 1000) i;
SELECT * FROM lc_verify();

-- TRUNCATE leaves an untrained index, which takes rows; REINDEX trains it
TRUNCATE lc;
SELECT * FROM lc_verify();
SELECT i, lists, trained FROM unnest('{lc_l2,lc_ip,lc_cos}'::regclass[]) i, vector_quant_index_stats(i);
INSERT INTO lc SELECT i, lc_vector(i) FROM generate_series(1, 1000) i;
SELECT * FROM lc_verify();
DELETE FROM lc WHERE id % 2 = 0;
VACUUM lc;
SELECT * FROM lc_verify();
REINDEX TABLE lc;
SELECT i, lists, trained FROM unnest('{lc_l2,lc_ip,lc_cos}'::regclass[]) i, vector_quant_index_stats(i);
SELECT * FROM lc_verify();

-- in one transaction: TRUNCATE and CREATE INDEX rolled back
BEGIN;
TRUNCATE lc;
INSERT INTO lc SELECT i, lc_vector(i) FROM generate_series(1, 10) i;
SELECT * FROM lc_verify();
ROLLBACK;
SELECT * FROM lc_verify();
BEGIN;
SAVEPOINT s;
INSERT INTO lc SELECT i, lc_vector(i) FROM generate_series(5001, 5100) i;
ROLLBACK TO s;
INSERT INTO lc SELECT i, lc_vector(i) FROM generate_series(5101, 5200) i;
COMMIT;
SELECT * FROM lc_verify();

-- a new type of the column rebuilds
DROP VIEW every_row;
ALTER TABLE lc ALTER COLUMN v TYPE vector(4) USING subvector(v, 1, 4);
SELECT vector_quant_index_check(i, true), dims FROM unnest('{lc_l2,lc_ip,lc_cos}'::regclass[]) i, vector_quant_index_stats(i);
DROP FUNCTION lc_verify;
DROP TABLE lc;

-- no row, then one
CREATE TABLE lc (id int, v vector(3));
CREATE INDEX lc_idx ON lc USING @AM@ (v);
CREATE INDEX lc_cos ON lc USING @AM@ (v vector_cosine_ops) WITH (refine = true, nlist = 4);
SELECT vector_quant_index_check('lc_idx', true), vector_quant_index_check('lc_cos', true);
SELECT id FROM lc ORDER BY v <-> '[1,2,3]';
INSERT INTO lc VALUES (1, '[1,2,3]');
SELECT id, v <-> '[1,2,3]' AS d FROM lc ORDER BY v <-> '[1,2,3]';
SELECT id FROM lc ORDER BY v <=> '[1,2,3]';
SELECT vector_quant_index_check('lc_idx', true), vector_quant_index_check('lc_cos', true);
REINDEX TABLE lc;
SELECT id FROM lc ORDER BY v <-> '[9,9,9]';
SELECT id FROM lc ORDER BY v <=> '[9,9,9]';
SELECT vector_quant_index_check('lc_idx', true), vector_quant_index_check('lc_cos', true);

-- all rows NULL, or zero
TRUNCATE lc;
INSERT INTO lc SELECT i, NULL FROM generate_series(1, 10) i;
INSERT INTO lc SELECT i, '[0,0,0]' FROM generate_series(1, 10) i;
REINDEX TABLE lc;
SELECT count(*) FROM (SELECT id FROM lc ORDER BY v <-> '[1,2,3]') q;
SELECT count(*) FROM (SELECT id FROM lc ORDER BY v <=> '[1,2,3]') q;
SELECT i, lists, rows, trained FROM unnest('{lc_idx,lc_cos}'::regclass[]) i, vector_quant_index_stats(i);
SELECT vector_quant_index_check('lc_idx', true), vector_quant_index_check('lc_cos', true);

-- all rows equal: more than an extent of them
TRUNCATE lc;
INSERT INTO lc SELECT i, '[1,2,3]' FROM generate_series(1, 3000) i;
REINDEX TABLE lc;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM lc ORDER BY v <-> '[1,2,3]') q;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM lc ORDER BY v <=> '[3,2,1]') q;
INSERT INTO lc SELECT i, '[1,2,3]' FROM generate_series(3001, 6000) i;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM lc ORDER BY v <-> '[1,2,3]') q;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM lc ORDER BY v <=> '[3,2,1]') q;
SELECT vector_quant_index_check('lc_idx', true), vector_quant_index_check('lc_cos', true);
-- every second row is a duplicate of another
UPDATE lc SET v = ARRAY[id / 2, 1, 1]::vector;
VACUUM lc;
SELECT id / 2 AS pair, count(*) FROM (SELECT id FROM lc ORDER BY v <-> '[2000,1,1]' LIMIT 6) q GROUP BY 1 ORDER BY 1;
SELECT vector_quant_index_check('lc_idx', true), vector_quant_index_check('lc_cos', true);
DROP TABLE lc;

-- HOT: an update of another column adds nothing to the index, and the chain's root is what it holds
CREATE TABLE lc (id int, n int, v vector(2)) WITH (fillfactor = 50);
CREATE INDEX lc_idx ON lc USING @AM@ (v);
INSERT INTO lc SELECT i, 0, ARRAY[i, 1]::vector FROM generate_series(1, 50) i;
UPDATE lc SET n = n + 1;
UPDATE lc SET n = n + 1 WHERE id <= 25;
SELECT rows FROM vector_quant_index_stats('lc_idx');
SELECT id, n FROM lc ORDER BY v <-> '[25.4,1]' LIMIT 3;
SELECT vector_quant_index_check('lc_idx', true);
DROP TABLE lc;
DROP FUNCTION lc_vector;

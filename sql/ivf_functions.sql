-- What the functions about indexes say. What they refuse is in ivf_errors.
SET client_min_messages = warning;
CREATE FUNCTION fn_vector(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg((i * p * p * p % 1009) / 1009.0)::vector FROM unnest(ARRAY[3, 5, 7, 11, 13, 17, 19, 23]) p $$;
CREATE TABLE fn (id int PRIMARY KEY, n int, v vector(8));
INSERT INTO fn SELECT i, i % 3, fn_vector(i) FROM generate_series(1, 800) i;
INSERT INTO fn VALUES (801, 0, NULL), (802, 0, '[0,0,0,0,0,0,0,0]');
CREATE INDEX fn_l2 ON fn USING @AM@ (v) WITH (nlist = 20);
CREATE INDEX fn_ip ON fn USING @AM@ (v vector_ip_ops) WITH (nlist = 10, refine = true);
CREATE INDEX fn_cos ON fn USING @AM@ (v vector_cosine_ops) WITH (nlist = 15, @VARIANT@);
CREATE INDEX fn_part ON fn USING @AM@ (((v::real[])[1:4]::vector(4))) WITH (nlist = 12) WHERE n = 1;

-- recall: with as many queries as rows it is what SQL finds beside the row itself, whichever metric, expression and predicate
CREATE TABLE fr (id int PRIMARY KEY, n int, v vector(24));
INSERT INTO fr SELECT i, i % 3, (SELECT array_agg(hashint8(i * 100::bigint + d) % 1000 / 1000.0) FROM generate_series(1, 24) d)::vector
    FROM generate_series(1, 800) i;
INSERT INTO fr VALUES (801, 0, NULL), (802, 0, array_fill(0, ARRAY[24])::vector);
CREATE INDEX fr_l2 ON fr USING @AM@ (v) WITH (nlist = 20);
CREATE INDEX fr_ip ON fr USING @AM@ (v vector_ip_ops) WITH (nlist = 10, refine = true);
CREATE INDEX fr_cos ON fr USING @AM@ (v vector_cosine_ops) WITH (nlist = 15, @VARIANT@);
CREATE INDEX fr_part ON fr USING @AM@ (((v::real[])[1:16]::vector(16))) WITH (nlist = 12) WHERE n = 1;
CREATE FUNCTION fn_recall(value text, op text, condition text, k int) RETURNS float8 LANGUAGE plpgsql
SET enable_seqscan = off SET jit = off AS
$$
DECLARE hits bigint;
BEGIN
    CREATE TEMP TABLE queries AS SELECT v::vector, 0.0::float8 AS own, 0.0::float8 AS farthest FROM fr LIMIT 0;
    EXECUTE format('INSERT INTO queries SELECT x, x %s x, 0 FROM (SELECT %s AS x FROM fr WHERE %s) s', op, value, condition);
    SET LOCAL enable_indexscan = off;
    SET LOCAL enable_seqscan = on;
    EXECUTE format('UPDATE queries u SET farthest = (SELECT max(d) FROM (SELECT %1$s %2$s u.v AS d FROM fr WHERE %3$s
        AND %1$s %2$s u.v <> own ORDER BY 1 LIMIT %4$s) s)', value, op, condition, k);
    DELETE FROM queries WHERE farthest IS NULL; -- zero by the inner product: all rows are as near as itself
    SET LOCAL enable_indexscan = on;
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_sort = off;
    EXECUTE format('SELECT count(*) FROM queries u, LATERAL (SELECT d FROM (SELECT %1$s %2$s u.v AS d FROM fr WHERE %3$s
        ORDER BY %1$s %2$s u.v LIMIT %4$s + 1) near WHERE d <> own LIMIT %4$s) s WHERE d <= farthest', value, op, condition, k) INTO hits;
    RETURN hits / (k * (SELECT count(*) FROM queries))::float8;
END
$$;
CREATE FUNCTION fn_same_recall(index regclass, value text, op text, condition text, k int,
    OUT same boolean, OUT imperfect boolean, OUT sampled int, OUT interval_holds boolean) LANGUAGE plpgsql AS
$$
DECLARE r record; expected float8 := fn_recall(value, op, condition, k);
BEGIN
    DROP TABLE queries;
    r := vector_quant_recall(index, k, 1000);
    same := abs(r.recall - expected) <= 0.5001e-4;
    imperfect := r.recall < 0.99;
    sampled := r.sampled;
    interval_holds := 0 <= r.low AND r.low < r.recall AND r.recall < r.high AND r.high <= 1;
    IF NOT same THEN RAISE WARNING '% is %, not %', index, r.recall, expected; END IF;
END
$$;
SET @AM@.nprobe = 1;
SET @AM@.epsilon = 0;
SET @AM@.iterative_scan = off;
SELECT * FROM fn_same_recall('fr_l2', 'v', '<->', 'v IS NOT NULL', 7);
SELECT * FROM fn_same_recall('fr_ip', 'v', '<#>', 'v IS NOT NULL', 7);
SELECT * FROM fn_same_recall('fr_cos', 'v', '<=>', 'v IS NOT NULL AND id < 802', 7);
SELECT * FROM fn_same_recall('fr_part', '((v::real[])[1:16]::vector(16))', '<->', 'n = 1', 7);
DROP TABLE fr;
-- everything is looked at
SET @AM@.nprobe = 65536;
SET @AM@.epsilon = 4;
SELECT i, recall, high, low BETWEEN 0.9 AND 0.999 AS low, sampled, lists, codes >= 266 AS codes, ms > 0 AS ms
    FROM unnest('{fn_l2,fn_ip,fn_cos,fn_part}'::regclass[]) i, vector_quant_recall(i, 5, 100);
-- fewer queries lie within the interval of all
SET @AM@.nprobe = 2;
SELECT s.sampled, s.recall BETWEEN a.low - 0.1 AND a.high + 0.1 AS near, s.high - s.low > a.high - a.low AS wider
    FROM vector_quant_recall('fn_l2', 10, 50) s, vector_quant_recall('fn_l2', 10, 1000) a;
-- the same rows are drawn again, and the session's last scan stays what it was
SELECT count(DISTINCT (r.recall, r.codes)) FROM generate_series(1, 3), vector_quant_recall('fn_l2', 10, 50) r;
SET enable_seqscan = off;
SELECT id FROM fn ORDER BY v <-> fn_vector(5) LIMIT 1;
SELECT lists, returned FROM vector_quant_last_scan();
SELECT count(*) FROM vector_quant_recall('fn_l2', 10, 50);
SELECT lists, returned FROM vector_quant_last_scan();
-- a transaction's own rows, and rows that are dead but not yet vacuumed
SET @AM@.nprobe = 65536;
BEGIN;
INSERT INTO fn SELECT i, 1, fn_vector(i) FROM generate_series(901, 950) i;
DELETE FROM fn WHERE id BETWEEN 101 AND 200;
SELECT recall, sampled FROM vector_quant_recall('fn_l2', 10, 10000);
ROLLBACK;
SELECT recall, sampled FROM vector_quant_recall('fn_l2', 10, 10000);
RESET @AM@.nprobe;
RESET @AM@.epsilon;
RESET @AM@.iterative_scan;

-- tune: what it recommends reaches the target, one list less does not, and recall finds the same
CREATE FUNCTION fn_tune(index regclass, target float8, k int, OUT recommended bigint, OUT tried bigint, OUT reached boolean,
    OUT as_measured boolean, OUT smallest boolean) LANGUAGE plpgsql AS
$$
DECLARE t record;
BEGIN
    CREATE TEMP TABLE tuned AS SELECT * FROM vector_quant_tune(index, target, k, 30);
    SELECT count(*) FILTER (WHERE state = 'recommended'), count(*) FILTER (WHERE state = 'tried'),
        bool_and(u.recall >= target) FILTER (WHERE state <> 'in force') INTO recommended, tried, reached FROM tuned u;
    as_measured := true;
    smallest := true;
    FOR t IN SELECT * FROM tuned WHERE state <> 'in force' LOOP
        PERFORM set_config('@AM@.epsilon', t.epsilon::text, true), set_config('@AM@.nprobe', t.nprobe::text, true);
        as_measured := as_measured AND t.recall = (SELECT recall FROM vector_quant_recall(index, k, 30));
        IF t.nprobe > 1 THEN
            PERFORM set_config('@AM@.nprobe', (t.nprobe - 1)::text, true);
            smallest := smallest AND target > (SELECT recall FROM vector_quant_recall(index, k, 30));
        END IF;
    END LOOP;
    DROP TABLE tuned;
END
$$;
SELECT i, target, recommended, tried > 0 AS tried, reached, as_measured, smallest
    FROM unnest('{fn_l2,fn_ip,fn_cos,fn_part}'::regclass[]) i, unnest('{0.8,1}'::float8[]) target, fn_tune(i, target, 10);
-- the session's settings are left alone, the command works
SELECT current_setting('@AM@.nprobe');
SELECT command AS tuned FROM vector_quant_tune('fn_l2', 0.9) WHERE command IS NOT NULL \gset
SELECT :'tuned' ~ '^ALTER INDEX public\.fn_l2 SET \(nprobe = \d+, epsilon = [0-9.]+\)$' AS command;
:tuned;
SELECT count(*) FILTER (WHERE state = 'in force') AS in_force, count(*) FILTER (WHERE nprobe > 0 AND recall >= 0.9) = count(*) AS all_reach
    FROM vector_quant_tune('fn_l2', 0.9);
-- a target wins over them, which is said; what is in force is the width that it asks for
SET vector_quant.target_recall = 0.9;
SET client_min_messages = notice;
SELECT nprobe, epsilon BETWEEN 0 AND 4 AS epsilon FROM vector_quant_tune('fn_l2', 0.9) WHERE state = 'in force';
SET client_min_messages = warning;
RESET vector_quant.target_recall;
ALTER INDEX fn_l2 RESET (nprobe, epsilon);
-- read backwards
BEGIN;
DECLARE fn_cursor SCROLL CURSOR FOR SELECT state FROM vector_quant_tune('fn_l2', 0.9);
MOVE LAST IN fn_cursor;
FETCH FIRST FROM fn_cursor;
COMMIT;
-- what cannot be reached
SET @AM@.refine_k = 1;
SET client_min_messages = notice;
\set VERBOSITY terse
SELECT state, nprobe, recall < 1 AS below, command IS NOT NULL AS command FROM vector_quant_tune('fn_l2', 1);
SET client_min_messages = warning;
RESET @AM@.refine_k;

-- stats: parts add up, and nothing is to be done after a build
SELECT i, rows, trained, build_rows, growth, round(drift::numeric, 3) AS drift, open_share, dead_share, advice,
    bytes = pg_relation_size(i) AS bytes,
    bytes = fixed_bytes + tile_bytes + open_bytes + fine_bytes + sublist_bytes + free_bytes + lost_bytes AS parts,
    fine_bytes > 0 OR i <> 'fn_ip'::regclass AS fine, format_version
    FROM unnest('{fn_l2,fn_ip,fn_cos,fn_part}'::regclass[]) i, vector_quant_index_stats(i);
-- rows that are not sorted in yet: VACUUM
INSERT INTO fn SELECT i, 0, fn_vector(i) FROM generate_series(1001, 1600) i;
SELECT rows, growth, open_share > 0.3 AS open, regexp_replace(advice, '\d+', 'N', 'g') AS advice FROM vector_quant_index_stats('fn_l2');
VACUUM fn;
SELECT rows, growth, open_share < 0.3 AS sorted, drift BETWEEN 0.95 AND 1.1 AS fits, advice FROM vector_quant_index_stats('fn_l2');
SELECT vector_quant_index_check(i, true) FROM unnest('{fn_l2,fn_ip,fn_cos,fn_part}'::regclass[]) i;
-- rows of another kind, then many more of them: vector_quant_maintain, where VACUUM is not to do it
ALTER INDEX fn_l2 SET (auto_maintenance = off);
INSERT INTO fn SELECT i, 0, ARRAY(SELECT 4 * x FROM unnest(fn_vector(i)::real[]) x)::vector FROM generate_series(2001, 2300) i;
VACUUM fn;
SELECT rows, growth, drift > 1.1 AS drifted, regexp_replace(advice, '\d+', 'N', 'g') AS advice FROM vector_quant_index_stats('fn_l2');
INSERT INTO fn SELECT i, 0, ARRAY(SELECT 4 * x FROM unnest(fn_vector(i)::real[]) x)::vector FROM generate_series(3001, 4600) i;
VACUUM fn;
SELECT rows, growth > 4 AS outgrown, drift > 1.5 AS drifted, regexp_replace(advice, '\d+', 'N', 'g') AS advice FROM vector_quant_index_stats('fn_l2');
SELECT done, regexp_replace(because, '\d+', 'N', 'g') AS because, rows, lists_before, lists, seconds FROM vector_quant_maintain('fn_l2', dry_run => true);
SELECT done, rows, lists_before, lists, seconds >= 0 AS timed FROM vector_quant_maintain('fn_l2');
SELECT done, because, lists_before, lists FROM vector_quant_maintain('fn_l2');
SELECT maintained > now() - interval '1 hour' AS maintained, maintained_because, maintained_seconds >= 0 AS timed, round(crowding::numeric, 3) AS crowding FROM vector_quant_index_stats('fn_l2');
SELECT rows, build_rows, growth, round(drift::numeric, 1) AS drift, advice FROM vector_quant_index_stats('fn_l2');
-- deleted rows
DELETE FROM fn WHERE id > 800;
VACUUM fn;
SELECT rows, dead_share < 0.3 AS few_dead, advice FROM vector_quant_index_stats('fn_ip');
SELECT vector_quant_index_check(i, true) FROM unnest('{fn_l2,fn_ip,fn_cos,fn_part}'::regclass[]) i;

-- prewarm, and all of them where nothing may be written
BEGIN READ ONLY;
SELECT vector_quant_prewarm(i) = pg_relation_size(i) / current_setting('block_size')::int AS pages
    FROM unnest('{fn_l2,fn_ip,fn_cos,fn_part}'::regclass[]) i;
SELECT sampled FROM vector_quant_recall('fn_cos', 10, 50);
SELECT count(*) > 1 AS rows FROM vector_quant_tune('fn_cos');
SELECT rows FROM vector_quant_index_stats('fn_cos');
SELECT vector_quant_index_check('fn_cos', true);
COMMIT;

-- without rows, and built without
TRUNCATE fn;
SET client_min_messages = notice;
SELECT recall, low, high, sampled, ms FROM vector_quant_recall('fn_l2');
SELECT sampled FROM vector_quant_recall('fn_l2', ARRAY(SELECT fn_vector(1)));
SELECT count(*) FROM vector_quant_tune('fn_l2');
SET client_min_messages = warning;
SELECT rows, trained, growth, drift, advice FROM vector_quant_index_stats('fn_l2');
INSERT INTO fn SELECT i, i % 3, fn_vector(i) FROM generate_series(1, 1000) i;
VACUUM fn;
SELECT rows, trained, growth, drift, advice FROM vector_quant_index_stats('fn_l2');
SELECT trained, maintained_because, advice FROM vector_quant_index_stats('fn_cos');
SELECT recall, sampled, lists FROM vector_quant_recall('fn_l2');
SELECT state, nprobe FROM vector_quant_tune('fn_l2') WHERE state <> 'tried';
SELECT vector_quant_index_check(i, true) FROM unnest('{fn_l2,fn_ip,fn_cos,fn_part}'::regclass[]) i;

-- one partition of a table; a value that lies in the TOAST table; a name to be quoted; a temporary table
CREATE TABLE fn_parts (id int, v vector(600)) PARTITION BY RANGE (id);
CREATE TABLE "fn One" PARTITION OF fn_parts FOR VALUES FROM (1) TO (1000);
INSERT INTO fn_parts SELECT i, array_agg((i * p * p % 1009) / 1009.0)::vector FROM generate_series(1, 300) i, generate_series(1, 600) p GROUP BY i;
CREATE INDEX fn_parts_v ON fn_parts USING @AM@ (v);
SELECT recall >= 0.95 AS recall, sampled FROM vector_quant_recall('"fn One_v_idx"', 5, 20);
SELECT command ~ '^ALTER INDEX public\."fn One_v_idx" SET' AS command FROM vector_quant_tune('"fn One_v_idx"', 0.9, 5, 20) WHERE command IS NOT NULL;
CREATE TEMP TABLE fn_temp AS SELECT v FROM fn WHERE id <= 200;
CREATE INDEX fn_temp_v ON fn_temp USING @AM@ (v);
SELECT recall >= 0.95 AS recall, sampled FROM vector_quant_recall('fn_temp_v', 5, 20);

-- rows that are copies, or nearly: the queries are moved off them; what a row finds itself says nothing
CREATE TABLE fn_copies (id int, v vector(8));
INSERT INTO fn_copies SELECT i, fn_vector(i % 300) FROM generate_series(1, 6000) i;
CREATE INDEX fn_copies_v ON fn_copies USING @AM@ (v) WITH (nlist = 100, nprobe = 1, @VARIANT@);
SELECT recall < 0.9 AS below, sampled, distinct_neighbours FROM vector_quant_recall('fn_copies_v', 10, 100);
SELECT count(DISTINCT distinct_neighbours) AS one FROM vector_quant_tune('fn_copies_v', 0.9, 10, 50);
ALTER INDEX fn_copies_v SET (nprobe = 100);
SELECT recall, sampled, distinct_neighbours FROM vector_quant_recall('fn_copies_v', 10, 100);
SELECT distinct_neighbours FROM vector_quant_recall('fn_copies_v', 40, 100);
-- equal rows have no others to find
UPDATE fn_copies SET v = fn_vector(1);
VACUUM fn_copies;
SELECT recall, sampled, distinct_neighbours FROM vector_quant_recall('fn_copies_v');
SELECT count(*) FROM vector_quant_tune('fn_copies_v');
CREATE INDEX fn_copies_cos ON fn_copies USING @AM@ (v vector_cosine_ops) WITH (nlist = 10, @VARIANT@);
SELECT recall, sampled, distinct_neighbours FROM vector_quant_recall('fn_copies_cos');
DROP INDEX fn_copies_cos;
-- a few copies are left out of what a row should find
UPDATE fn_copies SET v = fn_vector(id % 951);
DELETE FROM fn_copies WHERE id > 980;
VACUUM fn_copies;
SELECT recall > 0.95 AS high, sampled, distinct_neighbours BETWEEN 9 AND 10 AS distinct FROM vector_quant_recall('fn_copies_v');
DROP TABLE fn_copies;

-- the list of indexes
CREATE INDEX ON fn (n);
SELECT index, "table", access_method = '@AM@' AS am, options[1], bytes = pg_relation_size(index) AS bytes, valid FROM vector_quant_indexes()
    WHERE "table"::text LIKE '%fn%' ORDER BY index::text COLLATE "C";
-- all of it can be looked into: nothing of a partitioned table itself
SELECT count(s.lists) = count(*) AS all_of_it FROM vector_quant_indexes() i, vector_quant_index_stats(i.index) s WHERE i.valid;
SELECT has_function_privilege('public', 'vector_quant_indexes()', 'EXECUTE');
DROP TABLE fn, fn_parts;
DROP FUNCTION fn_vector, fn_recall, fn_same_recall, fn_tune;

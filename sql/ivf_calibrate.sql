-- The caller's own queries: what recall and tune say of them, and targets that are about them.
SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;

-- Rows about 60 places. Queries of two other kinds: in the midst of all places, and next to a row.
CREATE FUNCTION ca_uniform(i int, seed int) RETURNS float8 LANGUAGE sql IMMUTABLE
    AS 'SELECT (hashint8extended(i, seed) & 1048575) / 1048576.0 - 0.5';
CREATE FUNCTION ca_row(i int) RETURNS vector LANGUAGE sql IMMUTABLE
    AS 'SELECT array_agg((ca_uniform(d, 1000 + i % 60) * 0.5 * (1 + i % 60 % 4) + ca_uniform(d, 100000 + i))::real
                         ORDER BY d)::vector FROM generate_series(1, 24) d';
CREATE FUNCTION ca_noise(i int, width float8) RETURNS vector LANGUAGE sql IMMUTABLE
    AS 'SELECT array_agg((ca_uniform(d, 500000 + i) * width)::real ORDER BY d)::vector FROM generate_series(1, 24) d';
CREATE TABLE ca (id int PRIMARY KEY, v vector(24));
INSERT INTO ca SELECT i, ca_row(i) FROM generate_series(1, 6000) i;
CREATE TABLE ca_query (kind text, n int, v vector(24));
INSERT INTO ca_query SELECT 'amidst', n, ca_noise(n, 1) FROM generate_series(1, 500) n;
INSERT INTO ca_query SELECT 'beside', n, v + ca_noise(n, .1) FROM generate_series(1, 500) n JOIN ca ON id = n * 3;
CREATE INDEX ca_idx ON ca USING @AM@ (v);
ANALYZE ca;
CREATE FUNCTION ca_at(index regclass, query_kind text, target float8, k int) RETURNS TABLE (recall float8, codes float8)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('vector_quant.target_recall', target::text, true);
    RETURN QUERY SELECT r.recall, r.codes
        FROM vector_quant_recall(index, queries => ARRAY(SELECT v FROM ca_query WHERE kind = query_kind AND n BETWEEN 201 AND 400), k => k) r;
END $$;

-- recall of given queries is what SQL finds: a query that is a row counts it
CREATE FUNCTION ca_found(target float8) RETURNS float8 LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE hits bigint;
BEGIN
    PERFORM set_config('vector_quant.target_recall', target::text, true);
    SET LOCAL enable_indexscan = off;
    SET LOCAL enable_seqscan = on;
    CREATE TEMP TABLE ca_truth AS SELECT q.n, q.v, (SELECT max(d) FROM (SELECT ca.v <-> q.v AS d FROM ca ORDER BY 1 LIMIT 5) s) AS worst
        FROM ca_query q WHERE kind = 'amidst' AND n <= 100;
    SET LOCAL enable_indexscan = on;
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_sort = off;
    SELECT count(*) INTO hits FROM ca_truth t, LATERAL (SELECT ca.v <-> t.v AS d FROM ca ORDER BY ca.v <-> t.v LIMIT 5) s WHERE d <= worst;
    DROP TABLE ca_truth;
    RETURN hits / 500.0;
END $$;
BEGIN;
SELECT abs(found - (SELECT recall FROM vector_quant_recall('ca_idx', ARRAY(SELECT v FROM ca_query WHERE kind = 'amidst' AND n <= 100), 5))) <= 0.5001e-4 AS same,
    found BETWEEN .3 AND .99 AS imperfect FROM ca_found(.8) found;
COMMIT;
SELECT recall, sampled FROM vector_quant_recall('ca_idx', ARRAY['[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]'::vector]);
SELECT sampled, distinct_neighbours FROM vector_quant_recall('ca_idx', ARRAY(SELECT v FROM ca LIMIT 20), k => 1);

-- tune for given queries: what it recommends reaches the target for them
SELECT count(*) FILTER (WHERE state = 'recommended') AS recommended, bool_and(recall >= .9) FILTER (WHERE state <> 'in force') AS reached
    FROM vector_quant_tune('ca_idx', queries => ARRAY(SELECT v FROM ca_query WHERE kind = 'amidst' AND n > 400), target_recall => .9);

-- Before: queries amidst find less than rows do, those beside rows more, at a cost.
CREATE TEMP TABLE ca_before AS SELECT kind, target, k, a.* FROM unnest('{amidst,beside}'::text[]) kind, unnest('{.8,.9,.95}'::float8[]) target,
    unnest('{1,10,100}'::int[]) k, ca_at('ca_idx', kind, target, k) a;
SELECT target, a.recall < b.recall AS less FROM ca_before a JOIN ca_before b USING (target, k) WHERE (a.kind, b.kind, k) = ('amidst', 'beside', 10) ORDER BY 1;
SELECT calibrated, calibration_queries FROM vector_quant_index_stats('ca_idx');

-- After: other queries of the kind get what is asked for.
CREATE FUNCTION ca_check(index regclass, query_kind text) RETURNS TABLE (target float8, k int, reached boolean, not_far_above boolean)
LANGUAGE sql AS $$
    SELECT target, k, recall >= target - .02, recall <= target + (1 - target) * .8 OR k = 1
    FROM unnest('{.8,.9,.95}'::float8[]) target, unnest('{1,10,100}'::int[]) k, ca_at(index, query_kind, target, k) ORDER BY 1, 2 $$;
SET vector_quant.target_recall = .9;
SELECT sampled, target_recall, recall_before < recall AS more, recall BETWEEN .89 AND .98 AS as_asked, codes_before < codes AS dearer
    FROM vector_quant_calibrate('ca_idx', queries => ARRAY(SELECT v FROM ca_query WHERE kind = 'amidst' AND n <= 200));
RESET vector_quant.target_recall;
SELECT calibrated BETWEEN current_date - 1 AND current_date + 1 AS calibrated, calibration_queries FROM vector_quant_index_stats('ca_idx');
SELECT * FROM ca_check('ca_idx', 'amidst');
SELECT count(*) FROM vector_quant_calibrate('ca_idx', queries => ARRAY(SELECT v FROM ca_query WHERE kind = 'beside' AND n <= 200));
SELECT target, k, reached FROM ca_check('ca_idx', 'beside');
-- what is too much is no longer done
SELECT bool_and(a.codes < .95 * b.codes) AS cheaper FROM ca_before b, ca_at('ca_idx', kind, target, k) a WHERE kind = 'beside' AND k > 1;

-- It stays when the index is built anew, whichever way.
SELECT vector_quant_calibrate('ca_idx', queries => ARRAY(SELECT v FROM ca_query WHERE kind = 'amidst' AND n <= 200)) IS NOT NULL AS calibrated;
SELECT reloptions::text AS kept FROM pg_class WHERE relname = 'ca_idx' \gset
REINDEX INDEX ca_idx;
SELECT reached FROM ca_check('ca_idx', 'amidst') WHERE k = 10;
REINDEX INDEX CONCURRENTLY ca_idx;
SELECT reached FROM ca_check('ca_idx', 'amidst') WHERE k = 10;
VACUUM FULL ca;
SELECT reached FROM ca_check('ca_idx', 'amidst') WHERE k = 10;
SELECT reloptions::text = :'kept' AS kept FROM pg_class WHERE relname = 'ca_idx';
-- with more lists, of more rows; with twice as many, advice is to measure again
INSERT INTO ca SELECT i, ca_row(i) FROM generate_series(6001, 9000) i;
REINDEX INDEX ca_idx;
SELECT target, k, reached FROM ca_check('ca_idx', 'beside') WHERE k > 1;
SELECT lists, advice FROM vector_quant_index_stats('ca_idx');
INSERT INTO ca SELECT i, ca_row(i) FROM generate_series(9001, 12000) i;
REINDEX INDEX ca_idx;
SELECT lists, advice FROM vector_quant_index_stats('ca_idx');
-- as its definition says it, which is what a dump has
SELECT replace(pg_get_indexdef('ca_idx'::regclass), 'ca_idx', 'ca_again') AS definition \gset
:definition;
SELECT a.calibrated = b.calibrated AS same_day, b.calibration_queries
    FROM vector_quant_index_stats('ca_idx') a, vector_quant_index_stats('ca_again') b;
DROP INDEX ca_again;
-- TRUNCATE keeps it for the rows to come
TRUNCATE ca;
SELECT lists, calibration_queries FROM vector_quant_index_stats('ca_idx');
INSERT INTO ca SELECT i, ca_row(i) FROM generate_series(1, 6000) i;
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT 1 FROM ca ORDER BY v <-> ca_noise(1, 1) LIMIT 10) s;
RESET enable_seqscan;
REINDEX INDEX ca_idx;
SELECT reached FROM ca_check('ca_idx', 'amidst') WHERE k = 10;

-- It comes and goes with the transaction, and other sessions' plans see it (isolation functions_beside_others).
BEGIN;
ALTER INDEX ca_idx RESET (calibration);
SELECT calibrated, calibration_queries FROM vector_quant_index_stats('ca_idx');
ROLLBACK;
BEGIN;
SELECT vector_quant_calibrate('ca_idx', queries => ARRAY(SELECT v FROM ca_query WHERE kind = 'beside' AND n <= 150)) IS NOT NULL AS calibrated;
SELECT calibration_queries FROM vector_quant_index_stats('ca_idx');
SAVEPOINT s;
ROLLBACK;
SELECT calibration_queries FROM vector_quant_index_stats('ca_idx');
ALTER INDEX ca_idx RESET (calibration);
SELECT calibration_queries FROM vector_quant_index_stats('ca_idx');

-- other metrics, types, an expression with a predicate
CREATE INDEX ca_ip ON ca USING @AM@ (v vector_ip_ops);
CREATE INDEX ca_cos ON ca USING @AM@ (v vector_cosine_ops) WITH (@VARIANT@);
CREATE INDEX ca_half ON ca USING @AM@ ((v::halfvec(24)) halfvec_l2_ops) WHERE id % 2 = 0;
SELECT i, reached FROM unnest('{ca_ip,ca_cos}'::regclass[]) i,
    vector_quant_calibrate(i, queries => ARRAY(SELECT v FROM ca_query WHERE kind = 'amidst' AND n <= 200)) c, ca_check(i, 'amidst') WHERE k = 10;
SELECT recall >= target_recall AS reached FROM vector_quant_calibrate('ca_half', ARRAY(SELECT v::halfvec FROM ca_query WHERE kind = 'amidst' AND n <= 200));
-- a domain over the type
CREATE DOMAIN ca_embedding AS vector(24);
SELECT sampled FROM vector_quant_recall('ca_ip', ARRAY(SELECT v::ca_embedding FROM ca_query LIMIT 15));

-- What is wrong is said, and nothing is stored.
CREATE FUNCTION ca_error(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text; hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || replace(SQLERRM, 'public.', '') || coalesce(nullif(E'\nDETAIL: ' || detail, E'\nDETAIL: '), '')
        || coalesce(nullif(E'\nHINT: ' || replace(hint, 'public.', ''), E'\nHINT: '), '');
END $$;
\pset format unaligned
\pset tuples_only on
SELECT ca_error(format('SELECT vector_quant_%s(''ca_idx'', queries => %s)', f, q)) FROM unnest('{recall,tune,calibrate}'::text[]) f,
    unnest(ARRAY['ARRAY[]::vector[]', 'NULL::vector[]', $$ARRAY['[1,2]'::vector]$$, 'ARRAY[1.0::real]',
                 $$ARRAY(SELECT v::halfvec FROM ca_query LIMIT 20)$$, $$ARRAY(SELECT v FROM ca_query LIMIT 20) || NULL::vector$$,
                 $$ARRAY(SELECT v FROM ca_query, generate_series(1, 20) LIMIT 10001)$$]) q;
SELECT ca_error($$SELECT vector_quant_calibrate('ca_cos', ARRAY(SELECT v FROM ca_query LIMIT 20) || ca_noise(1, 0))$$);
SELECT ca_error($$SELECT vector_quant_calibrate('ca_idx', ARRAY(SELECT v FROM ca_query LIMIT 9))$$);
SELECT ca_error($$SELECT vector_quant_calibrate(0, ARRAY(SELECT v FROM ca_query LIMIT 20))$$);
SELECT ca_error($$SELECT vector_quant_calibrate('ca_pkey', ARRAY(SELECT v FROM ca_query LIMIT 20))$$);
SELECT ca_error($$SELECT vector_quant_calibrate(NULL, ARRAY(SELECT v FROM ca_query LIMIT 20))$$);
SELECT ca_error($$SELECT vector_quant_recall('ca_idx', ARRAY(SELECT v FROM ca_query LIMIT 20), k => 0)$$);
SELECT ca_error($$SELECT vector_quant_recall('ca_idx', ARRAY(SELECT v FROM ca_query LIMIT 20), k => NULL)$$);
SELECT ca_error($$SELECT vector_quant_tune('ca_idx', ARRAY(SELECT v FROM ca_query LIMIT 20), 2)$$);
SET maintenance_work_mem = '1MB';
SELECT ca_error($$SELECT vector_quant_calibrate('ca_idx', ARRAY(SELECT v FROM ca_query, generate_series(1, 20) LIMIT 10000))$$);
RESET maintenance_work_mem;
CREATE TABLE ca_empty (v vector(24));
CREATE INDEX ca_empty_idx ON ca_empty USING @AM@ (v);
SELECT ca_error($$SELECT vector_quant_calibrate('ca_empty_idx', ARRAY(SELECT v FROM ca_query LIMIT 100))$$);
SELECT ca_error(format($$ALTER INDEX ca_idx SET (calibration = %L)$$, t)) FROM unnest(ARRAY['yes', '2026-11-29 queries 200', '2026-13-01 queries 5 nlist 3 reach',
    '2026-11-29 queries 200 nlist 60 reach 1 2 3 lists 1 2 3 epsilon 1 2 3', ' ', '0']) t;
CREATE ROLE regress_ca_other;
GRANT SELECT ON ca, ca_query TO regress_ca_other;
SET ROLE regress_ca_other;
SELECT ca_error($$SELECT vector_quant_calibrate('ca_idx', ARRAY(SELECT v FROM ca_query LIMIT 100))$$);
SELECT ca_error($$ALTER INDEX ca_idx RESET (calibration)$$);
RESET ROLE;
-- a table that the owner of the index may not read
CREATE TABLE ca_owned (v vector(24));
INSERT INTO ca_owned SELECT v FROM ca;
CREATE INDEX ca_owned_idx ON ca_owned USING @AM@ (v);
ALTER TABLE ca_owned OWNER TO regress_ca_other;
REVOKE ALL ON ca_query FROM regress_ca_other;
SET ROLE regress_ca_other;
SELECT ca_error($$SELECT vector_quant_calibrate('ca_owned_idx', ARRAY(SELECT v FROM ca_query LIMIT 100))$$);
SELECT ca_error($$SELECT vector_quant_calibrate('ca_owned_idx', ARRAY(SELECT v FROM ca_owned LIMIT 100))$$);
RESET ROLE;
BEGIN READ ONLY;
SELECT ca_error($$SELECT vector_quant_calibrate('ca_idx', ARRAY(SELECT v FROM ca_query LIMIT 100))$$);
SELECT ca_error($$SELECT recall > 0 FROM vector_quant_recall('ca_idx', ARRAY(SELECT v FROM ca_query LIMIT 100))$$);
COMMIT;
\pset format aligned
\pset tuples_only off
SELECT calibrated, calibration_queries FROM vector_quant_index_stats('ca_idx');
-- few queries, and an index that does not look at targets
SET client_min_messages = notice;
SELECT sampled FROM vector_quant_calibrate('ca_idx', ARRAY(SELECT v FROM ca_query LIMIT 20));
ALTER INDEX ca_idx SET (nprobe = 3);
SELECT recall = recall_before AS same FROM vector_quant_calibrate('ca_idx', ARRAY(SELECT v FROM ca_query LIMIT 100));
SET client_min_messages = warning;
DROP TABLE ca, ca_query, ca_empty, ca_owned;
DROP ROLE regress_ca_other;
DROP DOMAIN ca_embedding;
DROP FUNCTION ca_uniform, ca_row, ca_noise, ca_at, ca_found, ca_check, ca_error;

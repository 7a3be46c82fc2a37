-- Recall and the number of rows compared exactly stay the same whatever the unit of the numbers is, and wherever the rows lie
-- as far as floats can tell them apart.
SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET vector_quant.target_recall = 0.95;

-- Rows about 60 places in 24 dimensions. Queries are not in the table.
CREATE FUNCTION sc_uniform(i int, seed int) RETURNS float8 LANGUAGE sql IMMUTABLE
    AS 'SELECT (hashint8extended(i, seed) & 1048575) / 1048576.0 - 0.5';
CREATE FUNCTION sc_row(i int) RETURNS float8[] LANGUAGE sql IMMUTABLE
    AS 'SELECT array_agg(2 * sc_uniform(d, 1000 + i % 60) + sc_uniform(d, 100000 + i) ORDER BY d) FROM generate_series(1, 24) d';
CREATE TABLE sc_base AS SELECT id, sc_row(id) AS v, id > 5000 AS query FROM generate_series(1, 5040) id;
CREATE FUNCTION sc_vector(v float8[], scale float8, shift float8, half float8) RETURNS vector LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg((scale * (x + shift + half))::real ORDER BY d)::vector(24) FROM unnest(v) WITH ORDINALITY u(x, d)';

-- Rows and queries times `scale`, after they were moved by `shift` along all axes, and every second of the places by `half`.
CREATE FUNCTION sc_fill(scale float8, shift float8 DEFAULT 0, half float8 DEFAULT 0) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN
    DROP TABLE IF EXISTS sc, sc_query;
    CREATE TABLE sc AS SELECT id, sc_vector(v, scale, shift, id % 2 * half)::vector(24) AS v FROM sc_base WHERE NOT query;
    CREATE TABLE sc_query AS SELECT id, sc_vector(v, scale, shift, id % 2 * half) AS v FROM sc_base WHERE query;
    ANALYZE sc;
END $$;

-- Of ten nearest rows by the operator's distances: mean recall, and rows compared exactly.
CREATE FUNCTION sc_measure(ops text, options text, OUT recall float8, OUT reranked float8) LANGUAGE plpgsql AS
$$ DECLARE
    nearest text := format('SELECT v %s $1 AS d FROM sc ORDER BY 1 LIMIT 10', CASE ops WHEN 'l2' THEN '<->' WHEN 'ip' THEN '<#>' ELSE '<=>' END);
    q record; farthest float8; found int; found_all int := 0; looked_at int := 0;
BEGIN
    EXECUTE format('CREATE INDEX sc_idx ON sc USING @AM@ (v vector_%s_ops) WITH (%s)', ops, options);
    FOR q IN SELECT v FROM sc_query LOOP
        SET LOCAL enable_indexscan = off;
        SET LOCAL enable_seqscan = on;
        EXECUTE format('SELECT max(d) FROM (%s) s', nearest) USING q.v INTO farthest;
        SET LOCAL enable_indexscan = on;
        SET LOCAL enable_seqscan = off;
        EXECUTE format('SELECT count(*) FROM (%s) s WHERE d <= $2', nearest) USING q.v, farthest INTO found;
        found_all := found_all + found;
        looked_at := looked_at + (SELECT s.reranked FROM vector_quant_last_scan() s);
    END LOOP;
    DROP INDEX sc_idx;
    recall := found_all / 400.0;
    reranked := looked_at / 40.0;
END $$;

CREATE TABLE sc_result (ops text, options text, scale float8, shift float8, half float8, recall float8, reranked float8);
CREATE FUNCTION sc_run(metrics text[], scale float8, shift float8 DEFAULT 0, half float8 DEFAULT 0) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN
    PERFORM sc_fill(scale, shift, half);
    INSERT INTO sc_result SELECT ops, options, scale, shift, half, m.recall, m.reranked
        FROM unnest(metrics) ops, unnest('{refine = off,"refine = on, refine_type = SQ8"}'::text[]) options, sc_measure(ops, options) m;
END $$;
SELECT count(sc_run('{l2,ip,cosine}', scale)) FROM unnest('{1,1e-18,1e-9,1e9,1e18}'::float8[]) scale;
-- The inner product orders shifted rows in another way.
SELECT count(sc_run('{l2,cosine}', 1, 30));
SELECT count(sc_run('{l2}', 1, shift)) FROM unnest('{-1000,10000}'::float8[]) shift;
SELECT count(sc_run('{l2}', 1e-18, 1000));
-- Two halves of the places, 1,470 apart, a thousand times as far as rows are from each other.
SELECT count(sc_run('{l2}', 1, 0, 300));
-- Half of the places about in one direction, twenty times as close together as the others by their angles.
SELECT count(sc_run('{cosine}', 1, 0, 20));

-- What differs from the rows as they are: by more than what rounding in floats makes of k-means.
SELECT r.ops, r.options, r.scale, r.shift, r.recall, plain.recall, r.reranked, plain.reranked
FROM sc_result r JOIN sc_result plain USING (ops, options)
WHERE plain.scale = 1 AND plain.shift = 0 AND plain.half = 0 AND r.half = 0
    AND (r.recall < plain.recall - 0.03 OR r.recall < 0.93 OR r.reranked NOT BETWEEN plain.reranked * 0.7 - 5 AND plain.reranked * 1.3 + 5);
-- Refine codes leave few rows to be compared, under cosine too, whose rows are not of unit length.
SELECT ops, options, scale, shift, reranked FROM sc_result WHERE options LIKE '%SQ8%' AND half = 0 AND reranked > 15;
-- In a narrow part of the space a code is coarse, but far from as coarse as the space is wide.
SELECT ops, options, recall, reranked FROM sc_result
WHERE half > 0 AND (recall < 0.95 OR reranked > CASE ops WHEN 'l2' THEN 350 ELSE 100 END);
SELECT count(*), count(DISTINCT ops) FROM sc_result;

DROP TABLE sc, sc_query, sc_base, sc_result;
DROP FUNCTION sc_run(text[], float8, float8, float8), sc_measure(text, text), sc_fill(float8, float8, float8),
    sc_vector(float8[], float8, float8, float8), sc_row(int), sc_uniform(int, int);

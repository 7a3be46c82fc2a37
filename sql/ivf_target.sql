-- vector_quant.target_recall: a share of the nearest rows instead of a number of lists.
SET client_min_messages = warning;
SET jit = off;
SET enable_seqscan = off;
SET max_parallel_workers_per_gather = 0;

-- bounds
LOAD 'vector_quant';
SHOW vector_quant.target_recall;
SET vector_quant.target_recall = 1;
SET vector_quant.target_recall = 0;
\set VERBOSITY sqlstate
SET vector_quant.target_recall = -0.1;
SET vector_quant.target_recall = 1.1;
SET vector_quant.target_recall = 'NaN';
SET vector_quant.target_recall = 'most';
\set VERBOSITY default
SET vector_quant.target_recall = 1.1;

-- Rows about 60 places whose neighbourhoods differ: some are alone, others lie among many. Queries are not in the table.
CREATE FUNCTION ta_uniform(i int, seed int) RETURNS float8 LANGUAGE sql IMMUTABLE
    AS 'SELECT (hashint8extended(i, seed) & 1048575) / 1048576.0 - 0.5';
CREATE FUNCTION ta_row(i int) RETURNS vector LANGUAGE sql IMMUTABLE
    AS 'SELECT array_agg((ta_uniform(d, 1000 + i % 60) * 0.5 * (1 + i % 60 % 4) + ta_uniform(d, 100000 + i))::real
                         ORDER BY d)::vector FROM generate_series(1, 24) d';
CREATE TABLE ta (id int PRIMARY KEY, v vector(24));
INSERT INTO ta SELECT i, ta_row(i) FROM generate_series(1, 6000) i;
CREATE TABLE ta_query AS SELECT n, ta_row(1000000 + 7 * n) AS v FROM generate_series(1, 80) n;
CREATE INDEX ta_idx ON ta USING @AM@ (v);
ANALYZE ta;
SELECT lists FROM vector_quant_index_stats('ta_idx');
SELECT vector_quant_index_check('ta_idx');

-- What a query finds and costs at a target.
SET enable_seqscan = on;
SET enable_indexscan = off;
CREATE TABLE ta_truth AS SELECT n, ARRAY(SELECT id FROM ta ORDER BY ta.v <-> q.v LIMIT 10) AS ids FROM ta_query q;
SET enable_indexscan = on;
SET enable_seqscan = off;
CREATE FUNCTION ta_find(query vector, OUT ids int[], OUT lists bigint, OUT codes bigint, OUT reranked bigint)
LANGUAGE plpgsql AS
$$ BEGIN
    ids := ARRAY(SELECT id FROM ta ORDER BY v <-> query LIMIT 10);
    SELECT s.lists, s.codes, s.reranked INTO lists, codes, reranked FROM vector_quant_last_scan() s;
END $$;
CREATE FUNCTION ta_at(target float8) RETURNS TABLE (n int, hits int, lists bigint, codes bigint, reranked bigint)
LANGUAGE plpgsql AS
$$ BEGIN
    PERFORM set_config('vector_quant.target_recall', target::text, false);
    RETURN QUERY SELECT q.n, cardinality(ARRAY(SELECT unnest(t.ids) INTERSECT SELECT unnest(f.ids))), f.lists, f.codes, f.reranked
        FROM ta_query q JOIN ta_truth t USING (n), LATERAL ta_find(q.v) f;
END $$;

-- off: as for a target of 0.985; nprobe_default is what that is on average
CREATE TEMP TABLE ta_shipped AS SELECT * FROM ta_at(0);
SELECT count(*) AS changed FROM ta_shipped s JOIN ta_at(0.985) t USING (n) WHERE s.lists <> t.lists;
SELECT abs(avg(a.lists) - max(nprobe_default)) < 0.5 * max(nprobe_default) AS about_default
FROM ta_shipped a, vector_quant_index_stats('ta_idx');
-- targets are reached
SELECT target, avg(hits) / 10 >= target - 0.01 AS reached
FROM unnest('{0.5,0.8,0.9,0.95,0.98,0.99}'::float8[]) target, ta_at(target) GROUP BY target ORDER BY target;
-- and not by looking at everything: fewer lists than the default takes, a different number for different queries
SELECT sum(a.lists) < (SELECT sum(lists) FROM ta_shipped) AS fewer, count(DISTINCT a.lists) > 2 AS differ, min(a.lists) >= 1 AS some
FROM ta_at(0.9) a;
-- a higher target never visits fewer lists of the same query
CREATE TABLE ta_monotone AS SELECT target, a.* FROM (SELECT 0.7 + 0.01 * i AS target FROM generate_series(0, 30) i) t, ta_at(target) a;
SELECT count(*) FILTER (WHERE lists < before) AS fewer, count(*) FILTER (WHERE lists > before) > 80 AS more
FROM (SELECT lists, lag(lists) OVER (PARTITION BY n ORDER BY target) AS before FROM ta_monotone) m;
SELECT target, count(*) FROM ta_monotone WHERE lists > 60 GROUP BY target;

-- a number of lists that the session sets wins; 0 is none, and one of the index gives way
SET @AM@.nprobe = 3;
SELECT DISTINCT lists FROM ta_at(0.99);
SET @AM@.nprobe = 0;
CREATE TEMP TABLE ta_before AS SELECT * FROM ta_at(0.99);
SELECT count(DISTINCT lists) > 2 AS differ FROM ta_before;
RESET @AM@.nprobe;
ALTER INDEX ta_idx SET (nprobe = 3, epsilon = 0);
SELECT count(*) AS changed FROM (TABLE ta_before EXCEPT SELECT * FROM ta_at(0.99)) d;
SELECT DISTINCT lists FROM ta_at(0);
ALTER INDEX ta_idx RESET (nprobe, epsilon);
-- so does a width of the bound, without changing the lists
SET @AM@.epsilon = 0;
SELECT sum(b.lists) = sum(a.lists) AS lists, sum(b.reranked) > sum(a.reranked) AS narrower FROM ta_before b JOIN ta_at(0.99) a USING (n);
RESET @AM@.epsilon;

-- more rows than the lists hold: further lists, all rows once; or what the lists hold
SET vector_quant.target_recall = 0.8;
SET @AM@.iterative_scan = relaxed_order;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM ta ORDER BY v <-> (SELECT v FROM ta_query WHERE n = 1)) s;
-- strict order: none of them out of order, 95 % at least. Bounds hold with high probability, and the first rows go out before all
-- lists were visited: what is nearer and comes later is left out.
SET @AM@.iterative_scan = strict_order;
SELECT count(*) BETWEEN 5700 AND 6000 AS most, count(DISTINCT id) = count(*) AS once, bool_and(d >= before) AS ordered
    FROM (SELECT id, d, lag(d, 1, 0::float8) OVER () AS before
          FROM (SELECT id, v <-> (SELECT v FROM ta_query WHERE n = 1) AS d FROM ta
                ORDER BY v <-> (SELECT v FROM ta_query WHERE n = 1)) s) t;
SET @AM@.iterative_scan = off;
SELECT count(*) BETWEEN 10 AND 5000 AS some FROM (SELECT id FROM ta ORDER BY v <-> (SELECT v FROM ta_query WHERE n = 1)) s;
RESET @AM@.iterative_scan;
-- a filter that few rows pass
SET @AM@.iterative_scan = relaxed_order;
SELECT count(*) FROM (SELECT id FROM ta WHERE id % 500 = 0 ORDER BY v <-> (SELECT v FROM ta_query WHERE n = 1) LIMIT 10) s;
RESET @AM@.iterative_scan;
-- no distance to any row
SELECT count(*) FROM (SELECT id FROM ta ORDER BY v <-> NULL LIMIT 5) s;

-- cost grows with the target
CREATE FUNCTION ta_cost(target float8) RETURNS float8 LANGUAGE plpgsql AS
$$ DECLARE j json; BEGIN
    PERFORM set_config('vector_quant.target_recall', target::text, false);
    EXECUTE format('EXPLAIN (FORMAT json) SELECT id FROM ta ORDER BY v <-> %L LIMIT 10', (SELECT v FROM ta_query WHERE n = 1)) INTO j;
    RETURN j -> 0 -> 'Plan' ->> 'Total Cost';
END $$;
SELECT ta_cost(0.8) < ta_cost(0.95) AS more, ta_cost(0.95) < ta_cost(1) AS most, ta_cost(0.8) < ta_cost(0) AS less_than_default;

-- inner product and cosine
CREATE FUNCTION ta_metric(operator text, target float8) RETURNS boolean LANGUAGE plpgsql AS
$$ DECLARE hits float8 := 0; q record; exact int[]; found int[]; BEGIN
    PERFORM set_config('vector_quant.target_recall', target::text, false);
    FOR q IN SELECT v FROM ta_query LOOP
        SET LOCAL enable_seqscan = on;
        SET LOCAL enable_indexscan = off;
        EXECUTE format('SELECT ARRAY(SELECT id FROM ta ORDER BY v %s $1 LIMIT 10)', operator) INTO exact USING q.v;
        SET LOCAL enable_indexscan = on;
        SET LOCAL enable_seqscan = off;
        EXECUTE format('SELECT ARRAY(SELECT id FROM ta ORDER BY v %s $1 LIMIT 10)', operator) INTO found USING q.v;
        hits := hits + cardinality(ARRAY(SELECT unnest(exact) INTERSECT SELECT unnest(found)));
    END LOOP;
    RETURN hits / 800 >= target - 0.01 AND (SELECT lists < 60 FROM vector_quant_last_scan());
END $$;
DROP INDEX ta_idx;
CREATE INDEX ta_idx ON ta USING @AM@ (v vector_ip_ops);
SELECT ta_metric('<#>', 0.9), ta_metric('<#>', 0.98);
DROP INDEX ta_idx;
CREATE INDEX ta_idx ON ta USING @AM@ (v vector_cosine_ops) WITH (@VARIANT@);
SELECT ta_metric('<=>', 0.9), ta_metric('<=>', 0.98);
SET vector_quant.target_recall = 0.9;
SELECT count(*) FROM (SELECT id FROM ta ORDER BY v <=> array_fill(0, ARRAY[24])::vector LIMIT 5) s;

-- too few rows to measure anything on: every list; rows all alike; no rows at all
CREATE TABLE ta_few (id int, v vector(3));
INSERT INTO ta_few SELECT i, ARRAY[i, i % 7, i % 3]::vector FROM generate_series(1, 60) i;
CREATE INDEX ON ta_few USING @AM@ (v) WITH (nlist = 8);
SELECT count(*) FROM (SELECT id FROM ta_few ORDER BY v <-> '[20,3,1]' LIMIT 3) s;
SELECT lists FROM vector_quant_last_scan();
CREATE TABLE ta_same (id int, v vector(3));
INSERT INTO ta_same SELECT i, '[1,2,3]' FROM generate_series(1, 1000) i;
CREATE INDEX ON ta_same USING @AM@ (v) WITH (nlist = 8);
SELECT count(*) FROM (SELECT id FROM ta_same ORDER BY v <-> '[20,3,1]') s;
TRUNCATE ta_same;
SELECT count(*) FROM (SELECT id FROM ta_same ORDER BY v <-> '[20,3,1]') s;
INSERT INTO ta_same VALUES (1, '[1,2,3]'), (2, '[4,5,6]');
SELECT id FROM ta_same ORDER BY v <-> '[4,5,5]' LIMIT 1;
-- distances beyond float
CREATE TABLE ta_far (id int, v vector(3));
INSERT INTO ta_far SELECT i, ARRAY[i * 1e36, i % 7, i % 3]::vector FROM generate_series(1, 300) i;
CREATE INDEX ON ta_far USING @AM@ (v) WITH (nlist = 8);
SELECT id FROM ta_far ORDER BY v <-> '[20e36,3,1]' LIMIT 1;

RESET vector_quant.target_recall;
DROP TABLE ta, ta_query, ta_truth, ta_monotone, ta_few, ta_same, ta_far;
DROP FUNCTION ta_row, ta_uniform, ta_find, ta_at, ta_cost, ta_metric;

-- avg and sum of halfvecs, alone, in windows and in parallel.

CREATE TABLE t (g int, v halfvec);
INSERT INTO t VALUES (1, '[1,2,3]'), (1, '[3,5,7]'), (1, NULL), (2, '[10,20]'), (3, NULL);
SELECT g, avg(v), sum(v), count(v) FROM t GROUP BY g ORDER BY g;
SELECT avg(v), sum(v) FROM t WHERE false;
SELECT avg(v) FROM t;
SELECT sum(v) FROM t;
SELECT v, avg(v) OVER w, sum(v) OVER w FROM t WHERE g = 1 AND v IS NOT NULL WINDOW w AS (ORDER BY v);
DROP TABLE t;

-- the average is taken in double and rounded once; the sum is rounded at every step
SELECT avg(v) FROM unnest(ARRAY['[65504]'::halfvec, '[65504]']) v;
SELECT sum(v) FROM unnest(ARRAY['[65504]'::halfvec, '[65504]']) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY['[2048]'::halfvec, '[1]', '[1]', '[1]']) v;
SELECT vector_dims(avg(v)), vector_dims(sum(v))
FROM (SELECT array_fill(n, ARRAY[16000])::halfvec AS v FROM generate_series(1, 3) n) s;

-- in parallel; few enough rows differ from zero for the sum to be exact in any order, and the last query's workers
-- see no row
CREATE TABLE t (v halfvec(2)) WITH (parallel_workers = 2);
INSERT INTO t SELECT ARRAY[(n % 70 = 0)::int, 3 * (n % 700 = 0)::int] FROM generate_series(0, 6999) n;
ANALYZE t;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT avg(v), sum(v) FROM t;
SELECT avg(v), sum(v) FROM t;
SELECT avg(v), sum(v) FROM t WHERE v = '[9,9]';
DROP TABLE t;

-- the state functions check their input
SELECT halfvec_accum('{0}', '[1,2]'), halfvec_accum('{1,2,3}', '[1,2]');
SELECT halfvec_accum('{1,2}', '[1,2]');
SELECT halfvec_accum('{{0}}', '[1]');
SELECT halfvec_combine('{1,2}', '{3,4}'), halfvec_combine('{0}', '{3,4}'), halfvec_combine('{0}', '{0}');
SELECT halfvec_combine('{1,2}', '{3,4,5}');
SELECT halfvec_combine('{1,2}', '{3,NULL}');
SELECT halfvec_avg('{2,2,4,6}'), halfvec_avg('{0}');
SELECT halfvec_avg('{1}');
SELECT halfvec_avg('{2,NULL}');
SELECT halfvec_avg('{2,NaN}');
SELECT halfvec_avg('{2,131040}');
SELECT halfvec_avg('{2,131039}');
SELECT halfvec_avg('{2,1e300}');
SELECT halfvec_avg(array_agg(n)) FROM generate_series(1, 16002) n;

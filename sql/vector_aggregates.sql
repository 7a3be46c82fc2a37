-- avg and sum, alone, in windows and in parallel.

CREATE TABLE t (g int, v vector);
INSERT INTO t VALUES (1, '[1,2,3]'), (1, '[3,5,7]'), (1, NULL), (2, '[10,20]'), (3, NULL);
SELECT g, avg(v), sum(v), count(v) FROM t GROUP BY g ORDER BY g;
SELECT avg(v), sum(v) FROM t WHERE false;
SELECT avg(v) FROM t;
SELECT sum(v) FROM t;
SELECT v, avg(v) OVER w, sum(v) OVER w FROM t WHERE g = 1 AND v IS NOT NULL WINDOW w AS (ORDER BY v);
SELECT v, avg(v) OVER w FROM t WHERE g = 1 AND v IS NOT NULL
WINDOW w AS (ORDER BY v ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING);
DROP TABLE t;

-- the average is taken in double, the sum in float
SELECT avg(v) FROM unnest(ARRAY['[3e38]'::vector, '[3e38]']) v;
SELECT sum(v) FROM unnest(ARRAY['[3e38]'::vector, '[3e38]']) v;
SELECT vector_dims(avg(v)), vector_dims(sum(v))
FROM (SELECT array_fill(n, ARRAY[16000])::vector AS v FROM generate_series(1, 3) n) s;

-- in parallel; the last query's workers see no row
CREATE TABLE t (v vector(2)) WITH (parallel_workers = 2);
INSERT INTO t SELECT ARRAY[n % 7, n % 2] FROM generate_series(0, 6999) n;
ANALYZE t;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT avg(v), sum(v) FROM t;
SELECT avg(v), sum(v) FROM t;
SELECT avg(v), sum(v) FROM t WHERE v = '[9,9]';
DROP TABLE t;

-- the state functions check their input
SELECT vector_accum('{0}', '[1,2]'), vector_accum('{1,2,3}', '[1,2]'), vector_accum('{0,0,0}', '[1,2]');
SELECT vector_accum('{1,2}', '[1,2]');
SELECT vector_accum('{{0}}', '[1]');
SELECT vector_accum('{NULL}', '[1]');
SELECT vector_accum('{}', '[1]');
SELECT vector_accum('{1,1.7976931348623157e308}', '[3e38]') AS no_overflow_in_double;
SELECT vector_combine('{1,2}', '{3,4}'), vector_combine('{0}', '{3,4}'),
  vector_combine('{3,4}', '{0}'), vector_combine('{0}', '{0}');
SELECT vector_combine('{1,2}', '{3,4,5}');
SELECT vector_combine('{1,1.7e308}', '{1,1.7e308}');
SELECT vector_combine('{{1,2}}', '{3,4}');
SELECT vector_combine('{1,2}', '{3,NULL}');
SELECT vector_combine('{0}', '{}');
SELECT vector_combine('{0}', (SELECT array_agg(n) FROM generate_series(1, 16002) n));
SELECT vector_avg('{2,2,4,6}'), vector_avg('{0}'), vector_avg('{0,1}');
SELECT vector_avg('{1}');
SELECT vector_avg('{{1,2}}');
SELECT vector_avg('{2,NULL}');
SELECT vector_avg('{}');
SELECT vector_avg('{2,NaN}');
SELECT vector_avg('{2,1e300}');
SELECT vector_avg(array_agg(n)) FROM generate_series(1, 16002) n;

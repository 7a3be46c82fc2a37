-- Casts from and to arrays, and the cast that applies the type modifier.

SELECT '{1,-2,16777217}'::int[]::vector AS from_int, '{1.5,1e-45}'::real[]::vector AS from_real,
  '{0.1,1e-60}'::double precision[]::vector AS from_double,
  '{0.1,123456789.123}'::numeric[]::vector AS from_numeric;
SELECT ARRAY[1,2,3]::vector(3), ARRAY[1.5,2]::vector, '[3:5]={1,2,3}'::int[]::vector AS other_bounds;
SELECT (ARRAY[1.5,NULL,2.5]::double precision[])[1:1]::vector, array_remove(ARRAY[1,NULL,2], NULL)::vector;
SELECT vector_dims(array_agg(n)::vector) FROM generate_series(1, 16000) n;

SELECT '{1,2,3}'::real[]::vector(2);
SELECT array_to_vector('{1,2}'::int[], 3, true);
SELECT '{1,NULL}'::int[]::vector;
SELECT '{{1,2},{3,4}}'::numeric[]::vector;
SELECT '{}'::int[]::vector;
SELECT '{NaN}'::real[]::vector;
SELECT '{1,Infinity}'::double precision[]::vector;
SELECT '{1,-Infinity}'::real[]::vector;
SELECT '{4e38}'::double precision[]::vector;
SELECT '{4e38}'::numeric[]::vector;
SELECT '{1e-60}'::numeric[]::vector;
SELECT '{NaN}'::numeric[]::vector;
SELECT array_agg(n)::vector FROM generate_series(1, 16001) n;
SELECT '{a}'::text[]::vector;

-- vector to real[] is implicit
SELECT '[1,2.5]'::vector::real[], array_dims('[1,2,3]'::vector::real[]);
SELECT array_length('[1,2,3]'::vector::real[], 1), ARRAY[0.5::real] || '[1,2]'::vector::real[] AS joined;
CREATE TABLE t (a real[]);
INSERT INTO t VALUES ('[1,2.5]'::vector);
TABLE t;
DROP TABLE t;

-- arrays are assigned without a cast, and only assigned
CREATE TABLE t (v vector(3));
INSERT INTO t VALUES (ARRAY[1,2,3]), (ARRAY[1.5,2,3]), ('{4,5,6}'::real[]),
  (ARRAY[1.5,2,3]::double precision[]);
INSERT INTO t VALUES (ARRAY[1,2]);
INSERT INTO t VALUES (ARRAY['1','2']);
TABLE t;
-- (versions of PostgreSQL differ in the hint)
\set VERBOSITY terse
SELECT l1_distance('[1,2]'::vector, ARRAY[1,2]);
\set VERBOSITY default
DROP TABLE t;

-- ordinary arrays are not disturbed
SELECT ARRAY[1,2,3] = ARRAY[1,2,3] AS int_arrays, ARRAY[1.5] = ARRAY[1.5]::numeric[] AS numeric_arrays;

SELECT '[1,2]'::vector(2)::vector;
SELECT '[1,2]'::vector(2)::vector(3);
SELECT castsource::regtype, casttarget::regtype, castcontext FROM pg_cast
WHERE 'vector'::regtype IN (castsource, casttarget)
ORDER BY castsource::regtype::text, casttarget::regtype::text;

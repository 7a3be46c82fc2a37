-- Casts of halfvec from and to arrays and vector, and the cast that applies the type modifier.

SELECT '{1,-2,2049}'::int[]::halfvec AS from_int, '{1.5,6e-8,0.1}'::real[]::halfvec AS from_real,
  '{0.1,1e-60}'::double precision[]::halfvec AS from_double, '{0.1,12345.678}'::numeric[]::halfvec AS from_numeric;
SELECT ARRAY[1,2,3]::halfvec(3), '[3:5]={1,2,3}'::int[]::halfvec AS other_bounds;
SELECT '{65519,-65519}'::int[]::halfvec AS largest, '{65519.99}'::numeric[]::halfvec;

SELECT '{1,2,3}'::real[]::halfvec(2);
SELECT array_to_halfvec('{1,2}'::int[], 3, true);
SELECT '{1,NULL}'::int[]::halfvec;
SELECT '{{1,2},{3,4}}'::numeric[]::halfvec;
SELECT '{}'::int[]::halfvec;
SELECT '{NaN}'::real[]::halfvec;
SELECT '{1,-Infinity}'::real[]::halfvec;
SELECT '{65520}'::int[]::halfvec;
SELECT '{1,-65520.5}'::real[]::halfvec;
SELECT '{1e10}'::double precision[]::halfvec;
SELECT '{4e38}'::double precision[]::halfvec;
SELECT '{NaN,65520}'::numeric[]::halfvec;
SELECT array_agg(n % 100)::halfvec FROM generate_series(1, 16001) n;
SELECT '{a}'::text[]::halfvec;

-- vector to halfvec is implicit and rounds, back is an assignment and exact
SELECT '[0.1,2049,1e-8]'::vector::halfvec, '[0.1,65504]'::halfvec::vector, '[1,2.5]'::halfvec::real[];
SELECT '[1,65520]'::vector::halfvec;
SELECT '[1,-3e38]'::vector::halfvec;
SELECT '[1,2]'::vector::halfvec(3);
SELECT '[1,2]'::halfvec::vector(3);
SELECT count(*), bool_and(v::halfvec::real[] = v::halfvec::vector::real[]) AS exact,
  bool_and((SELECT bool_and(abs(x - y) <= abs(x) / 2048) FROM unnest(v::real[], v::halfvec::real[]) AS e (x, y))) AS near
FROM (SELECT array_agg(random() * 2000 - 1000)::vector AS v
  FROM generate_series(1, 70) n, generate_series(1, n) GROUP BY n) s;

CREATE TABLE t (h halfvec(2), v vector(2), a real[]);
INSERT INTO t (h) VALUES (ARRAY[1,2]), (ARRAY[1.5,2]), ('{4,5}'::real[]), ('[0.1,3]'::vector);
UPDATE t SET v = h, a = h;
INSERT INTO t (h) VALUES ('[1,2,3]'::vector);
INSERT INTO t (v) VALUES ('[1]'::halfvec);
TABLE t;
SELECT count(*) FROM t WHERE v = h;
-- (versions of PostgreSQL differ in the hint)
\set VERBOSITY terse
SELECT array_length('[1,2]'::halfvec, 1);
\set VERBOSITY default
DROP TABLE t;

SELECT '[1,2]'::halfvec(2)::halfvec, '[1,2]'::halfvec(2)::halfvec(2);
SELECT '[1,2]'::halfvec(2)::halfvec(3);
SELECT castsource::regtype, casttarget::regtype, castcontext FROM pg_cast
WHERE 'halfvec'::regtype IN (castsource, casttarget)
ORDER BY castsource::regtype::text, casttarget::regtype::text;

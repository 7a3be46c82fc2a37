-- Functions of one and two halfvecs. What they share with those of vector is tested there.

SET extra_float_digits = 0; -- 15 digits: the last bits of a square root are not the subject

SELECT l2_distance(a, b), halfvec_l2_squared_distance(a, b) AS squared, inner_product(a, b) AS ip,
  halfvec_negative_inner_product(a, b) AS negative_ip, l1_distance(a, b) AS l1
FROM (VALUES
  ('[0,0]'::halfvec, '[3,4]'::halfvec),
  ('[1,1,1,1,1,1,1,1,1]', '[1,2,3,4,5,6,7,8,9]'),
  (array_fill(1, ARRAY[33])::halfvec, array_fill(3, ARRAY[33])::halfvec),
  (array_fill(1, ARRAY[16000])::halfvec, array_fill(-1, ARRAY[16000])::halfvec),
  ('[65504]', '[-65504]'),
  ('[6e-8]', '[1.2e-7]')
) AS pair (a, b);
SELECT cosine_distance(a, b) FROM (VALUES
  ('[1,2]'::halfvec, '[2,4]'::halfvec), ('[1,0]', '[0,2]'), ('[1,1]', '[-1,-1]'), ('[65504]', '[65504]'),
  ('[1,2]', '[0,0]'), ('[0]', '[0]')
) AS pair (a, b);
SELECT halfvec_spherical_distance('[1,0]', '[0,1]') AS quarter, halfvec_spherical_distance('[1,0]', '[-1,0]') AS half,
  halfvec_spherical_distance('[3,0]', '[2,0]') AS beyond_unit;

-- a distance is that of the same values as vectors, to the last bit, at every length
SELECT setseed(0.5);
CREATE TABLE t AS
  SELECT n, array_agg(random() - 0.5)::halfvec AS a, array_agg(random() * 8 - 4)::halfvec AS b
  FROM unnest(ARRAY[1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 384, 768, 1000, 4099, 16000]) n,
    generate_series(1, n) GROUP BY n;
SELECT count(*),
  bool_and(l2_distance(a, b) = l2_distance(va, vb)) AS l2,
  bool_and(halfvec_l2_squared_distance(a, b) = vector_l2_squared_distance(va, vb)) AS squared,
  bool_and(inner_product(a, b) = inner_product(va, vb)) AS ip,
  bool_and(halfvec_negative_inner_product(a, b) = vector_negative_inner_product(va, vb)) AS negative_ip,
  bool_and(cosine_distance(a, b) = cosine_distance(va, vb)) AS cosine,
  bool_and(l1_distance(a, b) = l1_distance(va, vb)) AS l1,
  bool_and(l2_norm(a) = vector_norm(va)) AS norm,
  bool_and(binary_quantize(a) = binary_quantize(va)) AS quantized,
  bool_and(l2_normalize(a) = l2_normalize(va)::halfvec) AS normalized
FROM (SELECT a, b, a::vector AS va, b::vector AS vb FROM t) s;
-- and near the sum in double
SELECT n FROM t, LATERAL (
  SELECT sum(x * y) AS ip, sum(abs(x * y)) AS size, sqrt(sum((x - y) ^ 2)) AS l2
  FROM unnest(a::real[]::float8[], b::real[]::float8[]) AS e (x, y)) exact
WHERE abs(inner_product(a, b) - ip) > n * 2.0 ^ -22 * size OR abs(l2_distance(a, b) - l2) > n * 2.0 ^ -22 * l2;
DROP TABLE t;

-- different dimensions
SELECT l2_distance('[1,2]'::halfvec, '[3]');
SELECT halfvec_l2_squared_distance('[1,2]', '[3]');
SELECT inner_product('[1,2]'::halfvec, '[3]');
SELECT halfvec_negative_inner_product('[1,2]', '[3]');
SELECT cosine_distance('[1,2]'::halfvec, '[3]');
SELECT halfvec_spherical_distance('[1,2]', '[3]');
SELECT l1_distance('[1,2]'::halfvec, '[3]');
SELECT l2_distance('[1]'::halfvec, NULL) IS NULL AND cosine_distance(NULL, '[1]'::halfvec) IS NULL AS all_null;

SELECT l2_norm('[3,4]'::halfvec), l2_norm('[65504,65504]'::halfvec) AS large, l2_norm('[6e-8]'::halfvec)::real AS small;
SELECT l2_normalize(v) FROM unnest(ARRAY[
  '[3,4]'::halfvec, '[0,0.1]', '[0,0]', '[-5]', '[65504,65504]', '[6e-8,6e-8]', '[1,2,3,4,5]'
]) AS v;
SELECT vector_dims('[1,2,3]'::halfvec), binary_quantize('[1,0,-1,-0,6e-8,-6e-8,1,1,1]'::halfvec);

SELECT start, count, subvector('[1,2,3,4,5]'::halfvec, start, count) FROM (VALUES
  (1, 3), (5, 1), (-1, 3), (3, 9), (3, 2147483647), (-2147483643, 2147483647)
) AS part (start, count);
SELECT subvector('[1,2,3]'::halfvec, 1, 0);
SELECT subvector('[1,2,3]'::halfvec, -1, 2);
SELECT subvector('[1,2,3]'::halfvec, 4, 1);

-- a call with untyped literals alone does not say which type is meant
-- (versions of PostgreSQL differ in the hint)
\set VERBOSITY terse
SELECT l2_normalize('[3,4]');
\set VERBOSITY default
-- mixed operands meet as halfvec
SELECT pg_typeof('[1]'::vector + '[1]'::halfvec), '[0.1]'::vector <-> '[0.1]'::halfvec AS both_rounded;

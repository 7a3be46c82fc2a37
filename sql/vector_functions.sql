-- Functions of one and two vectors.

SET extra_float_digits = 0; -- 15 digits: the last bits of a square root are not the subject

-- distances; 9 and 33 elements pass the widest kernels and leave a tail
SELECT l2_distance(a, b), vector_l2_squared_distance(a, b) AS squared, inner_product(a, b) AS ip,
  vector_negative_inner_product(a, b) AS negative_ip, l1_distance(a, b) AS l1
FROM (VALUES
  ('[0,0]'::vector, '[3,4]'::vector),
  ('[1,2]', '[3,4]'),
  ('[-1]', '[2]'),
  ('[1,1,1,1,1,1,1,1,1]', '[1,2,3,4,5,6,7,8,9]'),
  (array_fill(1, ARRAY[33])::vector, array_fill(3, ARRAY[33])::vector),
  (array_fill(1, ARRAY[16000])::vector, array_fill(-1, ARRAY[16000])::vector),
  ('[3e38]', '[-3e38]'),
  ('[1e-30]', '[3e-30]')
) AS pair (a, b);

-- cosine: clamped to 0..2; NaN for a zero vector and for a norm beyond float
SELECT cosine_distance(a, b) FROM (VALUES
  ('[1,2]'::vector, '[2,4]'::vector), ('[1,1]', '[1,1]'), ('[1,0]', '[0,2]'), ('[1,1]', '[-1,-1]'),
  ('[1,1]', '[1.1,1.1]'), ('[1,1]', '[-1.1,-1.1]'), ('[1,2,3,4,5,6,7,8,9]', '[-1,-2,-3,-4,-5,-6,-7,-8,-9]'),
  ('[1,2]', '[0,0]'), ('[0]', '[0]'), ('[3e38]', '[3e38]')
) AS pair (a, b);
SELECT vector_spherical_distance('[1,0]', '[0,1]') AS quarter,
  vector_spherical_distance('[1,0]', '[-1,0]') AS half,
  vector_spherical_distance('[3,0]', '[2,0]') AS beyond_unit;

-- different dimensions
SELECT l2_distance('[1,2]'::vector, '[3]');
SELECT vector_l2_squared_distance('[1,2]', '[3]');
SELECT inner_product('[1,2]'::vector, '[3]');
SELECT vector_negative_inner_product('[1,2]', '[3]');
SELECT cosine_distance('[1,2]'::vector, '[3]');
SELECT vector_spherical_distance('[1,2]', '[3]');
SELECT l1_distance('[1,2]'::vector, '[3]');

-- NULL in, NULL out
SELECT l2_distance('[1]'::vector, NULL) IS NULL AND cosine_distance(NULL, '[1]'::vector) IS NULL AS all_null;

-- norm in double: neither overflows nor vanishes
SELECT vector_norm('[3,4]'), vector_norm('[0,0]'), vector_norm('[-2]'), vector_norm('[1,2,3,4,5,6,7,8,9]'),
  vector_norm('[1.5e38,2e38]')::real AS large, vector_norm('[1e-45]')::real AS small;
SELECT l2_normalize(v) FROM unnest(ARRAY[
  '[3,4]'::vector, '[0,0.1]', '[0,0]', '[-5]', '[3e38]', '[1e-45,1e-45]', '[1,2,3,4,5]'
]) AS v;

SELECT vector_dims('[1,2,3]'::vector);

SELECT binary_quantize(v), length(binary_quantize(v)) FROM unnest(ARRAY[
  '[1,0,-1]'::vector, '[-0,1e-45,-1e-45]', '[1,1,1,1,1,1,1,1]',
  '[1,2,3,-4,5,6,-7,8,1,-2,-3,4,5,-6,7,8,-1,2,3]'
]) AS v;

-- subvector: positions count from 1, the part that exists is returned
SELECT start, count, subvector('[1,2,3,4,5]'::vector, start, count) FROM (VALUES
  (1, 3), (3, 2), (5, 1), (-1, 3), (0, 2), (3, 9), (3, 2147483647), (-2147483643, 2147483647), (1, 5)
) AS part (start, count);
SELECT subvector('[1,2,3]'::vector, 1, 0);
SELECT subvector('[1,2,3]'::vector, 1, -1);
SELECT subvector('[1,2,3]'::vector, -1, 2);
SELECT subvector('[1,2,3]'::vector, 4, 1);
SELECT subvector('[1,2,3]'::vector, 2147483647, 2147483647);
SELECT subvector('[1,2,3]'::vector, -2147483648, 2147483647);

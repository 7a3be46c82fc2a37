-- Distances of bit strings, and what binary_quantize makes of vectors.
SELECT a, b, hamming_distance(a, b), a <~> b AS hamming, b <~> a AS back, jaccard_distance(a, b), a <%> b AS jaccard, b <%> a AS back
FROM (VALUES (B'111', B'111'), (B'111', B'000'), (B'1111', B'1110'), (B'1100', B'1000'), (B'', B''), (B'00000000', B'00000000'),
    (B'10101010101010101010', B'01010101010101010101')) AS t (a, b);
-- around words of 64 bits
SELECT n, repeat('1', n)::varbit <~> repeat('0', n)::varbit AS all_differ, repeat('10', n)::varbit <~> repeat('11', n)::varbit AS half,
    repeat('10', n)::varbit <%> repeat('11', n)::varbit AS half_common
FROM unnest(ARRAY[1, 7, 8, 31, 32, 33, 63, 64, 65, 1000]) n;
-- stored long, compressed or not
CREATE TABLE bit_strings (b bit(20000));
INSERT INTO bit_strings VALUES (repeat('01', 10000)::bit(20000)), (repeat('0', 20000)::bit(20000));
SELECT x.b <~> y.b AS hamming, x.b <%> y.b AS jaccard FROM bit_strings x, bit_strings y ORDER BY 1, 2;
DROP TABLE bit_strings;
-- of vectors: the nearest by signs, then by distance
CREATE TABLE signs (id int, v vector(8));
INSERT INTO signs SELECT i, (SELECT array_agg(sin(i * d)) FROM generate_series(1, 8) d)::vector FROM generate_series(1, 200) i;
SELECT id FROM (SELECT id, v FROM signs ORDER BY binary_quantize(v)::bit(8) <~> binary_quantize((SELECT v FROM signs WHERE id = 7))::bit(8), id LIMIT 20) near
    ORDER BY v <=> (SELECT v FROM signs WHERE id = 7) LIMIT 1;
SELECT binary_quantize('[1,-1,1]'::vector) <~> binary_quantize('[1,1,-1]'::halfvec) AS hamming;
DROP TABLE signs;
-- NULL, and different lengths
SELECT hamming_distance(NULL, B'1') IS NULL AND B'1' <%> NULL IS NULL AS is_null;
SELECT hamming_distance('111', '00');
SELECT hamming_distance('111', '000'::varbit(4));
SELECT jaccard_distance('1111', '00000'::varbit(5));
\set VERBOSITY sqlstate
SELECT B'1' <%> B'10';

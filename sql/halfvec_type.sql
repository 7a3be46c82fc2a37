-- halfvec: text and binary form, type modifier, bounds, rounding. Errors are shown as SQLSTATE, message and detail.

CREATE FUNCTION error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
BEGIN
  EXECUTE statement;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN SQLSTATE || ' ' || left(SQLERRM, 80) || coalesce(' | ' || nullif(detail, ''), '');
END
$$;

-- what is accepted; rounded to nearest even, below half of 2^-24 to zero, up to just below 65520 to 65504
SELECT to_json(input) AS input, input::halfvec AS value FROM unnest(ARRAY[
  '[1,2,3]', E' [ 1,\t2 , -3 ] ', '[+1,1.,.5,0x1p3]', '[0.1,1.23456,3.14159]', '[2049,2051,4098,4102]',
  '[65504,-65504,65519.996,-65519.996]', '[-0,1e-8,-1e-8,1e-46]', '[6e-8,0x1p-24,0x1p-25,0x1.000002p-25,0x3p-25]',
  '[6.0975552e-05,6.1035156e-05]'
]) AS input;

-- what is refused
SELECT to_json(input) AS input, error_of(format('SELECT %L::halfvec', input)) FROM unnest(ARRAY[
  '', '1,2', '[', '[]', '[ ]', '[,]', '[1', '[1,]', '[1,,2]', '[1 2]', '[a]', '[1a]', '[[1]]', '[1]2', '[1,2]x',
  '[NaN]', '[-nan]', '[inf]', '[1,-Infinity]', '[65520]', '[1,-65520.5]', '[1e10]', '[4e38]', '[-1e400]',
  '[NaN,65520]', '[65520,NaN]'
]) AS input;

-- 1 to 16,000 dimensions
SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::halfvec);
SELECT error_of($$SELECT ('[' || repeat('1,', 16000) || '1]')::halfvec$$) AS dims_16001,
  error_of($$SELECT ('[' || repeat(',', 20000) || ']')::halfvec$$) AS only_commas;

-- type modifier
SELECT '[1,2,3]'::halfvec(3), format_type('halfvec'::regtype, 3), format_type('halfvec'::regtype, -1);
SELECT typmod, error_of('SELECT ''[1,2,3]''::halfvec(' || typmod || ')') FROM unnest(ARRAY[
  '2', '4', '0', '-1', '16000', '16001', '3,2', '''a'''
]) AS typmod;
CREATE TABLE t (any_dim halfvec, three halfvec(3));
INSERT INTO t VALUES ('[1]', '[1,2,3]'), ('[1,2]', NULL), (NULL, '[4,5,6]');
SELECT error_of($$INSERT INTO t (three) VALUES ('[1,2]')$$),
  error_of($$INSERT INTO t (three) SELECT any_dim FROM t$$),
  error_of($$ALTER TABLE t ALTER any_dim TYPE halfvec(2)$$);
SELECT '{"[1,2,3]",NULL}'::halfvec[], error_of($$SELECT '{"[1,2,3]"}'::halfvec(2)[]$$);
-- a column changes its type and back; values that a half can hold are kept
ALTER TABLE t ALTER three TYPE vector(3);
INSERT INTO t (three) VALUES ('[0.1,2,3]');
ALTER TABLE t ALTER three TYPE halfvec(3);
TABLE t;
DROP TABLE t;

-- layout: pgvector's, byte for byte
SELECT halfvec_send('[1,-2.5,65504,6e-8]');
SELECT pg_column_size('[1,2,3]'::halfvec) AS bytes, typlen, typalign, typstorage, typcategory
  FROM pg_type WHERE oid = 'halfvec'::regtype;

-- every finite half has the value that IEEE 754 gives it, and comes back from its own text
CREATE TABLE half AS
  SELECT h, CASE WHEN h >= 32768 THEN -1 ELSE 1 END * CASE WHEN h / 1024 % 32 = 0 THEN h % 1024 * 2.0::float8 ^ -24
    ELSE (1024 + h % 1024) * 2.0::float8 ^ (h / 1024 % 32 - 25) END AS value
  FROM generate_series(0, 65535) h WHERE h / 1024 % 32 < 31;
SELECT count(*), bool_and(cast_back = value) AS same_value, bool_and(bits = h) AS same_bits,
  bool_and(text_back = v) AS same_text
FROM half, LATERAL (SELECT ARRAY[value]::halfvec AS v) s,
  LATERAL (SELECT (v::real[])[1]::float8 AS cast_back, v::text::halfvec AS text_back,
    get_byte(halfvec_send(v), 4) * 256 + get_byte(halfvec_send(v), 5) AS bits) b
WHERE h <> 32768; -- no -0 from an array
-- between two neighbours: to the nearer, from the middle to the even one
SELECT count(*), bool_and((ARRAY[(value + next) / 2]::halfvec::real[])[1] = CASE WHEN h % 2 = 0 THEN value ELSE next END) AS middle,
  bool_and((ARRAY[value * 0.501 + next * 0.499]::halfvec::real[])[1] = value) AS lower,
  bool_and((ARRAY[value * 0.499 + next * 0.501]::halfvec::real[])[1] = next) AS upper
FROM (SELECT h, value, lead(value) OVER (ORDER BY h) AS next FROM half WHERE h < 31744) s WHERE next IS NOT NULL;
DROP TABLE half;

-- 16,000 dimensions are kept out of line, uncompressed, in half the space, and come back
CREATE TABLE t (v halfvec(16000));
INSERT INTO t SELECT array_agg(i % 2048)::halfvec FROM generate_series(1, 16000) i;
SELECT pg_column_size(v), vector_dims(v), subvector(v, 15999, 9), v = v::real[]::halfvec AS equal FROM t;
DROP TABLE t;

DROP FUNCTION error_of;

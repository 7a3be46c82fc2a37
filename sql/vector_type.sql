-- Text and binary form, type modifier, bounds. Errors are shown as SQLSTATE, message and detail.

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

-- what is accepted: white space, signs, exponents, hexadecimal, underflow to zero, the smallest and the largest
SELECT to_json(input) AS input, input::vector AS value FROM unnest(ARRAY[
  '[1,2,3]', E' [ 1,\t2 , -3 ] ', E'[\x0b1\f,\n2\r]', '[+1,1.,.5,0x1p3]', '[-0,1e-45,1e-46]', '[1e-400]',
  '[3.4028235e38,-3.4028235e38]', '[1.23456789,16777217,0.1,1e9,1e10,1e-5]'
]) AS input;

-- what is refused
SELECT to_json(input) AS input, error_of(format('SELECT %L::vector', input)) FROM unnest(ARRAY[
  '', ' ', '1,2', '{1}', '[', '[ ', '[]', '[ ]', '[,', '[,]', '[1', '[1,', '[1,]', '[1,,2]', '[1, ,2]',
  '[1 2]', '[1;2]', '[a]', '[1a]', '[[1]]', '[1]2', '[1]]', '[1],', '[1,2]x', '[1_000]',
  E'[\x011]', '[NaN]', '[-nan]', '[nan(1)]', '[inf]', '[1,-Infinity]', '[4e38]', '[1,-3.4028236e38]',
  '[1e400,2]'
]) AS input;

-- 1 to 16,000 dimensions
SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::vector);
SELECT error_of($$SELECT ('[' || repeat('1,', 16000) || '1]')::vector$$) AS dims_16001,
  error_of($$SELECT ('[' || repeat('1,', 16000) || 'x]')::vector$$) AS limit_comes_before_syntax,
  error_of($$SELECT ('[' || repeat(',', 20000) || ']')::vector$$) AS only_commas;

-- type modifier
SELECT '[1,2,3]'::vector(3), format_type('vector'::regtype, 3), format_type('vector'::regtype, -1);
SELECT typmod, error_of('SELECT ''[1,2,3]''::vector(' || typmod || ')') FROM unnest(ARRAY[
  '2', '4', '0', '-1', '16000', '16001', '3,2', '''a''', '99999999999'
]) AS typmod;
CREATE TABLE t (any_dim vector, three vector(3));
INSERT INTO t VALUES ('[1]', '[1,2,3]'), ('[1,2]', NULL), (NULL, '[4,5,6]');
SELECT error_of($$INSERT INTO t (three) VALUES ('[1,2]')$$),
  error_of($$INSERT INTO t (three) SELECT any_dim FROM t$$),
  error_of($$ALTER TABLE t ALTER any_dim TYPE vector(2)$$);
ALTER TABLE t ALTER three TYPE vector;
INSERT INTO t (three) VALUES ('[7]');
TABLE t;
SELECT '{"[1,2,3]","[4,5,6]",NULL}'::vector[], error_of($$SELECT '{"[1,2,3]"}'::vector(2)[]$$);
DROP TABLE t;

-- layout: pgvector's, byte for byte
SELECT vector_send('[1,-2.5]');
SELECT pg_column_size('[1,2,3]'::vector) AS bytes, typlen, typalign, typstorage, typcategory
  FROM pg_type WHERE oid = 'vector'::regtype;

-- 16,000 dimensions are kept out of line, uncompressed, and come back
CREATE TABLE t (v vector(16000));
INSERT INTO t SELECT array_agg(i)::vector FROM generate_series(1, 16000) i;
SELECT pg_column_size(v), vector_dims(v), subvector(v, 15999, 9), v = v::real[]::vector AS equal FROM t;
DROP TABLE t;

DROP FUNCTION error_of;

\echo Use "CREATE EXTENSION vector_quant" to load this file. \quit

-- Two types called vector in one database would be told apart by search_path alone, and drivers look the
-- type up by name.
DO $$
BEGIN
  IF EXISTS (
    SELECT FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'vector'
    UNION ALL
    SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) t.typinput
    WHERE t.typname OPERATOR(pg_catalog.=) 'vector' AND p.proname OPERATOR(pg_catalog.=) 'vector_in'
  ) THEN
    RAISE EXCEPTION USING
      MESSAGE = 'extension "vector_quant" cannot be created beside pgvector''s type "vector"',
      ERRCODE = 'duplicate_object',
      DETAIL = 'This version of vector_quant brings its own type "vector".',
      HINT = 'Create vector_quant in a database without pgvector, or drop extension "vector" first.';
  END IF;
END
$$;

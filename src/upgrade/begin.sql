\echo Use "CREATE EXTENSION vector_quant" to load this file. \quit

-- An older library lacks functions that are created below: say so, rather than that a symbol is not found.
CREATE FUNCTION vector_quant_require_library() RETURNS void
  AS 'MODULE_PATHNAME', 'vq_require_library' LANGUAGE C;
SELECT vector_quant_require_library();
DROP FUNCTION vector_quant_require_library();

-- pgvector's types, where they are there, come before this extension in dumps and on other servers. ALTER EXTENSION UPDATE
-- forgets what an earlier script has recorded.
CREATE FUNCTION vector_quant_depend_on_pgvector() RETURNS void
  AS 'MODULE_PATHNAME', 'vq_depend_on_pgvector' LANGUAGE C;
SELECT vector_quant_depend_on_pgvector();
DROP FUNCTION vector_quant_depend_on_pgvector();

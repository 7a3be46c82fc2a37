-- Beside a type "vector" of nobody's extension ours is refused. (Beside pgvector: test/t/011_beside_pgvector.pl.)

\set SHOW_CONTEXT never
SET client_min_messages = warning;

BEGIN;
DROP EXTENSION vector_quant CASCADE;
CREATE SCHEMA elsewhere;
CREATE TYPE elsewhere.vector;
CREATE FUNCTION elsewhere.vector_in(cstring) RETURNS elsewhere.vector
  AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION elsewhere.vector_out(elsewhere.vector) RETURNS cstring
  AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE elsewhere.vector (INPUT = elsewhere.vector_in, OUTPUT = elsewhere.vector_out);
CREATE EXTENSION vector_quant;
ROLLBACK;

-- A table that only shares the name is no obstacle.
BEGIN;
DROP EXTENSION vector_quant CASCADE;
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.vector (x real, y real);
CREATE EXTENSION vector_quant;
SELECT '[1,2]'::vector;
ROLLBACK;

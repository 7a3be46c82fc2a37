
-- advice before there is an index

CREATE FUNCTION vector_quant_advise("table" regclass, "column" name, OUT create_index text, OUT bytes bigint, OUT build_seconds double precision,
    OUT reason text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'vq_advise' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000 ROWS 3;

COMMENT ON FUNCTION vector_quant_advise(regclass, name)
    IS 'indexes for a column of vectors, the best first, with expected size, about how long a build takes, and reasons';

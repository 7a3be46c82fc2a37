
-- functions about indexes

CREATE FUNCTION vector_quant_simd() RETURNS text
    AS 'MODULE_PATHNAME', 'vq_simd' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vector_quant_simd() IS 'instruction set in use for distances';

CREATE FUNCTION vector_quant_last_scan(OUT lists bigint, OUT codes bigint, OUT refined bigint, OUT reranked bigint,
    OUT returned bigint, OUT passes bigint) RETURNS record
    AS 'MODULE_PATHNAME', 'vq_last_scan' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vector_quant_last_scan() IS 'what the last index scan of this session did';


-- support functions of filter columns: 3, the key of a value, and 4, what can be read from keys

CREATE FUNCTION vector_quant_key(boolean) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_bool' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(smallint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_int2' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(integer) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_int4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_int8' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(real) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_float4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(double precision) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_float8' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(numeric) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_numeric' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(date) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_int4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(timestamp) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_int8' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(timestamptz) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_int8' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(uuid) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_uuid' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(anyenum) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_enum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(integer[]) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(bigint[]) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(text[]) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key(uuid[]) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_key_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_quant_key_exact(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vq_key_exact' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key_ordered(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vq_key_ordered' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key_hashed(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vq_key_hashed' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_key_signature(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vq_key_signature' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vector_quant_key(boolean) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(smallint) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(integer) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(bigint) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(real) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(double precision) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(numeric) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(date) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(timestamp) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(timestamptz) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(uuid) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(text) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(anyenum) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(integer[]) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(bigint[]) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(text[]) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key(uuid[]) IS 'filter key of a value';
COMMENT ON FUNCTION vector_quant_key_exact(internal) IS 'keys of a filter column: equal and in order as its values are';
COMMENT ON FUNCTION vector_quant_key_ordered(internal) IS 'keys of a filter column: in order, some values share one';
COMMENT ON FUNCTION vector_quant_key_hashed(internal) IS 'keys of a filter column: equal values have equal ones';
COMMENT ON FUNCTION vector_quant_key_signature(internal) IS 'keys of a filter column: a bit for each element of an array';

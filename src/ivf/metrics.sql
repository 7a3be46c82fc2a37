
-- metrics of the operator classes of all access methods

CREATE FUNCTION vector_quant_metric_l2(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vq_metric_l2' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_metric_ip(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vq_metric_ip' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_metric_cosine(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vq_metric_cosine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

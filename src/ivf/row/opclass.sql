
-- support functions of the operator classes of all access methods: the metric, and what values of the type hold

CREATE FUNCTION vector_quant_metric_l2(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vq_metric_l2' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_metric_ip(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vq_metric_ip' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_metric_cosine(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vq_metric_cosine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_element_vector(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vq_element_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_element_halfvec(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vq_element_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vector_quant_metric_l2(internal) IS 'metric of an operator class: Euclidean distance';
COMMENT ON FUNCTION vector_quant_metric_ip(internal) IS 'metric of an operator class: inner product';
COMMENT ON FUNCTION vector_quant_metric_cosine(internal) IS 'metric of an operator class: cosine distance';
COMMENT ON FUNCTION vector_quant_element_vector(internal) IS 'type of an operator class: vector';
COMMENT ON FUNCTION vector_quant_element_halfvec(internal) IS 'type of an operator class: halfvec';

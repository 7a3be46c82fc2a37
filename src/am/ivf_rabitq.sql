
-- ivf_rabitq: IVF lists with RaBitQ codes

CREATE FUNCTION vector_quant_metric_l2(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vq_metric_l2' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_metric_ip(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vq_metric_ip' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION vector_quant_metric_cosine(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vq_metric_cosine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION ivf_rabitq_handler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'vq_ivf_rabitq_handler' LANGUAGE C;

CREATE ACCESS METHOD ivf_rabitq TYPE INDEX HANDLER ivf_rabitq_handler;

COMMENT ON ACCESS METHOD ivf_rabitq IS 'IVF index with RaBitQ codes for vectors';

CREATE OPERATOR CLASS vector_l2_ops DEFAULT FOR TYPE vector USING ivf_rabitq AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 (vector, vector) vector_quant_metric_l2(internal);

CREATE OPERATOR CLASS vector_ip_ops FOR TYPE vector USING ivf_rabitq AS
    OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 (vector, vector) vector_quant_metric_ip(internal);

CREATE OPERATOR CLASS vector_cosine_ops FOR TYPE vector USING ivf_rabitq AS
    OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 (vector, vector) vector_quant_metric_cosine(internal);

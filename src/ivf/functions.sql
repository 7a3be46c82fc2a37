
-- functions about indexes

CREATE FUNCTION vector_quant_simd() RETURNS text
    AS 'MODULE_PATHNAME', 'vq_simd' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vector_quant_simd() IS 'instruction set in use for distances';

CREATE FUNCTION vector_quant_last_scan(OUT lists bigint, OUT codes bigint, OUT refined bigint, OUT reranked bigint,
    OUT returned bigint, OUT passes bigint, OUT sublists bigint,
    OUT sublist_rows bigint) RETURNS record
    AS 'MODULE_PATHNAME', 'vq_last_scan' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vector_quant_last_scan() IS 'what the last index scan of this session did';

CREATE FUNCTION vector_quant_index_check(index regclass, heapallindexed boolean DEFAULT false) RETURNS void
    AS 'MODULE_PATHNAME', 'vq_index_check' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vector_quant_index_check(regclass, boolean)
    IS 'read every page of an index and raise an error if it is damaged or, on request, lacks a row of its table';

CREATE FUNCTION vector_quant_index_stats(index regclass, OUT lists integer, OUT rows bigint,
    OUT rows_per_list_avg double precision, OUT rows_per_list_max bigint, OUT imbalance double precision,
    OUT open_rows bigint, OUT dead_rows bigint, OUT pages bigint, OUT fixed_pages bigint, OUT tile_pages bigint,
    OUT open_pages bigint, OUT fine_pages bigint, OUT free_pages bigint, OUT bytes bigint, OUT dims integer,
    OUT format_version integer, OUT trained boolean, OUT build_rows bigint, OUT nprobe_default integer,
    OUT residual_norm double precision, OUT error_scale real, OUT codes text,
    OUT sublist_layers integer, OUT sublist_share real, OUT sublist_pages bigint) RETURNS record
    AS 'MODULE_PATHNAME', 'vq_index_stats' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vector_quant_index_stats(regclass) IS 'lists, rows and pages of an index';

CREATE FUNCTION vector_quant_recall(index regclass, k integer DEFAULT 10, queries integer DEFAULT 100,
    OUT recall double precision, OUT low double precision, OUT high double precision, OUT sampled integer,
    OUT lists double precision, OUT codes double precision, OUT reranked double precision,
    OUT ms double precision) RETURNS record
    AS 'MODULE_PATHNAME', 'vq_recall' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 1000000;

COMMENT ON FUNCTION vector_quant_recall(regclass, integer, integer)
    IS 'share of the true k nearest rows that the index finds for rows of its table, with its 95 % confidence interval';


-- functions about indexes

CREATE FUNCTION vector_quant_simd() RETURNS text
    AS 'MODULE_PATHNAME', 'vq_simd' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vector_quant_simd() IS 'instruction set in use for distances';

CREATE FUNCTION vector_quant_last_scan(OUT lists bigint, OUT codes bigint, OUT refined bigint, OUT reranked bigint,
    OUT returned bigint, OUT passes bigint, OUT sublists bigint,
    OUT sublist_rows bigint, OUT dropped bigint, OUT swept bigint, OUT bound double precision,
    OUT filtered bigint) RETURNS record
    AS 'MODULE_PATHNAME', 'vq_last_scan' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vector_quant_last_scan() IS 'what the last index scan of this session did';

CREATE FUNCTION vector_quant_index_check(index regclass, heapallindexed boolean DEFAULT false) RETURNS void
    AS 'MODULE_PATHNAME', 'vq_index_check' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vector_quant_index_check(regclass, boolean)
    IS 'read every page of an index and raise an error if it is damaged or, on request, lacks a row of its table';

CREATE FUNCTION vector_quant_index_stats(index regclass, OUT lists integer, OUT rows bigint,
    OUT rows_per_list_avg double precision, OUT rows_per_list_max bigint, OUT imbalance double precision,
    OUT open_rows bigint, OUT open_share double precision, OUT dead_rows bigint, OUT dead_share double precision,
    OUT bytes bigint, OUT fixed_bytes bigint, OUT tile_bytes bigint, OUT open_bytes bigint, OUT fine_bytes bigint,
    OUT sublist_bytes bigint, OUT free_bytes bigint, OUT lost_bytes bigint, OUT dims integer, OUT format_version integer,
    OUT trained boolean, OUT build_rows bigint, OUT growth double precision, OUT residual_norm double precision,
    OUT drift double precision, OUT nprobe_default integer, OUT error_scale real, OUT codes text,
    OUT sublist_layers integer, OUT sublist_share real, OUT calibrated date, OUT calibration_queries integer,
    OUT advice text, OUT crowding double precision, OUT maintained timestamptz, OUT maintained_because text,
    OUT maintained_seconds double precision) RETURNS record
    AS 'MODULE_PATHNAME', 'vq_index_stats' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 100000;

COMMENT ON FUNCTION vector_quant_index_stats(regclass)
    IS 'lists, rows and bytes of an index, how far its rows have drifted since the build, and what to do about it';

CREATE FUNCTION vector_quant_recall(index regclass, k integer DEFAULT 10, queries integer DEFAULT 100,
    OUT recall double precision, OUT low double precision, OUT high double precision, OUT sampled integer,
    OUT lists double precision, OUT codes double precision, OUT reranked double precision,
    OUT ms double precision, OUT distinct_neighbours double precision) RETURNS record
    AS 'MODULE_PATHNAME', 'vq_recall' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 1000000;

COMMENT ON FUNCTION vector_quant_recall(regclass, integer, integer)
    IS 'share of the true k nearest rows, beside the row itself and its copies, that the index finds for rows of its table, with its 95 % confidence interval';

CREATE FUNCTION vector_quant_recall(index regclass, queries anyarray, k integer DEFAULT 10,
    OUT recall double precision, OUT low double precision, OUT high double precision, OUT sampled integer,
    OUT lists double precision, OUT codes double precision, OUT reranked double precision,
    OUT ms double precision, OUT distinct_neighbours double precision) RETURNS record
    AS 'MODULE_PATHNAME', 'vq_recall_of_queries' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 1000000;

COMMENT ON FUNCTION vector_quant_recall(regclass, anyarray, integer)
    IS 'share of the true k nearest rows that the index finds for these queries, with its 95 % confidence interval';

CREATE FUNCTION vector_quant_tune(index regclass, target_recall double precision DEFAULT 0.95, k integer DEFAULT 10,
    queries integer DEFAULT 100, OUT state text, OUT nprobe integer, OUT epsilon double precision,
    OUT recall double precision, OUT low double precision, OUT high double precision, OUT lists double precision,
    OUT codes double precision, OUT reranked double precision, OUT ms double precision,
    OUT distinct_neighbours double precision, OUT command text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'vq_tune' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000000 ROWS 7;

COMMENT ON FUNCTION vector_quant_tune(regclass, double precision, integer, integer)
    IS 'smallest settings of an index that reach a recall for rows of its table, with what they cost';

CREATE FUNCTION vector_quant_tune(index regclass, queries anyarray, target_recall double precision DEFAULT 0.95,
    k integer DEFAULT 10, OUT state text, OUT nprobe integer, OUT epsilon double precision,
    OUT recall double precision, OUT low double precision, OUT high double precision, OUT lists double precision,
    OUT codes double precision, OUT reranked double precision, OUT ms double precision,
    OUT distinct_neighbours double precision, OUT command text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'vq_tune_for_queries' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000000 ROWS 7;

COMMENT ON FUNCTION vector_quant_tune(regclass, anyarray, double precision, integer)
    IS 'smallest settings of an index that reach a recall for these queries, with what they cost';

CREATE FUNCTION vector_quant_calibrate(index regclass, queries anyarray, OUT sampled integer,
    OUT target_recall double precision, OUT recall_before double precision, OUT recall double precision,
    OUT codes_before double precision, OUT codes double precision) RETURNS record
    AS 'MODULE_PATHNAME', 'vq_calibrate' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000000;

COMMENT ON FUNCTION vector_quant_calibrate(regclass, anyarray)
    IS 'make the recall targets of an index about queries of this kind, instead of rows of its table';

CREATE FUNCTION vector_quant_maintain(index regclass, dry_run boolean DEFAULT false, OUT done boolean, OUT because text,
    OUT rows bigint, OUT lists_before integer, OUT lists integer, OUT seconds double precision) RETURNS record
    AS 'MODULE_PATHNAME', 'vq_maintain' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000000;

COMMENT ON FUNCTION vector_quant_maintain(regclass, boolean)
    IS 'train an index anew while it is in use, if its rows have outgrown it, as VACUUM does; with dry_run, say only whether';

CREATE FUNCTION vector_quant_prewarm(index regclass) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vq_prewarm' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 100000;

COMMENT ON FUNCTION vector_quant_prewarm(regclass)
    IS 'read an index into shared buffers; returns how many pages that are';

-- A function, not a view: tools that keep a schema as it is described (drizzle-kit push) drop views that they do not know.
CREATE FUNCTION vector_quant_indexes(OUT index regclass, OUT "table" regclass, OUT access_method name, OUT options text[], OUT bytes bigint,
    OUT valid boolean) RETURNS SETOF record LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10 AS $$
    SELECT c.oid::pg_catalog.regclass, x.indrelid::pg_catalog.regclass, a.amname, c.reloptions, pg_catalog.pg_relation_size(c.oid), x.indisvalid
    FROM pg_catalog.pg_extension e
    JOIN pg_catalog.pg_depend d ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
        AND d.refobjid OPERATOR(pg_catalog.=) e.oid AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_am'::pg_catalog.regclass
        AND d.deptype OPERATOR(pg_catalog.=) 'e'
    JOIN pg_catalog.pg_am a ON a.oid OPERATOR(pg_catalog.=) d.objid
    JOIN pg_catalog.pg_class c ON c.relam OPERATOR(pg_catalog.=) a.oid
    JOIN pg_catalog.pg_index x ON x.indexrelid OPERATOR(pg_catalog.=) c.oid
    WHERE e.extname OPERATOR(pg_catalog.=) 'vector_quant' AND c.relkind OPERATOR(pg_catalog.=) 'i'
        AND NOT pg_catalog.pg_is_other_temp_schema(c.relnamespace) -- those the functions can look into
$$;

COMMENT ON FUNCTION vector_quant_indexes() IS 'indexes of this extension''s access methods: those of partitions, not of partitioned tables';

-- When the planner takes the index, and what the catalogs say of it.
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE pl (id int PRIMARY KEY, k int, v vector(32));
ALTER TABLE pl SET (autovacuum_enabled = off);
INSERT INTO pl SELECT i, i, (SELECT array_agg(i * p % 1009) FROM generate_series(3, 65, 2) p)::vector
    FROM generate_series(1, 3000) i;
CREATE INDEX pl_idx ON pl USING @AM@ (v);
CREATE INDEX pl_k ON pl (k);
VACUUM ANALYZE pl;
\set q '''[9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9]'''

-- the nearest few
EXPLAIN (COSTS OFF) SELECT id FROM pl ORDER BY v <-> :q LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id, v <-> :q AS distance FROM pl ORDER BY distance LIMIT 10;
-- (versions of PostgreSQL differ in how they name a subquery and its value)
CREATE FUNCTION pl_plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS
$$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        RETURN NEXT replace(replace(replace(line, 'InitPlan expr_1', 'InitPlan 1'), '(InitPlan 1).col1', '$0'), ' (returns $0)', '');
    END LOOP;
END
$$;
SELECT pl_plan('SELECT id FROM pl ORDER BY v <-> (SELECT v FROM pl WHERE id = 7) LIMIT 10');
EXPLAIN (COSTS OFF) SELECT id FROM (SELECT * FROM pl ORDER BY v <-> :q LIMIT 10) s ORDER BY id;
-- no order by distance, no index
EXPLAIN (COSTS OFF) SELECT id FROM pl LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM pl WHERE v <-> :q < 100 LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM pl ORDER BY v <=> :q LIMIT 10;
-- all rows: reading the table and sorting is cheaper
EXPLAIN (COSTS OFF) SELECT id FROM pl ORDER BY v <-> :q;
-- a filter that most rows pass, one that few pass, and one that a btree answers at once
EXPLAIN (COSTS OFF) SELECT id FROM pl WHERE k > 100 ORDER BY v <-> :q LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM pl WHERE k BETWEEN 20 AND 24 ORDER BY v <-> :q LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM pl WHERE k = 20 ORDER BY v <-> :q LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM pl WHERE id = 20 ORDER BY v <-> :q LIMIT 10;
-- LIMIT unknown to the planner
PREPARE pl_p(vector, int) AS SELECT id FROM pl ORDER BY v <-> $1 LIMIT $2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE pl_p(:q, 10);
RESET plan_cache_mode;
-- per outer row
EXPLAIN (COSTS OFF) SELECT o.id, n.id FROM pl o, LATERAL (SELECT id FROM pl ORDER BY v <-> o.v LIMIT 5) n WHERE o.k < 5;
-- cost: grows with nprobe and with LIMIT
CREATE FUNCTION pl_cost(query text) RETURNS float8 LANGUAGE plpgsql AS
$$ DECLARE j json; BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO j;
    RETURN j -> 0 -> 'Plan' ->> 'Total Cost';
END $$;
SET enable_seqscan = off;
SELECT set_config('@AM@.nprobe', '1', false) AS nprobe, pl_cost(format('SELECT id FROM pl ORDER BY v <-> %L LIMIT 10', :q)) AS one \gset
SELECT set_config('@AM@.nprobe', '30', false) AS nprobe, pl_cost(format('SELECT id FROM pl ORDER BY v <-> %L LIMIT 10', :q)) AS all \gset
SELECT pl_cost(format('SELECT id FROM pl ORDER BY v <-> %L LIMIT 1000', :q)) AS more \gset
SELECT :one > 0 AS positive, :one < :all AS nprobe_costs, :all < :more AS limit_costs;
RESET enable_seqscan;
RESET @AM@.nprobe;
-- a filter that leaves few rows: the btree finds them sooner than distances do, unless that are many
CREATE TABLE pl_wide (id int, fifth int, fifteenth int, v vector(400)); -- four rows a page
INSERT INTO pl_wide SELECT i, i % 5, i % 15, (SELECT array_agg(i * p % 1009) FROM generate_series(3, 801, 2) p)::vector
    FROM generate_series(1, 4000) i;
CREATE INDEX ON pl_wide USING @AM@ (v) WITH (nlist = 20, nprobe = 4);
CREATE INDEX pl_wide_fifth ON pl_wide (fifth);
CREATE INDEX pl_wide_fifteenth ON pl_wide (fifteenth);
VACUUM ANALYZE pl_wide;
CREATE FUNCTION pl_uses(query text) RETURNS text LANGUAGE plpgsql AS
$$ DECLARE line text; BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'on pl_wide_(fifth|fifteenth)|using pl_wide' THEN RETURN substring(line FROM 'pl_wide_[a-z]+'); END IF;
    END LOOP;
    RETURN 'none';
END $$;
SELECT pl_uses(format('SELECT id FROM pl_wide WHERE %s ORDER BY v <-> (SELECT array_agg(7) FROM generate_series(1, 400))::vector LIMIT 10', filter)), filter
    FROM (VALUES ('id > 0'), ('id > 2000'), ('fifteenth = 3'), ('fifteenth = 3 AND id > 7')) f (filter);
DROP INDEX pl_wide_fifth, pl_wide_fifteenth;
-- without it, reading the table is sooner from fewer rows on only
SELECT pl_uses(format('SELECT id FROM pl_wide WHERE %s ORDER BY v <-> (SELECT array_agg(7) FROM generate_series(1, 400))::vector LIMIT 10', filter)), filter
    FROM (VALUES ('id > 2000'), ('fifteenth = 3'), ('id % 15 = 3')) f (filter);
DROP TABLE pl_wide;
DROP FUNCTION pl_uses;
-- the scan is counted
SELECT count(*) FROM (SELECT id FROM pl ORDER BY v <-> :q LIMIT 10) s;
SELECT returned, lists > 0 AS lists, codes > 0 AS codes, reranked >= 10 AS reranked, passes FROM vector_quant_last_scan();
-- switched off
SET enable_indexscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM pl ORDER BY v <-> :q LIMIT 10;
RESET enable_indexscan;
-- a small table is read whole
CREATE TABLE pl_small (id int, v vector(3));
INSERT INTO pl_small SELECT i, ARRAY[i, i, i]::vector FROM generate_series(1, 10) i;
CREATE INDEX ON pl_small USING @AM@ (v);
ANALYZE pl_small;
EXPLAIN (COSTS OFF) SELECT id FROM pl_small ORDER BY v <-> '[1,2,3]' LIMIT 5;

-- what it says of itself
SELECT p, pg_indexam_has_property(a.oid, p)
    FROM pg_am a, unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include']) p
    WHERE amname = '@AM@' ORDER BY 1;
SELECT p, pg_index_has_property('pl_idx', p)
    FROM unnest(ARRAY['clusterable', 'index_scan', 'bitmap_scan', 'backward_scan']) p ORDER BY 1;
SELECT p, pg_index_column_has_property('pl_idx', 1, p), pg_index_column_has_property('pl_idx', 2, p) AS no_column
    FROM unnest(ARRAY['asc', 'desc', 'nulls_first', 'nulls_last', 'orderable', 'distance_orderable', 'returnable',
                      'search_array', 'search_nulls']) p ORDER BY 1;
SELECT opcname, opcdefault, amvalidate(c.oid), f.opfname FROM pg_opclass c
    JOIN pg_am a ON a.oid = opcmethod JOIN pg_opfamily f ON f.oid = opcfamily
    WHERE amname = '@AM@' ORDER BY 1;
SELECT amopopr::regoperator, amoppurpose, amopstrategy FROM pg_amop
    JOIN pg_am a ON a.oid = amopmethod WHERE amname = '@AM@' ORDER BY amopopr::regoperator::text COLLATE "C";
SELECT count(*) AS unexplained FROM pg_am WHERE amname = '@AM@' AND obj_description(oid, 'pg_am') IS NULL;
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
    JOIN pg_extension e ON e.oid = d.refobjid AND extname = 'vector_quant'
    WHERE proname LIKE 'vector\_quant\_index%' AND obj_description(p.oid, 'pg_proc') IS NULL;
\pset format unaligned
SELECT pg_get_indexdef('pl_idx'::regclass);
ALTER INDEX pl_idx SET (nprobe = 5);
SELECT pg_get_indexdef('pl_idx'::regclass);
\pset format aligned

-- an operator class of one's own that does not hold together
CREATE OPERATOR CLASS pl_ops FOR TYPE vector USING @AM@ AS OPERATOR 1 <+> (vector, vector) FOR ORDER BY float_ops;
SELECT amvalidate(c.oid) FROM pg_opclass c WHERE opcname = 'pl_ops';
CREATE INDEX ON pl USING @AM@ (v pl_ops);
DROP OPERATOR FAMILY pl_ops USING @AM@;
CREATE OPERATOR CLASS pl_ops FOR TYPE vector USING @AM@ AS OPERATOR 2 <-> (vector, vector) FOR ORDER BY float_ops;
SELECT amvalidate(c.oid) FROM pg_opclass c WHERE opcname = 'pl_ops';
DROP OPERATOR FAMILY pl_ops USING @AM@;
CREATE OPERATOR CLASS pl_ops FOR TYPE vector USING @AM@ AS OPERATOR 1 = (vector, vector);
SELECT amvalidate(c.oid) FROM pg_opclass c WHERE opcname = 'pl_ops';
DROP OPERATOR FAMILY pl_ops USING @AM@;

-- progress: phases that PostgreSQL shows by name
CREATE FUNCTION pl_phase(vector) RETURNS vector IMMUTABLE LANGUAGE plpgsql AS
$$
DECLARE now text;
BEGIN
    PERFORM pg_stat_clear_snapshot();
    now := (SELECT phase FROM pg_stat_progress_create_index WHERE pid = pg_backend_pid());
    IF now IS DISTINCT FROM current_setting('pl.phase', true) THEN
        PERFORM set_config('pl.phase', now, true);
        RAISE WARNING '%', now;
    END IF;
    RETURN $1;
END
$$;
SELECT count(vector_quant_index_check(index, true)) > 0 AS sound FROM vector_quant_indexes() WHERE "table"::text ~ '^pl';
CREATE INDEX ON pl USING @AM@ ((pl_phase(v)::vector(32)));
DROP TABLE pl, pl_small;
DROP FUNCTION pl_cost, pl_phase, pl_plan;

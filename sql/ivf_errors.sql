-- What an index cannot do, and what the functions on indexes refuse.
SET client_min_messages = warning;
-- From 17 on an index is made under a search path without public, so messages name that schema.
CREATE FUNCTION er(statement text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE detail text; hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || replace(SQLERRM, 'public.', '') || coalesce(nullif(E'\nDETAIL: ' || detail, E'\nDETAIL: '), '')
        || coalesce(nullif(E'\nHINT: ' || hint, E'\nHINT: '), '');
END
$$;
\pset format unaligned
\pset tuples_only on
CREATE TABLE er_t (id int, v vector(3), w vector, r real[], n int);
INSERT INTO er_t VALUES (1, '[1,2,3]', '[1]', '{1}', 1);

-- columns and operator classes
SELECT er('CREATE INDEX ON er_t USING @AM@ (w)');
SELECT er('CREATE INDEX ON er_t USING @AM@ ((v || v))');
SELECT er('CREATE INDEX ON er_t USING @AM@ (r)');
SELECT er('CREATE INDEX ON er_t USING @AM@ (n)');
SELECT er('CREATE INDEX ON er_t USING @AM@ (v vector_l1_ops)');
SELECT er('CREATE INDEX ON er_t USING @AM@ (v vector_ops)');
SELECT er('CREATE INDEX ON er_t USING @AM@ (n vector_l2_ops)');
SELECT er('CREATE TABLE er_long (v vector(16001))');
SELECT er('CREATE UNIQUE INDEX ON er_t USING @AM@ (v)');
SELECT er('CREATE INDEX ON er_t USING @AM@ (v) INCLUDE (id)');
SELECT er('CREATE INDEX ON er_t USING @AM@ (n, v)');
SELECT er('CREATE INDEX ON er_t USING @AM@ (v, v)');
SELECT er('CREATE INDEX ON er_t USING @AM@ (v DESC)');
SELECT er('CREATE INDEX ON er_t USING @AM@ (v NULLS FIRST)');
SELECT er('CREATE INDEX ON er_t USING @AM@ (v COLLATE "C")');
SELECT er('ALTER TABLE er_t ADD EXCLUDE USING @AM@ (v WITH =)');
CREATE INDEX er_idx ON er_t USING @AM@ (v);
SELECT er('CLUSTER er_t USING er_idx');
SELECT er('ALTER TABLE er_t REPLICA IDENTITY USING INDEX er_idx');

-- what is not a vector of the column's dimensions gets in neither by type nor by array
SELECT er($$INSERT INTO er_t (v) VALUES ('[NaN,1,1]')$$);
SELECT er($$INSERT INTO er_t (v) VALUES ('[Infinity,1,1]')$$);
SELECT er($$INSERT INTO er_t (v) VALUES ('[-inf,1,1]')$$);
SELECT er($$INSERT INTO er_t (v) VALUES ('[1e39,1,1]')$$);
SELECT er($$INSERT INTO er_t (v) VALUES (ARRAY['NaN',1,1]::real[])$$);
SELECT er($$INSERT INTO er_t (v) VALUES ('[1,2]')$$);
SELECT er($$INSERT INTO er_t (v) VALUES ('[1,2,3,4]')$$);
SELECT er($$INSERT INTO er_t (v) VALUES (NULL)$$);
SELECT vector_quant_index_check('er_idx', true);

-- queries
SET enable_seqscan = off;
SET jit = off;
SELECT er($$SELECT * FROM er_t ORDER BY v <-> '[1,2]'$$);
SELECT er($$SELECT * FROM er_t ORDER BY v <-> '[1,2,3,4]'$$);
SELECT er($$SELECT * FROM er_t ORDER BY v <-> '[1,NaN,3]'$$);
SELECT er($$SELECT * FROM er_t ORDER BY v <-> v$$);
-- not served by the index, but answered
\pset format aligned
\pset tuples_only off
-- Not EXPLAIN itself: 18 marks what a setting disables.
CREATE FUNCTION er_plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS
$$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line !~ 'Disabled: true' THEN RETURN NEXT line; END IF;
    END LOOP;
END
$$;
SELECT er_plan($$SELECT id FROM er_t$$);
SELECT er_plan($$SELECT id FROM er_t WHERE v = '[1,2,3]'$$);
SELECT er_plan($$SELECT id FROM er_t ORDER BY v$$);
SELECT er_plan($$SELECT id FROM er_t ORDER BY v <-> '[3,3,3]' DESC$$);
SELECT er_plan($$SELECT id FROM er_t ORDER BY v <-> '[3,3,3]' NULLS FIRST$$);
SELECT er_plan($$SELECT id FROM er_t ORDER BY v <=> '[3,3,3]'$$);
SELECT er_plan($$SELECT id FROM er_t ORDER BY (v <-> '[3,3,3]') + 1$$);
SELECT er_plan($$SELECT id FROM er_t ORDER BY v <-> v$$);
SELECT er_plan($$SELECT id FROM er_t WHERE v <-> '[3,3,3]' < 5$$);
SELECT er_plan($$SELECT count(*) FROM er_t$$);
SELECT id FROM er_t ORDER BY v <-> '[3,3,3]' DESC NULLS LAST;
-- a partial index would even come without a condition of its own
CREATE INDEX er_part ON er_t USING @AM@ (v) WHERE n = 1;
SELECT er_plan($$SELECT id FROM er_t WHERE n = 1$$);
SELECT id FROM er_t WHERE n = 1;
\pset format unaligned
\pset tuples_only on

-- functions on indexes
CREATE INDEX er_btree ON er_t (id);
CREATE TABLE er_parts (v vector(3)) PARTITION BY RANGE (v);
CREATE INDEX er_parts_idx ON er_parts USING @AM@ (v);
CREATE VIEW er_view AS SELECT 1 AS one;
CREATE FUNCTION er_of_all(index text, OUT functions bigint, OUT outcome text) RETURNS SETOF record LANGUAGE sql AS
$$
    SELECT count(*), o FROM unnest('{index_check,index_stats,recall,tune,prewarm}'::text[]) f,
        er(format('SELECT FROM vector_quant_%s(%L)', f, index)) o GROUP BY o ORDER BY o
$$;
SELECT i, e.* FROM unnest('{er_idx,er_part,er_t,er_btree,er_parts,er_parts_idx,er_view,pg_class,pg_class_oid_index,no_such,1,0}'::text[]) i,
    er_of_all(i) e;
SELECT vector_quant_index_check(NULL) IS NULL, vector_quant_index_check('er_idx', NULL) IS NULL, vector_quant_index_stats(NULL) IS NULL,
    vector_quant_prewarm(NULL) IS NULL, vector_quant_recall(NULL) IS NULL, vector_quant_recall('er_idx', NULL::int) IS NULL,
    vector_quant_recall('er_idx', 1, NULL) IS NULL;
SELECT count(*) FROM vector_quant_tune(NULL) UNION ALL SELECT count(*) FROM vector_quant_tune('er_idx', NULL::float8);
-- numbers out of range
SELECT n, er(format('SELECT vector_quant_recall(''er_idx'', %s)', n)) FROM unnest('{0,-1,10001}'::bigint[]) n;
SELECT n, er(format('SELECT vector_quant_recall(''er_idx'', 10, %s)', n)) FROM unnest('{0,-1,10001}'::bigint[]) n;
SELECT n, er(format('SELECT FROM vector_quant_tune(''er_idx'', %L::float8)', n)) FROM unnest('{0,-0.5,1.0001,NaN,Infinity}'::text[]) n;
SELECT er($$SELECT FROM vector_quant_tune('er_idx', 0.5, 0)$$);
SELECT er($$SELECT FROM vector_quant_tune('er_idx', 0.5, 1, 0)$$);
SET maintenance_work_mem = '1MB';
SELECT er($$SELECT vector_quant_recall('er_idx', 10000, 100)$$);
RESET maintenance_work_mem;
-- more rows than the table has
SELECT recall, sampled FROM vector_quant_recall('er_idx', 10000, 10);
SELECT er($$SELECT ROW(vector_quant_tune('er_idx'), 1)$$);

-- only the owner
CREATE ROLE regress_vq_owner;
CREATE ROLE regress_vq_reader;
GRANT SELECT ON er_t TO regress_vq_reader;
SET ROLE regress_vq_reader;
SELECT * FROM er_of_all('er_idx');
RESET ROLE;
ALTER TABLE er_t OWNER TO regress_vq_owner;
SET ROLE regress_vq_owner;
SELECT er($$SELECT vector_quant_index_check('er_idx', true)$$);
SELECT * FROM er_of_all('er_idx');
RESET ROLE;

-- expressions of the index run as the table's owner
CREATE SCHEMA regress_vq AUTHORIZATION regress_vq_owner;
SET ROLE regress_vq_owner;
CREATE TABLE regress_vq.er_who (v vector(1));
CREATE FUNCTION regress_vq.who(vector) RETURNS vector IMMUTABLE LANGUAGE plpgsql AS
$$ BEGIN
    IF current_user <> 'regress_vq_owner' THEN
        RAISE EXCEPTION 'called as %', current_user;
    END IF;
    RETURN $1;
END $$;
CREATE INDEX er_who_idx ON regress_vq.er_who USING @AM@ ((regress_vq.who(v)::vector(1)));
INSERT INTO regress_vq.er_who VALUES ('[1]'), ('[2]');
RESET ROLE;
SELECT er($$SELECT vector_quant_index_check('regress_vq.er_who_idx', true)$$);
SELECT * FROM er_of_all('regress_vq.er_who_idx');
SELECT current_user = session_user;

-- an index that is not valid (its build failed)
CREATE TABLE er_bad (v vector(1));
INSERT INTO er_bad VALUES ('[1]');
CREATE FUNCTION er_fail(vector) RETURNS vector IMMUTABLE LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no'; END $$;
\set VERBOSITY terse
CREATE INDEX CONCURRENTLY er_bad_idx ON er_bad USING @AM@ ((er_fail(v)::vector(1)));
SELECT * FROM er_of_all('er_bad_idx');
SELECT index, valid FROM vector_quant_indexes() WHERE index = 'er_bad_idx'::regclass;

-- an expression whose dimensions the index did not expect
CREATE TABLE er_dims (id int, v vector);
CREATE INDEX er_dims_idx ON er_dims USING @AM@ ((v::vector(2)));
SELECT er($$INSERT INTO er_dims VALUES (1, '[1,2,3]')$$);
INSERT INTO er_dims VALUES (1, '[1,2]');
SELECT vector_quant_index_check('er_dims_idx', true);

-- a number of dimensions that an index was built with stays
CREATE TYPE er_row AS (id int, v vector(2));
CREATE TABLE er_typed OF er_row;
CREATE TABLE er_tree (id int, v vector(2), h halfvec(2)) PARTITION BY RANGE (id);
CREATE TABLE er_leaf PARTITION OF er_tree FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
CREATE TABLE er_leaf_leaf PARTITION OF er_leaf FOR VALUES FROM (0) TO (50);
CREATE TEMPORARY TABLE er_temporary (id int, v vector(2), h halfvec(2), n int);
SELECT er('ALTER TABLE er_temporary ALTER v TYPE vector, ALTER h TYPE halfvec, ALTER n TYPE bigint');
SELECT er('ALTER TABLE er_temporary ALTER v TYPE vector(2), ALTER h TYPE halfvec(2)');
CREATE INDEX er_temporary_v ON er_temporary USING @AM@ (v);
CREATE INDEX er_temporary_h ON er_temporary USING @AM@ (h halfvec_ip_ops);
CREATE INDEX er_leaf_h ON er_leaf_leaf USING @AM@ (h);
CREATE INDEX er_typed_v ON er_typed USING @AM@ (v);
CREATE INDEX er_leaf_v ON er_leaf USING @AM@ (v);
SELECT er('ALTER TABLE er_temporary ALTER v TYPE vector');
SELECT er('ALTER TABLE er_temporary ALTER h TYPE halfvec, ADD m int');
SET session_replication_role = replica;
SELECT er('ALTER TABLE er_temporary ALTER h TYPE halfvec');
RESET session_replication_role;
SELECT er('ALTER TABLE er_tree ALTER h TYPE halfvec');
SELECT er('ALTER TABLE er_tree ALTER v TYPE vector');
SELECT er('ALTER TYPE er_row ALTER ATTRIBUTE v TYPE vector CASCADE');
-- another number, where there are no rows or these agree
SELECT er('ALTER TABLE er_temporary ALTER v TYPE vector(5), ALTER n TYPE int');
INSERT INTO er_temporary VALUES (1, '[1,2,3,4,5]', '[1,2]', 1);
SELECT er('ALTER TABLE er_temporary ALTER v TYPE vector(4)');
SELECT er('ALTER TABLE er_temporary ALTER v TYPE vector(5), ADD o int');
TRUNCATE er_temporary;
-- expressions: only those that say a number themselves
DROP INDEX er_temporary_v;
CREATE INDEX er_temporary_e ON er_temporary USING @AM@ (coalesce(v, '[0,0,0,0,0]'::vector(5)));
SELECT er('ALTER TABLE er_temporary ALTER v TYPE vector');
DROP INDEX er_temporary_e;
CREATE INDEX er_temporary_e ON er_temporary USING @AM@ ((v::vector(5))) WHERE id > 0;
SELECT er('ALTER TABLE er_temporary ALTER v TYPE vector');
REINDEX TABLE er_temporary;
SELECT er('SELECT vector_quant_guard_dimensions()') ~ '^0A000 ';
DROP TABLE er_typed, er_tree, er_temporary;
DROP TYPE er_row;

-- support functions cannot be called; minor versions of PostgreSQL differ in how they say so
SELECT er('SELECT vector_quant_metric_l2(NULL)') ~ '^(42883|0A000) ';
SELECT er('SELECT @AM@_handler(NULL)') ~ '^(42883|0A000) ';

DROP TABLE er_t, er_parts, er_bad, er_dims, regress_vq.er_who CASCADE;
DROP VIEW er_view;
DROP FUNCTION er_of_all, er, er_plan, er_fail, regress_vq.who;
DROP SCHEMA regress_vq;
DROP ROLE regress_vq_owner, regress_vq_reader;

-- Options as others name them are refused with the name they have here; what nobody has, by PostgreSQL alone; options of the other access methods say whose they are.
CREATE TABLE ot (v vector(3));
CREATE FUNCTION ot_error(statement text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || SQLERRM || coalesce(nullif(E'\nHINT: ' || hint, E'\nHINT: '), '');
END
$$;
\pset format unaligned
\pset tuples_only on
SELECT name || ': ' || ot_error(format('CREATE INDEX ON ot USING @AM@ (v) WITH (%s = 4)', name)) FROM unnest(ARRAY['lists', 'LISTS', 'm', 'ef_construction', 'num_neighbors', 'nlists', 'num_leaves', 'max_num_levels',
    'options', 'metric_type', 'with_raw_data', 'sub_dim', 'nbits', 'probes', 'lots']) name;
-- an option of each access method: two are strangers
SET client_min_messages = warning;
SELECT count(*) FROM (VALUES ('ivf_rabitq', 'rbq_bits'), ('scann', 'pq_dims'), ('wrvq', 'codebooks')) own (am, name)
    WHERE ot_error(format('CREATE INDEX ON ot USING @AM@ (v) WITH (%s = 4)', name)) = format(E'22023 unrecognized parameter "%s"\nHINT: This is an option of %s.', name, am);
CREATE INDEX ot_v ON ot USING @AM@ (v) WITH (nlist = 4);
SET client_min_messages = notice;
SELECT ot_error('ALTER INDEX ot_v SET (lists = 5)');
-- one that does nothing
ALTER INDEX ot_v SET (refine_type = 'FP16');
ALTER INDEX ot_v SET (refine = true, refine_type = 'FP16');
ALTER INDEX ot_v RESET (refine, refine_type);
SELECT reloptions FROM pg_class WHERE relname = 'ot_v';
DROP TABLE ot;
DROP FUNCTION ot_error;

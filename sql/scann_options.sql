-- Options and settings that scann alone has, at their bounds and one past them.
SET client_min_messages = warning;
CREATE FUNCTION sc_error(statement text) RETURNS text LANGUAGE plpgsql AS
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
CREATE TABLE sc (id int, v vector(3));
INSERT INTO sc SELECT i, ARRAY[i, i % 7, i % 3]::vector FROM generate_series(1, 40) i;

CREATE INDEX ON sc USING scann (v) WITH (pq_dims = 1);
CREATE INDEX ON sc USING scann (v) WITH (pq_dims = 8);
CREATE INDEX ON sc USING scann (v) WITH (pq_dims = 0);
CREATE INDEX ON sc USING scann (v) WITH (pq_dims = 9);
CREATE INDEX ON sc USING scann (v) WITH (pq_dims = 'two');
CREATE INDEX ON sc USING scann (v) WITH (reorder_k = 0);
CREATE INDEX ON sc USING scann (v) WITH (reorder_k = 1000000);
CREATE INDEX ON sc USING scann (v) WITH (reorder_k = -1);
CREATE INDEX ON sc USING scann (v) WITH (reorder_k = 1000001);
CREATE INDEX ON sc USING scann (v) WITH (rbq_bits = 1);
CREATE INDEX ON sc USING scann (v) WITH (anisotropic_threshold = 0);
CREATE INDEX ON sc USING scann (v) WITH (anisotropic_threshold = 0.9);
CREATE INDEX ON sc USING scann (v) WITH (anisotropic_threshold = '0.2');
CREATE INDEX ON sc USING scann (v) WITH (anisotropic_threshold = auto);
CREATE INDEX ON sc USING scann (v) WITH (anisotropic_threshold = 'AUTO', pq_dims = 3);
\pset format unaligned
\pset tuples_only on
SELECT t, sc_error(format('CREATE INDEX ON sc USING scann (v) WITH (anisotropic_threshold = %L)', t))
    FROM unnest(ARRAY['0.91', '-0.1', '1', 'x', '', ' ', 'nan', 'inf', '-inf', '1e400', '0.2x', '0.2 0.2', '0,2', 'automatic']) t;
-- what is changed later is read at REINDEX, and refused at once where it makes no sense
SELECT sc_error('ALTER INDEX sc_v_idx SET (anisotropic_threshold = 2)');
SELECT sc_error('ALTER INDEX sc_v_idx SET (anisotropic_threshold = 0.1)');
SELECT sc_error('ALTER INDEX sc_v_idx SET (pq_dims = 9)');
SELECT sc_error('REINDEX INDEX sc_v_idx');
\pset format aligned
\pset tuples_only off
SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'sc_v_%' ORDER BY length(relname), relname;
SELECT count(vector_quant_index_check(oid, true)) FROM pg_class WHERE relname LIKE 'sc_v_%';
DROP TABLE sc;
DROP FUNCTION sc_error;

SELECT name, vartype, min_val, max_val, boot_val, context FROM pg_settings WHERE name = 'scann.reorder_k';
SET scann.reorder_k = 0;
SET scann.reorder_k = 1000000;
SET scann.reorder_k = -1;
SET scann.reorder_k = 1000001;
-- a name of this prefix that is no setting; before 15 prefixes cannot be reserved
DO $$
BEGIN
    PERFORM set_config('scann.rbq_query_bits', '1', true);
    IF current_setting('server_version_num')::int >= 150000 THEN RAISE 'taken'; END IF;
EXCEPTION WHEN invalid_name THEN NULL;
END $$;

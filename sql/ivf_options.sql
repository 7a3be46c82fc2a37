-- Index options and settings at their bounds and one past them.
SET client_min_messages = warning;
CREATE TABLE op (id int, v vector(3));
INSERT INTO op SELECT i, ARRAY[i, i % 7, i % 3]::vector FROM generate_series(1, 40) i;

-- options that shape the index
CREATE INDEX ON op USING @AM@ (v) WITH (nlist = 0);
CREATE INDEX ON op USING @AM@ (v) WITH (nlist = 1);
CREATE INDEX ON op USING @AM@ (v) WITH (nlist = -1);
CREATE INDEX ON op USING @AM@ (v) WITH (nlist = 65537);
CREATE INDEX ON op USING @AM@ (v) WITH (nlist = 'many');
CREATE INDEX ON op USING @AM@ (v) WITH (refine = maybe);
CREATE INDEX ON op USING @AM@ (v) WITH (refine = true, refine_type = 'SQ4');
CREATE INDEX ON op USING @AM@ (v) WITH (refine, refine_type = 'sq8');
CREATE INDEX ON op USING @AM@ (v) WITH (refine = false, refine_type = 'FP32');

-- defaults of settings
CREATE INDEX ON op USING @AM@ (v) WITH (nprobe = 0, max_probes = 0, refine_k = 1, epsilon = 0);
CREATE INDEX ON op USING @AM@ (v) WITH (nprobe = 65536, max_probes = 65536, refine_k = 1000, epsilon = 4);
CREATE INDEX ON op USING @AM@ (v) WITH (nprobe = -1);
CREATE INDEX ON op USING @AM@ (v) WITH (nprobe = 65537);
CREATE INDEX ON op USING @AM@ (v) WITH (max_probes = -1);
CREATE INDEX ON op USING @AM@ (v) WITH (max_probes = 65537);
CREATE INDEX ON op USING @AM@ (v) WITH (refine_k = 0);
CREATE INDEX ON op USING @AM@ (v) WITH (refine_k = 1001);
CREATE INDEX ON op USING @AM@ (v) WITH (epsilon = -0.1);
CREATE INDEX ON op USING @AM@ (v) WITH (epsilon = 4.1);
CREATE INDEX ON op USING @AM@ (v) WITH (iterative_scan = off);
CREATE INDEX ON op USING @AM@ (v) WITH (iterative_scan = relaxed_order);
CREATE INDEX ON op USING @AM@ (v) WITH (iterative_scan = 'strict_order');
CREATE INDEX ON op USING @AM@ (v) WITH (iterative_scan = on);

-- unknown ones
CREATE INDEX ON op USING @AM@ (v) WITH (lists = 10);
CREATE INDEX ON op USING @AM@ (v) WITH (nlist = 4, nlist = 5);
CREATE INDEX ON op USING @AM@ (v) WITH (fillfactor = 50);

SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'op_v_%' ORDER BY length(relname), relname;
SELECT count(vector_quant_index_check(oid, true)) FROM pg_class WHERE relname LIKE 'op_v_%';
DROP TABLE op;

-- more lists than rows: as many as asked for, empty ones among them, and a notice
SET client_min_messages = notice;
CREATE TABLE op (id int, v vector(3));
INSERT INTO op SELECT i, ARRAY[i, i % 7, i % 3]::vector FROM generate_series(1, 40) i;
CREATE INDEX op_many ON op USING @AM@ (v) WITH (nlist = 100);
CREATE INDEX op_most ON op USING @AM@ (v) WITH (nlist = 65536);
SELECT i, lists FROM unnest('{op_many,op_most}'::regclass[]) i, vector_quant_index_stats(i);
SELECT vector_quant_index_check('op_many', true), vector_quant_index_check('op_most', true);
DROP INDEX op_most;
SET enable_seqscan = off;
SET jit = off;
SET @AM@.epsilon = 4;
SELECT id FROM op ORDER BY v <-> '[20,3,1]' LIMIT 3;
SET @AM@.iterative_scan = relaxed_order; -- every row comes
SELECT count(*) FROM (SELECT id FROM op ORDER BY v <-> '[20,3,1]') q;
RESET @AM@.iterative_scan;
DROP INDEX op_many;
RESET @AM@.epsilon;

-- ALTER INDEX: defaults of settings act at once, the shape waits for REINDEX
SET client_min_messages = warning;
CREATE INDEX op_idx ON op USING @AM@ (v) WITH (nlist = 8, iterative_scan = off);
CREATE FUNCTION op_lists() RETURNS bigint LANGUAGE plpgsql AS
$$ BEGIN
    PERFORM id FROM op ORDER BY v <-> '[20,3,1]';
    RETURN (SELECT lists FROM vector_quant_last_scan());
END $$;
ALTER INDEX op_idx SET (nprobe = 3);
SELECT op_lists();
ALTER INDEX op_idx SET (nprobe = 65537);
ALTER INDEX op_idx SET (probes = 1);
ALTER INDEX op_idx SET (nprobe = 100); -- clamped
SELECT op_lists();
-- a setting made by the user wins over the index's default, whatever its value
ALTER INDEX op_idx SET (nprobe = 3);
SET @AM@.nprobe = 5;
SELECT op_lists();
RESET @AM@.nprobe;
SELECT op_lists();
BEGIN;
SET LOCAL @AM@.nprobe = 6;
SELECT op_lists();
COMMIT;
SELECT op_lists();
CREATE FUNCTION op_lists_of_function() RETURNS bigint LANGUAGE sql SET @AM@.nprobe = 2 AS 'SELECT op_lists()';
SELECT op_lists_of_function(), op_lists();
ALTER INDEX op_idx RESET (nprobe);
SET @AM@.nprobe = 65536; -- clamped
SELECT op_lists();
RESET @AM@.nprobe;
ALTER INDEX op_idx SET (nlist = 4);
SELECT lists FROM vector_quant_index_stats('op_idx');
REINDEX INDEX op_idx;
SELECT lists FROM vector_quant_index_stats('op_idx');
-- iterative scans: off stops after nprobe lists, the others go on, up to max_probes
SET @AM@.nprobe = 1;
SELECT op_lists();
SET @AM@.iterative_scan = relaxed_order;
SELECT op_lists();
SET @AM@.max_probes = 3;
SELECT op_lists();
SET @AM@.nprobe = 4; -- more than max_probes: nprobe wins
SELECT op_lists();
SET @AM@.iterative_scan = strict_order;
SET @AM@.max_probes = 0;
SET @AM@.nprobe = 1;
SELECT op_lists();
RESET ALL;
SELECT count(vector_quant_index_check(index, true)) > 0 AS sound FROM vector_quant_indexes() WHERE "table"::text ~ '^op';
DROP TABLE op;
DROP FUNCTION op_lists, op_lists_of_function;

-- settings
SELECT split_part(name, '.', 2) AS name, vartype, min_val, max_val, enumvals, boot_val, context FROM pg_settings
    WHERE name IN ('@AM@.nprobe', '@AM@.max_probes', '@AM@.iterative_scan', '@AM@.refine_k', '@AM@.epsilon', 'vector_quant.simd')
    ORDER BY 1;
SET @AM@.nprobe = 0;
SET @AM@.nprobe = 65536;
SET @AM@.nprobe = -1;
SET @AM@.nprobe = 65537;
SET @AM@.nprobe = 1.6;
SELECT current_setting('@AM@.nprobe');
SET @AM@.nprobe = few;
SET @AM@.max_probes = 65536;
SET @AM@.max_probes = -1;
SET @AM@.max_probes = 65537;
SET @AM@.refine_k = 0;
SET @AM@.refine_k = 1000;
SET @AM@.refine_k = -1;
SET @AM@.refine_k = 1000.5;
SET @AM@.epsilon = 0;
SET @AM@.epsilon = 4;
SET @AM@.epsilon = -0.01;
SET @AM@.epsilon = 4.01;
SET @AM@.epsilon = 'NaN';
SET @AM@.iterative_scan = off;
SET @AM@.iterative_scan = relaxed_order;
SET @AM@.iterative_scan = strict_order;
SET @AM@.iterative_scan = on;
SET vector_quant.simd = scalar;
SELECT vector_quant_simd();
SET vector_quant.simd = auto;
SET vector_quant.simd = mmx;
-- prefixes are reserved
-- a name of this prefix that is no setting; before 15 prefixes cannot be reserved
DO $$
BEGIN
    PERFORM set_config('@AM@.probes', '1', true);
    IF current_setting('server_version_num')::int >= 150000 THEN RAISE 'taken'; END IF;
EXCEPTION WHEN invalid_name THEN NULL;
END $$;
-- a name of this prefix that is no setting; before 15 prefixes cannot be reserved
DO $$
BEGIN
    PERFORM set_config('vector_quant.nprobe', '1', true);
    IF current_setting('server_version_num')::int >= 150000 THEN RAISE 'taken'; END IF;
EXCEPTION WHEN invalid_name THEN NULL;
END $$;

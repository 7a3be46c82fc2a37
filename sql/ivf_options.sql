-- Index options and settings at their bounds and one past them.
SET client_min_messages = warning;
CREATE TABLE op (id int, v vector(3));
INSERT INTO op SELECT i, ARRAY[i, i % 7, i % 3]::vector FROM generate_series(1, 40) i;

-- options that shape the index
CREATE INDEX ON op USING ivf_rabitq (v) WITH (nlist = 0);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (nlist = 1);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (nlist = -1);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (nlist = 65537);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (nlist = 'many');
CREATE INDEX ON op USING ivf_rabitq (v) WITH (rbq_bits = 1);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (rbq_bits = 8);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (rbq_bits = 0);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (rbq_bits = 9);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (refine = maybe);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (refine = true, refine_type = 'SQ4');
CREATE INDEX ON op USING ivf_rabitq (v) WITH (refine, refine_type = 'sq8');
CREATE INDEX ON op USING ivf_rabitq (v) WITH (refine = false, refine_type = 'FP32');

-- defaults of settings
CREATE INDEX ON op USING ivf_rabitq (v) WITH (nprobe = 0, max_probes = 0, refine_k = 1, epsilon = 0, rbq_query_bits = 0);
CREATE INDEX ON op USING ivf_rabitq (v)
    WITH (nprobe = 65536, max_probes = 65536, refine_k = 1000, epsilon = 4, rbq_query_bits = 8);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (nprobe = -1);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (nprobe = 65537);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (max_probes = -1);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (max_probes = 65537);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (refine_k = 0);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (refine_k = 1001);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (epsilon = -0.1);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (epsilon = 4.1);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (rbq_query_bits = -1);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (rbq_query_bits = 9);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (iterative_scan = off);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (iterative_scan = relaxed_order);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (iterative_scan = 'strict_order');
CREATE INDEX ON op USING ivf_rabitq (v) WITH (iterative_scan = on);

-- unknown ones
CREATE INDEX ON op USING ivf_rabitq (v) WITH (lists = 10);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (nlist = 4, nlist = 5);
CREATE INDEX ON op USING ivf_rabitq (v) WITH (fillfactor = 50);

SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'op_v_%' ORDER BY length(relname), relname;
SELECT count(vector_quant_index_check(oid, true)) FROM pg_class WHERE relname LIKE 'op_v_%';
DROP TABLE op;

-- more lists than rows: as many as asked for, empty ones among them, and a notice
SET client_min_messages = notice;
CREATE TABLE op (id int, v vector(3));
INSERT INTO op SELECT i, ARRAY[i, i % 7, i % 3]::vector FROM generate_series(1, 40) i;
CREATE INDEX op_many ON op USING ivf_rabitq (v) WITH (nlist = 100);
CREATE INDEX op_most ON op USING ivf_rabitq (v) WITH (nlist = 65536);
SELECT i, lists FROM unnest('{op_many,op_most}'::regclass[]) i, vector_quant_index_stats(i);
SELECT vector_quant_index_check('op_many', true), vector_quant_index_check('op_most', true);
DROP INDEX op_most;
SET enable_seqscan = off;
SET jit = off;
SET ivf_rabitq.epsilon = 4;
SELECT id FROM op ORDER BY v <-> '[20,3,1]' LIMIT 3;
SELECT count(*) FROM (SELECT id FROM op ORDER BY v <-> '[20,3,1]') q;
DROP INDEX op_many;
RESET ivf_rabitq.epsilon;

-- ALTER INDEX: defaults of settings act at once, the shape waits for REINDEX
CREATE INDEX op_idx ON op USING ivf_rabitq (v) WITH (nlist = 8, iterative_scan = off);
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
SET ivf_rabitq.nprobe = 5;
SELECT op_lists();
RESET ivf_rabitq.nprobe;
SELECT op_lists();
BEGIN;
SET LOCAL ivf_rabitq.nprobe = 6;
SELECT op_lists();
COMMIT;
SELECT op_lists();
CREATE FUNCTION op_lists_of_function() RETURNS bigint LANGUAGE sql SET ivf_rabitq.nprobe = 2 AS 'SELECT op_lists()';
SELECT op_lists_of_function(), op_lists();
ALTER INDEX op_idx RESET (nprobe);
SET ivf_rabitq.nprobe = 65536; -- clamped
SELECT op_lists();
RESET ivf_rabitq.nprobe;
ALTER INDEX op_idx SET (nlist = 4);
SELECT lists FROM vector_quant_index_stats('op_idx');
REINDEX INDEX op_idx;
SELECT lists FROM vector_quant_index_stats('op_idx');
-- iterative scans: off stops after nprobe lists, the others go on, up to max_probes
SET ivf_rabitq.nprobe = 1;
SELECT op_lists();
SET ivf_rabitq.iterative_scan = relaxed_order;
SELECT op_lists();
SET ivf_rabitq.max_probes = 3;
SELECT op_lists();
SET ivf_rabitq.nprobe = 4; -- more than max_probes: nprobe wins
SELECT op_lists();
SET ivf_rabitq.iterative_scan = strict_order;
SET ivf_rabitq.max_probes = 0;
SET ivf_rabitq.nprobe = 1;
SELECT op_lists();
RESET ALL;
DROP TABLE op;
DROP FUNCTION op_lists, op_lists_of_function;

-- settings
SELECT name, vartype, min_val, max_val, enumvals, boot_val, context FROM pg_settings
    WHERE name LIKE 'ivf\_rabitq.%' OR name LIKE 'vector\_quant.%' ORDER BY name;
SET ivf_rabitq.nprobe = 0;
SET ivf_rabitq.nprobe = 65536;
SET ivf_rabitq.nprobe = -1;
SET ivf_rabitq.nprobe = 65537;
SET ivf_rabitq.nprobe = 1.6;
SHOW ivf_rabitq.nprobe;
SET ivf_rabitq.nprobe = few;
SET ivf_rabitq.max_probes = 65536;
SET ivf_rabitq.max_probes = -1;
SET ivf_rabitq.max_probes = 65537;
SET ivf_rabitq.refine_k = 0;
SET ivf_rabitq.refine_k = 1000;
SET ivf_rabitq.refine_k = -1;
SET ivf_rabitq.refine_k = 1000.5;
SET ivf_rabitq.epsilon = 0;
SET ivf_rabitq.epsilon = 4;
SET ivf_rabitq.epsilon = -0.01;
SET ivf_rabitq.epsilon = 4.01;
SET ivf_rabitq.epsilon = 'NaN';
SET ivf_rabitq.rbq_query_bits = 0;
SET ivf_rabitq.rbq_query_bits = 8;
SET ivf_rabitq.rbq_query_bits = -1;
SET ivf_rabitq.rbq_query_bits = 9;
SET ivf_rabitq.iterative_scan = off;
SET ivf_rabitq.iterative_scan = relaxed_order;
SET ivf_rabitq.iterative_scan = strict_order;
SET ivf_rabitq.iterative_scan = on;
SET vector_quant.simd = scalar;
SELECT vector_quant_simd();
SET vector_quant.simd = auto;
SET vector_quant.simd = mmx;
-- prefixes are reserved
SET ivf_rabitq.probes = 1;
SET vector_quant.nprobe = 1;

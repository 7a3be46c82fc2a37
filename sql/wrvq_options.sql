-- Options and settings that wrvq alone has, at their bounds and one past them.
SET client_min_messages = warning;
CREATE TABLE wr (id int, v vector(3));
INSERT INTO wr SELECT i, ARRAY[i, i % 7, i % 3]::vector FROM generate_series(1, 40) i;

CREATE INDEX ON wr USING wrvq (v) WITH (codebooks = 2, codebook_size = 16);
CREATE INDEX ON wr USING wrvq (v) WITH (codebooks = 64, codebook_size = 256);
CREATE INDEX ON wr USING wrvq (v) WITH (codebooks = 1);
CREATE INDEX ON wr USING wrvq (v) WITH (codebooks = 97);
CREATE INDEX ON wr USING wrvq (v) WITH (codebooks = '4 and more');
CREATE INDEX ON wr USING wrvq (v) WITH (codebooks = '');
CREATE INDEX ON wr USING wrvq (v) WITH (codebook_size = 15);
CREATE INDEX ON wr USING wrvq (v) WITH (codebook_size = 257);
CREATE INDEX ON wr USING wrvq (v) WITH (codebook_size = 'two');
CREATE INDEX ON wr USING wrvq (v) WITH (weight_bits = 0, codebooks = 4);
CREATE INDEX ON wr USING wrvq (v) WITH (weight_bits = 4, codebooks = 5);
CREATE INDEX ON wr USING wrvq (v) WITH (weight_bits = 8, codebooks = 4);
CREATE INDEX ON wr USING wrvq (v) WITH (weight_bits = '16', codebooks = 4);
CREATE INDEX ON wr USING wrvq (v) WITH (weight_bits = 2);
CREATE INDEX ON wr USING wrvq (v) WITH (weight_bits = -1);
CREATE INDEX ON wr USING wrvq (v) WITH (weight_bits = 32);
CREATE INDEX ON wr USING wrvq (v) WITH (training = linear, codebooks = 4);
CREATE INDEX ON wr USING wrvq (v) WITH (training = 'TRAINED', codebooks = 4);
CREATE INDEX ON wr USING wrvq (v) WITH (training = 'none');
CREATE INDEX ON wr USING wrvq (v) WITH (fuzzy_layers = auto, codebooks = 4);
CREATE INDEX ON wr USING wrvq (v) WITH (fuzzy_layers = 0, codebooks = 4);
CREATE INDEX ON wr USING wrvq (v) WITH (fuzzy_layers = 1, codebooks = 4, fuzzy_k = 0);
CREATE INDEX ON wr USING wrvq (v) WITH (fuzzy_layers = '2', codebooks = 4, fuzzy_k = 1);
CREATE INDEX ON wr USING wrvq (v) WITH (fuzzy_layers = 3);
CREATE INDEX ON wr USING wrvq (v) WITH (fuzzy_layers = -1);
CREATE INDEX ON wr USING wrvq (v) WITH (fuzzy_layers = 'all');
CREATE INDEX ON wr USING wrvq (v) WITH (fuzzy_k = 1.5);
CREATE INDEX ON wr USING wrvq (v) WITH (fuzzy_k = -0.1);
CREATE INDEX ON wr USING wrvq (v) WITH (pq_dims = 4);
-- as many codebooks as there are, where nobody says how many: two a dimension, at most 64, or 24 of more codewords
CREATE TABLE wr_auto AS
  SELECT ARRAY(SELECT sin(i * d) FROM generate_series(1, 40) d)::vector(40) a, ARRAY[sin(i), cos(i * i), sin(i * 7)]::vector(3) b
  FROM generate_series(1, 600) i;
CREATE INDEX ON wr_auto USING wrvq (a) WITH (codebooks = auto);
CREATE INDEX ON wr_auto USING wrvq (a) WITH (codebook_size = 17);
CREATE INDEX ON wr_auto USING wrvq (b) WITH (codebooks = 'AUTO');
CREATE INDEX ON wr_auto USING wrvq (b);
SELECT indexrelid::regclass AS index, (regexp_match(codes, '\d+ layers'))[1] AS layers
FROM pg_index, vector_quant_index_stats(indexrelid) WHERE indrelid = 'wr_auto'::regclass ORDER BY indexrelid;
-- others have no such options
CREATE INDEX ON wr USING scann (v) WITH (fuzzy_layers = 1);
CREATE INDEX ON wr USING ivf_rabitq (v) WITH (codebooks = 4);
-- what is changed later is read at REINDEX, and refused at once where it makes no sense
ALTER INDEX wr_v_idx SET (weight_bits = 3);
ALTER INDEX wr_v_idx SET (weight_bits = 8);
ALTER INDEX wr_v_idx SET (fuzzy_k = 0.5);
REINDEX INDEX wr_v_idx;
SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'wr_v_%' ORDER BY length(relname), relname;
SELECT relname, sublist_layers FROM pg_class, vector_quant_index_stats(oid)
    WHERE relname LIKE 'wr_v_%' AND sublist_layers > 0 ORDER BY length(relname), relname;
SELECT count(vector_quant_index_check(oid, true)) FROM pg_class WHERE relname LIKE 'wr_v_%';
DROP TABLE wr;

SELECT name, vartype, min_val, max_val, boot_val, context FROM pg_settings WHERE name = 'wrvq.fuzzy_k';
SET wrvq.fuzzy_k = 0;
SET wrvq.fuzzy_k = 1;
SET wrvq.fuzzy_k = -0.1;
SET wrvq.fuzzy_k = 1.1;
-- a name of this prefix that is no setting; before 15 prefixes cannot be reserved
DO $$
BEGIN
    PERFORM set_config('wrvq.reorder_k', '1', true);
    IF current_setting('server_version_num')::int >= 150000 THEN RAISE 'taken'; END IF;
EXCEPTION WHEN invalid_name THEN NULL;
END $$;

-- What training fell short of: a notice while there are few rows, a warning where more was asked for than they have use for.
SET client_min_messages = notice;
CREATE TABLE wr (id int, v vector(3));
INSERT INTO wr SELECT i, ARRAY[i, i % 7, i % 3]::vector FROM generate_series(1, 1024) i;
CREATE INDEX wr_i ON wr USING wrvq (v) WITH (nlist = 1, codebook_size = 65);
DROP INDEX wr_i;
CREATE INDEX wr_i ON wr USING wrvq (v) WITH (nlist = 1, codebooks = 2, codebook_size = 16);
UPDATE wr SET v = ARRAY[id % 2, 1, 1]::vector;
VACUUM wr;
REINDEX INDEX wr_i;
SELECT count(vector_quant_index_check(index, true)) > 0 AS sound FROM vector_quant_indexes() WHERE "table"::text ~ '^wr$';
ALTER INDEX wr_i SET (nlist = 2); -- a list for each
REINDEX INDEX wr_i;
SELECT count(vector_quant_index_check(index, true)) > 0 AS sound FROM vector_quant_indexes() WHERE "table"::text ~ '^wr$';
TRUNCATE wr;
REINDEX INDEX wr_i;
SELECT count(vector_quant_index_check(index, true)) > 0 AS sound FROM vector_quant_indexes() WHERE "table"::text ~ '^wr$';
-- few rows, and few rows for the lists, have notices of their own
ALTER INDEX wr_i RESET (nlist);
INSERT INTO wr VALUES (1, '[1,2,3]');
REINDEX INDEX wr_i;
ALTER INDEX wr_i SET (nlist = 2);
REINDEX INDEX wr_i;
SELECT count(vector_quant_index_check(index, true)) > 0 AS sound FROM vector_quant_indexes() WHERE "table"::text ~ '^wr$';
DROP TABLE wr;
-- memory for too few of the table's rows
CREATE TABLE wr (v vector(100));
INSERT INTO wr SELECT (SELECT array_agg(sin(i * d))::vector FROM generate_series(1, 100) d) FROM generate_series(1, 1400) i;
SET maintenance_work_mem = '1MB';
CREATE INDEX wr_i ON wr USING wrvq (v) WITH (nlist = 1, codebooks = 2, codebook_size = 85);
RESET maintenance_work_mem;
REINDEX INDEX wr_i;
SELECT count(vector_quant_index_check(index, true)) > 0 AS sound FROM vector_quant_indexes() WHERE "table"::text ~ '^wr$';
DROP TABLE wr;

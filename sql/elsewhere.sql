-- Indexes whose rows are elsewhere: in partitions, in foreign tables, in shards.
SET client_min_messages = warning;
SET enable_seqscan = off;
CREATE FUNCTION el_vector(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg(((hashint8extended(i * 100 + d, 1) & 1048575) / 1048576.0)::real ORDER BY d)::vector FROM generate_series(1, 8) d';
CREATE TABLE el (id int, v vector(8)) PARTITION BY RANGE (id);
CREATE TABLE el_1 PARTITION OF el FOR VALUES FROM (0) TO (2000);
CREATE TABLE el_2 PARTITION OF el FOR VALUES FROM (2000) TO (4000) PARTITION BY RANGE (id);
CREATE TABLE el_2_1 PARTITION OF el_2 FOR VALUES FROM (2000) TO (2500);
CREATE TABLE el_2_2 PARTITION OF el_2 FOR VALUES FROM (2500) TO (4000);
CREATE TABLE el_3 PARTITION OF el FOR VALUES FROM (4000) TO (6000) PARTITION BY RANGE (id);
INSERT INTO el SELECT i, el_vector(i) FROM generate_series(0, 3999) i;
CREATE INDEX el_idx ON el USING ivf_rabitq (v) WITH (auto_maintenance = off);
DELETE FROM el WHERE id < 1500 AND id % 2 = 0;
INSERT INTO el SELECT 2499 - i % 400, el_vector(10000 + i) FROM generate_series(1, 1500) i;

-- a partitioned index sums up its parts
CREATE VIEW el_parts AS SELECT s.* FROM pg_partition_tree('el_idx') p JOIN pg_class c ON c.oid = p.relid, vector_quant_index_stats(p.relid) s WHERE relkind = 'i';
SELECT count(*) AS parts, sum(rows) FROM el_parts;
SELECT t.rows, t.rows = sum(s.rows) AS rows, t.lists = sum(s.lists) AS lists, t.bytes = sum(s.bytes) AS bytes, t.bytes = t.fixed_bytes + t.tile_bytes + t.open_bytes
    + t.fine_bytes + t.sublist_bytes + t.free_bytes + t.lost_bytes AS parts, t.open_rows = sum(s.open_rows) AS open_rows, t.nprobe_default = sum(s.nprobe_default) AS nprobe
    FROM vector_quant_index_stats('el_idx') t, el_parts s GROUP BY t.*, t.rows, t.lists, t.bytes, t.fixed_bytes, t.tile_bytes, t.open_bytes, t.fine_bytes,
    t.sublist_bytes, t.free_bytes, t.lost_bytes, t.open_rows, t.nprobe_default;
SELECT round(rows_per_list_avg::numeric, 6) = round(rows::numeric / lists, 6) AS average, imbalance >= 1 AS imbalance, dims, trained, growth, codes, calibrated, advice FROM vector_quant_index_stats('el_idx');
SELECT rows, lists = (SELECT sum(lists) FROM unnest('{el_2_1_v_idx,el_2_2_v_idx}'::regclass[]) i, vector_quant_index_stats(i)) AS lists FROM vector_quant_index_stats('el_2_v_idx');
-- the others say whom to ask
SELECT vector_quant_index_check('el_idx');
SELECT vector_quant_recall('el_2_v_idx');
SELECT vector_quant_tune('el_idx');
SELECT vector_quant_calibrate('el_idx', ARRAY[el_vector(1)]);
SELECT vector_quant_maintain('el_idx');
SELECT vector_quant_prewarm('el_idx');
SELECT count(vector_quant_index_check(relid, true)) FROM pg_partition_tree('el_idx') WHERE isleaf AND relid <> 'el_3_v_idx'::regclass;
-- no partition, and partitions that are foreign tables
SET client_min_messages = notice;
SELECT rows FROM vector_quant_index_stats('el_3_v_idx');
CREATE FOREIGN DATA WRAPPER el_wrapper;
CREATE SERVER el_server FOREIGN DATA WRAPPER el_wrapper;
CREATE FOREIGN TABLE el_3_1 PARTITION OF el_3 FOR VALUES FROM (4000) TO (5000) SERVER el_server;
SELECT rows FROM vector_quant_index_stats('el_3_v_idx');
SELECT rows FROM vector_quant_index_stats('el_idx');
CREATE FOREIGN TABLE el_3_2 PARTITION OF el_3 FOR VALUES FROM (5000) TO (6000) SERVER el_server;
SELECT rows FROM vector_quant_index_stats('el_idx');
-- what is no index of ours, or not the user's
CREATE INDEX el_btree ON el (id);
SELECT vector_quant_index_stats('el_btree');
CREATE ROLE el_other;
SET ROLE el_other;
SELECT vector_quant_index_stats('el_idx');
RESET ROLE;
DROP ROLE el_other;

-- A table that Citus has distributed: a row in its catalog, here made up.
CREATE SCHEMA "el Schema";
CREATE TABLE "el Schema".shell (id int, v vector(8));
CREATE INDEX shell_1 ON "el Schema".shell USING ivf_rabitq (v);
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass NOT NULL, partmethod "char" NOT NULL);
CREATE INDEX shell_2 ON "el Schema".shell USING ivf_rabitq (v);
INSERT INTO pg_catalog.pg_dist_partition VALUES ('"el Schema".shell', 'h');
CREATE INDEX shell_3 ON "el Schema".shell USING ivf_rabitq (v); -- no NOTICE
SELECT rows, advice FROM vector_quant_index_stats('"el Schema".shell_3');
SELECT vector_quant_index_check('"el Schema".shell_3', true);
SELECT vector_quant_recall('"el Schema".shell_3');
SELECT vector_quant_tune('"el Schema".shell_3');
SELECT vector_quant_calibrate('"el Schema".shell_3', ARRAY[el_vector(1)]);
SELECT vector_quant_maintain('"el Schema".shell_3', true);
SELECT vector_quant_prewarm('"el Schema".shell_3');
-- what the hint sends to each shard, of which this is none
SELECT json_agg(s.rows) FROM vector_quant_indexes() i, vector_quant_index_stats(i.index) s WHERE i."table" = 'public.el_1'::regclass;
DROP TABLE pg_catalog.pg_dist_partition;
RESET allow_system_table_mods;
SELECT rows, advice FROM vector_quant_index_stats('"el Schema".shell_3');

SET client_min_messages = warning;
DROP SCHEMA "el Schema" CASCADE;
DROP TABLE el CASCADE;
DROP SERVER el_server;
DROP FOREIGN DATA WRAPPER el_wrapper;
DROP FUNCTION el_vector;

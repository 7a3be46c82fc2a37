-- The fuzzy layer: lists read in part by their sub-lists, and the rest of them where more rows are wanted.
SET client_min_messages = warning;
CREATE FUNCTION fz_row(id int) RETURNS vector LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg((hashint8extended(d, id % 50) % 1000 / 250.0 + hashint8extended(d, 1000 + id) % 1000 / 1000.0)::real)::vector
   FROM generate_series(1, 16) d $$;
CREATE TABLE fz (id int, v vector(16));
INSERT INTO fz SELECT i, fz_row(i) FROM generate_series(1, 6000) i;
CREATE TABLE fz_truth AS SELECT q, v AS query, ARRAY(SELECT id FROM fz t ORDER BY t.v <-> p.v, id LIMIT 10) AS ids
    FROM (SELECT q, fz_row(100000 + q) AS v FROM generate_series(1, 40) q) p;
CREATE INDEX fz_i ON fz USING wrvq (v) WITH (codebooks = 6, codebook_size = 64, nlist = 4, fuzzy_layers = 1);
SELECT sublist_layers, sublist_bytes > 0 AS pages, sublist_share > 0 AND sublist_share < 1 AS share
    FROM vector_quant_index_stats('fz_i');
SELECT vector_quant_index_check('fz_i', true);
SET enable_seqscan = off;
SET wrvq.nprobe = 4;
CREATE FUNCTION fz_found(wanted int) RETURNS TABLE (recall numeric, codes numeric, sublists bool) LANGUAGE plpgsql AS
$$
DECLARE r record; hits int := 0; read numeric := 0; known bool := true; s record;
BEGIN
    FOR r IN SELECT * FROM fz_truth LOOP
        hits := hits + (SELECT count(*) FROM (SELECT id FROM fz ORDER BY v <-> r.query LIMIT wanted) x WHERE id = ANY (r.ids));
        SELECT * INTO s FROM vector_quant_last_scan();
        read := read + s.codes;
        known := known AND s.sublists > 0 AND s.sublist_rows > 0 AND s.sublist_rows <= s.codes;
    END LOOP;
    RETURN QUERY SELECT hits / 400.0, read / 40, known;
END
$$;
-- All of the lists, which takes no look at sub-lists, and a tenth of them: nearly as good, for less.
SET wrvq.fuzzy_k = 1;
SELECT recall >= 0.99 AS recall, codes >= 6000 AS codes, NOT sublists AS whole FROM fz_found(10);
SET wrvq.fuzzy_k = 0.1;
SELECT recall >= 0.99 AS recall, codes < 1200 AS codes, sublists FROM fz_found(10);
RESET wrvq.fuzzy_k;
SELECT recall >= 0.97 AS recall, codes < 1500 AS codes, sublists FROM fz_found(10);
SET wrvq.fuzzy_k = 1e-9; -- at least one sub-list
SELECT recall > 0.05 AS recall, codes < 300 AS codes, sublists FROM fz_found(1);
-- Every row comes, each once, whatever part was read first.
SET wrvq.iterative_scan = relaxed_order;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM fz ORDER BY v <-> fz_row(0) LIMIT 100000) x;
-- In strict order what comes late is left out: bounds hold with high probability, and the first rows go out before all was read.
SET wrvq.iterative_scan = strict_order;
SELECT count(*) BETWEEN 5700 AND 6000 AS most, count(DISTINCT id) = count(*) AS once, bool_and(d >= before) AS ordered
    FROM (SELECT id, d, lag(d, 1, 0::float8) OVER () AS before
          FROM (SELECT id, v <-> fz_row(0) AS d FROM fz ORDER BY v <-> fz_row(0) LIMIT 100000) x) y;
SET wrvq.iterative_scan = off;
SELECT count(*) < 1000 AS few FROM (SELECT id FROM fz ORDER BY v <-> fz_row(0) LIMIT 100000) x;
SET wrvq.iterative_scan = relaxed_order;
-- A filter finds its last row.
SELECT id FROM fz WHERE id = 4711 ORDER BY v <-> fz_row(3) LIMIT 5;
-- Rows added later belong to no sub-list: they are always read, also where few others are.
INSERT INTO fz SELECT i, fz_row(i) FROM generate_series(6001, 6500) i;
SELECT count(*) = 500 AS all_added FROM (SELECT id FROM fz ORDER BY v <-> fz_row(0) LIMIT 100000) x WHERE id > 6000;
SET wrvq.iterative_scan = off; -- leaves out what comes late
SELECT count(*) BETWEEN 475 AND 500 AS nearly_all FROM (SELECT id FROM fz ORDER BY v <-> fz_row(0) LIMIT 100000) x WHERE id > 6000;
RESET wrvq.iterative_scan;
SELECT vector_quant_index_check('fz_i', true);
-- VACUUM sorts them in when it rewrites.
SET wrvq.iterative_scan = relaxed_order;
DELETE FROM fz WHERE id % 2 = 0;
VACUUM fz;
SELECT vector_quant_index_check('fz_i', true);
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM fz ORDER BY v <-> fz_row(0) LIMIT 100000) x;
SET wrvq.iterative_scan = off;
SELECT count(*) < 250 AS sorted_in FROM (SELECT id FROM fz ORDER BY v <-> fz_row(0) LIMIT 100000) x WHERE id > 6000;
RESET wrvq.iterative_scan;
-- No rows, one row, a list of equal rows, two layers, a refine code.
SET wrvq.iterative_scan = relaxed_order;
CREATE TABLE fz2 (id int, v vector(16));
CREATE INDEX fz2_i ON fz2 USING wrvq (v vector_cosine_ops) WITH (codebooks = 4, fuzzy_layers = 2, refine = true);
INSERT INTO fz2 VALUES (1, fz_row(1)), (2, NULL);
REINDEX INDEX fz2_i;
SELECT id FROM fz2 ORDER BY v <=> fz_row(1) LIMIT 5;
INSERT INTO fz2 SELECT 3, fz_row(1) FROM generate_series(1, 3000);
REINDEX INDEX fz2_i;
SELECT vector_quant_index_check('fz2_i', true);
SELECT count(*) FROM (SELECT id FROM fz2 ORDER BY v <=> fz_row(2) LIMIT 100000) x;
TRUNCATE fz2;
INSERT INTO fz2 SELECT i, fz_row(i) FROM generate_series(1, 5000) i;
REINDEX INDEX fz2_i;
SELECT sublist_layers FROM vector_quant_index_stats('fz2_i');
SELECT vector_quant_index_check('fz2_i', true);
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM fz2 ORDER BY v <=> fz_row(2) LIMIT 100000) x;
RESET wrvq.iterative_scan;
-- Filter columns: their keys lie in front of each tile, which sub-lists name one by one.
CREATE TABLE fz3 AS SELECT i AS id, i % 37 AS c, 't' || i % 11 AS t, fz_row(i) AS v FROM generate_series(1, 5003) i;
CREATE INDEX fz3_i ON fz3 USING wrvq ((v::vector(16)), c, t) WITH (codebooks = 6, codebook_size = 64, nlist = 4, fuzzy_layers = 1);
SELECT vector_quant_index_check('fz3_i', true);
INSERT INTO fz3 SELECT i, i % 37, 't' || i % 11, fz_row(i) FROM generate_series(5004, 6000) i;
DELETE FROM fz3 WHERE id % 3 = 0;
VACUUM fz3;
SELECT vector_quant_index_check('fz3_i', true);
CREATE FUNCTION fz_same(condition text) RETURNS TABLE (rows int, same bool, sublists bool) LANGUAGE plpgsql AS
$$
DECLARE query text := format('SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM fz3 WHERE %s
    ORDER BY v::vector(16) <-> fz_row(7)) x', condition); found int[]; expected int[];
BEGIN
    EXECUTE query INTO found;
    SELECT s.sublists > 0 INTO sublists FROM vector_quant_last_scan() s;
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_indexscan = off;
    EXECUTE query INTO expected;
    SET LOCAL enable_indexscan = on;
    SET LOCAL enable_seqscan = off;
    RETURN QUERY SELECT cardinality(expected), found IS NOT DISTINCT FROM expected, sublists;
END
$$;
SET wrvq.nprobe = 4;
SET wrvq.epsilon = 4;
SET wrvq.iterative_scan = relaxed_order;
SELECT condition, f.* FROM unnest(ARRAY['c = 3', 'c < 5 AND t = ''t3''', 't IN (''t1'', ''t2'')', 'c > 40']) condition, fz_same(condition) f;
RESET wrvq.nprobe;
RESET wrvq.epsilon;
RESET wrvq.iterative_scan;
DROP TABLE fz, fz2, fz3, fz_truth;
DROP FUNCTION fz_same(text);
DROP FUNCTION fz_row(int), fz_found(int);

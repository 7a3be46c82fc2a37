-- WITH (target_recall = ...): an index's own target, for where the session sets none.
SET client_min_messages = warning;
SET jit = off;
SET enable_seqscan = off;
CREATE TABLE tr (id int, v vector(12));
INSERT INTO tr SELECT i, (SELECT array_agg(((hashint8extended(i * 100 + d, 1) & 1048575) / 1048576.0)::real ORDER BY d) FROM generate_series(1, 12) d)::vector
    FROM generate_series(1, 6000) i;
ANALYZE tr;
CREATE INDEX tr_idx ON tr USING @AM@ (v) WITH (target_recall = 0.9);
SELECT substring(pg_get_indexdef('tr_idx'::regclass) FROM 'WITH .*') AS dumped;

-- the range is the setting's
ALTER INDEX tr_idx SET (target_recall = 1);
ALTER INDEX tr_idx SET (target_recall = 0);
ALTER INDEX tr_idx SET (target_recall = 1.1);
ALTER INDEX tr_idx SET (target_recall = -0.1);
ALTER INDEX tr_idx SET (target_recall = 'most');

-- What forty queries do, beside what they do at a target of the session's on an index without one.
CREATE FUNCTION tr_do(OUT lists bigint, OUT reranked bigint) LANGUAGE plpgsql AS
$$ DECLARE q vector; s record; BEGIN
    lists := 0; reranked := 0;
    FOR q IN SELECT v FROM tr WHERE id <= 40 LOOP
        PERFORM id FROM tr ORDER BY v <-> q LIMIT 10;
        SELECT * INTO s FROM vector_quant_last_scan();
        lists := lists + s.lists; reranked := reranked + s.reranked;
    END LOOP;
END $$;
ALTER INDEX tr_idx RESET (target_recall);
CREATE TEMP TABLE seen (name text, lists bigint, reranked bigint);
SET vector_quant.target_recall = 0.8;
INSERT INTO seen SELECT 'setting 0.8', * FROM tr_do();
SET vector_quant.target_recall = 1;
INSERT INTO seen SELECT 'setting 1', * FROM tr_do();
RESET vector_quant.target_recall;
INSERT INTO seen SELECT 'as shipped', * FROM tr_do();
CREATE FUNCTION tr_is() RETURNS text LANGUAGE sql AS 'SELECT coalesce(max(name), ''none'') FROM seen, tr_do() d WHERE seen.lists = d.lists AND seen.reranked = d.reranked';
SELECT count(DISTINCT lists) AS differ FROM seen;

ALTER INDEX tr_idx SET (target_recall = 0.8);
SELECT tr_is() AS option;
SET vector_quant.target_recall = 1;
SELECT tr_is() AS setting_wins;
SET vector_quant.target_recall = 0;
SELECT tr_is() AS setting_of_none_wins;
RESET vector_quant.target_recall;
BEGIN;
SET LOCAL vector_quant.target_recall = 1;
SELECT tr_is() AS setting_of_a_transaction;
ROLLBACK;
SELECT tr_is() AS option_again;
ALTER INDEX tr_idx SET (target_recall = 1);
SELECT tr_is() AS altered;
ALTER INDEX tr_idx SET (target_recall = 0);
SELECT tr_is() AS off;

-- what the index says and what the planner thinks
CREATE FUNCTION tr_cost() RETURNS float8 LANGUAGE plpgsql AS
$$ DECLARE j json; BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) SELECT id FROM tr ORDER BY v <-> ''[0,0,0,0,0,0,0,0,0,0,0,0]'' LIMIT 10' INTO j;
    RETURN j -> 0 -> 'Plan' ->> 'Total Cost';
END $$;
CREATE TEMP TABLE said AS SELECT 0::float8 AS target, nprobe_default, tr_cost() FROM vector_quant_index_stats('tr_idx');
ALTER INDEX tr_idx SET (target_recall = 0.8);
INSERT INTO said SELECT 0.8, nprobe_default, tr_cost() FROM vector_quant_index_stats('tr_idx');
ALTER INDEX tr_idx SET (target_recall = 1);
INSERT INTO said SELECT 1, nprobe_default, tr_cost() FROM vector_quant_index_stats('tr_idx');
SELECT a.target, b.target, a.nprobe_default < b.nprobe_default AS fewer_lists, a.tr_cost < b.tr_cost AS cheaper
    FROM said a, said b WHERE (a.target, b.target) IN ((0.8, 0), (0, 1)) ORDER BY 1 DESC;

-- a number of lists wins over a target of the same place: the index's or the session's
SET client_min_messages = notice;
ALTER INDEX tr_idx SET (nprobe = 3);
SET client_min_messages = warning;
SELECT lists FROM tr_do();
SET vector_quant.target_recall = 0.8;
SELECT tr_is() AS target_of_the_session;
SET @AM@.nprobe = 5;
SELECT lists FROM tr_do();
RESET vector_quant.target_recall;
SELECT lists FROM tr_do();
SET @AM@.nprobe = 0; -- by the target
SELECT tr_is() AS no_number;
RESET @AM@.nprobe;
ALTER INDEX tr_idx RESET (nprobe);
-- the width of the bound, too; the lists stay the target's
ALTER INDEX tr_idx SET (epsilon = 0);
SELECT d.lists = s.lists AS lists, d.reranked < s.reranked AS narrower FROM tr_do() d, seen s WHERE name = 'setting 1';
SET vector_quant.target_recall = 1;
SELECT tr_is() AS target_of_the_session;
RESET vector_quant.target_recall;
ALTER INDEX tr_idx RESET (epsilon);

-- a number of lists that is recommended acts beside the index's target, not beside the session's
SET client_min_messages = notice;
SELECT count(*) > 1 AS tuned FROM vector_quant_tune('tr_idx', 0.9, 10, 20);
SET vector_quant.target_recall = 0.9;
SELECT count(*) > 1 AS tuned FROM vector_quant_tune('tr_idx', 0.9, 10, 20);
RESET vector_quant.target_recall;
SET client_min_messages = warning;

-- on the index of a partitioned table it goes to those of its partitions
CREATE TABLE tr_parts (id int, v vector(12)) PARTITION BY RANGE (id);
CREATE TABLE tr_part PARTITION OF tr_parts FOR VALUES FROM (0) TO (100);
CREATE INDEX ON tr_parts USING @AM@ (v) WITH (target_recall = 0.97);
CREATE TABLE tr_part_2 PARTITION OF tr_parts FOR VALUES FROM (100) TO (200);
SELECT relname, reloptions FROM pg_class WHERE relname ~ '^tr_part.*idx' ORDER BY 1;

DROP TABLE tr, tr_parts;
DROP FUNCTION tr_do, tr_is, tr_cost;

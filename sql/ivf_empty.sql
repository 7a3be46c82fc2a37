-- Indexes without rows: two pages, made in milliseconds, whatever the dimensions; they take rows and answer at once.
SET client_min_messages = warning; -- built without rows
SET enable_seqscan = off;
SET enable_sort = off;
SET @AM@.iterative_scan = relaxed_order;

CREATE FUNCTION em_vector(dims int, i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg((hashint8extended(d, i) & 1023) / 1024.0)::vector FROM generate_series(1, dims) d';

CREATE FUNCTION em_partition(i int) RETURNS int LANGUAGE plpgsql AS
$$ BEGIN
    EXECUTE format('CREATE TABLE em_%s PARTITION OF em FOR VALUES FROM (%s) TO (%s)', i, 2 * (i - 1), 2 * i);
    RETURN i;
END $$;

-- What is wrong with an index that is built empty, emptied, or empty after a commit or in an init fork: null if nothing.
CREATE FUNCTION em_trouble(kind text, dims int, ops text, options text) RETURNS text LANGUAGE plpgsql AS
$$ DECLARE
    op text := CASE ops WHEN 'vector_l2_ops' THEN '<->' WHEN 'vector_ip_ops' THEN '<#>' ELSE '<=>' END;
    found int;
BEGIN
    EXECUTE format('CREATE %s TABLE em (id int, v vector(%s))', kind, dims);
    EXECUTE format('CREATE INDEX em_idx ON em USING @AM@ (v %s) WITH (%s)', ops, options);
    FOR round IN 1 .. 2 LOOP
        IF pg_relation_size('em_idx') > 65535 OR pg_relation_size('em_idx', 'init') > 65535 THEN
            RETURN format('round %s: %s bytes', round, pg_relation_size('em_idx'));
        END IF;
        PERFORM vector_quant_index_check('em_idx', true);
        INSERT INTO em SELECT i, em_vector(dims, i) FROM generate_series(1, 20) i;
        PERFORM vector_quant_index_check('em_idx', true);
        EXECUTE format('SELECT count(DISTINCT id) FROM (SELECT id FROM em ORDER BY v %s em_vector(%s, 7)) s', op, dims) INTO found;
        IF found <> 20 THEN RETURN format('round %s: %s rows', round, found); END IF;
        EXECUTE format('SELECT id FROM em ORDER BY v %s em_vector(%s, 7) LIMIT 1', op, dims) INTO found;
        IF found <> 7 AND op <> '<#>' THEN RETURN format('round %s: row %s instead of 7', round, found); END IF;
        TRUNCATE em;
    END LOOP;
    DROP TABLE em;
    RETURN NULL;
END $$;

SELECT * FROM (SELECT dims, kind, em_trouble(kind, dims, 'vector_l2_ops', 'refine = off') AS trouble
    FROM unnest('{3,384,2000}'::int[]) dims, unnest('{"",UNLOGGED,TEMPORARY}'::text[]) kind OFFSET 0) s
    WHERE trouble IS NOT NULL;
SELECT * FROM (SELECT ops, options, em_trouble('', 100, ops, options) AS trouble
    FROM unnest('{vector_l2_ops,vector_ip_ops,vector_cosine_ops}'::text[]) ops, unnest('{refine = off,refine = on}'::text[]) options OFFSET 0) s
    WHERE trouble IS NOT NULL;
SELECT em_trouble('', 16000, 'vector_ip_ops', 'refine = off');
SELECT em_trouble('', 16000, 'vector_cosine_ops', 'refine = on');
-- with other options of the access method
SELECT * FROM (SELECT em_trouble('', 100, 'vector_l2_ops', o) AS trouble FROM unnest(string_to_array('@VARIANTS@', '; ')) o OFFSET 0) s
    WHERE trouble IS NOT NULL;

-- Emptied again and again, at each TRUNCATE and at each commit: hundreds of times within what one used to take.
SET statement_timeout = '20s';
CREATE TABLE em (id int, v vector(1536));
CREATE INDEX ON em USING @AM@ (v vector_l2_ops);
DO $$ BEGIN FOR i IN 1 .. 100 LOOP TRUNCATE em; END LOOP; END $$;
DROP TABLE em;
CREATE TEMPORARY TABLE em (id int, v vector(1536)) ON COMMIT DELETE ROWS;
CREATE INDEX em_idx ON em USING @AM@ (v vector_l2_ops);
DO $$ BEGIN FOR i IN 1 .. 100 LOOP INSERT INTO em VALUES (i, em_vector(1536, i)); COMMIT; END LOOP; END $$;
SELECT count(*) FROM em;
SELECT pg_relation_size('em_idx') < 65536 AS small;
DROP TABLE em;
RESET statement_timeout;

-- Partitions; VACUUM and REINDEX of what is empty.
CREATE TABLE em (id int, v vector(1536)) PARTITION BY RANGE (id);
SELECT count(em_partition(i)) FROM generate_series(1, 24) i;
CREATE INDEX em_idx ON em USING @AM@ (v vector_l2_ops);
SELECT count(*), max(pg_relation_size(relid)) < 65536 AS small FROM pg_partition_tree('em_idx') WHERE isleaf;
VACUUM em;
REINDEX INDEX CONCURRENTLY em_1_v_idx;
INSERT INTO em SELECT i, em_vector(1536, i) FROM generate_series(1, 47) i;
SELECT id FROM em ORDER BY v <-> em_vector(1536, 7) LIMIT 1;
SELECT count(*) FROM (SELECT id FROM em ORDER BY v <-> em_vector(1536, 7)) s;
DELETE FROM em;
VACUUM em;
SELECT count(*) FROM (SELECT id FROM em ORDER BY v <-> em_vector(1536, 7)) s;
DO $$ BEGIN EXECUTE (SELECT string_agg(format('REINDEX TABLE %s', relid), ';') FROM pg_partition_tree('em') WHERE isleaf); END $$; -- 13 cannot do them together
SELECT max(pg_relation_size(relid)) < 65536 AS small, count(vector_quant_index_check(relid, true)) FROM pg_partition_tree('em_idx') WHERE isleaf;
DROP TABLE em;

-- Few rows: codes that none of them decides are not stored either.
CREATE TABLE em (id int, v vector(1536));
INSERT INTO em SELECT i, em_vector(1536, i) FROM generate_series(1, 30) i;
CREATE INDEX em_idx ON em USING @AM@ (v vector_l2_ops);
SELECT pg_relation_size('em_idx') < pg_table_size('em') AS smaller_than_the_table;
SELECT vector_quant_index_check('em_idx', true);
SELECT id FROM em ORDER BY v <-> em_vector(1536, 7) LIMIT 1;
-- more rows, and a build that trains what it can
INSERT INTO em SELECT i, em_vector(1536, i) FROM generate_series(31, 260) i;
REINDEX INDEX em_idx;
SELECT vector_quant_index_check('em_idx', true);
SELECT count(*) FROM (SELECT id FROM em ORDER BY v <-> em_vector(1536, 7)) s;
SELECT id FROM em ORDER BY v <-> em_vector(1536, 7) LIMIT 1;
DROP TABLE em;
DROP FUNCTION em_trouble(text, int, text, text), em_partition(int), em_vector(int, int);

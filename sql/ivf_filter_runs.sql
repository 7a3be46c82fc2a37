-- Filter keys of lists of many extents, of sub-lists, and of rows that were sealed, deleted, rewritten or are still open: the rows that
-- pass are those of the same query without the index, by every number of columns and every variant of codes.
SET client_min_messages = error;
SET jit = off;
SET max_parallel_workers_per_gather = 0;

CREATE FUNCTION fr_vector(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    $$ SELECT array_agg((hashint8extended(i * 100::bigint + d, 7) & 65535) / 65536.0)::vector FROM generate_series(1, 8) d $$;
-- c5 takes a byte more every 1,100 rows: keys are stored in as few as an extent needs
CREATE TABLE fr_rows AS SELECT i AS id, i % 100 AS c1, i / 700 AS c2, i % 2 = 0 AS c3, nullif(i % 3, 0) AS c4, (i % 2000)::bigint * (256 ^ (i / 1100))::bigint AS c5,
    i / 10.0::float8 AS c6, 'text ' || i % 50 AS c7, fr_vector(i)::vector(8) AS v FROM generate_series(1, 7000) i;
CREATE TABLE fr (LIKE fr_rows);
-- few, many or no rows pass; in one tile, in every tile, in some extents only; by the first column, by the last, by several
CREATE TABLE fr_conditions (c text);
INSERT INTO fr_conditions VALUES ('c1 = 7'), ('c1 < 50'), ('c1 = 1000'), ('c2 = 3'), ('c2 = 9'), ('c2 >= 0'), ('c1 = 7 AND c2 = 3'), ('c1 = 7 AND c4 IS NULL'), ('c2 > 4 AND c3 = true'),
    ('c5 = 511744'), ('c5 < 100000000000'), ('c5 > 4000000000000000'), ('c7 = ''text 9'''), ('c7 = ''text 9'' AND c1 < 20'), ('c6 < 100 AND c7 = ''text 9'''), ('c6 BETWEEN 300 AND 301'), ('c1 >= 0 AND c7 IS NOT NULL'), ('id > 6900');

CREATE FUNCTION fr_ids(condition text, query int) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE ids int[];
BEGIN
    EXECUTE format('SELECT array_agg(id ORDER BY d, id) FROM (SELECT id, v <-> fr_vector(%2$s) AS d FROM fr WHERE %1$s ORDER BY v <-> fr_vector(%2$s)) s', condition, query) INTO ids;
    RETURN ids;
END $$;
-- What is wrong with the index: conditions whose rows differ, or that were read in the table's own order although keys decide them. All lists
-- are looked at. The check raises an error.
CREATE FUNCTION fr_trouble() RETURNS SETOF text LANGUAGE plpgsql SET enable_seqscan = off SET enable_sort = off SET @AM@.nprobe = 65536 SET @AM@.epsilon = 4 AS $$
DECLARE condition text; expected int[];
BEGIN
    FOR condition IN SELECT c FROM fr_conditions LOOP
        SET LOCAL enable_indexscan = off;
        SET LOCAL enable_seqscan = on;
        expected := fr_ids(condition, 1);
        SET LOCAL enable_indexscan = on;
        SET LOCAL enable_seqscan = off;
        IF fr_ids(condition, 1) IS DISTINCT FROM expected THEN
            RETURN NEXT condition;
        END IF;
        IF (SELECT swept > 0 FROM vector_quant_last_scan()) AND NOT EXISTS (SELECT FROM regexp_matches(condition, 'c\d|id', 'g') m
            WHERE m[1] NOT IN (SELECT attname FROM pg_attribute WHERE attrelid = 'fr_x'::regclass)) THEN
            RETURN NEXT condition || ': swept';
        END IF;
    END LOOP;
    PERFORM vector_quant_index_check('fr_x', true);
END $$;
-- The life of an index with those columns: a third of the rows is there at first, others come, leave and come again.
CREATE FUNCTION fr_life(columns text, options text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE fr;
    INSERT INTO fr SELECT * FROM fr_rows WHERE id % 3 = 0 OR id < 1500;
    EXECUTE format('CREATE INDEX fr_x ON fr USING @AM@ (v, %s) WITH (%s)', columns, options);
    RETURN QUERY SELECT 'built: ' || t FROM fr_trouble() t;
    INSERT INTO fr SELECT * FROM fr_rows WHERE id % 3 = 1 AND id >= 1500;
    RETURN QUERY SELECT 'inserted: ' || t FROM fr_trouble() t;
    DELETE FROM fr WHERE id % 7 = 0;
    INSERT INTO fr SELECT * FROM fr_rows WHERE id % 3 = 2 AND id >= 1500;
    UPDATE fr SET c1 = (c1 + 1) % 100, c7 = 'text 9' WHERE id % 11 = 0;
    RETURN QUERY SELECT 'updated: ' || t FROM fr_trouble() t;
END $$;
SELECT * FROM fr_life('c1, c2, c3, c4, c5, c6, c7', 'nlist = 1');
VACUUM fr;
SELECT * FROM fr_trouble();
DELETE FROM fr WHERE id % 2 = 0;
VACUUM fr; -- which rewrites
SELECT * FROM fr_trouble();
INSERT INTO fr SELECT * FROM fr_rows WHERE id % 2 = 0;
SELECT * FROM fr_trouble();
DROP INDEX fr_x;
SELECT * FROM fr_life('c1', 'nlist = 2, refine = true');
DELETE FROM fr WHERE id % 2 = 0;
VACUUM fr;
SELECT * FROM fr_trouble();
DROP INDEX fr_x;
SELECT * FROM fr_life('c7, c2, c1', 'nlist = 1, refine = true, refine_type = ''FP32''');
DROP INDEX fr_x;

-- every variant of codes, with sub-lists where there are any
DO $$
DECLARE o text; t text;
BEGIN
    FOREACH o IN ARRAY string_to_array('@VARIANTS@', '; ') LOOP
        FOR t IN SELECT * FROM fr_life('c1, c2, c7', 'nlist = 1, ' || o) LOOP
            RAISE INFO '%: %', o, t;
        END LOOP;
        DROP INDEX fr_x;
    END LOOP;
END $$;
-- sealed without a build: all rows in one list
TRUNCATE fr;
CREATE INDEX fr_x ON fr USING @AM@ (v, c1, c7);
INSERT INTO fr SELECT * FROM fr_rows;
SELECT * FROM fr_trouble();
-- one condition reads the keys alone, and looks at few codes
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM fr WHERE c1 = 7 AND c7 = 'text 7' ORDER BY v <-> fr_vector(1) LIMIT 100) s;
SELECT filtered > 6000 AS filtered, codes < 2300 AS few_codes FROM vector_quant_last_scan();
DROP TABLE fr, fr_rows, fr_conditions;
DROP FUNCTION fr_vector, fr_ids, fr_trouble, fr_life;

-- What the load works on: vectors to take rows from, and functions that look at table tN with its index vN.
CREATE EXTENSION vector_quant;
SELECT setseed(0.5);
CREATE SEQUENCE s START 100000;
CREATE TABLE vectors AS SELECT id, array_agg(id % 30 * ((d * 7 + id % 30) % 11) + random())::vector(32) AS v
    FROM generate_series(1, 4000) id, generate_series(1, 32) d GROUP BY id;
CREATE UNIQUE INDEX ON vectors (id);

-- What an index scan in the default order gives, and what is wrong with it: rows out of order, twice, or of another f than wanted.
CREATE FUNCTION scanned(n int, query int, wanted int, "limit" int, OUT ids bigint[], OUT wrong text) LANGUAGE plpgsql STABLE
    SET enable_seqscan = off SET enable_sort = off AS $$
BEGIN
    EXECUTE format('WITH found AS MATERIALIZED (SELECT id, f, v <-> $1 AS d FROM t%s %s ORDER BY v <-> $1 LIMIT $2),
            steps AS (SELECT *, d < lag(d) OVER () AS back FROM found)
        SELECT array_agg(id), nullif(concat_ws('', '', CASE WHEN bool_or(back) THEN ''rows out of order'' END,
            CASE WHEN count(*) > count(DISTINCT id) THEN ''rows twice'' END,
            CASE WHEN bool_or(f <> $3) THEN ''rows that WHERE leaves out'' END), '''') FROM steps',
        n, CASE WHEN wanted IS NOT NULL THEN 'WHERE f = $3' END)
        INTO ids, wrong USING (SELECT v FROM vectors WHERE id = query), "limit", wanted;
END $$;

-- A query of the load: an error where the scan was wrong.
CREATE FUNCTION look(n int, query int, wanted int DEFAULT NULL) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
    scan record := scanned(n, query, wanted, 50);
BEGIN
    IF scan.wrong IS NOT NULL THEN
        RAISE 'table t%, query %, f %: %', n, query, wanted, scan.wrong;
    END IF;
    RETURN cardinality(scan.ids);
END $$;

-- All that is wrong with a table while nobody writes: pages; rows that a scan of everything does not give once; its order. A scan in
-- strict order, the default, leaves out rows that turn out nearer than one given out before: hardly any where it visits all lists at once,
-- with wide bounds. It may end in a pass over the table: what the index lacks, the check finds.
CREATE FUNCTION wrong(n int) RETURNS SETOF text LANGUAGE plpgsql STABLE SET client_min_messages = warning AS $$
DECLARE
    am name := (SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE c.oid = ('v' || n)::regclass);
    wanted int;
    ids bigint[];
    scan record;
BEGIN
    PERFORM vector_quant_index_check(('v' || n)::regclass, true);
    PERFORM set_config(am || '.nprobe', '65536', true), set_config(am || '.epsilon', '4', true);
    FOREACH wanted IN ARRAY '{NULL, 3}'::int[] LOOP
        EXECUTE format('SELECT array_agg(id ORDER BY id) FROM t%s WHERE $1 IS NULL OR f = $1', n) INTO ids USING wanted;
        PERFORM set_config(am || '.iterative_scan', 'relaxed_order', true);
        scan := scanned(n, 1, wanted, NULL);
        IF ids IS DISTINCT FROM (SELECT array_agg(id ORDER BY id) FROM unnest(scan.ids) id) THEN
            RETURN NEXT format('t%s, f %s: %s rows, through the index %s, of them in the table %s', n, wanted, cardinality(ids),
                cardinality(scan.ids), (SELECT count(*) FROM unnest(scan.ids) id WHERE id = ANY (ids)));
        END IF;
        PERFORM set_config(am || '.iterative_scan', 'strict_order', true);
        scan := scanned(n, 1, wanted, NULL);
        IF scan.wrong IS NOT NULL OR coalesce(cardinality(scan.ids), 0) < 0.99 * coalesce(cardinality(ids), 0) THEN
            RETURN NEXT format('t%s, f %s, in strict order: %s of %s rows, %s', n, wanted, cardinality(scan.ids), cardinality(ids), scan.wrong);
        END IF;
    END LOOP;
END $$;

-- The rows that ten queries find, to compare servers by.
CREATE FUNCTION answers(n int) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(format('t%s %s %s', n, query, (scanned(n, query, nullif(query % 5, 4), 50)).ids), E'\n')
    FROM generate_series(1, 4000, 400) query $$;

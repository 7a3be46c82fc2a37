-- Filters with subqueries and with volatile functions, in scans that read the table in its own order: the same rows as an exact scan,
-- and no condition that must not be asked twice is.
SET client_min_messages = warning;
SET jit = off;
CREATE TABLE sws (id int PRIMARY KEY, owner int, v vector(8));
CREATE FUNCTION sws_vector(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg(hashint8(i * 100::bigint + d) % 1000 / 100.0)::real[]::vector FROM generate_series(1, 8) d';
INSERT INTO sws SELECT i, i % 100, sws_vector(i) FROM generate_series(1, 6000) i;
CREATE INDEX sws_v ON sws USING @AM@ (v vector_l2_ops) WITH (@VARIANT@);
CREATE TABLE sws_owners AS SELECT k, k % 2 = 0 AS even FROM generate_series(0, 99) k;
CREATE SEQUENCE sws_asked;
CREATE FUNCTION sws_ask(boolean) RETURNS boolean LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN nextval(''sws_asked'') > 0 AND $1; END';
ANALYZE sws;
ANALYZE sws_owners;
SET @AM@.iterative_scan = relaxed_order; -- every row
SET enable_seqscan = off;
SET enable_bitmapscan = off;

-- ids by the index and by an exact scan; whether the table was read in its own order
CREATE FUNCTION sws_compare(condition text, OUT rows bigint, OUT same boolean, OUT swept boolean) LANGUAGE plpgsql AS
$$
DECLARE
    sql text := 'SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM sws WHERE %s ORDER BY (v <-> sws_vector(17)) %s LIMIT 3000) s';
    truth int[];
    found int[];
BEGIN
    SET LOCAL enable_sort = on;
    EXECUTE format(sql, condition, '+ 0') INTO truth;
    SET LOCAL enable_sort = off;
    EXECUTE format(sql, condition, '') INTO found;
    SELECT s.swept > 0 INTO swept FROM vector_quant_last_scan() s;
    rows := cardinality(found);
    same := found IS NOT DISTINCT FROM truth;
END
$$;
SELECT c, rows, same, swept FROM unnest(ARRAY[
    'owner NOT IN (SELECT k FROM sws_owners WHERE k > 2)', -- hashed
    'owner IN (SELECT k FROM sws_owners WHERE k < 3) OR id < 0',
    '(SELECT even FROM sws_owners WHERE k = owner) AND owner < 20', -- correlated
    'EXISTS (SELECT FROM sws_owners o WHERE o.k = owner AND o.k % 10 = 3) OR id < 0',
    'owner = ANY (ARRAY(SELECT k FROM sws_owners WHERE k < id % 3))',
    'owner < (SELECT count(*) FROM (SELECT DISTINCT k FROM sws_owners WHERE k < id % 7 UNION ALL SELECT 1 LIMIT 4) s)',
    'id > ALL (SELECT o.k * 59 FROM sws_owners o JOIN sws t ON t.id = o.k + 1 WHERE t.owner = sws.owner)',
    'owner = 5 AND id <> (SELECT max(k) FROM sws_owners)']) c, sws_compare(c);
-- of the same table, through the same index
SELECT c, rows, same FROM unnest(ARRAY[
    'owner < 10 AND 100 > (SELECT t.id FROM sws t WHERE t.owner = sws.owner ORDER BY t.v <-> sws.v LIMIT 1)']) c, sws_compare(c);

-- once for each row: volatile, in a subquery, and in one of a subquery
CREATE FUNCTION sws_count(condition text, OUT rows bigint, OUT asked bigint, OUT swept boolean) LANGUAGE plpgsql AS
$$
DECLARE before bigint := nextval('sws_asked');
BEGIN
    SET LOCAL enable_sort = off;
    EXECUTE format('SELECT count(*) FROM (SELECT id FROM sws WHERE %s ORDER BY v <-> sws_vector(17) LIMIT 3000) s', condition) INTO rows;
    SELECT s.swept > 0 INTO swept FROM vector_quant_last_scan() s;
    asked := nextval('sws_asked') - before - 1;
END
$$;
SELECT c, rows, asked, swept FROM unnest(ARRAY[
    'sws_ask(owner = 5)',
    '(SELECT sws_ask(k = 5) FROM sws_owners WHERE k = owner)',
    'owner NOT IN (SELECT k FROM sws_owners WHERE k <> 5 AND (SELECT sws_ask(true)))']) c, sws_count(c);
-- the others are asked, and leave few rows for it
SELECT rows, asked < 150 AS few_asked, swept FROM sws_count('owner = 5 AND sws_ask(id > 0)');
SELECT rows, asked < 150 AS few_asked, swept FROM sws_count('owner = 5 AND (SELECT sws_ask(k = 5) FROM sws_owners WHERE k = owner)');

-- what a policy hides is told to no function, even if the policy's own condition must not be asked twice
CREATE FUNCTION sws_spy(int) RETURNS boolean LANGUAGE plpgsql STABLE COST 0.0001 AS
    $$ BEGIN IF $1 = 7 THEN RAISE EXCEPTION 'owner % seen', $1; END IF; RETURN $1 = 5; END $$;
CREATE ROLE vq_sws_reader;
GRANT SELECT ON sws TO vq_sws_reader;
GRANT USAGE ON SEQUENCE sws_asked TO vq_sws_reader;
CREATE POLICY sws_policy ON sws FOR SELECT USING (sws_ask(owner <> 7));
ALTER TABLE sws ENABLE ROW LEVEL SECURITY;
SET ROLE vq_sws_reader;
SELECT rows, swept FROM sws_count('sws_spy(owner)');
SELECT rows, asked < 150 AS few_asked, swept FROM sws_count('owner = 5'); -- leakproof
RESET ROLE;
ALTER TABLE sws DISABLE ROW LEVEL SECURITY;
DROP POLICY sws_policy ON sws;

-- parameters that change from one search to the next
SET enable_sort = off;
SELECT o, count(*), min(owner), max(owner), bool_and(d >= before OR before IS NULL) AS in_order
    FROM generate_series(10, 13) o, LATERAL (SELECT owner, d, lag(d) OVER () AS before FROM (SELECT owner, v <-> sws_vector(o) AS d FROM sws
        WHERE owner NOT IN (SELECT k FROM sws_owners WHERE k <> o) ORDER BY v <-> sws_vector(o) LIMIT 1000) a) s GROUP BY o ORDER BY o;
SELECT o, count(*), min(owner), max(owner)
    FROM generate_series(10, 13) o, LATERAL (SELECT owner FROM sws WHERE (SELECT k FROM sws_owners WHERE k = owner AND k = o) IS NOT NULL
        ORDER BY v <-> sws_vector(o) LIMIT 1000) s GROUP BY o ORDER BY o;
SET plan_cache_mode = force_generic_plan;
PREPARE sws_plan(int, int) AS SELECT count(*), min(owner), max(owner) FROM (SELECT owner FROM sws
    WHERE owner NOT IN (SELECT k FROM sws_owners WHERE k <> $1) AND owner <> $2 ORDER BY v <-> sws_vector(17) LIMIT 1000) s;
EXECUTE sws_plan(5, 6);
EXECUTE sws_plan(6, 6);
EXECUTE sws_plan(7, 6);
RESET plan_cache_mode;
-- a cursor that is left, and one that goes on after the table has changed
BEGIN;
DECLARE sws_a CURSOR FOR SELECT id FROM sws WHERE (SELECT k FROM sws_owners WHERE k = owner) = 25 ORDER BY v <-> sws_vector(17);
DECLARE sws_b CURSOR FOR SELECT id FROM sws WHERE owner NOT IN (SELECT k FROM sws_owners WHERE k <> 26) ORDER BY v <-> sws_vector(17);
MOVE 3 FROM sws_a;
MOVE 2 FROM sws_b;
DELETE FROM sws_owners;
DELETE FROM sws WHERE owner IN (25, 26) AND id > 3000;
CREATE FUNCTION sws_rest(c refcursor) RETURNS bigint LANGUAGE plpgsql AS
$$ DECLARE i int; n bigint := 0; BEGIN LOOP FETCH c INTO i; EXIT WHEN NOT FOUND; n := n + 1; END LOOP; RETURN n; END $$;
SELECT sws_rest('sws_a') AS a;
CLOSE sws_a;
SELECT sws_rest('sws_b') AS b;
ROLLBACK;
-- in parallel workers
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET enable_seqscan = on;
ALTER TABLE sws_owners SET (parallel_workers = 2);
ALTER FUNCTION sws_vector PARALLEL SAFE;
SELECT count(*), count(DISTINCT id) FROM sws_owners o, LATERAL (SELECT id FROM sws WHERE owner NOT IN (SELECT k FROM sws_owners WHERE k <> o.k)
    ORDER BY v <-> sws_vector(o.k) LIMIT 1000) s WHERE o.k < 20;

DROP TABLE sws, sws_owners;
DROP SEQUENCE sws_asked;
DROP FUNCTION sws_compare, sws_count, sws_vector, sws_ask, sws_spy;
DROP ROLE vq_sws_reader;

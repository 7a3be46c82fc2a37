-- Filter columns: WHERE on an index's own columns, by every type and operator, against the same query without the index.
SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET enable_bitmapscan = off;
SET extra_float_digits = 0;

CREATE TYPE fi_mood AS ENUM ('sad', 'ok', 'happy');
CREATE FUNCTION fi_vector(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    $$ SELECT array_agg((hashint8extended(i * 100::bigint + d, 7) & 65535) / 65536.0)::vector FROM generate_series(1, 12) d $$;
-- Values repeat, and a third of each column is NULL, in rows of its own.
CREATE TABLE fi (id int PRIMARY KEY, b boolean, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, d date, ts timestamp,
    tz timestamptz, t text, vc varchar(20), u uuid, e fi_mood, a4 int4[], a8 int8[], at text[], au uuid[], v vector(12));
INSERT INTO fi SELECT i, i % 2 = 0, i % 13 - 6, i % 17 - 8, (i % 19 - 9) * 1000000000000, (i % 11 - 5) / 4.0, (i % 23 - 11) / 7.0, (i % 29 - 14) / 3.0,
    date '2024-01-01' + i % 31, timestamp '2024-01-01' + i % 37 * interval '7 hours', timestamptz '2024-01-01 00:00+00' + i % 41 * interval '5 hours',
    'text ' || i % 43, 'varchar ' || i % 47, md5((i % 53)::text)::uuid, (enum_range(NULL::fi_mood))[1 + i % 3],
    ARRAY[i % 5, i % 7], ARRAY[i % 11, i % 13]::int8[], ARRAY['x' || i % 5, 'y' || i % 9], ARRAY[md5((i % 7)::text)::uuid], fi_vector(i)
    FROM generate_series(1, 2000) i;
UPDATE fi SET i2 = NULL, t = NULL, a4 = '{}', f8 = 'NaN' WHERE id % 10 = 1;
UPDATE fi SET i4 = NULL, n = NULL, at = NULL, f4 = '-Infinity' WHERE id % 10 = 2;
UPDATE fi SET i8 = -9223372036854775808, d = NULL, u = NULL, a8 = ARRAY[NULL]::int8[] WHERE id % 10 = 3;
UPDATE fi SET i8 = NULL, ts = '-infinity', b = NULL, vc = NULL, au = NULL, n = 'NaN' WHERE id % 10 = 4;
UPDATE fi SET i8 = 9223372036854775807, e = NULL, tz = NULL, f8 = -0.0, d = 'infinity', n = 1e300 WHERE id % 10 = 5;
UPDATE fi SET i8 = -9223372036854775807, f8 = 'Infinity', f4 = NULL, n = 1e300 + 1, at = ARRAY['x1', NULL] WHERE id % 10 = 6;

-- What a condition finds with the index, which must be used, against what it finds without; and whether the index decides it. All lists are
-- looked at, so nothing is left to chance.
CREATE FUNCTION fi_ids(condition text, query int) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE ids int[];
BEGIN
    EXECUTE format('SELECT array_agg(id ORDER BY d, id) FROM (SELECT id, v <-> fi_vector(%2$s) AS d FROM fi WHERE %1$s ORDER BY v <-> fi_vector(%2$s)) s',
        condition, query) INTO ids;
    RETURN ids;
END $$;
CREATE FUNCTION fi_plan(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text := '';
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT id FROM fi WHERE %s ORDER BY v <-> fi_vector(1)', condition) LOOP
        plan := plan || CASE WHEN line ~ 'Index Scan using fi_' THEN 'index' WHEN line ~ 'Index Cond' THEN ' decides'
                             WHEN line ~ '^ *Filter' THEN ', rest by the executor' ELSE '' END;
    END LOOP;
    RETURN plan;
END $$;
-- filtered: whether keys kept rows from being looked at
CREATE FUNCTION fi_check(condition text, OUT plan text, OUT rows int, OUT differs text, OUT filtered boolean) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_sort = off SET @AM@.nprobe = 65536 SET @AM@.epsilon = 4 AS $$
DECLARE expected int[]; found int[];
BEGIN
    plan := fi_plan(condition);
    FOR q IN 1..3 LOOP
        SET LOCAL enable_seqscan = on;
        SET LOCAL enable_sort = on;
        SET LOCAL enable_indexscan = off;
        expected := fi_ids(condition, q);
        SET LOCAL enable_indexscan = on;
        SET LOCAL enable_seqscan = off;
        SET LOCAL enable_sort = off;
        found := fi_ids(condition, q);
        filtered := (SELECT s.filtered > 0 FROM vector_quant_last_scan() s);
        rows := coalesce(cardinality(expected), 0);
        IF found IS DISTINCT FROM expected THEN
            differs := format('%s instead of %s', cardinality(found), rows);
        END IF;
    END LOOP;
END $$;

CREATE INDEX fi_numbers ON fi USING @AM@ (v, b, i2, i4, i8, f4, f8, n);
SELECT c, plan, rows, differs FROM unnest(ARRAY['i2 = 3', 'i2 < -2', 'i2 <= -2', 'i2 >= 4', 'i2 > 4', 'i2 BETWEEN -1 AND 2', 'i2 IS NULL', 'i2 IS NOT NULL', 'v IS NOT NULL', 'v IS NULL', 'v IS NOT NULL AND i2 = 3',
    'i4 = 3', 'i4 < -2', 'i4 <= -2', 'i4 >= 4', 'i4 > 4', 'i4 <> 4', 'i4 IS NULL', 'i4 = NULL', 'i4 > 2 AND i4 < 2',
    'i4 = 3::int2', 'i4 < 3::int8', 'i4 > 99999999999', 'i2 = 99999999999', 'i2 >= -99999999999', 'i8 = 3', 'i8 > 2000000000000::int8', 'i8 <= 5::int2',
    'i8 = -9223372036854775808', 'i8 < -9223372036854775807', 'i8 <= -9223372036854775808', 'i8 > -9223372036854775808', 'i8 >= -9223372036854775807',
    'i8 = 9223372036854775807', 'i8 > 9223372036854775806', 'i8 > 9223372036854775807', 'i8 >= 9223372036854775807',
    'f4 = 0.25', 'f4 < 0.25::float4', 'f4 <= -0.5', 'f4 > 0.3', 'f4 = ''-Infinity''', 'f4 IS NULL', 'f4 = 0.1', 'f4 > 0.1::float4',
    'f8 = 0', 'f8 = ''-0''', 'f8 < 0', 'f8 >= 0', 'f8 > 1', 'f8 = ''NaN''', 'f8 > ''Infinity''', 'f8 < ''NaN''', 'f8 <= ''-Infinity''', 'f8 = 1::float4',
    'n = 1', 'n < 1', 'n <= 1', 'n > 1', 'n >= 1', 'n = ''NaN''', 'n > 1e300', 'n = 1e300', 'n >= 1e300 + 1', 'n < ''NaN''', 'n BETWEEN 0.3 AND 0.4', 'n IS NULL',
    'i4 = 2 OR i2 = 2',  'i4 > 0 AND i2 > 0 AND f4 > 0 AND n > 0 AND id > 100']) c, fi_check(c) f;
-- What older versions leave to the executor; the scan finds it in the plan's filter.
SELECT c, rows, differs, filtered FROM unnest(ARRAY['b', 'NOT b', 'b = false', 'b IS NULL', 'b IS TRUE', 'b IS FALSE', 'b > false', 'b IS NOT TRUE', 'i4 = 2 AND b', 'i4 IN (1, 3, 5)', 'i4 IN (3)',
    'i4 = ANY (''{1,3,NULL}'')', 'i4 = ANY (''{}'')', 'i4 = ANY (''{NULL}'')', 'i4 = ANY (NULL::int[])', 'i4 < ANY (''{-3,2}'')', 'i4 > ANY (''{3,5}'')', 'i4 = ALL (''{3}'')',
    'i4 NOT IN (1, 3)', 'i4 = ANY (''{3,99999999999}''::int8[])', 'i8 IN (3, -9223372036854775808)', 'i4 IN (1, 2) AND b AND i2 > 0',
    'i4 = ANY ((SELECT ARRAY[1, 2])::int[])', 'i4 = ANY (ARRAY[(random() * 0)::int + 3])']) c, fi_check(c) f;
DROP INDEX fi_numbers;
CREATE INDEX fi_others ON fi USING @AM@ (v, d, ts, tz, t, vc, u, e) WITH (@VARIANT@);
SELECT c, plan, rows, differs FROM unnest(ARRAY['d = ''2024-01-05''', 'd < ''2024-01-05''', 'd >= ''2024-01-25''', 'd = ''infinity''', 'd IS NULL', 'd > timestamp ''2024-01-05''',
    'ts = ''2024-01-02 11:00''', 'ts < ''2024-01-02''', 'ts <= ''-infinity''', 'ts > ''-infinity''', 'ts >= ''2024-01-10''', 'ts < date ''2024-01-03''',
    'tz = ''2024-01-02 01:00+00''', 'tz > ''2024-01-08''', 'tz IS NULL',
    't = ''text 7''', 't = ''nothing''', 't > ''text 7''', 't LIKE ''text 7%''', 't IS NULL', 't = ''text 7''::varchar', 'lower(t) = ''text 7''',
    'vc = ''varchar 9''', 'vc = ''varchar 9''::text', 'vc IS NULL', 'u = md5(''7'')::uuid', 'u < md5(''7'')::uuid', 'u >= ''80000000-0000-0000-0000-000000000000''',
    'u <= ''00000000-0000-0000-0000-000000000000''', 'u IS NOT NULL', 'e = ''ok''', 'e IS NULL', 'e > ''ok''', 't = ''text 7'' AND e = ''sad'' AND d > ''2024-01-10''']) c, fi_check(c) f;
SELECT c, rows, differs, filtered FROM unnest(ARRAY['t IN (''text 7'', ''text 8'', ''nothing'')', 'vc IN (''varchar 1'', ''varchar 2'')', 'e IN (''ok'', ''sad'')',
    'u IN (md5(''7'')::uuid, md5(''8'')::uuid)', 'd IN (''2024-01-05'', ''2024-01-06'')', 't IN (''text 7'', ''text 8'') AND e IN (''ok'')']) c, fi_check(c) f;
DROP INDEX fi_others;
CREATE INDEX fi_arrays ON fi USING @AM@ (v, a4, a8, at, au, i4) WITH (refine = true);
SELECT c, plan, rows, differs FROM unnest(ARRAY['a4 && ''{3}''', 'a4 && ''{3,4}''', 'a4 @> ''{3}''', 'a4 @> ''{3,4}''', 'a4 @> ''{}''', 'a4 && ''{}''', 'a4 IS NULL', 'a4 = ''{}''', '3 = ANY(a4)',
    'a4 <@ ''{1,2,3}''', 'a8 && ''{3,NULL}''', 'a8 @> ''{3,NULL}''', 'a8 @> ''{12}''', 'at && ''{x1,y5}''', 'at @> ''{x1,y5}''', 'at @> ''{x1}'' AND i4 > 0', 'at IS NULL',
    'au && ARRAY[md5(''3'')::uuid]', 'au @> ARRAY[md5(''3'')::uuid]', 'NOT a4 && ''{3}''']) c, fi_check(c) f;
-- Several arrays in one condition: of a domain, whose arrays have them as elements.
CREATE DOMAIN fi_list AS int[];
SELECT c, rows, differs, filtered FROM unnest(ARRAY['a4 && ANY (ARRAY[''{3}'', ''{6}'']::fi_list[])', 'a4 && ANY (ARRAY[''{}'', ''{6}'', NULL]::fi_list[])', 'a4 @> ANY (ARRAY[''{3,4}'', ''{6}'']::fi_list[])',
    'a4 @> ANY (ARRAY[''{3,4}'', ''{3,6}'']::fi_list[])', 'a4 @> ANY (ARRAY[''{3}'', ''{}'']::fi_list[])', 'a4 && ALL (ARRAY[''{3}'', ''{6}'']::fi_list[])']) c, fi_check(c) f;
SELECT vector_quant_index_check('fi_arrays', true);
DROP INDEX fi_arrays;
-- domains
CREATE DOMAIN fi_flag AS boolean;
ALTER TABLE fi ADD COLUMN flag fi_flag GENERATED ALWAYS AS (b) STORED;
CREATE INDEX fi_domains ON fi USING @AM@ (v, flag);
SELECT c, rows, differs, filtered FROM unnest(ARRAY['flag', 'NOT flag', 'flag IS TRUE', 'flag IS FALSE', 'flag = true', 'flag IS NULL', 'flag IS NOT TRUE']) c, fi_check(c) f;
DROP INDEX fi_domains;

-- inserted, updated, deleted, sealed and rewritten rows keep their keys
CREATE INDEX fi_some ON fi USING @AM@ (v, i4, t, at) WITH (@VARIANT@);
CREATE TABLE fi_conditions (c text);
INSERT INTO fi_conditions VALUES ('i4 = 3'), ('i4 IS NULL'), ('i4 > 5'), ('t = ''text 7'''), ('t IS NULL'), ('at @> ''{x1}'''), ('i4 = 3 AND t = ''text 7''');
INSERT INTO fi (id, i4, t, at, v) SELECT i, i % 17 - 8, nullif('text ' || i % 43, 'text 9'), ARRAY['x' || i % 5], fi_vector(i) FROM generate_series(2001, 5000) i;
UPDATE fi SET i4 = i4 + 1 WHERE id % 3 = 0;
UPDATE fi SET t = NULL, at = '{}' WHERE id % 31 = 0;
DELETE FROM fi WHERE id % 5 = 0;
SELECT c, plan, rows, differs FROM fi_conditions, fi_check(c) f;
SELECT vector_quant_index_check('fi_some', true);
VACUUM fi;
SELECT c, plan, rows, differs FROM fi_conditions, fi_check(c) f;
SELECT vector_quant_index_check('fi_some', true);
DELETE FROM fi WHERE id % 2 = 0;
VACUUM fi;
INSERT INTO fi (id, i4, t, at, v) SELECT 10000 + i, i % 17 - 8, 'text ' || i % 43, NULL, fi_vector(i) FROM generate_series(1, 1000) i;
SELECT bool_and(differs IS NULL) AS same, sum(rows) FROM fi_conditions, fi_check(c) f;
SELECT vector_quant_index_check('fi_some', true);
REINDEX INDEX CONCURRENTLY fi_some;
SELECT bool_and(differs IS NULL) AS same, sum(rows) FROM fi_conditions, fi_check(c) f;
SELECT vector_quant_index_check('fi_some', true);

-- parameters, LATERAL, joins, cursors
SET enable_seqscan = off;
SET @AM@.nprobe = 65536;
PREPARE fi_query (int, vector) AS SELECT id FROM fi WHERE i4 = $1 ORDER BY v <-> $2 LIMIT 3;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE fi_query(3, fi_vector(1));
EXECUTE fi_query(3, fi_vector(1));
EXECUTE fi_query(4, fi_vector(1));
EXECUTE fi_query(NULL, fi_vector(1));
RESET plan_cache_mode;
EXPLAIN (COSTS OFF) SELECT x, s.id FROM generate_series(-1, 1) x, LATERAL (SELECT id FROM fi WHERE i4 = x ORDER BY v <-> fi_vector(1) LIMIT 2) s;
SELECT x, s.id FROM generate_series(-1, 1) x, LATERAL (SELECT id FROM fi WHERE i4 = x ORDER BY v <-> fi_vector(1) LIMIT 2) s;
BEGIN;
DECLARE fi_cursor CURSOR FOR SELECT id FROM fi WHERE i4 = 3 ORDER BY v <-> fi_vector(1);
FETCH 2 FROM fi_cursor;
DELETE FROM fi WHERE i4 = 3;
FETCH 2 FROM fi_cursor;
ROLLBACK;
RESET enable_seqscan;
RESET @AM@.nprobe;
-- without ORDER BY distance the index is no way
EXPLAIN (COSTS OFF) SELECT id FROM fi WHERE i4 = 3;

-- expressions, partial indexes
CREATE TABLE fi_meta (id int, meta jsonb, v vector(12));
INSERT INTO fi_meta SELECT i, jsonb_build_object('lang', 'l' || i % 5, 'year', 2000 + i % 9), fi_vector(i) FROM generate_series(1, 500) i;
CREATE INDEX fi_meta_idx ON fi_meta USING @AM@ (v, (meta->>'lang'), ((meta->>'year')::int)) WHERE id % 2 = 0;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM fi_meta WHERE id % 2 = 0 AND meta->>'lang' = 'l1' AND (meta->>'year')::int >= 2005 ORDER BY v <-> fi_vector(1) LIMIT 3;
SELECT id, meta FROM fi_meta WHERE id % 2 = 0 AND meta->>'lang' = 'l1' AND (meta->>'year')::int >= 2005 ORDER BY v <-> fi_vector(1) LIMIT 3;
RESET enable_seqscan;
SELECT id, meta FROM fi_meta WHERE id % 2 = 0 AND meta->>'lang' = 'l1' AND (meta->>'year')::int >= 2005 ORDER BY (v <-> fi_vector(1)) + 0 LIMIT 3;
SELECT x, s.id, s.meta FROM generate_series(1, 2) x, LATERAL (SELECT id, meta FROM fi_meta WHERE id % 2 = 0 AND meta->>'lang' IN ('l1', 'l' || x)
    ORDER BY v <-> fi_vector(1) LIMIT 2) s;
SELECT vector_quant_index_check('fi_meta_idx', true);
-- empty, then filled
TRUNCATE fi_meta;
INSERT INTO fi_meta SELECT i, jsonb_build_object('lang', 'l' || i % 5, 'year', 2000 + i % 9), fi_vector(i) FROM generate_series(1, 50) i;
SELECT vector_quant_index_check('fi_meta_idx', true);

-- A consumer that takes all there is gets the nearest from the lists that most of them are in, and then from all others at once: where lists come a few
-- at a time, more rows turn out nearer than one given out.
CREATE FUNCTION fi_passes(condition text) RETURNS int LANGUAGE plpgsql SET enable_seqscan = off SET enable_sort = off AS $$
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM fi WHERE %s ORDER BY v <-> fi_vector(3000) OFFSET 0) taken', condition);
    RETURN (SELECT passes FROM vector_quant_last_scan());
END $$;
CREATE INDEX fi_many_lists ON fi USING @AM@ (v vector_l2_ops, i2) WITH (nlist = 100);
SELECT fi_passes('i2 = 3') BETWEEN 1 AND 2 AS few, fi_passes('i2 > 3') BETWEEN 1 AND 2 AS few;
DROP INDEX fi_many_lists;

-- what is wrong
DO $$ BEGIN
    CREATE COLLATION fi_any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
EXCEPTION WHEN feature_not_supported THEN CREATE COLLATION fi_any_case FROM "C"; -- built without ICU: no collation is of that kind
END $$;
CREATE FUNCTION fi_error(statement text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE detail text; hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || SQLERRM || coalesce(nullif(E'\nDETAIL: ' || detail, E'\nDETAIL: '), '') || coalesce(nullif(E'\nHINT: ' || hint, E'\nHINT: '), '');
END
$$;
\pset format unaligned
\pset tuples_only on
SELECT fi_error('CREATE INDEX ON fi USING @AM@ (i4, v)');
SELECT fi_error('CREATE INDEX ON fi USING @AM@ (i4)');
SELECT fi_error('CREATE INDEX ON fi USING @AM@ (v, v)');
SELECT fi_error('CREATE INDEX ON fi USING @AM@ (v, (v::halfvec(12)))');
SELECT fi_error('CREATE INDEX ON fi USING @AM@ (v, (point(id, id)))');
SELECT fi_error('CREATE INDEX ON fi USING @AM@ (v, (row(id, i4)))');
SELECT CASE WHEN collisdeterministic THEN E'0A000 collation of column "t" is not deterministic\nHINT: Filter columns are compared byte by byte: give the column in the index another collation, such as COLLATE "C".'
    ELSE fi_error('CREATE INDEX ON fi USING @AM@ (v, t COLLATE fi_any_case)') END FROM pg_collation WHERE collname = 'fi_any_case';
SELECT fi_error('CREATE INDEX ON fi USING @AM@ (v, b, i2, i4, i8, f4, f8, n, d)');
SELECT fi_error('CREATE UNIQUE INDEX ON fi USING @AM@ (v, i4)');
SELECT fi_error('CREATE INDEX ON fi USING @AM@ (v) INCLUDE (i4)');
SELECT fi_error('CREATE INDEX ON fi USING @AM@ (v, i4 DESC)');
\pset format aligned
\pset tuples_only off
-- every operator class holds together
SELECT c.opcname FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod WHERE amname = '@AM@' AND NOT amvalidate(c.oid);
SELECT count(*) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod WHERE amname = '@AM@';
DROP TABLE fi, fi_meta, fi_conditions;
DROP DOMAIN fi_list, fi_flag;
DROP TYPE fi_mood;
DROP COLLATION fi_any_case;
DROP FUNCTION fi_vector, fi_ids, fi_plan, fi_check, fi_error, fi_passes;

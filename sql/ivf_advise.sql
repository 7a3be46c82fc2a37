-- vector_quant_advise: what it says of a column, and why; how near the expected size is to a real one.
SET client_min_messages = warning;
CREATE TABLE items (id int, category text, unit vector(64), plain vector(320), half halfvec(384), bytes vector(16), loose vector, mixed vector,
    none vector(8), typed int);
-- The same numbers in every build.
CREATE FUNCTION numbers(i int, dims int) RETURNS real[] LANGUAGE sql IMMUTABLE AS
    $$ SELECT array_agg((sin(i * 12.9898 + d * i * 78.233) + sin(i % 31 * d))::real ORDER BY d) FROM generate_series(1, dims) d $$;
INSERT INTO items SELECT i, 'c' || i % 5, l2_normalize(numbers(i, 64)::vector), numbers(i, 320)::vector, numbers(i, 384)::vector::halfvec,
        (SELECT array_agg((i * d) % 256 ORDER BY d) FROM generate_series(1, 16) d)::vector, numbers(i, 6)::vector,
        CASE WHEN i % 2 = 0 THEN '[1,2]' ELSE '[1,2,3]' END::vector, NULL, 1
    FROM generate_series(1, 2000) i;
ANALYZE items;

-- The first row: the text and its reasons.
CREATE FUNCTION best(target regclass, col name) RETURNS SETOF text LANGUAGE sql AS
    $$ SELECT unnest(create_index || string_to_array(reason, E'\n')) FROM (SELECT * FROM vector_quant_advise(target, col) LIMIT 1) a $$;

-- The metric: of unit vectors, of bytes, of others. The access method: by dimensions.
SELECT create_index FROM vector_quant_advise('items', 'unit');
SELECT unnest(string_to_array(reason, E'\n')) FROM vector_quant_advise('items', 'unit');
SELECT create_index FROM vector_quant_advise('items', 'plain');
SELECT best('items', 'bytes');
SELECT best('items', 'half');
-- A column without a number of dimensions: the rows have one.
SELECT best('items', 'loose');
-- An index that is there decides about the metric.
CREATE INDEX items_ip ON items USING scann (plain vector_ip_ops);
SELECT best('items', 'plain');
DROP INDEX items_ip;
-- A table larger than memory.
SET effective_cache_size = '1MB';
SELECT best('items', 'unit');
RESET effective_cache_size;
-- Little memory.
SET maintenance_work_mem = '1MB';
SELECT best('items', 'plain');
RESET maintenance_work_mem;

-- The text can be run, and the size is about what was expected.
CREATE FUNCTION compare(target regclass, col name) RETURNS TABLE (access_method text, refine bool, near bool) LANGUAGE plpgsql AS $$
DECLARE a record;
BEGIN
  FOR a IN SELECT * FROM vector_quant_advise(target, col) LOOP
    access_method := substring(a.create_index FROM 'USING (\w+)');
    refine := a.create_index LIKE '%refine%';
    EXECUTE regexp_replace(a.create_index, '^CREATE INDEX', 'CREATE INDEX compared');
    near := a.bytes BETWEEN 0.8 * pg_relation_size('compared') AND 1.2 * pg_relation_size('compared') AND a.build_seconds >= 0;
    DROP INDEX compared;
    RETURN NEXT;
  END LOOP;
END $$;
SELECT col, c.* FROM unnest('{unit,half,loose}'::name[]) col, compare('items', col) c;
SET effective_cache_size = '1MB';
SELECT * FROM compare('items', 'unit');
RESET effective_cache_size;

-- Nothing to look at.
SELECT best('items', 'none');
CREATE TABLE empty (v halfvec(1536), w vector);
SELECT create_index, bytes, build_seconds FROM vector_quant_advise('empty', 'v');
SELECT best('empty', 'v');
SELECT * FROM vector_quant_advise('empty', 'w');
-- Few rows, some of them zero.
CREATE TABLE few AS SELECT CASE WHEN i > 2 THEN '[0.6,0.8]' ELSE '[0,0]' END::vector(2) AS v FROM generate_series(1, 10) i;
SELECT best('few', 'v');

-- Partitions: an index each.
CREATE TABLE parts (id int, v vector(64)) PARTITION BY HASH (id);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT id, unit FROM items;
ANALYZE parts;
SELECT best('parts', 'v');
DO $$
DECLARE a record; made bigint;
BEGIN
  SELECT * INTO a FROM vector_quant_advise('parts', 'v') LIMIT 1;
  EXECUTE a.create_index;
  SELECT sum(pg_relation_size(index)) INTO made FROM vector_quant_indexes() WHERE "table"::text LIKE 'parts%';
  IF a.bytes NOT BETWEEN 0.8 * made AND 1.2 * made THEN
    RAISE WARNING '% bytes expected, % made', a.bytes, made;
  END IF;
END $$;

-- Names and schemas that need quotes; operator classes that search_path does not lead to.
CREATE SCHEMA "Other";
CREATE TABLE "Other"."Items" ("Vector" vector(64));
INSERT INTO "Other"."Items" SELECT unit FROM items LIMIT 1200;
SELECT create_index FROM vector_quant_advise('"Other"."Items"', 'Vector') LIMIT 1;
SET search_path = "Other";
SELECT create_index FROM public.vector_quant_advise('"Items"', 'Vector') LIMIT 1;
RESET search_path;

-- What cannot be advised on.
SELECT * FROM vector_quant_advise('items', 'no_such');
SELECT * FROM vector_quant_advise('items', 'typed');
SELECT * FROM vector_quant_advise('items', 'mixed');
CREATE VIEW items_view AS SELECT * FROM items;
SELECT * FROM vector_quant_advise('items_view', 'unit');
SELECT * FROM vector_quant_advise('no_such_table', 'unit');
SELECT * FROM vector_quant_advise(NULL, 'unit');

-- Whoever may read the column may ask.
CREATE ROLE regress_advise;
GRANT SELECT (unit) ON items TO regress_advise;
SET ROLE regress_advise;
SELECT count(*) FROM vector_quant_advise('items', 'unit');
SELECT count(*) FROM vector_quant_advise('items', 'plain');
RESET ROLE;

DROP TABLE items, empty, few, parts, "Other"."Items" CASCADE;
DROP SCHEMA "Other";
DROP FUNCTION numbers, compare, best;
DROP ROLE regress_advise;

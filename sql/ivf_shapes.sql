-- Vectors of every shape: dimensions, codes, refine codes, extreme values. Each index's answer over all lists
-- is compared with the exact one.
SET client_min_messages = error;
SET jit = off;

-- Coordinates from a hash, so neighbours are as in random data.
CREATE FUNCTION sh_vector(dims int, i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg(('x' || substr(h, 1 + 3 * (j % 10), 3))::bit(12)::int / 2048.0 - 1 ORDER BY j)::vector
   FROM generate_series(0, dims - 1) j, md5(i || '.' || j / 10) h $$;

-- Builds the index, inserts a tenth of the rows later, deletes some, and says how many rows of the answer to
-- three queries differ from the exact answer (rows at equal distance may change places), and how many places
-- are out of order.
CREATE FUNCTION sh_try(opclass text, options text, OUT missing int, OUT misplaced int) LANGUAGE plpgsql AS
$$
DECLARE
    op text := CASE opclass WHEN 'vector_l2_ops' THEN '<->' WHEN 'vector_ip_ops' THEN '<#>' ELSE '<=>' END;
    q vector;
    expected float8[];
    got float8[];
    ids int[];
BEGIN
    missing := 0;
    misplaced := 0;
    CREATE TABLE sh (LIKE sh_rows);
    INSERT INTO sh SELECT * FROM sh_rows WHERE id % 10 > 0;
    EXECUTE format('CREATE INDEX sh_idx ON sh USING @AM@ (v %s) WITH (%s)', opclass, options);
    INSERT INTO sh SELECT * FROM sh_rows WHERE id % 10 = 0;
    DELETE FROM sh WHERE id % 7 = 0;
    PERFORM vector_quant_index_check('sh_idx', true);
    FOR q IN SELECT v FROM sh_rows ORDER BY id LIMIT 3 LOOP
        SET LOCAL enable_seqscan = on;
        SET LOCAL enable_indexscan = off;
        EXECUTE format('SELECT array_agg(d ORDER BY d) FROM (SELECT v %s $1 AS d FROM sh) s', op)
            INTO expected USING q;
        SET LOCAL enable_seqscan = off;
        SET LOCAL enable_indexscan = on;
        EXECUTE format('SELECT array_agg(d), array_agg(id) FROM (SELECT id, v %s $1 AS d FROM sh ORDER BY v %s $1) s', op, op)
            INTO got, ids USING q;
        missing := missing + cardinality(expected) - (SELECT count(DISTINCT id) FROM unnest(ids) id);
        misplaced := misplaced + (SELECT count(*) FROM unnest(expected, got) u(e, g) WHERE e IS DISTINCT FROM g);
    END LOOP;
    DROP TABLE sh;
END
$$;
SET @AM@.nprobe = 65536;
SET @AM@.epsilon = 4;

-- dimensions around the borders of codes, words and pages, under each metric
CREATE TABLE sh_rows (id int, v vector);
CREATE FUNCTION sh_dims(dims int, n int, options text) RETURNS TABLE (opclass text, missing int, misplaced int)
LANGUAGE plpgsql AS
$$
BEGIN
    IF (SELECT (count(*), max(vector_dims(v))) FROM sh_rows) <> (n::bigint, dims) THEN -- made only once in a row
        TRUNCATE sh_rows;
        EXECUTE format('ALTER TABLE sh_rows ALTER COLUMN v TYPE vector(%s)', dims);
        INSERT INTO sh_rows SELECT i, sh_vector(dims, i) FROM generate_series(1, n) i;
    END IF;
    RETURN QUERY SELECT o, t.* FROM unnest('{vector_l2_ops,vector_ip_ops,vector_cosine_ops}'::text[]) o, sh_try(o, options) t;
END
$$;
SELECT d, s.* FROM unnest('{1,2,3,7,8,9,63,64,65}'::int[]) d, sh_dims(d, 200, 'nlist = 5') s;

SELECT n, s.* FROM unnest('{1,2,3,4,15,17}'::int[]) n, sh_dims(5, n, 'nlist = 1') s;

-- refine codes
SELECT r, s.* FROM unnest('{SQ6,SQ8,FP16,BF16,FP32}'::text[]) r, sh_dims(48, 200, 'nlist = 4, refine = true, refine_type = ' || r) s;
-- long vectors; at 16,000 dimensions a FP32 record takes eight pages
SELECT d, s.* FROM unnest('{2000,16000}'::int[]) d, sh_dims(d, 20, 'nlist = 2') s;
SELECT r, s.* FROM unnest('{SQ6,SQ8,FP16,BF16,FP32}'::text[]) r, sh_dims(16000, 20, 'nlist = 2, @VARIANT@, refine = true, refine_type = ' || r) s;

-- the same with every option of the access method's own; what differs is listed
CREATE VIEW sh_variants AS SELECT w FROM unnest(string_to_array('@VARIANTS@', '; ')) w;
SELECT count(*) > 1 AS variants FROM sh_variants;
SELECT d, w, s.* FROM unnest('{1,3,9,16,65}'::int[]) d, sh_variants, sh_dims(d, 300, 'nlist = 5, ' || w) s
    WHERE missing <> 0 OR misplaced <> 0;
SELECT n, w, s.* FROM unnest('{1,2,15,17}'::int[]) n, sh_variants, sh_dims(5, n, 'nlist = 1, ' || w) s
    WHERE missing <> 0 OR misplaced <> 0;
SELECT r, w, s.* FROM unnest('{SQ6,FP32}'::text[]) r, sh_variants,
    sh_dims(48, 300, 'nlist = 4, refine = true, refine_type = ' || r || ', ' || w) s WHERE missing <> 0 OR misplaced <> 0;
SELECT w, s.* FROM sh_variants, sh_dims(16000, 20, 'nlist = 2, ' || w) s WHERE missing <> 0 OR misplaced <> 0;

-- Values: the same trial over rows of each kind.
CREATE FUNCTION sh_values(options text, expression text) RETURNS TABLE (opclass text, missing int, misplaced int)
LANGUAGE plpgsql AS
$$
BEGIN
    TRUNCATE sh_rows;
    EXECUTE format('INSERT INTO sh_rows SELECT i, (%s)::vector FROM generate_series(1, 300) i', expression);
    RETURN QUERY SELECT o, t.* FROM unnest('{vector_l2_ops,vector_ip_ops,vector_cosine_ops}'::text[]) o, sh_try(o, options) t;
END
$$;
TRUNCATE sh_rows;
ALTER TABLE sh_rows ALTER COLUMN v TYPE vector(4);
CREATE TABLE sh_kinds (kind, expression) AS VALUES
    ('norms from 1e-3 to 1e3', 'ARRAY[i % 11, i % 7, i % 5, i % 3 + 1]::float8[]::vector * array_fill(power(10, i % 7 - 3), ARRAY[4])::vector'),
    ('constant columns', 'ARRAY[5, i, 5, 5]'),
    ('all equal', 'ARRAY[1, 2, 3, 4]'),
    ('two points', 'ARRAY[i % 2, 1, 1, 1]'),
    ('duplicates', 'ARRAY[i % 6 + 1, 1, 1, 1]'),
    ('one axis each', 'ARRAY[(i % 4 = 0)::int, (i % 4 = 1)::int, (i % 4 = 2)::int, (i % 4 = 3)::int]'),
    ('tiny', 'ARRAY[1e-30 * i, 1e-30, 2e-30, 0]'),
    ('smallest', 'ARRAY[1.4e-45 * i, 1.4e-45, 0, 0]::float8[]'),
    ('large', 'ARRAY[1e18 * i, 1e18, -1e18, 0]'),
    ('far from the origin', 'ARRAY[1000 + i, 1000, 1000, 1000]');
SELECT o, kind, s.* FROM (VALUES ('nlist = 3'), ('nlist = 3, refine = true')) options(o), sh_kinds, sh_values(o, expression) s;
SELECT w, kind, s.* FROM sh_variants, sh_kinds, sh_values('nlist = 3, ' || w, expression) s WHERE missing <> 0 OR misplaced <> 0;
-- more lists than values: every row is its list's centre
SELECT w, kind, s.* FROM sh_variants, sh_kinds, sh_values('nlist = 60, ' || w, expression) s
    WHERE kind IN ('duplicates', 'two points', 'all equal') AND (missing <> 0 OR misplaced <> 0);

-- Near the largest float: distances themselves become infinite, but no row is lost and nothing fails.
CREATE TABLE sh (id int, v vector(4));
INSERT INTO sh SELECT i, ARRAY[3e38 * (i % 3 - 1), 3e38 * (i % 2), 1e38, i]::vector FROM generate_series(1, 60) i;
CREATE INDEX sh_l2 ON sh USING @AM@ (v) WITH (nlist = 3);
CREATE INDEX sh_ip ON sh USING @AM@ (v vector_ip_ops) WITH (nlist = 3, refine = true, refine_type = 'FP16');
CREATE INDEX sh_cos ON sh USING @AM@ (v vector_cosine_ops) WITH (nlist = 3, refine = true, @VARIANT@);
INSERT INTO sh SELECT i, ARRAY[3e38 * (i % 3 - 1), 3e38 * (i % 2), 1e38, i]::vector FROM generate_series(61, 90) i;
SELECT count(vector_quant_index_check(i, true)) FROM unnest('{sh_l2,sh_ip,sh_cos}'::regclass[]) i;
SET enable_seqscan = off;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM sh ORDER BY v <-> '[3e38,3e38,1e38,0]') s;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM sh ORDER BY v <#> '[3e38,3e38,1e38,0]') s;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM sh ORDER BY v <=> '[3e38,3e38,1e38,0]') s;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM sh ORDER BY v <-> '[0,0,0,0]') s;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM sh ORDER BY v <-> '[-3.4e38,-3.4e38,-3.4e38,-3.4e38]') s;
RESET ALL;
DROP VIEW sh_variants;
DROP TABLE sh, sh_rows, sh_kinds;
DROP FUNCTION sh_vector, sh_try, sh_dims, sh_values;

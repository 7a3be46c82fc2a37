-- Indexes on halfvec columns. Answers over all lists are compared with exact ones by the operators, to the last bit.
SET client_min_messages = error;
SET jit = off;
SET @AM@.nprobe = 65536;
SET @AM@.epsilon = 4;

-- Coordinates from a hash, so neighbours are as in random data.
CREATE FUNCTION hv_row(dims int, i int) RETURNS halfvec LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg(('x' || substr(h, 1 + 3 * (j % 10), 3))::bit(12)::int / 2048.0 - 1 ORDER BY j)::real[]::halfvec
   FROM generate_series(0, dims - 1) j, md5(i || '.' || j / 10) h $$;

-- The distances that the index gives for a query, in its order, against the exact ones.
CREATE FUNCTION hv_misplaced(tbl regclass, col text, op text, q text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
    expected float8[];
    got float8[];
    plan text;
    line text;
BEGIN
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_indexscan = off;
    EXECUTE format('SELECT array_agg(d ORDER BY d) FROM (SELECT %1$s %3$s %4$L AS d FROM %2$s WHERE %1$s IS NOT NULL) s', col, tbl, op, q)
        INTO expected;
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_indexscan = on;
    FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT %1$s FROM %2$s ORDER BY %1$s %3$s %4$L', col, tbl, op, q) LOOP
        plan := concat(plan, line);
    END LOOP;
    IF plan NOT LIKE '%Index Scan using%' THEN
        RETURN 'not by the index: ' || plan;
    END IF;
    EXECUTE format('SELECT array_agg(d) FROM (SELECT %1$s %3$s %4$L AS d FROM %2$s ORDER BY %1$s %3$s %4$L) s', col, tbl, op, q) INTO got;
    RETURN format('%s rows, %s misplaced', cardinality(got),
        (SELECT count(*) FROM unnest(expected, got) u(e, g) WHERE e IS DISTINCT FROM g));
END
$$;

-- every dimension, metric and refine type: built, inserted into, deleted from
CREATE FUNCTION hv_try(dims int, n int, options text) RETURNS TABLE (metric text, answer text) LANGUAGE plpgsql AS
$$
DECLARE
    op text;
BEGIN
    EXECUTE format('CREATE TABLE hv (id int, h halfvec(%s))', dims);
    INSERT INTO hv SELECT i, hv_row(dims, i) FROM generate_series(1, n) i WHERE i % 10 > 0;
    FOR metric, op IN VALUES ('l2', '<->'), ('ip', '<#>'), ('cosine', '<=>') LOOP
        EXECUTE format('CREATE INDEX hv_idx ON hv USING @AM@ (h halfvec_%s_ops) WITH (%s)', metric, options);
        INSERT INTO hv SELECT i, hv_row(dims, i) FROM generate_series(1, n) i WHERE i % 10 = 0;
        DELETE FROM hv WHERE id % 7 = 0;
        PERFORM vector_quant_index_check('hv_idx', true);
        answer := hv_misplaced('hv', 'h', op, hv_row(dims, -1)::text);
        DROP INDEX hv_idx;
        DELETE FROM hv;
        INSERT INTO hv SELECT i, hv_row(dims, i) FROM generate_series(1, n) i WHERE i % 10 > 0;
        RETURN NEXT;
    END LOOP;
    DROP TABLE hv;
END
$$;

SELECT dims, t.* FROM unnest('{3,16,100,384}'::int[]) dims, hv_try(dims, 300, 'nlist = 3, @VARIANT@') t ORDER BY 1, 2;
SELECT kind, t.* FROM unnest('{SQ6,SQ8,FP16,BF16,FP32}'::text[]) kind, hv_try(40, 300, format('refine = true, refine_type = %s, @VARIANT@', kind)) t ORDER BY 1, 2;
SELECT dims, t.* FROM (VALUES (1, 60), (2001, 60), (16000, 12)) v(dims, n), hv_try(dims, n, 'nlist = 2, @VARIANT@') t ORDER BY 1, 2;

-- the ends of the type: largest, smallest, negative zero, zero, NULL
CREATE TABLE ends (id int, h halfvec(3));
INSERT INTO ends VALUES (1, '[65504,65504,-65504]'), (2, '[6e-8,0,0]'), (3, '[-0,0,0]'), (4, '[0,0,0]'), (5, NULL),
    (6, '[1,2,3]'), (7, '[1,2,3]'), (8, '[-65504,1,6.1e-5]');
CREATE INDEX ends_l2 ON ends USING @AM@ (h);
SELECT hv_misplaced('ends', 'h', '<->', '[1,2,3]'), hv_misplaced('ends', 'h', '<->', '[65504,65504,65504]');
SELECT vector_quant_index_check('ends_l2', true);
DROP INDEX ends_l2;
CREATE INDEX ends_cosine ON ends USING @AM@ (h halfvec_cosine_ops);
SET enable_seqscan = off;
SELECT id FROM ends ORDER BY h <=> '[1,2,3]', id LIMIT 2; -- zero vectors are not in it
SELECT count(*) FROM (SELECT FROM ends ORDER BY h <=> '[0,0,0]') s;
SELECT vector_quant_index_check('ends_cosine', true);

-- a vector column, indexed in half precision: pgvector's idiom
CREATE TABLE wide (id int, v vector(24));
INSERT INTO wide SELECT i, hv_row(24, i)::vector FROM generate_series(1, 500) i;
CREATE INDEX wide_half ON wide USING @AM@ ((v::halfvec(24)) halfvec_ip_ops);
SELECT hv_misplaced('wide', '(v::halfvec(24))', '<#>', hv_row(24, -1)::text);
INSERT INTO wide SELECT i, hv_row(24, i)::vector FROM generate_series(501, 600) i;
SELECT hv_misplaced('wide', '(v::halfvec(24))', '<#>', hv_row(24, -2)::text);
SELECT vector_quant_index_check('wide_half', true);
-- the type changes: the index is built again
CREATE TABLE changed (id int, e vector(24));
INSERT INTO changed SELECT * FROM wide;
CREATE INDEX changed_e ON changed USING @AM@ (e);
ALTER TABLE changed ALTER COLUMN e TYPE halfvec(24); -- vector_l2_ops is the default, halfvec_l2_ops too
SELECT hv_misplaced('changed', 'e', '<->', hv_row(24, -1)::text);
SELECT vector_quant_index_check('changed_e', true);

-- errors
\set SHOW_CONTEXT never
CREATE INDEX ON ends USING @AM@ (h vector_l2_ops);
CREATE INDEX ON wide USING @AM@ (v halfvec_l2_ops);
SELECT id FROM ends ORDER BY h <=> '[1,2]' LIMIT 1;
INSERT INTO ends VALUES (9, '[1,2]');
INSERT INTO wide VALUES (9, array_fill(1e5, '{24}')::vector); -- out of a half's range
CREATE TABLE loose (h halfvec);
CREATE INDEX ON loose USING @AM@ (h);
SELECT amvalidate(oid), opcname FROM pg_opclass WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = '@AM@') ORDER BY opcname;

DROP TABLE ends, wide, changed, loose;
DROP FUNCTION hv_try, hv_misplaced, hv_row;

-- Rows that codes with weights or sub-lists find hard, with trained codebooks: each index's answer over all lists is compared
-- with the exact one. (ivf_shapes has what every access method must bear, mostly with codebooks that too few rows train.)
SET client_min_messages = error; -- some of it is more than these rows have use for
SET jit = off;
SET wrvq.nprobe = 65536;
SET wrvq.epsilon = 4;
SET wrvq.fuzzy_k = 1;

-- Coordinates from a hash, in [-1, 1).
CREATE FUNCTION ws_vector(dims int, i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg((hashint8extended(j, i) & 65535) / 32768.0 - 1 ORDER BY j)::real[]::vector FROM generate_series(1, dims) j $$;

-- Rows of an answer to three queries that are not the exact one's, and places where the distances differ (rows at equal
-- distance may change places).
CREATE FUNCTION ws_ask(op text, OUT missing int, OUT misplaced int) LANGUAGE plpgsql AS
$$
DECLARE q vector; expected float8[]; got float8[]; ids int[];
BEGIN
    missing := 0;
    misplaced := 0;
    FOR q IN SELECT v FROM ws WHERE v IS NOT NULL ORDER BY id LIMIT 3 LOOP
        SET LOCAL enable_seqscan = on;
        SET LOCAL enable_indexscan = off;
        EXECUTE format('SELECT array_agg(d ORDER BY d) FROM (SELECT v %s $1 AS d FROM ws WHERE v IS NOT NULL) s', op)
            INTO expected USING q;
        SET LOCAL enable_seqscan = off;
        SET LOCAL enable_indexscan = on;
        EXECUTE format('SELECT array_agg(d), array_agg(id) FROM (SELECT id, v %s $1 AS d FROM ws ORDER BY v %s $1) s', op, op)
            INTO got, ids USING q;
        missing := missing + cardinality(expected) - (SELECT count(DISTINCT id) FROM unnest(ids) id);
        misplaced := misplaced + (SELECT count(*) FROM unnest(expected, got) u(e, g) WHERE e IS DISTINCT FROM g);
    END LOOP;
END
$$;
CREATE FUNCTION ws_try(op text, options text, OUT missing int, OUT misplaced int) LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE format('CREATE INDEX ws_i ON ws USING wrvq (v %s) WITH (%s)',
        CASE op WHEN '<->' THEN 'vector_l2_ops' WHEN '<#>' THEN 'vector_ip_ops' ELSE 'vector_cosine_ops' END, options);
    PERFORM vector_quant_index_check('ws_i', true);
    SELECT * INTO missing, misplaced FROM ws_ask(op);
    DROP INDEX ws_i;
END
$$;
CREATE TABLE ws_ops AS SELECT unnest('{<->,<#>,<=>}'::text[]) AS op;
CREATE TABLE ws_bits AS SELECT unnest('{0,4,8,16}'::int[]) AS bits;

-- every layout of codes and sub-lists; lengths from 1e-3 to 1e3, NULLs among the rows
CREATE TABLE ws (id int, v vector(8));
INSERT INTO ws SELECT i, CASE WHEN i % 50 > 0 THEN ws_vector(8, i) * array_fill(power(10, i % 7 - 3), ARRAY[8])::vector END
    FROM generate_series(1, 4300) i;
SELECT bits, size, layers, t.* FROM ws_bits, unnest('{16,100,256}'::int[]) size, unnest('{0,1,2}'::int[]) layers,
    ws_try('<->', format('nlist = 3, codebooks = 3, codebook_size = %s, weight_bits = %s, fuzzy_layers = %s', size, bits, layers)) t
    WHERE missing <> 0 OR misplaced <> 0;
SELECT bits, op, t.* FROM ws_bits, ws_ops,
    ws_try(op, format('nlist = 3, codebooks = 5, codebook_size = 16, weight_bits = %s, fuzzy_layers = 1', bits)) t
    WHERE missing <> 0 OR misplaced <> 0;
DROP TABLE ws;

-- values
CREATE TABLE ws_kinds (kind, expression) AS VALUES
    ('constant columns', 'ARRAY[5, i % 100, 5, i % 7]'),
    ('duplicates of few', 'ws_vector(4, i % 6)'),
    ('one row many times', 'ws_vector(4, greatest(i - 500, 0))'),
    ('lengths from 1e-12 to 1e-6', 'ws_vector(4, i) * array_fill(power(10, i % 7 - 12), ARRAY[4])::vector'),
    ('lengths from 1e6 to 1e12', 'ws_vector(4, i) * array_fill(power(10, i % 7 + 6), ARRAY[4])::vector');
CREATE FUNCTION ws_values(options text, expression text) RETURNS TABLE (op text, missing int, misplaced int) LANGUAGE plpgsql AS
$$
BEGIN
    CREATE TABLE ws (id int, v vector(4));
    EXECUTE format('INSERT INTO ws SELECT i, (%s)::vector FROM generate_series(1, 600) i', expression);
    RETURN QUERY SELECT o.op, t.* FROM ws_ops o, ws_try(o.op, options) t;
    DROP TABLE ws;
END
$$;
SELECT kind, options, s.* FROM ws_kinds, ws_bits,
    LATERAL format('nlist = 2, codebooks = 4, codebook_size = 16, fuzzy_layers = %s, weight_bits = %s', bits % 3, bits) options,
    ws_values(options, expression) s WHERE missing <> 0 OR misplaced <> 0;

-- one dimension, and the most there can be
CREATE TABLE ws (id int, v vector(1));
INSERT INTO ws SELECT i, ws_vector(1, i) FROM generate_series(1, 600) i;
SELECT bits, op, t.* FROM ws_bits, ws_ops, ws_try(op, format('nlist = 2, codebooks = 2, codebook_size = 16, weight_bits = %s', bits)) t
    WHERE missing <> 0 OR misplaced <> 0;
DROP TABLE ws;
CREATE TABLE ws (id int, v vector(16000));
ALTER TABLE ws ALTER v SET STORAGE EXTERNAL;
INSERT INTO ws SELECT i, ws_vector(16000, i) FROM generate_series(1, 260) i;
SELECT bits, t.* FROM ws_bits, ws_try('<->', format('nlist = 1, codebooks = 2, codebook_size = 16, weight_bits = %s', bits)) t;
DROP TABLE ws;

-- built empty, then filled, then trained
CREATE TABLE ws (id int, v vector(6));
CREATE FUNCTION ws_life(bits int, OUT untrained text, OUT trained text) LANGUAGE plpgsql AS
$$
BEGIN
    TRUNCATE ws;
    EXECUTE format('CREATE INDEX ws_i ON ws USING wrvq (v) WITH (codebooks = 5, codebook_size = 16, weight_bits = %s, fuzzy_layers = 2)', bits);
    INSERT INTO ws SELECT i, CASE WHEN i % 10 > 0 THEN ws_vector(6, i) END FROM generate_series(1, 700) i;
    PERFORM vector_quant_index_check('ws_i', true);
    SELECT concat_ws(' ', a.missing, a.misplaced) INTO untrained FROM ws_ask('<->') a;
    REINDEX INDEX ws_i;
    PERFORM vector_quant_index_check('ws_i', true);
    SELECT concat_ws(' ', a.missing, a.misplaced) INTO trained FROM ws_ask('<->') a;
    DROP INDEX ws_i;
END
$$;
SELECT bits, l.* FROM ws_bits, ws_life(bits) l;

-- untrained codes of many dimensions say next to nothing: with the settings as shipped a row is still found by itself, before one
-- that lies at the centroid
RESET wrvq.nprobe;
RESET wrvq.epsilon;
RESET wrvq.fuzzy_k;
SET enable_seqscan = off;
CREATE TABLE ws_wide (id int, v vector(4000));
INSERT INTO ws_wide SELECT i, ws_vector(4000, i) FROM generate_series(1, 1) i;
CREATE INDEX ws_wide_idx ON ws_wide USING wrvq (v);
INSERT INTO ws_wide SELECT i, ws_vector(4000, i) FROM generate_series(2, 30) i;
SELECT count(*) AS first FROM ws_wide q, LATERAL (SELECT id FROM ws_wide ORDER BY v <-> q.v LIMIT 1) f WHERE f.id = q.id;
SELECT lists FROM vector_quant_last_scan();

DROP TABLE ws, ws_ops, ws_bits, ws_kinds, ws_wide;
DROP FUNCTION ws_vector, ws_ask, ws_try, ws_values, ws_life;

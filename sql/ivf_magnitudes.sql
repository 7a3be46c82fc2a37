-- Rows of any magnitude, before the build and after it: the index is sound, takes rows, gives every row out, and a row finds
-- itself. What is trained on a sample with such rows among others must not be refused later.
SET client_min_messages = error; -- built on few rows
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
SET @AM@.iterative_scan = relaxed_order;

CREATE FUNCTION ma_row(id int, scale float8) RETURNS real[] LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg((((hashint4extended(d, id) & 65535) / 65536.0 - 0.5) * scale)::real) FROM generate_series(1, 8) d';

-- What is wrong with an index of that kind, or null.
CREATE FUNCTION ma_trouble(element text, ops text, option text) RETURNS text LANGUAGE plpgsql AS
$$ DECLARE
    op text := CASE ops WHEN 'l2' THEN '<->' WHEN 'ip' THEN '<#>' ELSE '<=>' END;
    wrong int; found int; distinct_found int; q record;
BEGIN
    EXECUTE format('CREATE INDEX ma_idx ON ma USING @AM@ (v %s_%s_ops) WITH (@VARIANT@, %s)', element, ops,
        CASE WHEN option LIKE 'refine_type%' THEN 'refine = on, ' ELSE '' END || option);
    INSERT INTO ma SELECT 10000 + id, v FROM ma WHERE kind > 0;
    INSERT INTO ma SELECT 20000 + id, v FROM ma WHERE id <= 10;
    PERFORM vector_quant_index_check('ma_idx', true);
    FOR q IN SELECT id, v::text FROM ma WHERE kind > 0 OR id = 1 LOOP
        EXECUTE format('SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM ma ORDER BY v %s $1::%s) s', op, element)
            USING q.v INTO found, distinct_found;
        IF found <> distinct_found OR found <> (SELECT count(*) FROM ma) THEN
            RETURN format('row %s: %s rows, %s distinct', q.id, found, distinct_found);
        END IF;
    END LOOP;
    IF ops = 'l2' THEN
        SELECT count(*) INTO wrong FROM ma a
            WHERE (kind > 0 OR id % 20 = 0) AND (SELECT b.v <-> a.v FROM ma b ORDER BY b.v <-> a.v LIMIT 1) <> 0;
        IF wrong > 0 THEN RETURN format('%s rows do not find themselves', wrong); END IF;
    END IF;
    REINDEX INDEX ma_idx;
    DELETE FROM ma WHERE id >= 10000;
    DROP INDEX ma_idx;
    RETURN NULL;
END $$;

CREATE FUNCTION ma_troubles(element text) RETURNS TABLE (ops text, option text, trouble text) LANGUAGE sql AS
$$ SELECT ops, option, ma_trouble(element, ops, option)
    FROM unnest('{l2,ip,cosine}'::text[]) ops,
        unnest('{refine = off,refine_type = SQ6,"refine_type = SQ8, nlist = 20",refine_type = FP16,refine_type = BF16,refine_type = FP32}'::text[]) option
$$;

-- One row of a kind, then one in fifty, then nothing else.
CREATE TABLE ma (id int, v vector(8), kind int DEFAULT 0);
INSERT INTO ma SELECT id, ma_row(id, 1)::vector FROM generate_series(1, 600) id;
INSERT INTO ma VALUES (1001, '[3e38,-3e38,1,1,1,1,1,1]', 1), (1002, '[3e38,3e38,3e38,3e38,3e38,3e38,3e38,3e38]', 2),
    (1003, '[1e-40,0,0,0,0,0,0,0]', 3), (1004, '[2e19,2e19,0,0,0,0,0,-2e19]', 4), (1005, '[1e30,0,0,0,0,0,0,1]', 5);
SELECT * FROM ma_troubles('vector') WHERE trouble IS NOT NULL;

UPDATE ma SET v = ma_row(id, (ARRAY[1, 6e38, 1e30, 1e19, 1e17, 1e-20, 1e-36])[1 + id % 7])::vector WHERE id % 50 = 7;
SELECT * FROM ma_troubles('vector') WHERE trouble IS NOT NULL;

UPDATE ma SET v = ma_row(id, (ARRAY[6e38, 1e30, 1e19, 1e17, 1e-20, 1e-36])[1 + id % 6])::vector;
SELECT * FROM ma_troubles('vector') WHERE trouble IS NOT NULL;

UPDATE ma SET v = ma_row(id, 6e38)::vector;
SELECT * FROM ma_troubles('vector') WHERE trouble IS NOT NULL;

UPDATE ma SET v = ma_row(id, 1e-36)::vector;
SELECT * FROM ma_troubles('vector') WHERE trouble IS NOT NULL;
DROP TABLE ma;

CREATE TABLE ma (id int, v halfvec(8), kind int DEFAULT 0);
INSERT INTO ma SELECT id, ma_row(id, 1)::vector::halfvec FROM generate_series(1, 600) id;
INSERT INTO ma VALUES (1001, '[65504,-65504,65504,65504,65504,65504,65504,65504]', 1), (1002, '[6e-8,0,0,0,0,0,0,0]', 2);
SELECT * FROM ma_troubles('halfvec') WHERE trouble IS NOT NULL;

DROP TABLE ma;
DROP FUNCTION ma_troubles(text), ma_trouble(text, text, text), ma_row(int, float8);

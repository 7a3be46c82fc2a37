-- Rows in clusters that are a thousand times farther apart than they are wide: recall and the number of rows compared exactly are those of
-- one such cluster, after the build and after inserts, deletes and VACUUM, and for queries that are in no cluster.
SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET vector_quant.target_recall = 0.95;

-- Rows about 80 places in 32 dimensions. Queries are not in the table.
CREATE FUNCTION og_uniform(i int, seed int) RETURNS float8 LANGUAGE sql IMMUTABLE
    AS 'SELECT (hashint8extended(i, seed) & 1048575) / 1048576.0 - 0.5';
CREATE FUNCTION og_row(i int) RETURNS float8[] LANGUAGE sql IMMUTABLE
    AS 'SELECT array_agg(og_uniform(d, 1000 + i % 80) + og_uniform(d, 100000 + i) ORDER BY d) FROM generate_series(1, 32) d';
CREATE TABLE og_base AS SELECT id, og_row(id) AS v FROM generate_series(1, 6040) id;
-- A row moved by `shift` along all axes, and by `along` along the first, whose number is multiplied by `first`.
CREATE FUNCTION og_vector(v float8[], shift float8, along float8 DEFAULT 0, first float8 DEFAULT 1) RETURNS vector LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg((x * CASE d WHEN 1 THEN first ELSE 1 END + shift + CASE d WHEN 1 THEN along ELSE 0 END)::real ORDER BY d)::vector(32) FROM unnest(v) WITH ORDINALITY u(x, d)';
-- Ways to place them; c: the cluster of the row, of two.
CREATE FUNCTION og_place(how text, id int, v float8[]) RETURNS vector LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE how
    WHEN 'one cluster' THEN og_vector(v, 0)
    WHEN 'two clusters' THEN og_vector(v, id % 2 * 600)
    WHEN 'a million apart' THEN og_vector(v, id % 2 * 200000)
    WHEN 'a narrow half' THEN og_vector(v, id % 2 * 40)
    WHEN 'a narrow tenth' THEN og_vector(v, (id % 10 = 0)::int * 40)
    WHEN 'six clusters' THEN og_vector(v, id % 3 * 500, id % 2 * 2000)
    WHEN 'one long axis' THEN og_vector(v, 0, 0, 1000) END $$;

-- Of ten nearest rows by the operator's distances: mean recall, and rows compared exactly. Queries are `away` times as far from the middle of
-- a cluster as its rows.
CREATE FUNCTION og_measure(how text, ops text, away float8 DEFAULT 1, OUT recall float8, OUT reranked float8) LANGUAGE plpgsql AS
$$ DECLARE
    nearest text := format('SELECT v %s $1 AS d FROM og ORDER BY 1 LIMIT 10', CASE ops WHEN 'l2' THEN '<->' WHEN 'ip' THEN '<#>' ELSE '<=>' END);
    q record; farthest float8; found int; found_all int := 0; looked_at int := 0;
BEGIN
    FOR q IN SELECT og_place(how, id, (SELECT array_agg(x * away ORDER BY d) FROM unnest(b.v) WITH ORDINALITY u(x, d))) AS v
        FROM og_base b WHERE id > 6000 LOOP
        SET LOCAL enable_indexscan = off;
        SET LOCAL enable_seqscan = on;
        EXECUTE format('SELECT max(d) FROM (%s) s', nearest) USING q.v INTO farthest;
        SET LOCAL enable_indexscan = on;
        SET LOCAL enable_seqscan = off;
        EXECUTE format('SELECT count(*) FROM (%s) s WHERE d <= $2', nearest) USING q.v, farthest INTO found;
        found_all := found_all + found;
        looked_at := looked_at + (SELECT s.reranked FROM vector_quant_last_scan() s);
    END LOOP;
    recall := found_all / 400.0;
    reranked := looked_at / 40.0;
END $$;

CREATE TABLE og_result (how text, ops text, options text, step text, recall float8, reranked float8);
CREATE FUNCTION og_note(how text, ops text, options text, step text, away float8 DEFAULT 1) RETURNS void LANGUAGE sql AS
    'INSERT INTO og_result SELECT how, ops, options, step, m.* FROM og_measure(how, ops, away) m';
CREATE FUNCTION og_index(ops text, options text) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN
    EXECUTE format('CREATE INDEX og_idx ON og USING @AM@ (v vector_%s_ops) WITH (%s)', ops, options);
    PERFORM vector_quant_index_check('og_idx', true);
END $$;
CREATE FUNCTION og_fill(how text) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN
    DROP TABLE IF EXISTS og;
    CREATE TABLE og AS SELECT id, og_place(how, id, v)::vector(32) AS v FROM og_base WHERE id <= 5000;
    ANALYZE og;
END $$;
CREATE FUNCTION og_all(how text, all_ops text[], all_options text[]) RETURNS void LANGUAGE plpgsql AS
$$ DECLARE
    ops text; options text;
BEGIN
    PERFORM og_fill(how);
    FOREACH ops IN ARRAY all_ops LOOP
        FOREACH options IN ARRAY all_options LOOP
            PERFORM og_index(ops, options);
            PERFORM og_note(how, ops, options, 'built');
            IF ops = 'l2' THEN
                PERFORM og_note(how, ops, options, 'outside', 100), og_note(how, ops, options, 'between', 800);
            END IF;
            DROP INDEX og_idx;
        END LOOP;
    END LOOP;
END $$;
-- The access method's own options, and others that are quick to train.
SELECT count(og_all('one cluster', '{l2,cosine,ip}', '{refine = off}'));
SELECT count(og_all('one cluster', '{l2,cosine}', '{"@VARIANT@, refine = off"}'));
SELECT count(og_all('two clusters', '{ip}', '{refine = off}'));
SELECT count(og_all('one long axis', '{cosine}', '{refine = off}'));
SELECT count(og_all('one long axis', '{l2}', '{"@VARIANT@, refine = off"}'));
SELECT count(og_all('six clusters', '{l2}', '{"@VARIANT@, refine = off"}'));
SELECT count(og_all('a million apart', '{l2}', '{"@VARIANT@, refine = off"}'));
SELECT count(og_all('a narrow half', '{cosine}', '{"@VARIANT@, refine = on, refine_type = SQ8"}'));
SELECT count(og_all('a narrow tenth', '{cosine}', '{"@VARIANT@, refine = off"}'));

-- Rows of both clusters that come later, and groups that VACUUM writes anew.
SELECT og_fill('two clusters');
SELECT og_index('l2', 'refine = off');
SELECT og_note('two clusters', 'l2', 'refine = off', step, away) FROM (VALUES ('built', 1), ('outside', 100), ('between', 800)) s (step, away);
INSERT INTO og SELECT id, og_place('two clusters', id, v)::vector(32) FROM og_base WHERE id BETWEEN 5001 AND 6000;
SELECT og_note('two clusters', 'l2', 'refine = off', 'inserted');
DELETE FROM og WHERE id <= 2000;
VACUUM og;
SELECT vector_quant_index_check('og_idx', true);
SELECT og_note('two clusters', 'l2', 'refine = off', 'vacuumed');
DROP INDEX og_idx;
SELECT og_fill('two clusters');
SELECT og_index('l2', '@VARIANT@, refine = on, refine_type = SQ8');
SELECT og_note('two clusters', 'l2', '@VARIANT@, refine = on, refine_type = SQ8', 'built');
INSERT INTO og SELECT id, og_place('two clusters', id, v)::vector(32) FROM og_base WHERE id BETWEEN 5001 AND 6000;
DELETE FROM og WHERE id <= 2000;
VACUUM og;
SELECT vector_quant_index_check('og_idx', true);
SELECT og_note('two clusters', 'l2', '@VARIANT@, refine = on, refine_type = SQ8', 'vacuumed');

-- What is not as in one cluster. Along the long axis nearly all unit vectors lie in two lists; a million apart, floats leave rows few digits.
SELECT r.*, one.recall, one.reranked FROM og_result r LEFT JOIN og_result one
    ON one.how = 'one cluster' AND one.ops = r.ops AND one.options = r.options AND one.step = 'built'
WHERE r.recall < CASE r.step WHEN 'between' THEN 0.9 ELSE 0.93 END OR r.recall IS NULL OR NOT r.reranked < CASE WHEN r.options LIKE '%SQ8%' THEN 20
    WHEN r.how = 'a million apart' OR (r.how = 'one long axis' AND r.ops = 'cosine') THEN 350 ELSE 1.5 * one.reranked + 30 END;
SELECT count(*), count(DISTINCT how) FROM og_result;

DROP TABLE og, og_base, og_result;
DROP FUNCTION og_all(text, text[], text[]), og_fill(text), og_index(text, text), og_note(text, text, text, text, float8),
    og_measure(text, text, float8), og_place(text, int, float8[]), og_vector(float8[], float8, float8, float8), og_row(int), og_uniform(int, int);

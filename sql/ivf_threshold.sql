-- A distance in WHERE beside the same one in ORDER BY: the scan ends where no row is near enough, and gives what an exact scan gives.
SET client_min_messages = warning;
SET jit = off;
CREATE FUNCTION th_vector(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg(hashint8(i % 80 * 1000::bigint + d) % 1000 / 100.0 + hashint8(i * 100::bigint + d) % 1000 / 800.0)::real[]::vector(16)
        FROM generate_series(1, 16) d';
CREATE TABLE th (id int PRIMARY KEY, grp int, r float8, v vector(16));
INSERT INTO th SELECT i, i % 10, (i % 7)::float8, th_vector(i) FROM generate_series(1, 8000) i;
INSERT INTO th VALUES (8001, 0, 1, NULL), (8002, 2, 2, array_fill(0::real, ARRAY[16])::vector);
CREATE INDEX th_l2 ON th USING @AM@ (v vector_l2_ops) WITH (@VARIANT@);
CREATE INDEX th_cos ON th USING @AM@ (v vector_cosine_ops) WITH (@VARIANT@);
CREATE INDEX th_ip ON th USING @AM@ (v vector_ip_ops) WITH (@VARIANT@);
ANALYZE th;

-- A query by the index and by an exact scan. missing: of the exact rows, or of the first n; foreign: rows that are none of those.
CREATE FUNCTION th_run(sql text, OUT rows bigint, OUT missing bigint, OUT strange bigint, OUT disorder bigint, OUT bound float8, OUT few boolean)
LANGUAGE plpgsql AS
$$
DECLARE mode text := current_setting('plan_cache_mode');
BEGIN
    DROP TABLE IF EXISTS truth, found;
    SET LOCAL enable_seqscan = on; -- off since the last call in this transaction
    SET LOCAL enable_sort = on;
    SET LOCAL enable_indexscan = off;
    SET LOCAL plan_cache_mode = force_custom_plan; -- no plan of this is kept
    EXECUTE 'CREATE TEMP TABLE truth AS SELECT * FROM (' || sql || ') q(id, d)';
    DELETE FROM truth WHERE d IS NULL OR d::float8 = 'NaN'; -- not in the index
    PERFORM set_config('plan_cache_mode', mode, true);
    SET LOCAL enable_indexscan = on;
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_sort = off;
    SET LOCAL enable_bitmapscan = off;
    EXECUTE 'CREATE TEMP TABLE found AS SELECT id, d, row_number() OVER () AS place FROM (' || sql || ') q(id, d)';
    SELECT CASE WHEN s.bound IN ('-Infinity', 'Infinity') THEN s.bound ELSE round(s.bound::numeric, 6) END, s.codes < 4000 AND s.reranked < 400 AND s.swept = 0 INTO bound, few FROM vector_quant_last_scan() s;
    SELECT count(*) INTO rows FROM found;
    SELECT count(*) INTO missing FROM truth WHERE id NOT IN (SELECT id FROM found);
    SELECT count(*) INTO strange FROM found WHERE id NOT IN (SELECT id FROM truth);
    SELECT count(*) FILTER (WHERE d < before) INTO disorder FROM (SELECT d, lag(d) OVER (ORDER BY place) AS before FROM found) s;
END
$$;
-- The distance of the n-th nearest row, and a little less or more.
CREATE FUNCTION th_nth(op text, q int, n int) RETURNS float8 LANGUAGE plpgsql AS
$$
DECLARE d float8;
BEGIN
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_sort = on;
    SET LOCAL enable_indexscan = off;
    EXECUTE format('SELECT avg(d) FROM (SELECT v %1$s th_vector(%2$s) AS d FROM th WHERE v IS NOT NULL AND id < 8002 ORDER BY d OFFSET %3$s LIMIT 2) s',
        op, q, greatest(n - 1, 0)) INTO d;
    IF n = 0 THEN EXECUTE format('SELECT min(v %1$s th_vector(%2$s)) - 0.01 FROM th WHERE id < 8002', op, q) INTO d; END IF;
    RETURN d;
END
$$;

-- thresholds that leave so many rows, LIMIT 10 and none, of queries beside the rows
CREATE FUNCTION th_grid(op text, n int, lim text, OUT enough boolean, OUT strange bigint, OUT disorder bigint, OUT bounded boolean, OUT few boolean)
LANGUAGE plpgsql AS
$$
DECLARE q int; s record; total bigint := 0; lost bigint := 0; wanted int := CASE lim WHEN 'ALL' THEN n ELSE least(n, 10) END;
BEGIN
    strange := 0; disorder := 0; bounded := true; few := true;
    FOR q IN SELECT generate_series(100001, 100001 + CASE WHEN n > 100 THEN 7 ELSE 70 END, 7) LOOP
        SELECT * INTO s FROM th_run(format('SELECT id, v %1$s th_vector(%2$s) AS d FROM th WHERE v %1$s th_vector(%2$s) <= %3$L ORDER BY v %1$s th_vector(%2$s) LIMIT %4$s',
            op, q, th_nth(op, q, n), lim));
        total := total + wanted; lost := lost + greatest(wanted - s.rows + s.strange, 0);
        strange := strange + CASE lim WHEN 'ALL' THEN s.strange ELSE 0 END; disorder := disorder + CASE current_setting('@AM@.iterative_scan') WHEN 'relaxed_order' THEN 0 ELSE s.disorder END;
        bounded := bounded AND s.bound IS NOT NULL; few := few AND s.few;
    END LOOP;
    enough := lost <= 0.05 * total;
    IF n > 10 AND lim = 'ALL' THEN few := NULL; END IF;
    IF NOT enough THEN RAISE WARNING '% of % lost', lost, total; END IF;
END
$$;
SET @AM@.iterative_scan = relaxed_order;
SELECT op, n, lim, enough, strange, disorder, bounded, few
    FROM unnest(ARRAY['<->', '<=>', '<#>']) op, unnest(ARRAY[0, 1, 3, 10, 100, 3000]) n, unnest(ARRAY['10', 'ALL']) lim,
        th_grid(op, n, lim) ORDER BY op COLLATE "C", n, lim COLLATE "C";
RESET @AM@.iterative_scan;
SELECT n, lim, enough, strange, disorder, bounded, few
    FROM unnest(ARRAY[0, 3, 100, 3000]) n, unnest(ARRAY['10', 'ALL']) lim, th_grid('<->', n, lim) ORDER BY n, lim COLLATE "C";
SET @AM@.iterative_scan = off;
SELECT n, lim, enough, strange, disorder, bounded, few
    FROM unnest(ARRAY[0, 3, 10]) n, unnest(ARRAY['10', 'ALL']) lim, th_grid('<->', n, lim) ORDER BY n, lim COLLATE "C";
RESET @AM@.iterative_scan;

-- every way to say it; all rows that pass are of one of the 80 clusters
CREATE FUNCTION th_where(op text, condition text, OUT rows bigint, OUT missing bigint, OUT strange bigint, OUT bound float8, OUT few boolean) LANGUAGE sql AS
$$ SELECT rows, missing, strange, bound, few FROM th_run(replace(replace(format('SELECT id, v %1$s q AS d FROM th WHERE %2$s ORDER BY v %1$s q', op, condition),
    ' q', ' th_vector(4020)'), '(q', '(th_vector(4020)')) $$;
SET vector_quant.target_recall = 1;
SELECT op, c AS condition, rows, missing, strange, bound, CASE WHEN rows <= 10 THEN few END AS few FROM (VALUES
    ('<->', 'v <-> q < 3'), ('<->', 'v <-> q <= 3'), ('<->', '3 > v <-> q'), ('<->', 'q <-> v < 3'), ('<->', 'NOT v <-> q > 3'),
    ('<->', 'v <-> q BETWEEN 1 AND 3'), ('<->', 'v <-> q < 3 AND v <-> q < 2.5 AND grp = 3'), ('<->', 'l2_distance(v, q) < 3'),
    ('<->', '-(v <-> q) > -3'), ('<->', '2 * (v <-> q) + 1 < 7'), ('<->', '(v <-> q) / -2 >= -1.5'), ('<->', '1 / (1 + (v <-> q)) > 0.25'),
    ('<->', '(v <-> q)::real < 3'), ('<->', '(v <-> q)::numeric < 3.0'), ('<->', 'round((v <-> q)::numeric, 3) <= 3'),
    ('<->', '(v <-> q)::numeric(10, 2) <= 3'), ('<->', '1 - (v <-> q)::real > -2::real'), ('<->', 'v <-> q <= 0'),
    ('<->', 'v <-> q < 2 OR v <-> q < 3'), ('<->', 'v <-> q < 2 OR v <-> q < 3 AND grp < 5'), ('<->', 'v <-> q < sqrt(9) + (SELECT 0)'),
    ('<->', 'v <-> q < date_part(''year'', now()) - date_part(''year'', now()) + 3'), ('<->', 'v <-> (SELECT th_vector(4020)) < 3'),
    ('<->', 'v <-> q < 3 AND random() >= 0'), ('<->', 'v <-> q < 3 AND v IS NOT NULL AND r < 5'),
    ('<=>', '1 - (v <=> q) > 0.9'), ('<=>', '(1 - (v <=> q)) * 100 > 90'), ('<=>', '(2 - (v <=> q)) / 2 >= 0.95'), ('<=>', 'cosine_distance(v, q) < 0.1'),
    ('<=>', 'round(cast(float8(v <=> q) as numeric), 8) <= round(2 - 2 * 0.95, 8)'), ('<=>', '1 - (v <=> q) > 0.9::real'),
    ('<#>', '(v <#> q) * -1 > 400'), ('<#>', '-(v <#> q) > 400'), ('<#>', 'v <#> q < -400'), ('<#>', '1 + (v <#> q) < -399')) c(op, c), th_where(op, c) w;

-- many rows, with a filter that must not be asked twice: they are got in the order of the table, and those beyond are left out there
SELECT rows > 3000 AS many, missing <= 0.02 * rows AS found, strange, bound, (SELECT swept > 0 AND returned < 8000 FROM vector_quant_last_scan()) AS swept
    FROM th_where('<->', 'v <-> q < 30 AND random() >= 0') w;
-- settings that keep a query from looking at many rows do so
SET @AM@.refine_k = 1;
SELECT rows <= 5 AS rows, strange, bound, few FROM th_where('<->', 'v <-> q < 3');
RESET @AM@.refine_k;

-- a number of lists that a setting or an option asks for, also one that is not exceeded
CREATE FUNCTION th_lists() RETURNS TABLE (c text, rows boolean, missing bigint, strange bigint, bound float8) LANGUAGE sql AS
$$ SELECT c, w.rows > 0, w.missing, w.strange, w.bound FROM unnest(ARRAY['v <-> q < 3', 'v <-> q < 3 AND grp = 0', 'v <-> q <= 0']) c, th_where('<->', c) w $$;
SET @AM@.epsilon = 4;
SET @AM@.nprobe = 60;
SELECT * FROM th_lists();
SET @AM@.iterative_scan = off;
SELECT * FROM th_lists();
RESET @AM@.iterative_scan;
RESET @AM@.nprobe;
RESET vector_quant.target_recall; -- wins over an option
ALTER INDEX th_l2 SET (nprobe = 60);
SELECT * FROM th_lists();
ALTER INDEX th_l2 RESET (nprobe);
SET vector_quant.target_recall = 1;

-- a real that becomes a numeric keeps six digits only: rows up to where that rounds to the threshold
SELECT sum(w.missing) AS missing, sum(w.strange) AS strange, bool_and(w.bound IS NOT NULL) AS bounded FROM generate_series(1, 20) n,
    th_where('<->', format('(v <-> q)::real::numeric <= (SELECT (v <-> q)::real::numeric FROM th ORDER BY v <-> q OFFSET %s LIMIT 1)', n)) w;
RESET @AM@.epsilon;

-- where the scan cannot know, all rows are looked at as before
SELECT c AS condition, w.missing, w.strange, w.bound, w.rows > 0 AS some FROM unnest(ARRAY['v <-> q < 3 OR grp = 1', 'v <-> q > 3', 'v <-> q < r', 'v <-> q < 2 + r',
    'v <-> q < 3 * random() + 100', 'v <-> th_vector(4021) < 3', 'v <=> q < 0.1', 'v <-> q <> 3', 'v <-> q < 3 IS NOT TRUE', 'sqrt(v <-> q) < 1.7',
    'CASE WHEN grp = 1 THEN v <-> q < 3 ELSE true END', 'abs(v <-> q) < 3', '1 / ((v <-> q) - 1) > 0.5', '(v <-> q) * 0 < 1']) c, th_where('<->', c) w;

-- thresholds that are no numbers, or that no distance meets
SELECT op, c AS condition, w.rows, w.missing, w.strange, w.bound FROM (VALUES
    ('<->', 'v <-> q < NULL'), ('<->', 'v <-> q < (SELECT NULL::float8)'), ('<->', 'v <-> q < (SELECT -1.0)'), ('<->', 'v <-> q < -1'), ('<->', 'v <-> q <= ''-Infinity'''),
    ('<->', 'v <-> q < ''Infinity'' AND id < 20'), ('<->', 'v <-> q < ''NaN'' AND id < 20'), ('<->', 'v <-> q <= ''NaN'' AND id < 20'), ('<->', 'v <-> q > ''NaN'''),
    ('<=>', '1 - (v <=> q) > 2'), ('<=>', '1 - (v <=> q) > ''NaN'''), ('<=>', '1 - (v <=> q) > ''Infinity'''), ('<=>', '1 - (v <=> q) > ''-Infinity'' AND id < 20'),
    ('<=>', '1 - (v <=> q) > -5 AND id < 20'), ('<#>', 'v <#> q < ''-Infinity'''), ('<#>', 'v <#> q < -1e30'), ('<#>', '(v <#> q) * -1 > 1e30'),
    ('<->', 'v <-> (SELECT NULL::vector) < 3'), ('<->', '(v <-> q) + (SELECT NULL::float8) < 3')) c(op, c), th_where(op, c) w;
-- a query of nothing
SELECT * FROM th_run('SELECT id, v <-> NULL AS d FROM th WHERE v <-> NULL < 3 ORDER BY v <-> NULL');
SELECT * FROM th_run('SELECT id, v <-> (SELECT NULL::vector) AS d FROM th WHERE v <-> (SELECT NULL::vector) < 3 ORDER BY v <-> (SELECT NULL::vector)');
SELECT * FROM th_run('SELECT id, 0 FROM th WHERE v <=> array_fill(0::real, ARRAY[16])::vector < 3 ORDER BY v <=> array_fill(0::real, ARRAY[16])::vector');
SELECT rows, missing, strange, bound FROM th_run('SELECT id, 0 FROM th WHERE 1 - (v <=> array_fill(0::real, ARRAY[16])::vector) > 0.5 AND id < 50 ORDER BY v <=> array_fill(0::real, ARRAY[16])::vector');
SELECT rows, missing, strange, bound FROM th_run('SELECT id, 0 FROM th WHERE v <#> array_fill(0::real, ARRAY[16])::vector < -0.5 ORDER BY v <#> array_fill(0::real, ARRAY[16])::vector');
SELECT rows, missing, strange, bound FROM th_run('SELECT id, 0 FROM th WHERE v <#> array_fill(0::real, ARRAY[16])::vector < 0.5 AND id < 50 ORDER BY v <#> array_fill(0::real, ARRAY[16])::vector');
SELECT * FROM th_run('SELECT id, 0 FROM th WHERE v <-> ''[1,2]'' < 3 ORDER BY v <-> ''[1,2]''');
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM th WHERE v <-> '[1,2]' < 3 ORDER BY v <-> '[1,2]') s;
SELECT count(*) FROM (SELECT id FROM th WHERE v <-> th_vector(4020) < 1 / (SELECT 0) ORDER BY v <-> th_vector(4020)) s;
RESET enable_seqscan;

-- subqueries that are pulled up, views, and those that are not
CREATE VIEW th_view AS SELECT id, v, v <-> th_vector(4020) AS d FROM th;
SELECT * FROM th_run('SELECT id, d FROM (SELECT *, v <-> th_vector(4020) AS d FROM th) s WHERE d < 3 ORDER BY d LIMIT 5');
SELECT * FROM th_run('WITH s AS (SELECT id, 1 - (v <=> th_vector(4020)) AS similarity, v <=> th_vector(4020) AS d FROM th) SELECT id, d FROM s WHERE similarity > 0.9 ORDER BY d LIMIT 5');
SELECT * FROM th_run('SELECT id, d FROM th_view WHERE d < 3 ORDER BY d LIMIT 5');
SELECT rows, missing, strange, bound FROM th_run('SELECT id, d FROM (SELECT id, v <-> th_vector(4020) AS d FROM th ORDER BY d LIMIT 100) s WHERE d < 3 ORDER BY d');
SELECT rows, missing, strange, bound FROM th_run('SELECT id, min(v <-> th_vector(4020)) FROM th GROUP BY id HAVING min(v <-> th_vector(4020)) < 3 ORDER BY 2');
CREATE OR REPLACE VIEW th_view WITH (security_barrier) AS SELECT id, v, v <-> th_vector(4020) AS d FROM th;
SELECT rows, missing, strange, bound FROM th_run('SELECT id, d FROM th_view WHERE d < 3 ORDER BY d LIMIT 5');
DROP VIEW th_view;

-- a row of a join at a time
SELECT * FROM th_run('SELECT n.id + 10000 * o.id, n.d + 1000 * (o.id / 1000) FROM (VALUES (1020, 3), (2020, 2.5), (3020, 0.01), (4020, NULL), (5020, 3)) o(id, most),
    LATERAL (SELECT id, v <-> th_vector(o.id) AS d FROM th WHERE v <-> th_vector(o.id) < o.most ORDER BY v <-> th_vector(o.id) LIMIT 30) n');
SELECT rows, missing, strange, bound FROM th_run('SELECT o.id, (SELECT count(*) FROM (SELECT FROM th WHERE v <-> o.v < 2 ORDER BY v <-> o.v LIMIT 1000) s) FROM th o WHERE o.id % 400 = 20');

-- in parallel
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT rows, missing, strange FROM th_run('SELECT id, n FROM (SELECT id, v AS q FROM th WHERE id % 40 = 20 OFFSET 0) o,
    LATERAL (SELECT count(*) AS n FROM (SELECT FROM th WHERE v <-> o.q < 2.5 ORDER BY v <-> o.q LIMIT 1000) s) n');
SELECT rows, missing, strange FROM th_run('SELECT o.id, n.id FROM th o, LATERAL (SELECT id FROM th WHERE v <-> o.v < 2 AND id <> o.id ORDER BY v <-> o.v LIMIT 1) n WHERE o.id % 20 = 0');
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- functions, with plans for their values and for any
CREATE FUNCTION th_match(query vector, threshold float8, match_count int) RETURNS TABLE (id int, similarity float8) LANGUAGE sql STABLE AS
    'SELECT t.id, 1 - (t.v <=> query) FROM th t WHERE 1 - (t.v <=> query) > threshold ORDER BY t.v <=> query LIMIT match_count';
CREATE FUNCTION th_match_pl(query vector, threshold float8, match_count int) RETURNS TABLE (id int, similarity float8) LANGUAGE plpgsql STABLE AS
    'BEGIN RETURN QUERY SELECT t.id, 1 - (t.v <=> query) FROM th t WHERE 1 - (t.v <=> query) > threshold ORDER BY t.v <=> query LIMIT match_count; END';
CREATE FUNCTION th_match_real(query vector, threshold real, match_count int) RETURNS TABLE (id int, similarity float8) LANGUAGE plpgsql STABLE AS
    'BEGIN RETURN QUERY SELECT t.id, 1 - (t.v <=> query) FROM th t WHERE threshold IS NULL OR 1 - (t.v <=> query) > threshold ORDER BY t.v <=> query LIMIT match_count; END';
CREATE FUNCTION th_functions() RETURNS TABLE (mode text, f text, threshold float8, count int, rows bigint, missing bigint, strange bigint, bound float8, few boolean) LANGUAGE plpgsql AS
$$
BEGIN
    FOREACH mode IN ARRAY ARRAY['force_custom_plan', 'force_generic_plan'] LOOP
        PERFORM set_config('plan_cache_mode', mode, false);
        FOR f, threshold, count IN SELECT * FROM unnest(ARRAY['th_match', 'th_match_pl', 'th_match_real']) a, (VALUES (0.9, 5), (0.9, 100), (0.99999999, 10), (NULL, 10)) b LOOP
            SELECT s.rows, s.missing, s.strange, s.bound, s.few INTO rows, missing, strange, bound, few FROM
                th_run(format('SELECT id, -similarity FROM %s(th_vector(4020), %L, %s)', f, threshold, count)) s;
            IF rows > 10 THEN few := NULL; END IF;
            IF threshold IS NULL THEN bound := NULL; END IF; -- there may be no scan
            RETURN NEXT;
        END LOOP;
    END LOOP;
    RESET plan_cache_mode;
END
$$;
SELECT * FROM th_functions();
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SET enable_sort = off;
PREPARE th_prepared(vector, float8) AS SELECT count(*) FROM (SELECT id FROM th WHERE v <-> $1 < $2 ORDER BY v <-> $1) s;
EXECUTE th_prepared(th_vector(4020), 3);
SELECT bound, swept FROM vector_quant_last_scan();
EXECUTE th_prepared(th_vector(4020), NULL);
SELECT bound, lists, swept FROM vector_quant_last_scan();
EXECUTE th_prepared(NULL, 3);
SELECT bound, lists, swept FROM vector_quant_last_scan();
RESET plan_cache_mode;
-- the planner counts the rows within; it goes through the index unless it is most of them, or a btree has the few
CREATE FUNCTION th_plan(condition text, lim text, OUT plan text, OUT close boolean) LANGUAGE plpgsql AS
$$
DECLARE j jsonb; n bigint; sql text := format('FROM th WHERE %s', replace(condition, ' q', format(' %L', th_vector(4020))));
BEGIN
    EXECUTE 'SELECT count(*) ' || sql INTO n;
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT id %s ORDER BY v <-> %L LIMIT %s', sql, th_vector(4020), lim) INTO j;
    j := j #> '{0,Plan}';
    IF j ->> 'Node Type' = 'Limit' THEN j := j #> '{Plans,0}'; END IF;
    plan := COALESCE(j ->> 'Index Name', CASE WHEN j ->> 'Node Type' IN ('Sort', 'Incremental Sort') THEN 'sort' END);
    IF plan = 'th_l2' AND n <= 800 THEN close := (j ->> 'Plan Rows')::int BETWEEN n / 2 - 2 AND 2 * n + 4; END IF;
END
$$;
RESET enable_seqscan;
RESET enable_sort;
SELECT c AS condition, n, p.* FROM unnest(ARRAY['v <-> q < 0.5', 'v <-> q < 3', 'v <-> q < 6', 'v <-> q < 1000', 'v <-> q < -1',
    'v <-> q < 1000 AND id < 10', 'v <-> q < 6 AND id < 10']) c, unnest(ARRAY['10', 'ALL']) n, th_plan(c, n) p;
-- errors are those of the query, not of its plan
SELECT count(*) FROM th WHERE v <-> '[1,2]' < 3 AND false;
DO $$ BEGIN EXECUTE 'EXPLAIN SELECT id FROM th WHERE v <-> ''[1,2]'' < 3 ORDER BY v <-> ''[1,2]'' LIMIT 10'; END $$;
-- what the query is worth is not asked for without a threshold
CREATE FUNCTION th_asked() RETURNS vector LANGUAGE plpgsql STABLE AS 'BEGIN RAISE ''asked''; END';
DO $$ BEGIN EXECUTE 'EXPLAIN SELECT id FROM th WHERE grp = 3 ORDER BY v <-> th_asked() LIMIT 10'; END $$;
DROP FUNCTION th_asked;
DROP FUNCTION th_plan;
SET enable_seqscan = off;
SET enable_sort = off;
-- a cursor
BEGIN;
DECLARE th_cursor CURSOR FOR SELECT id FROM th WHERE v <-> th_vector(4020) < 3 ORDER BY v <-> th_vector(4020);
MOVE 5 FROM th_cursor;
MOVE ALL FROM th_cursor;
FETCH ALL FROM th_cursor;
COMMIT;
RESET enable_seqscan;
RESET enable_sort;

-- an index that looks at its own finer codes first
DROP INDEX th_l2;
CREATE INDEX th_l2 ON th USING @AM@ (v vector_l2_ops) WITH (refine = true, @VARIANT@);
SELECT n, lim, enough, strange, disorder, bounded, few
    FROM unnest(ARRAY[0, 3, 100]) n, unnest(ARRAY['10', 'ALL']) lim, th_grid('<->', n, lim) ORDER BY n, lim COLLATE "C";

-- partitions, an expression, a predicate, row security, halfvec
CREATE TABLE th_parts (id int, v vector(16)) PARTITION BY RANGE (id);
CREATE TABLE th_parts1 PARTITION OF th_parts FOR VALUES FROM (0) TO (4000);
CREATE TABLE th_parts2 PARTITION OF th_parts FOR VALUES FROM (4000) TO (9000);
INSERT INTO th_parts SELECT id, v FROM th;
CREATE INDEX th_parts_v ON th_parts USING @AM@ (v vector_l2_ops) WITH (@VARIANT@);
SELECT * FROM th_run('SELECT id, v <-> th_vector(4000) FROM th_parts WHERE v <-> th_vector(4000) < 3 ORDER BY v <-> th_vector(4000) LIMIT 10');
DROP TABLE th_parts;
CREATE TABLE th_half (id int, a real[], h halfvec(16));
INSERT INTO th_half SELECT id, v::real[], v::halfvec FROM th WHERE v IS NOT NULL;
CREATE INDEX th_half_a ON th_half USING @AM@ ((a::vector(16)) vector_l2_ops) WITH (@VARIANT@);
CREATE INDEX th_half_h ON th_half USING @AM@ (h halfvec_l2_ops) WITH (@VARIANT@) WHERE id > 0;
SELECT * FROM th_run('SELECT id, a::vector(16) <-> th_vector(4020) FROM th_half WHERE a::vector(16) <-> th_vector(4020) < 3 ORDER BY a::vector(16) <-> th_vector(4020)');
SELECT * FROM th_run('SELECT id, h <-> th_vector(4020)::halfvec FROM th_half WHERE h <-> th_vector(4020)::halfvec < 3 AND id > 0 ORDER BY h <-> th_vector(4020)::halfvec');
SELECT rows, missing, strange, bound FROM th_run('SELECT id, h <-> th_vector(4020)::halfvec FROM th_half WHERE a::vector(16) <-> th_vector(4020) < 3 AND id > 0 ORDER BY h <-> th_vector(4020)::halfvec');
DROP TABLE th_half;
CREATE ROLE th_reader;
GRANT SELECT ON th TO th_reader;
CREATE POLICY th_odd ON th TO th_reader USING (id % 2 = 1);
ALTER TABLE th ENABLE ROW LEVEL SECURITY;
SET ROLE th_reader;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*), bool_and(id % 2 = 1) AS odd FROM (SELECT id FROM th WHERE v <-> th_vector(4020) < 3 ORDER BY v <-> th_vector(4020)) s;
SELECT bound IS NOT NULL AS bounded, swept FROM vector_quant_last_scan();
RESET enable_seqscan;
RESET enable_sort;
RESET ROLE;
DROP TABLE th;
DROP ROLE th_reader;

-- numbers whose squares overflow: distances of infinity and NaN
CREATE TABLE th_huge (id int, v vector(3));
INSERT INTO th_huge SELECT i, ARRAY[i, i % 7, 1]::vector FROM generate_series(1, 500) i;
INSERT INTO th_huge VALUES (501, '[3e38,-3e38,1]'), (502, '[-3e38,3e38,1]'), (503, '[3e38,3e38,1]');
CREATE INDEX th_huge_ip ON th_huge USING @AM@ (v vector_ip_ops) WITH (@VARIANT@);
CREATE INDEX th_huge_l2 ON th_huge USING @AM@ (v vector_l2_ops) WITH (@VARIANT@);
SELECT c, w.rows, w.missing, w.strange FROM unnest(ARRAY['v <#> q < 0', '-(v <#> q) > 1e6', 'v <#> q <= ''-Infinity''', 'v <#> q = ''NaN''']) c,
    th_run(replace(format('SELECT id, 0 FROM th_huge WHERE %s ORDER BY v <#> q', c), ' q', ' ''[3e38,3e38,1]''')) w;
SELECT c, w.rows, w.missing, w.strange FROM unnest(ARRAY['v <-> q < ''Infinity''', 'v <-> q = ''Infinity''', '-(v <-> q) > -10']) c,
    th_run(replace(format('SELECT id, 0 FROM th_huge WHERE %s ORDER BY v <-> q', c), ' q', ' ''[100,3,1]''')) w;
DROP TABLE th_huge;
DROP FUNCTION th_functions, th_lists, th_match, th_match_pl, th_match_real, th_where, th_grid, th_run, th_nth, th_vector;
DROP TABLE truth, found;

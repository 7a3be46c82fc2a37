-- Many equal rows, as empty texts have equal vectors: a few of them are looked at, not all, and order and completeness stay.
SET client_min_messages = warning;
SET jit = off;
SET @AM@.epsilon = 4; -- exact order at any instruction set

CREATE TABLE er (id int PRIMARY KEY, v vector(8));
CREATE FUNCTION er_vector(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg(hashint8(i * 100::bigint + d) % 1000 / 100.0)::real[]::vector FROM generate_series(1, 8) d';

-- LIMIT $4 of a query: whether the distances are those of an exact scan, and whether fewer rows than the last parameter were
-- looked at. Fine records, where there are any, are read of each of the 400 equal rows, but of hardly any other.
CREATE FUNCTION er_nearest(op text, q vector, n int, most int, OUT exact boolean, OUT few boolean) LANGUAGE plpgsql AS
$$
DECLARE
    sql text := format('SELECT array_agg(d) FROM (SELECT v %s %L::vector AS d FROM er ORDER BY v %1$s %2$L::vector LIMIT %s) s',
                       op, q, n);
    truth float8[];
    found float8[];
BEGIN
    SET LOCAL enable_seqscan = on; -- off since the last call in this transaction
    SET LOCAL enable_sort = on;
    SET LOCAL enable_indexscan = off;
    EXECUTE sql INTO truth;
    SET LOCAL enable_indexscan = on;
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_sort = off;
    EXECUTE sql INTO found;
    exact := found = truth;
    few := (SELECT reranked < most AND refined < 420 FROM vector_quant_last_scan());
END
$$;

-- Rows of a walk through everything, distinct ones, and steps back.
CREATE FUNCTION er_walk(op text, q vector, OUT rows bigint, OUT ids bigint, OUT disorder bigint) LANGUAGE plpgsql AS
$$
BEGIN
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_sort = off;
    EXECUTE format('SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE d < before)
        FROM (SELECT id, d, lag(d) OVER (ORDER BY place) AS before
              FROM (SELECT id, d, row_number() OVER () AS place
                    FROM (SELECT id, v %s %L::vector AS d FROM er ORDER BY v %1$s %2$L::vector) a) b) c', op, q)
        INTO rows, ids, disorder;
END
$$;

-- all rows equal
INSERT INTO er SELECT i, er_vector(0) FROM generate_series(1, 5000) i;
CREATE INDEX er_l2 ON er USING @AM@ (v vector_l2_ops) WITH (nlist = 4);
SELECT * FROM er_nearest('<->', er_vector(0), 10, 20);
SELECT * FROM er_nearest('<->', er_vector(1), 10, 100);
SELECT * FROM er_nearest('<->', er_vector(1), 2000, 2100);
SELECT * FROM er_walk('<->', er_vector(1));
-- some of them inserted later, some gone
INSERT INTO er SELECT i, er_vector(0) FROM generate_series(5001, 6000) i;
DELETE FROM er WHERE id % 3 = 0;
SELECT * FROM er_nearest('<->', er_vector(1), 10, 400);
SELECT * FROM er_walk('<->', er_vector(1));
DROP INDEX er_l2;
CREATE INDEX er_ip ON er USING @AM@ (v vector_ip_ops) WITH (nlist = 4);
SELECT * FROM er_nearest('<#>', er_vector(0), 10, 100);
SELECT * FROM er_walk('<#>', er_vector(1));
DROP INDEX er_ip;
CREATE INDEX er_cosine ON er USING @AM@ (v vector_cosine_ops) WITH (nlist = 4);
SELECT * FROM er_nearest('<=>', er_vector(0), 10, 20);
SELECT * FROM er_nearest('<=>', er_vector(1), 10, 100);
SELECT * FROM er_walk('<=>', er_vector(1));
DROP INDEX er_cosine;

-- a tenth of the rows equal, the others far from them
UPDATE er SET v = er_vector(id) WHERE id % 10 <> 0;
VACUUM er;
CREATE INDEX er_l2 ON er USING @AM@ (v vector_l2_ops) WITH (nlist = 4);
SET @AM@.epsilon = 1;
SELECT * FROM er_nearest('<->', er_vector(0), 10, 200);
SELECT * FROM er_nearest('<->', er_vector(0), 90, 600);
SELECT * FROM er_nearest('<->', er_vector(0) + '[0.1,0,0,0,0,0,0,0]', 10, 300);
SET @AM@.epsilon = 4;
SELECT * FROM er_walk('<->', er_vector(0) + '[0.1,0,0,0,0,0,0,0]');
DROP INDEX er_l2;
-- with refine codes, exact and not
CREATE INDEX er_l2 ON er USING @AM@ (v vector_l2_ops) WITH (nlist = 4, refine = true);
SET @AM@.epsilon = 1;
SELECT * FROM er_nearest('<->', er_vector(0) + '[0.1,0,0,0,0,0,0,0]', 10, 200);
SET @AM@.epsilon = 4;
SELECT * FROM er_walk('<->', er_vector(0) + '[0.1,0,0,0,0,0,0,0]');
DROP INDEX er_l2;
CREATE INDEX er_l2 ON er USING @AM@ (v vector_l2_ops) WITH (nlist = 4, refine = true, refine_type = fp32, @VARIANT@);
SELECT * FROM er_nearest('<->', er_vector(0) + '[0.1,0,0,0,0,0,0,0]', 10, 1);
SELECT * FROM er_walk('<->', er_vector(0) + '[0.1,0,0,0,0,0,0,0]');
DROP INDEX er_l2;

-- few places, many rows at each, some codes the same
UPDATE er SET v = ARRAY[id * 7919 % 3, id * 104729 % 5, id / 16 % 2, 0, 0, 0, id % 2, 0]::vector;
VACUUM er;
CREATE INDEX er_l2 ON er USING @AM@ (v vector_l2_ops) WITH (nlist = 2);
SELECT count(*) AS queries, bool_and(exact) AS exact
FROM generate_series(1, 20) i, er_nearest('<->', er_vector(i) * '[0.3,0.3,0.3,0.1,0.1,0.1,0.3,0.1]', 500, 0);
SELECT * FROM er_walk('<->', er_vector(3));
SET @AM@.iterative_scan = relaxed_order;
SELECT rows, ids FROM er_walk('<->', er_vector(3));

DROP TABLE er;
DROP FUNCTION er_vector, er_nearest, er_walk;

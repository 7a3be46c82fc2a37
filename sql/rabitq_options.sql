-- Options and settings that ivf_rabitq alone has, at their bounds and one past them.
SET client_min_messages = warning;
CREATE TABLE rb (id int, v vector(3));
INSERT INTO rb SELECT i, ARRAY[i, i % 7, i % 3]::vector FROM generate_series(1, 40) i;
CREATE INDEX ON rb USING ivf_rabitq (v) WITH (rbq_bits = 1);
CREATE INDEX ON rb USING ivf_rabitq (v) WITH (rbq_bits = 8);
CREATE INDEX ON rb USING ivf_rabitq (v) WITH (rbq_bits = 0);
CREATE INDEX ON rb USING ivf_rabitq (v) WITH (rbq_bits = 9);
CREATE INDEX ON rb USING ivf_rabitq (v) WITH (rbq_query_bits = 0);
CREATE INDEX ON rb USING ivf_rabitq (v) WITH (rbq_query_bits = 8);
CREATE INDEX ON rb USING ivf_rabitq (v) WITH (rbq_query_bits = -1);
CREATE INDEX ON rb USING ivf_rabitq (v) WITH (rbq_query_bits = 9);
CREATE INDEX ON rb USING ivf_rabitq (v) WITH (pq_dims = 2);
SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'rb_v_%' ORDER BY length(relname), relname;
SELECT count(vector_quant_index_check(oid, true)) FROM pg_class WHERE relname LIKE 'rb_v_%';

SELECT name, vartype, min_val, max_val, boot_val, context FROM pg_settings
    WHERE name = 'ivf_rabitq.rbq_query_bits';
SET ivf_rabitq.rbq_query_bits = 0;
SET ivf_rabitq.rbq_query_bits = 8;
SET ivf_rabitq.rbq_query_bits = -1;
SET ivf_rabitq.rbq_query_bits = 9;

-- bits of the query change bounds, not answers: places where the answer over all lists differs from the exact one
CREATE TABLE rb_many AS SELECT i AS id, (SELECT array_agg(('x' || substr(md5(i || '.' || j), 1, 4))::bit(16)::int - 32768 ORDER BY j)
    FROM generate_series(1, 48) j)::vector(48) AS v FROM generate_series(1, 200) i;
CREATE INDEX rb_l2 ON rb_many USING ivf_rabitq (v vector_l2_ops) WITH (nlist = 4);
CREATE INDEX rb_ip ON rb_many USING ivf_rabitq (v vector_ip_ops) WITH (nlist = 4);
CREATE INDEX rb_cos ON rb_many USING ivf_rabitq (v vector_cosine_ops) WITH (nlist = 4);
SET ivf_rabitq.nprobe = 65536;
SET ivf_rabitq.epsilon = 4;
SET jit = off;
SET enable_sort = off;
CREATE FUNCTION rb_ids(op text, query int, through_index boolean) RETURNS int[] LANGUAGE plpgsql AS
$$
DECLARE ids int[];
BEGIN
    PERFORM set_config('enable_seqscan', (NOT through_index)::text, true), set_config('enable_indexscan', through_index::text, true);
    EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM rb_many ORDER BY v %s (SELECT v FROM rb_many WHERE id = %s)) s', op, query)
        INTO ids;
    RETURN ids;
END
$$;
CREATE FUNCTION rb_misplaced(bits int, op text) RETURNS bigint LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM set_config('ivf_rabitq.rbq_query_bits', bits::text, true);
    RETURN (SELECT count(*) FROM generate_series(1, 3) q, unnest(rb_ids(op, q, true), rb_ids(op, q, false)) u(i, e)
        WHERE i IS DISTINCT FROM e);
END
$$;
SELECT b AS bits, rb_misplaced(b, '<->') AS l2, rb_misplaced(b, '<#>') AS ip, rb_misplaced(b, '<=>') AS cosine
    FROM unnest('{0,1,2,4,6,7,8}'::int[]) b;
-- Without nlist, as many lists as maintenance_work_mem has room for.
CREATE TABLE rb_wide (v vector(128));
INSERT INTO rb_wide SELECT array_fill(i::real, ARRAY[128])::vector FROM generate_series(1, 56000) i;
SET maintenance_work_mem = '1MB';
SET client_min_messages = notice;
\set VERBOSITY terse
CREATE INDEX rb_wide_i ON rb_wide USING ivf_rabitq (v);
SELECT lists, trained, advice FROM vector_quant_index_stats('rb_wide_i');
RESET maintenance_work_mem;
REINDEX INDEX rb_wide_i;
\set VERBOSITY default
SET client_min_messages = warning;
SELECT lists FROM vector_quant_index_stats('rb_wide_i');
DROP TABLE rb_wide;
SELECT count(vector_quant_index_check(index, true)) > 0 AS sound FROM vector_quant_indexes() WHERE "table"::text ~ '^rb';
DROP TABLE rb, rb_many;
DROP FUNCTION rb_ids, rb_misplaced;

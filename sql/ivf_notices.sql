-- What a build on too few rows says: one notice an index.
\set VERBOSITY terse
CREATE FUNCTION nt_row(id int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg(sin(id * d))::vector FROM generate_series(1, dims) d $$;
CREATE TABLE nt (id int, v vector(8));
CREATE INDEX nt_i ON nt USING @AM@ (v) WITH (@VARIANT@);
-- rows that are not indexed are none
INSERT INTO nt VALUES (0, NULL);
REINDEX INDEX nt_i;
INSERT INTO nt SELECT i, nt_row(i, 8) FROM generate_series(1, 999) i;
REINDEX INDEX nt_i;
INSERT INTO nt VALUES (1000, nt_row(1000, 8));
REINDEX INDEX nt_i;
-- lists asked for: 30 rows each are enough
ALTER INDEX nt_i SET (nlist = 33);
REINDEX INDEX nt_i;
ALTER INDEX nt_i SET (nlist = 34);
REINDEX INDEX nt_i;
ALTER INDEX nt_i RESET (nlist);
-- too little memory
CREATE TABLE nt_wide (v vector(800));
INSERT INTO nt_wide SELECT nt_row(i, 800) FROM generate_series(1, 1000) i;
SET maintenance_work_mem = '1MB';
CREATE INDEX nt_wide_i ON nt_wide USING @AM@ (v) WITH (@VARIANT@);
-- lists that memory has room for, and those it has none for: not where there are no rows to train on
ALTER INDEX nt_wide_i SET (nlist = 81);
REINDEX INDEX nt_wide_i;
ALTER INDEX nt_wide_i SET (nlist = 82);
DO $$
DECLARE detail text; hint text;
BEGIN
    REINDEX INDEX nt_wide_i;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RAISE INFO USING MESSAGE = format('%s %s %s %s', SQLSTATE, SQLERRM, detail, hint);
END
$$;
REINDEX INDEX CONCURRENTLY nt_wide_i;
SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = 'nt_wide'::regclass ORDER BY 1;
SELECT vector_quant_index_check('nt_wide_i', true);
CREATE TABLE nt_copy AS TABLE nt_wide;
TRUNCATE nt_wide;
DROP INDEX nt_wide_i_ccnew;
CREATE INDEX ON nt_wide USING @AM@ (v) WITH (nlist = 65536);
RESET maintenance_work_mem;
INSERT INTO nt_wide TABLE nt_copy;
DROP TABLE nt_copy;
DROP INDEX nt_wide_v_idx;
ALTER INDEX nt_wide_i RESET (nlist);
REINDEX INDEX nt_wide_i;
-- An unlogged index has an empty copy, which nobody has asked to hear of either.
CREATE UNLOGGED TABLE nt_unlogged AS SELECT * FROM nt WHERE id > 0;
CREATE INDEX nt_unlogged_i ON nt_unlogged USING @AM@ (v) WITH (@VARIANT@);
TRUNCATE nt_unlogged;
REINDEX INDEX nt_unlogged_i;
-- TRUNCATE builds an index, too; nobody has asked for that
TRUNCATE nt;
SELECT trained FROM vector_quant_index_stats('nt_i');
REINDEX TABLE nt;
-- An index that was built without rows says so once more, when there are many. Until then it works.
INSERT INTO nt SELECT i, nt_row(i, 8) FROM generate_series(1, 9000) i;
INSERT INTO nt SELECT i, nt_row(i, 8) FROM generate_series(9001, 12000) i;
INSERT INTO nt SELECT i, nt_row(i, 8) FROM generate_series(12001, 13000) i;
SELECT trained, lists FROM vector_quant_index_stats('nt_i');
REINDEX INDEX nt_i;
SELECT trained, lists FROM vector_quant_index_stats('nt_i');
DROP TABLE nt, nt_wide, nt_unlogged;
DROP FUNCTION nt_row;

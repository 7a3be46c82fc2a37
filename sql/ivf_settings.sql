-- Every setting of the access method is an option of its indexes, too, with the same values; changing it there stops no query.
SET client_min_messages = warning;
LOAD 'vector_quant';
CREATE TABLE st (v vector(3));
CREATE INDEX st_i ON st USING @AM@ (v);
-- What becomes of an option's value: the lock that ALTER INDEX took, or the error.
CREATE FUNCTION st_alter(option text, value text) RETURNS text LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE format('ALTER INDEX st_i SET (%I = %L)', option, value);
    RAISE '%', (SELECT string_agg(mode, ' ') FROM pg_locks
        WHERE relation = 'st_i'::regclass AND pid = pg_backend_pid() AND mode <> 'AccessShareLock');
EXCEPTION
    WHEN raise_exception THEN RETURN SQLERRM; -- and undone
    WHEN invalid_parameter_value THEN RETURN 'invalid value';
    WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE VIEW st_values AS
    SELECT s.name, substr(s.name, length('@AM@.') + 1) AS option, v.value, v.valid
    FROM pg_settings s, LATERAL (
        SELECT unnest(ARRAY[min_val, max_val]), true WHERE vartype <> 'enum'
        UNION ALL SELECT unnest(ARRAY[min_val::numeric - step, max_val::numeric + step])::text, false
            FROM (SELECT CASE vartype WHEN 'integer' THEN 1 ELSE 0.001 END AS step) d WHERE vartype <> 'enum'
        UNION ALL SELECT unnest(enumvals), true
        UNION ALL SELECT 'neither', false) v(value, valid)
    WHERE s.name LIKE '@AM@.%' AND s.context = 'user';
SELECT count(DISTINCT name) >= 6 AS many, bool_or(valid) AND bool_or(NOT valid) AS both_ways FROM st_values;
SELECT name, value, st_alter(option, value) FROM st_values
    WHERE st_alter(option, value) <> CASE WHEN valid THEN 'ShareUpdateExclusiveLock' ELSE 'invalid value' END;
-- What shapes the index is no setting, and changing it waits for all others.
SELECT o AS option, st_alter(o, v), current_setting('@AM@.' || o, true) AS setting FROM (VALUES ('nlist', '7'), ('refine', 'true'), ('refine_type', 'sq6')) t(o, v);
DROP VIEW st_values;
DROP FUNCTION st_alter;
DROP TABLE st;

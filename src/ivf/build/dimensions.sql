
-- An index keeps the number of dimensions that its column had when it was built. ALTER COLUMN ... TYPE vector takes the number
-- away without a rebuild, so that no access method is asked, and the next REINDEX, TRUNCATE, VACUUM FULL or restore fails. In
-- PL/pgSQL: ALTER TABLE must work where the library is missing.
CREATE FUNCTION vector_quant_guard_dimensions() RETURNS event_trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS
$function$
DECLARE
  lost text;
BEGIN
  WITH RECURSIVE changed (relid) AS (
      SELECT c.objid FROM pg_event_trigger_ddl_commands() c WHERE c.classid = 'pg_class'::regclass
    UNION
      SELECT next.relid
      FROM changed c, LATERAL (
          SELECT h.inhrelid FROM pg_inherits h WHERE h.inhparent = c.relid
        UNION ALL
          SELECT t.oid FROM pg_class o JOIN pg_class t ON t.reloftype = o.reltype -- tables of a composite type
          WHERE o.oid = c.relid AND o.relkind = 'c'
      ) next (relid)
  )
  SELECT i.relname INTO lost
  FROM changed c
    JOIN pg_index x ON x.indrelid = c.relid
    JOIN pg_class i ON i.oid = x.indexrelid AND i.relkind = 'i'
    JOIN pg_attribute a ON a.attrelid = i.oid AND a.attnum = 1 AND a.atttypmod < 0
    JOIN pg_depend d ON d.classid = 'pg_am'::regclass AND d.objid = i.relam AND d.deptype = 'e'
    JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'vector_quant'
  ORDER BY i.relname LIMIT 1;
  IF lost IS NOT NULL THEN
    RAISE EXCEPTION USING
      ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'column does not have dimensions',
      DETAIL = format('Index "%s" could not be built again.', lost),
      HINT = 'Give the column''s type a number of dimensions, as in vector(384) or halfvec(384), or drop the index first.';
  END IF;
END
$function$;

COMMENT ON FUNCTION vector_quant_guard_dimensions() IS 'keeps the number of dimensions of indexed columns';

CREATE EVENT TRIGGER vector_quant_dimensions ON ddl_command_end WHEN TAG IN ('ALTER TABLE', 'ALTER TYPE')
    EXECUTE FUNCTION vector_quant_guard_dimensions();
-- also for a session that applies changes of another server (session_replication_role = replica)
ALTER EVENT TRIGGER vector_quant_dimensions ENABLE ALWAYS;

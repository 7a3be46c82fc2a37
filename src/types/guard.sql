-- guard

CREATE FUNCTION vector_quant_guard() RETURNS event_trigger
  AS 'MODULE_PATHNAME', 'vq_guard' LANGUAGE C;
COMMENT ON FUNCTION vector_quant_guard() IS 'keeps pgvector''s types from being created beside ours';

CREATE EVENT TRIGGER vector_quant_before ON ddl_command_start WHEN TAG IN ('CREATE EXTENSION')
  EXECUTE FUNCTION vector_quant_guard();
CREATE EVENT TRIGGER vector_quant_after ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION')
  EXECUTE FUNCTION vector_quant_guard();
-- also for a session that applies changes of another server (session_replication_role = replica)
ALTER EVENT TRIGGER vector_quant_before ENABLE ALWAYS;
ALTER EVENT TRIGGER vector_quant_after ENABLE ALWAYS;

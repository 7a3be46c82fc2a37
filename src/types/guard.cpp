// Where the types vector and halfvec are ours, pgvector cannot come beside them: in our schema its script would stop
// with "type already exists", in another one two types of each name would be told apart by search_path alone.
#include "pg/postgres_cpp.h"

extern "C" {
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "nodes/parsenodes.h"
}

// Before a CREATE EXTENSION: is it pgvector that is wanted? After it: did pgvector come by CASCADE?
VQ_FUNCTION(vq_guard)
{
    if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("not called by event trigger manager")));
    const EventTriggerData *event = (const EventTriggerData *)fcinfo->context;
    const bool wanted = IsA(event->parsetree, CreateExtensionStmt) &&
                        strcmp(((const CreateExtensionStmt *)event->parsetree)->extname, "vector") == 0;
    if (wanted || OidIsValid(get_extension_oid("vector", true)))
        ereport(ERROR,
                (errcode(ERRCODE_DUPLICATE_OBJECT),
                 errmsg("extension \"vector\" cannot be created where the types are vector_quant's own"),
                 errdetail("The types \"vector\" and \"halfvec\" of this database belong to extension "
                           "\"vector_quant\"; pgvector's have the same names, text and binary form."),
                 errhint("To use pgvector's types, create extension \"vector\" before \"vector_quant\"; "
                         "see \"Moving to pgvector's types\" in vector_quant's docs/from_pgvector.md.")));
    PG_RETURN_NULL();
}

#include "ivf/upkeep/cleanup.h"

#include "ivf/store/generation.h"
#include "ivf/store/page_offers.h"
#include "ivf/upkeep/attempt.h"
#include "ivf/upkeep/retrain.h"
#include "ivf/upkeep/tidy.h"
#include "ivf/write/compact.h"

extern "C" {
#include "access/table.h"
#include "commands/vacuum.h"
#include "storage/indexfsm.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

struct Cleanup
{
    IndexVacuumInfo *info;
    Relation rel;
    Relation heap;
    MemoryContext memory;
    const Index *index; // of the generation in force
    GroupsSurvey survey;
    const char *why_not; // it could not be trained anew
    bool freed;          // pages, so that an xid has to be used up for them to ripen
};

void report_survey(const Cleanup &c)
{
    const char *name = RelationGetRelationName(c.rel);
    const Survey &survey = c.survey.survey;
    if (survey.damaged)
        ereport(WARNING,
                (errcode(ERRCODE_INDEX_CORRUPTED),
                 errmsg("index \"%s\" is corrupted: chains of pages are not as its directory says", name),
                 errhint("Please REINDEX it.")));
    if (survey.lost.count > 0)
        ereport(c.info->message_level,
                (errmsg("index \"%s\": %u pages that nothing referred to are free again", name,
                        survey.lost.count)));
}

// The index as it is now, and what its pages are like.
void look(Cleanup *c)
{
    c->index = open_index(c->rel, c->memory);
    survey_index(&c->survey, c->rel, c->heap, c->index, c->info->strategy);
    report_survey(*c);
    c->freed |= c->survey.survey.lost.count > 0;
}

void try_retrain(void *arg)
{
    Cleanup *c = (Cleanup *)arg;
    const MetaPage &meta = c->index->meta;
    Condition condition = condition_of(meta, c->survey.rows, c->survey.rows_squared);
    Cause cause = cause_of(meta, condition);
    if (cause == Cause::None && condition.rows >= kFewRows) {
        condition.drift = drift_since_build(c->heap, c->rel, *c->index);
        cause = cause_of(meta, condition);
    }
    if (cause == Cause::None)
        return;
    with_free_pages(&c->survey.survey, [&](PageReserve *reserve) {
        c->why_not =
            retrain(c->heap, c->rel, *c->index, cause, condition, reserve, c->info->strategy).why_not;
    });
}

void forget_attempt(void *arg)
{
    forget_orphan(((Cleanup *)arg)->rel);
}

void report_put_off(const Cleanup &c, const ErrorData *error)
{
    const char *why = error ? error->message : c.why_not;
    if (why == nullptr)
        return;
    ereport(WARNING, (errcode(error ? error->sqlerrcode : ERRCODE_INSUFFICIENT_RESOURCES),
                      errmsg("index \"%s\" could not be trained anew", RelationGetRelationName(c.rel)),
                      errdetail_internal("%s", why), errhint("It works as before, and VACUUM tries again.")));
}

// Where there is a cause; then the index and its survey are new.
void retrain_if_due(Cleanup *c)
{
    if (c->survey.survey.damaged || !looks_after_itself(c->rel) || !can_retrain(c->heap))
        return;
    const Index *before = c->index;
    const ErrorData *error = attempt(try_retrain, forget_attempt, c);
    if (read_generations(c->rel).current == before->meta.generation) {
        report_put_off(*c, error);
        if (error || c->why_not)
            look(c); // what was written is lost, and free again
        return;
    }
    free_generation(c->rel, *before);
    c->freed = true;
    (void)ripen_now(c->heap, ReadNextFullTransactionId());
    look(c);
}

// Makes the file shorter: with the pages that were free before; then, where much is free, with those that this VACUUM has freed, if no running
// query began before. Pages that groups leave in a round are where fixed parts can move to in the next.
Shortened make_shorter(Cleanup *c)
{
    constexpr int kRounds = 2;
    Shortened shortened = shorten(&c->survey, c->info->message_level);
    for (int i = 0; i < kRounds; i++) {
        c->freed |= shortened.moved;
        if (!c->freed || !much_is_free(c->survey.survey) || !compat_vacuum_truncates(c->heap) ||
            !ripen_now(c->heap, ReadNextFullTransactionId()))
            break;
        look(c);
        shortened = shorten(&c->survey, c->info->message_level);
        if (!shortened.moved)
            break;
    }
    return shortened;
}

} // namespace

IndexBulkDeleteResult *vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
    if (info->analyze_only)
        return stats;
    const bool counted = stats != nullptr;
    if (stats == nullptr)
        stats = (IndexBulkDeleteResult *)palloc0(sizeof(IndexBulkDeleteResult));
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant vacuum", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    Cleanup c = {};
    c.info = info;
    c.rel = info->index;
    c.heap = table_open(info->index->rd_index->indrelid, NoLock); // VACUUM has locked it
    c.memory = memory;
    forget_orphan(c.rel);
    look(&c);
    retrain_if_due(&c);
    c.freed |= rewrite_dirty_groups(&c.survey);
    const Shortened shortened = make_shorter(&c);
    if (!counted) {
        stats->num_index_tuples = c.survey.rows;
        stats->estimated_count = true;
    }
    if (c.freed)
        ripen_later();
    IndexFreeSpaceMapVacuum(info->index);
    const Survey &survey = c.survey.survey;
    stats->num_pages = shortened.blocks;
    stats->pages_deleted = survey.ripe.count + survey.young.count + survey.lost.count;
    stats->pages_free = survey.ripe.count;
    table_close(c.heap, NoLock);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
    return stats;
}

} // namespace vq::ivf

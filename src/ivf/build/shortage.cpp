#include "ivf/build/shortage.h"

#include "pg/elsewhere.h"

extern "C" {
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
}

namespace vq::ivf {

namespace {

// Fewer rows are better read as they are; an index on them is a beginning, and its lists will not fit what comes later.
constexpr size_t kFewRows = 1000;
// Of a list, on average: k-means on fewer finds its rows rather than where rows are. Chosen by the engine, a list has 100.
constexpr size_t kFewRowsPerList = 30;

// TRUNCATE empties an index by building it, which nobody has asked to hear of. It does not report progress, as CREATE INDEX
// and REINDEX do.
bool build_asked_for()
{
    return !pgstat_track_activities || compat_progress_command() == PROGRESS_COMMAND_CREATE_INDEX;
}

void report_no_rows(Relation index, bool auto_maintenance)
{
    if (!build_asked_for() || pg::is_distributed(index->rd_index->indrelid))
        return;
    ereport(NOTICE, (errmsg("index \"%s\" is built without rows", RelationGetRelationName(index)),
                     errdetail("It works, but keeps all rows in one list until it is trained on rows."),
                     auto_maintenance
                         ? errhint("VACUUM trains it when the table has its rows, and so does autovacuum.")
                         : errhint("Call vector_quant_maintain when the table has its rows.")));
}

// All sampled rows are too long to be trained on.
void report_no_usable_rows(Relation index, size_t rows)
{
    ereport(NOTICE,
            (errmsg("index \"%s\" is not trained", RelationGetRelationName(index)),
             errdetail(
                 "Squares of all %zu sampled rows are beyond single precision. It works, but keeps all rows "
                 "in one list.",
                 rows)));
}

// now: what can be done before there are more rows, a sentence and a blank; or empty.
int hint_when_more(const char *now, bool auto_maintenance)
{
    return auto_maintenance ? errhint("%sOnce there are more rows, VACUUM trains it anew.", now)
                            : errhint("%sOnce there are more rows, call vector_quant_maintain.", now);
}

// Memory, not the table, decided how many rows were drawn.
bool drawn_to_capacity(const Sample &sample)
{
    return sample.rows == sample.capacity && (double)sample.rows < sample.table_rows;
}

void report_few_rows_per_list(Relation index, uint32_t nlist, const Sample &sample, bool auto_maintenance)
{
    ereport(NOTICE,
            (errmsg("index \"%s\" has many lists for its rows", RelationGetRelationName(index)),
             errdetail("Lists: %u, rows to train on: %zu.", nlist, sample.rows),
             drawn_to_capacity(sample) ? errhint("Use a smaller nlist, or raise maintenance_work_mem.")
                                       : hint_when_more("Use a smaller nlist. ", auto_maintenance)));
}

// why: what that means for the codec, or empty.
void report_few_rows(Relation index, const Sample &sample, const char *why, bool auto_maintenance)
{
    ereport(NOTICE, (errmsg("index \"%s\" is built on few rows", RelationGetRelationName(index)),
                     *why ? errdetail_internal("%s", why) : errdetail("Rows to train on: %zu.", sample.rows),
                     drawn_to_capacity(sample) ? errhint("Raise maintenance_work_mem.")
                                               : hint_when_more("", auto_maintenance)));
}

void report_limited_lists(Relation index, const Training &t)
{
    ereport(NOTICE,
            (errmsg("index \"%s\" has few lists for its rows", RelationGetRelationName(index)),
             errdetail("Lists: %u, of %u for so many rows: maintenance_work_mem has no room for more.",
                       t.meta.nlist, t.lists_wanted),
             errhint("Raise maintenance_work_mem.")));
}

void report_untrained(Relation index, const char *why, bool memory, bool auto_maintenance)
{
    ereport(NOTICE, (errmsg("codebooks of index \"%s\" are not trained", RelationGetRelationName(index)),
                     errdetail_internal("%s", why),
                     memory ? errhint("Use smaller codebooks, or raise maintenance_work_mem.")
                            : hint_when_more("Use smaller codebooks. ", auto_maintenance)));
}

void report_trained_on_few(Relation index, const char *why)
{
    ereport(NOTICE,
            (errmsg("codebooks of index \"%s\" are trained on few rows", RelationGetRelationName(index)),
             errdetail_internal("%s", why), errhint("Raise maintenance_work_mem.")));
}

void report_trained_in_part(Relation index, const char *why, bool auto_maintenance)
{
    ereport(WARNING,
            (errmsg("codebooks of index \"%s\" are trained in part", RelationGetRelationName(index)),
             errdetail_internal("%s", why), hint_when_more("Use fewer codebooks. ", auto_maintenance)));
}

} // namespace

void report_shortage(const Training &t, const CodecOps *codec, const IndexOptions *options,
                     const Sample &sample, Relation index)
{
    const bool self = options->auto_maintenance;
    if (sample.too_long > 0 && sample.rows == 0)
        return report_no_usable_rows(index, sample.too_long);
    if (sample.rows == 0)
        return report_no_rows(index, self);
    if (!t.meta.trained)
        return;
    const Shortfall shortfall = t.shortfall;
    const char *why = t.short_of;
    // Memory, not the table, left the codec few rows.
    const bool memory =
        (double)t.codec_rows < sample.table_rows && t.codec_rows < codec->training_rows(t.meta.options);
    // What the codec chose itself is no more than is of use.
    const bool asked = options->codec[codec->short_option] != 0;
    if (shortfall == Shortfall::Part && asked)
        return report_trained_in_part(index, why, self);
    if (options->nlist > 0 && sample.rows < kFewRowsPerList * t.meta.nlist)
        return report_few_rows_per_list(index, t.meta.nlist, sample, self);
    if (sample.rows < kFewRows)
        return report_few_rows(index, sample, shortfall == Shortfall::All ? why : "", self);
    if (t.meta.nlist < t.lists_wanted)
        return report_limited_lists(index, t);
    if (shortfall == Shortfall::All)
        return report_untrained(index, why, memory, self);
    if (shortfall == Shortfall::Few && memory) // a small table trains on all it has
        return report_trained_on_few(index, why);
}

void report_failed_training(Relation index)
{
    ereport(
        NOTICE,
        (errmsg("index \"%s\" is not trained", RelationGetRelationName(index)),
         errdetail("Training on the sampled rows gave no finite parameters. It works, but keeps all rows in "
                   "one list.")));
}

} // namespace vq::ivf

// vector_quant_tune: the smallest settings that reach a recall, found by trials, with what they cost.
//
// Two settings decide: lists (nprobe) and the width of the error bound (epsilon). A narrower bound looks at fewer rows of
// the table and needs more lists for the same recall. For each width the smallest number of lists is searched; the
// fastest pair is recommended.
#include "ivf/inspect/rounding.h"
#include "ivf/inspect/trial.h"
#include "ivf/scan/probes.h"

extern "C" {
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"
}

namespace vq::ivf {

namespace {

constexpr double kEpsilons[] = {4, 3, 2.2, 1.9, 1.5, 1}; // widest first: if that does not reach it, none does
// A narrower bound that needs so many times the lists of the widest costs more than it saves.
constexpr uint32_t kWorthwhile = 4;

struct Tried
{
    int nprobe;
    double epsilon;
    Measured m;
};

struct Tuning
{
    const Trials *trials;
    double target;
    const char *am;
    uint32_t lists; // of the index
};

void check_target_recall(double target)
{
    if (!(target > 0 && target <= 1)) // nor NaN
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("target_recall must be above 0 and at most 1, not %g", target),
                        errhint("0.95 asks for 95 of 100 true neighbours.")));
}

void change_setting(const Tuning &t, const char *setting, const char *value)
{
    (void)set_config_option(psprintf("%s.%s", t.am, setting), value, PGC_USERSET, PGC_S_SESSION,
                            GUC_ACTION_SAVE, true, 0, false);
}

void change_settings(const Tuning &t, double epsilon, int nprobe)
{
    change_setting(t, "epsilon", psprintf("%g", epsilon));
    change_setting(t, "nprobe", psprintf("%d", nprobe));
}

Tried try_out(const Tuning &t, double epsilon, uint32_t nprobe)
{
    change_settings(t, epsilon, (int)nprobe);
    return {(int)nprobe, epsilon, measure(*t.trials)};
}

// As it is shown: the mean of eight tenths is a little less than that.
bool reaches(const Tuning &t, const Tried &tried)
{
    return rounded_share(tried.m.recall.mean) >= t.target;
}

// The smallest nprobe that reaches the target with this epsilon, from a guess by doubling and halving; or what `most`
// lists give.
Tried search(const Tuning &t, double epsilon, uint32_t guess, uint32_t most)
{
    uint32_t below = 0;
    Tried best = try_out(t, epsilon, Min(guess, most));
    while (!reaches(t, best) && (uint32_t)best.nprobe < most) {
        below = (uint32_t)best.nprobe;
        best = try_out(t, epsilon, Min(2 * below, most));
    }
    while (reaches(t, best) && (uint32_t)best.nprobe - below > 1) {
        const Tried middle = try_out(t, epsilon, (below + (uint32_t)best.nprobe) / 2);
        if (reaches(t, middle))
            best = middle;
        else
            below = (uint32_t)middle.nprobe;
    }
    return best;
}

// Whoever runs the command would see no change.
void report_target(Relation rel)
{
    if (access_method(rel)->settings(nullptr).target_recall > 0)
        ereport(NOTICE, (errmsg("vector_quant.target_recall is set and wins over the options of an index"),
                         errhint("RESET vector_quant.target_recall after the recommended command, or keep "
                                 "the target alone.")));
}

// One for each width that reaches the target, widest first; the widest in any case. Returns how many.
uint32_t search_all(const Tuning &t, Tried *found)
{
    const MetaPage &meta = t.trials->index->meta;
    found[0] = search(t, kEpsilons[0], calibrated_nprobe(meta), t.lists);
    uint32_t n = 1;
    if (!reaches(t, found[0])) {
        ereport(NOTICE,
                (errmsg("recall %g is not reached with all of %u lists", t.target, t.lists),
                 errhint("Settings or options that limit how many rows a query looks at may hold it back.")));
        return n;
    }
    const uint32_t most = Min(t.lists, kWorthwhile * (uint32_t)found[0].nprobe);
    for (; n < lengthof(kEpsilons); n++) {
        found[n] = search(t, kEpsilons[n], (uint32_t)found[n - 1].nprobe, most);
        if (!reaches(t, found[n]))
            break;
    }
    return n;
}

// Times of those found, once more and several times in turn: other sessions only ever make a run slower, and should not
// decide which is the fastest.
void measure_again(const Tuning &t, Tried *found, uint32_t n)
{
    for (uint32_t i = 0; i < 3 * n; i++) {
        Tried *f = found + i % n;
        change_settings(t, f->epsilon, f->nprobe);
        const double ms = measure(*t.trials).ms;
        f->m.ms = i < n ? ms : Min(f->m.ms, ms);
    }
}

Tried in_force(const Tuning &t, Relation rel)
{
    const ScanSettings settings = access_method(rel)->settings((const IndexOptions *)rel->rd_options);
    report_target(rel);
    measure(*t.trials); // pages come into memory, as for those that follow
    return {settings.nprobe, epsilon_of(*t.trials->index, settings), measure(*t.trials)};
}

// --- rows for SQL

void put_row(const ResultRows &out, const Tuning &t, const char *state, const Tried &tried,
             const char *command)
{
    const Measured &m = tried.m;
    Datum values[] = {CStringGetTextDatum(state),
                      Int32GetDatum(tried.nprobe),
                      Float8GetDatum(rounded(tried.epsilon, 3)),
                      Float8GetDatum(rounded_share(m.recall.mean)),
                      Float8GetDatum(rounded_share(m.recall.low)),
                      Float8GetDatum(rounded_share(m.recall.high)),
                      Float8GetDatum(rounded_mean(m.lists)),
                      Float8GetDatum(rounded_mean(m.codes)),
                      Float8GetDatum(rounded_mean(m.reranked)),
                      Float8GetDatum(rounded_time(m.ms)),
                      Float8GetDatum(rounded_mean(t.trials->distinct)),
                      command ? CStringGetTextDatum(command) : (Datum)0};
    bool nulls[lengthof(values)] = {};
    nulls[lengthof(values) - 1] = command == nullptr;
    tuplestore_putvalues(out.store, out.desc, values, nulls);
}

char *command_for(Relation rel, const Tried &tried)
{
    return psprintf("ALTER INDEX %s SET (nprobe = %d, epsilon = %g)", qualified_name(RelationGetRelid(rel)),
                    tried.nprobe, tried.epsilon);
}

void tune(const Trials &trials, double target, const ResultRows &out)
{
    Relation rel = trials.target.rel;
    const Tuning t = {&trials, target, access_method(rel)->name, trials.index->meta.nlist};
    const Tried before = in_force(t, rel);
    Tried found[lengthof(kEpsilons)];
    const uint32_t n = search_all(t, found);
    measure_again(t, found, n);
    const Tried *best =
        std::min_element(found, found + n, [](const Tried &a, const Tried &b) { return a.m.ms < b.m.ms; });
    put_row(out, t, reaches(t, *best) ? "recommended" : "best", *best, command_for(rel, *best));
    for (const Tried *other = found; other < found + n; other++)
        if (other != best)
            put_row(out, t, "tried", *other, nullptr);
    put_row(out, t, "in force", before, nullptr);
}

// Tunes, if there is anything to find, and closes all.
void tune_and_close(Trials *trials, double target, const ResultRows &out)
{
    if (trials->count > 0)
        tune(*trials, target, out);
    close_trials(trials);
    inspect_close(trials->target);
}

} // namespace

} // namespace vq::ivf

VQ_FUNCTION(vq_tune)
{
    using namespace vq::ivf;
    const double target_recall = PG_GETARG_FLOAT8(1);
    const ResultRows out = begin_rows(fcinfo);
    const Inspected target = inspect_open(PG_GETARG_OID(0), AccessShareLock);
    check_target_recall(target_recall);
    Trials trials;
    prepare_trials(&trials, target, PG_GETARG_INT32(2), PG_GETARG_INT32(3));
    tune_and_close(&trials, target_recall, out);
    return (Datum)0;
}

VQ_FUNCTION(vq_tune_for_queries)
{
    using namespace vq::ivf;
    check_arguments(fcinfo, 4);
    const double target_recall = PG_GETARG_FLOAT8(2);
    const ResultRows out = begin_rows(fcinfo);
    const Inspected target = inspect_open(PG_GETARG_OID(0), AccessShareLock);
    check_target_recall(target_recall);
    const GivenQueries queries =
        given_queries(fcinfo, 1, target, *open_index(target.rel, CurrentMemoryContext));
    Trials trials;
    prepare_given_trials(&trials, target, PG_GETARG_INT32(3), queries);
    tune_and_close(&trials, target_recall, out);
    return (Datum)0;
}

// Phases of a build as users see them: in pg_stat_progress_create_index, and in a DEBUG1 message at the end of each.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "portability/instr_time.h"
}

namespace vq::ivf {

enum class BuildPhase : int64 // PROGRESS_CREATEIDX_SUBPHASE; 1 is PostgreSQL's "initializing"
{
    Sampling = 2,
    Clustering,
    Training,
    Encoding,
    Loading,
    Calibrating
};

struct BuildProgress
{
    const char *index; // its name; must live as long
    bool shown;        // in pg_stat_progress_create_index: the command is a build
    int64 total;       // tuples of the phase
    int64 done;
    instr_time start; // of the phase
};

// Begins a phase: of so many tuples, as far as is known. Counts of the one before are cleared.
void begin_phase(BuildProgress *progress, BuildPhase phase, int64 total);
// Tuples of the phase that are done; never goes back.
void phase_done(BuildProgress *progress, int64 done);
// Blocks of the table that are read, of so many.
void phase_blocks(const BuildProgress *progress, int64 done, int64 total);
// The same as a share of the whole, for Progress and k-means (arg: BuildProgress). False once the user cancels: an error is
// raised when the work has returned.
bool phase_may_go_on(void *arg, double share);

// What the phase chose and how long it took, at DEBUG1: index "NAME": TEXT, SECONDS s
void report_phase(const BuildProgress *progress, const char *format, ...) pg_attribute_printf(2, 3);

// ambuildphasename: the words for a phase, or null.
char *build_phase_name(int64 phase);

} // namespace vq::ivf

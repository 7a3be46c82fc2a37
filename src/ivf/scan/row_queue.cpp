// A full heap keeps its nearer half and writes the farther one to the file as a run. There are at most kMostRuns of them: before
// there are more, the kMerged smallest become one. Every row is so written once, and again some log(rows / heap) times to the
// base of kMerged.
#include "ivf/scan/row_queue.h"

extern "C" {
#include "commands/tablespace.h"
#include "miscadmin.h"
}

namespace vq::ivf {

namespace {

constexpr int kMostRuns = 16;
constexpr int kMerged = 8;

bool before(const QueuedRow &a, const QueuedRow &b)
{
    if (nearer(a.distance, b.distance))
        return true;
    if (nearer(b.distance, a.distance))
        return false;
    if (a.turn != b.turn)
        return a.turn < b.turn;
    return tid_before(a.tid, b.tid);
}
bool comes_after(const QueuedRow &a, const QueuedRow &b)
{
    return before(b, a);
}

// --- the file

void seek_row(SpillFile *spill, int64 row)
{
    if (BufFileSeek(spill->file, 0, (off_t)row * (off_t)sizeof(QueuedRow), SEEK_SET) != 0)
        ereport(ERROR, (errcode_for_file_access(), errmsg("could not seek in a temporary file of a scan")));
}

// Appends rows at the file's end.
void write_rows(SpillFile *spill, QueuedRow *rows, uint32_t count)
{
    if (spill->file == nullptr) {
        PrepareTempTablespaces();
        spill->file = BufFileCreateTemp(false);
    }
    seek_row(spill, spill->rows);
    BufFileWrite(spill->file, rows, count * sizeof(QueuedRow));
    spill->rows += count;
}

// --- runs

const QueuedRow &first_of(const Run &run)
{
    return run.buffer[run.at];
}

int64 rows_left(const Run &run)
{
    return run.end - run.next + run.count;
}

// Reads on; false at the run's end.
bool fill_buffer(RowQueue *q, Run *run)
{
    run->at = 0;
    run->count = (uint32_t)Min((int64)q->buffer_rows, run->end - run->next);
    if (run->count == 0)
        return false;
    const size_t bytes = run->count * sizeof(QueuedRow);
    seek_row(q->spill, run->next);
    if (BufFileRead(q->spill->file, run->buffer, bytes) != bytes)
        ereport(ERROR, (errcode_for_file_access(), errmsg("could not read a temporary file of a scan")));
    run->next += run->count;
    return true;
}

void find_nearest_run(RowQueue *q)
{
    q->nearest_run = -1;
    for (int i = 0; i < q->run_count; i++)
        if (q->nearest_run < 0 || before(first_of(q->runs[i]), first_of(q->runs[q->nearest_run])))
            q->nearest_run = i;
}

// Takes the run's first row; a run that is read to its end goes. Buffers change places with their runs.
void take_from_run(RowQueue *q, int i)
{
    Run *run = &q->runs[i];
    run->at++;
    run->count--;
    if (run->count > 0 || fill_buffer(q, run))
        return;
    std::swap(*run, q->runs[--q->run_count]);
    if (--q->spill->runs == 0)
        q->spill->rows = 0; // nobody reads what is in the file
}

// Makes a run of what was appended from row `start` on.
void add_run(RowQueue *q, int64 start)
{
    Run *run = &q->runs[q->run_count++];
    run->next = start;
    run->end = q->spill->rows;
    q->spill->runs++;
    fill_buffer(q, run);
}

void allocate_runs(RowQueue *q)
{
    if (q->runs)
        return;
    q->runs = (Run *)palloc0(kMostRuns * sizeof(Run));
    const size_t bytes = (kMostRuns + 1) * (size_t)q->buffer_rows * sizeof(QueuedRow);
    q->buffers = (QueuedRow *)palloc_extended(bytes, MCXT_ALLOC_HUGE);
    for (int i = 0; i < kMostRuns; i++)
        q->runs[i].buffer = q->buffers + i * (size_t)q->buffer_rows;
}

// Makes one run of the kMerged smallest.
void merge_runs(RowQueue *q)
{
    std::sort(q->runs, q->runs + q->run_count,
              [](const Run &a, const Run &b) { return rows_left(a) > rows_left(b); });
    QueuedRow *out = q->buffers + kMostRuns * (size_t)q->buffer_rows;
    uint32_t count = 0;
    const int64 start = q->spill->rows;
    q->spill->runs++;     // the new one: the file must not begin anew meanwhile
    RowQueue merged = *q; // the last runs of it alone
    merged.runs += q->run_count - kMerged;
    merged.run_count = kMerged;
    while (merged.run_count > 0) {
        find_nearest_run(&merged);
        out[count++] = first_of(merged.runs[merged.nearest_run]);
        take_from_run(&merged, merged.nearest_run);
        if (count == q->buffer_rows || merged.run_count == 0) {
            CHECK_FOR_INTERRUPTS();
            write_rows(q->spill, out, count);
            count = 0;
        }
    }
    q->spill->runs--;
    q->run_count -= kMerged;
    add_run(q, start);
}

// Writes the farther half of the heap.
void spill_half(RowQueue *q)
{
    allocate_runs(q);
    if (q->run_count == kMostRuns)
        merge_runs(q);
    std::sort(q->heap, q->heap + q->count, before); // so it is a heap as well
    const uint32_t kept = q->count / 2;
    const int64 start = q->spill->rows;
    write_rows(q->spill, q->heap + kept, q->count - kept);
    q->count = kept;
    add_run(q, start);
    find_nearest_run(q);
}

void grow_heap(RowQueue *q)
{
    constexpr uint32_t kFirst = 64;
    q->allocated = Min(Max(2 * q->allocated, kFirst), q->most);
    const size_t bytes = q->allocated * sizeof(QueuedRow);
    q->heap =
        (QueuedRow *)(q->heap ? repalloc_huge(q->heap, bytes) : palloc_extended(bytes, MCXT_ALLOC_HUGE));
}

bool nearest_is_in_run(const RowQueue &q)
{
    return q.nearest_run >= 0 && (q.count == 0 || before(first_of(q.runs[q.nearest_run]), q.heap[0]));
}

} // namespace

void spill_close(SpillFile *spill)
{
    if (spill->file)
        BufFileClose(spill->file);
    *spill = {};
}

void queue_begin(RowQueue *q, SpillFile *spill, size_t bytes)
{
    *q = {};
    q->spill = spill;
    constexpr size_t kLeastBytes = 4096;
    const size_t rows = Max(bytes, kLeastBytes) / sizeof(QueuedRow);
    q->most = (uint32_t)Min(rows / 2, (size_t)PG_UINT32_MAX);
    q->buffer_rows = (uint32_t)Min(rows / 2 / (kMostRuns + 1), (size_t)PG_UINT32_MAX);
    q->nearest_run = -1;
}

void queue_clear(RowQueue *q)
{
    q->count = 0;
    q->spill->runs -= q->run_count;
    q->run_count = 0;
    q->nearest_run = -1;
    if (q->spill->runs == 0)
        q->spill->rows = 0;
}

void queue_push(RowQueue *q, const QueuedRow &row)
{
    if (q->count == q->most)
        spill_half(q);
    if (q->count == q->allocated)
        grow_heap(q);
    q->heap[q->count++] = row;
    std::push_heap(q->heap, q->heap + q->count, comes_after);
}

const QueuedRow &queue_nearest(const RowQueue &q)
{
    return nearest_is_in_run(q) ? first_of(q.runs[q.nearest_run]) : q.heap[0];
}

QueuedRow queue_pop(RowQueue *q)
{
    const QueuedRow row = queue_nearest(*q);
    if (nearest_is_in_run(*q)) {
        take_from_run(q, q->nearest_run);
        find_nearest_run(q);
    } else {
        std::pop_heap(q->heap, q->heap + q->count, comes_after);
        q->count--;
    }
    return row;
}

} // namespace vq::ivf

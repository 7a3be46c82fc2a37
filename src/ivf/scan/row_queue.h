// Rows in the order of a number, nearest first, in bounded memory: a heap of those that come soon, and sorted runs of the
// others in a temporary file.
#pragma once

#include "ivf/scan/tid_order.h"

extern "C" {
#include "storage/buffile.h"
}

namespace vq::ivf {

enum class RowState : uint8_t
{
    Unseen,  // nobody has looked whether the snapshot sees the row
    Visible, // it does
    Twin     // as Unseen; the distance is that of a row which is alike (twins.h)
};

struct QueuedRow
{
    double distance; // NaN is behind all numbers, as PostgreSQL sorts it
    ItemPointerData tid;
    uint8_t turn; // rows of one distance come by it, then in the order of the table
    RowState state;
};
static_assert(sizeof(QueuedRow) == 16);

// As float8 is sorted: NaN is greater than every number.
inline bool nearer(double a, double b)
{
    return std::isnan(b) ? !std::isnan(a) : a < b;
}

// The temporary file of a scan; its queues share it. Nothing is opened before the first row leaves memory. It is deleted when
// it is closed or its resource owner is released, on whatever way.
struct SpillFile // zero at first
{
    BufFile *file;
    int64 rows; // written so far
    int runs;   // of all queues, not read to their end
};

void spill_close(SpillFile *spill);

// Rows of the file, in order.
struct Run
{
    int64 next; // row of the file to be read next
    int64 end;
    QueuedRow *buffer; // the run's first `count` rows from `at` on; never empty
    uint32_t at;
    uint32_t count;
};

struct RowQueue
{
    SpillFile *spill;
    QueuedRow *heap;
    uint32_t count;     // rows in the heap
    uint32_t allocated; // its size; grows to `most`
    uint32_t most;
    uint32_t buffer_rows; // of a run
    QueuedRow *buffers;   // of all runs, and one for writing; null before the first run
    Run *runs;
    int run_count;
    int nearest_run; // whose first row is the nearest of all runs'; -1: there is none
};

// bytes: of memory that the queue may take; 4 kB are the least. Memory of all functions: the context that is current, which must
// live as long as the queue.
void queue_begin(RowQueue *queue, SpillFile *spill, size_t bytes);

void queue_push(RowQueue *queue, const QueuedRow &row);

// Drops all rows; memory is kept.
void queue_clear(RowQueue *queue);

inline bool queue_empty(const RowQueue &queue)
{
    return queue.count == 0 && queue.run_count == 0;
}

// Of a queue that is not empty.
const QueuedRow &queue_nearest(const RowQueue &queue);
QueuedRow queue_pop(RowQueue *queue);

} // namespace vq::ivf

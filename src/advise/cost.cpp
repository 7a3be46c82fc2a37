#include "advise/cost.h"

extern "C" {
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "optimizer/paths.h"
#include "utils/lsyscache.h"
}

#include <unistd.h>

namespace vq::advise {

namespace {

// --- time

// Seconds of one core, from the phases of builds (client_min_messages = debug1); bench/README.md ("Expected build time") holds what they give
// against builds that were measured. Of what grows with a product, by it.
constexpr double kReading = 3e-9;        // rows x dims
constexpr double kClustering = 3e-11;    // sampled rows x lists x dims, all rounds
constexpr double kSeeding = 5e-9;        // sampled rows x dims
constexpr double kCalibrating = 4e-8;    // sampled rows x dims
constexpr double kEncodingDims = 1.9e-8; // rows x dims
constexpr double kRouting = 5.4e-9;      // rows x lists

// What a codec takes beside. training, encoding: once, or a row; then by dims, and by their square and cube.
struct CodecTime
{
    const char *access_method;
    double training, training_row_dims, training_row_dims2, training_dims3;
    double row, row_dims, row_dims2;
};
constexpr CodecTime kCodecTimes[] = {
    {"ivf_rabitq", 0, 0, 0, 0, 0, 0, 0},
    {"scann", 0, 5.5e-8, 2e-11, 6e-10, 0, 0, 4e-11}, // principal axes, and a dense rotation a row
    {"wrvq", 0.35, 5.2e-7, 0, 0, 1.75e-5, 9.5e-9, 0},
};

const CodecTime &time_of_codec(const char *access_method)
{
    const CodecTime *t = kCodecTimes;
    while (strcmp(t->access_method, access_method) != 0)
        t++;
    return *t;
}

// Processes that encode rows, as a build takes them by the table's size.
double processes(double table_bytes)
{
    int workers = 0;
    for (double pages = min_parallel_table_scan_size; pages > 0 && table_bytes / BLCKSZ >= pages; pages *= 3)
        workers++;
    workers = Min(workers, max_parallel_maintenance_workers);
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return Max(1.0, Min(1.0 + workers, (double)cores));
}

double build_seconds(const ivf::PlannedIndex &planned, const char *access_method, double table_bytes)
{
    const CodecTime &t = time_of_codec(access_method);
    const ivf::Index &layout = planned.layout;
    const double dims = layout.meta.options.dims, lists = layout.meta.nlist, rows = planned.rows;
    const double sample = Min((double)planned.sample, maintenance_work_mem * 512.0 / (dims * sizeof(float)));
    const double trained = Min(sample, (double)layout.codec->training_rows(layout.meta.options));
    const double once = kReading * rows * dims + kClustering * sample * lists * dims +
                        (kSeeding + kCalibrating) * sample * dims;
    const double training = (trained > 0 ? t.training : 0) + t.training_row_dims * trained * dims +
                            t.training_row_dims2 * trained * dims * dims +
                            (trained > 0 ? t.training_dims3 * dims * dims * dims : 0);
    const double row =
        kEncodingDims * dims + kRouting * lists + t.row + t.row_dims * dims + t.row_dims2 * dims * dims;
    return once + training + rows * row / processes(table_bytes);
}

// --- size

// Of a key, as extents store them: as few bytes as the keys of a list differ by.
uint32_t key_bytes(Oid type)
{
    switch (getBaseType(type)) {
    case BOOLOID:
        return 1;
    case INT2OID:
    case DATEOID:
        return 2;
    case INT4OID:
    case INT8OID:
        return 3;
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return 6;
    default:
        return type_is_enum(type) ? 1 : 7;
    }
}

uint32_t all_key_bytes(const Queries &queries, Relation table)
{
    uint32_t bytes = 0;
    for (int i = 0; i < queries.filters; i++)
        bytes += key_bytes(TupleDescAttr(RelationGetDescr(table), queries.filter[i].column - 1)->atttypid);
    return bytes;
}

} // namespace

Cost expected_cost(const char *access_method, bool refine, const Column &column, Metric metric,
                   const Queries &queries, Relation table)
{
    const ivf::AccessMethod *am = ivf::access_method_named(access_method);
    ivf::IndexOptions *options = (ivf::IndexOptions *)am->parse_options((Datum)0, false);
    options->refine = refine;
    const ivf::IndexedColumn indexed = {metric, column.element, column.dims, (uint32_t)queries.filters};
    // Of a partitioned table, each partition has an index of its own.
    const ivf::PlannedIndex part = ivf::plan_index(am, options, indexed, column.rows / column.parts);
    Cost cost = {};
    cost.bytes = std::ceil(column.parts * ivf::planned_pages(part, all_key_bytes(queries, table))) * BLCKSZ;
    cost.build_seconds =
        column.rows < 1 ? 0 : column.parts * build_seconds(part, access_method, column.bytes / column.parts);
    cost.lists = part.layout.meta.nlist;
    cost.lists_wanted = part.lists_wanted;
    cost.memory = 2.0 * (double)part.sample * column.dims * sizeof(float);
    return cost;
}

} // namespace vq::advise

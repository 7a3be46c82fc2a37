// The ordered scan: ambeginscan, amrescan, amgettuple and amendscan.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/amapi.h"
#include "access/genam.h"
}

namespace vq::ivf {

IndexScanDesc begin_scan(Relation index, int nkeys, int norderbys);
void rescan(IndexScanDesc desc, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys);
bool get_tuple(IndexScanDesc desc, ScanDirection direction);
void end_scan(IndexScanDesc desc);

// Says how many rows the consumer will take of the search that begins next, as the executor's LIMIT does.
void expect_rows(IndexScanDesc desc, double rows);

} // namespace vq::ivf

// The end of a deep scan. A consumer whose filter leaves fewer rows than it asks for takes all rows there are, in order of
// distance: a random access to the table for each. Once as much was spent on that as a third of a pass over the table in its own
// order would cost, the scan makes this pass: the remaining rows are compared, sorted, and given out, so that the worst case is one
// and a half passes. Nothing about them is approximate any more.
#pragma once

#include "ivf/scan/scan.h"

namespace vq::ivf {

// Whether it is time.
bool sweep_due(IndexScanDesc desc, Scan *scan);

// Puts all rows that were not given out into the results, in place of what is known of them, and ends the visiting of lists.
void sweep(IndexScanDesc desc, Scan *scan);

} // namespace vq::ivf

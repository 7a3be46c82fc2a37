// Waiting a little for something that no latch tells of.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
}

namespace vq::pg {

// Honours interrupts.
inline void pause(long ms)
{
    CHECK_FOR_INTERRUPTS();
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
}

} // namespace vq::pg

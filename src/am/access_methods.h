// Called once each from _PG_init.
#pragma once

#include "pg/postgres_cpp.h"

namespace vq {

void init_ivf_rabitq();
void init_scann();
void init_wrvq();

} // namespace vq

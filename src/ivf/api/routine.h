// The routine that PostgreSQL calls an access method by.
#pragma once

#include "ivf/api/settings.h"

namespace vq::ivf {

// Makes an access method, its settings and its options known; from _PG_init. `am` lives forever.
void init_access_method(const AccessMethod *am, AmSettings *settings);

// The routine of an access method: the engine's callbacks and its own options.
IndexAmRoutine *make_routine(const AccessMethod *am);

} // namespace vq::ivf

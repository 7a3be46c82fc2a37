// The routine that PostgreSQL calls an access method by.
#pragma once

#include "ivf/store/access_method.h"

namespace vq::ivf {

// The routine of an access method: the engine's callbacks and its own options.
IndexAmRoutine *make_routine(const AccessMethod *am);

} // namespace vq::ivf

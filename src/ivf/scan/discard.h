// DISCARD ALL: what searches have left in this session is forgotten, as poolers want it before the session goes to another client.
#pragma once

namespace vq::ivf {

// From _PG_init.
void init_discard();

} // namespace vq::ivf

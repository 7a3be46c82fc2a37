// The access methods; each is defined in the file of its name.
#pragma once

#include "ivf/api/options.h"
#include "ivf/api/routine.h"
#include "ivf/api/settings.h"

namespace vq {

// From _PG_init, once each.
void init_ivf_rabitq();
void init_scann();
void init_wrvq();

} // namespace vq

// Defines what access method `name` needs beside its codec and `Own`, its own rows of the table of settings: init_NAME above and
// the SQL function NAME_handler.
#define VQ_ACCESS_METHOD(name, Codec, Own)                                                                   \
    static vq::ivf::AmSettings name##_settings = vq::ivf::own_settings<Own>();                               \
    static constexpr vq::ivf::AccessMethod name##_method = {#name, &vq::kCodecOps<Codec>,                    \
                                                            vq::ivf::parse_options<name##_settings>,         \
                                                            vq::ivf::resolve_settings<name##_settings>};     \
    void vq::init_##name()                                                                                   \
    {                                                                                                        \
        ivf::init_access_method(&name##_method, &name##_settings);                                           \
    }                                                                                                        \
    VQ_FUNCTION(vq_##name##_handler)                                                                         \
    {                                                                                                        \
        (void)fcinfo;                                                                                        \
        PG_RETURN_POINTER(vq::ivf::make_routine(&name##_method));                                            \
    }

// Settings and options of an access method, made of its rows of the table: what PostgreSQL is told of at load, and what a scan
// asks for.
#pragma once

#include "ivf/api/setting.h"

namespace vq::ivf {

// An object for each access method, in its file in am/.
struct AmSettings
{
    const Setting *own; // rows beside the common ones
    int own_count;
    relopt_kind options; // from here on set by define_settings
    int first_variable;  // of the settings among the common rows and the own ones, in that order
};

template <const auto &Own>
constexpr AmSettings own_settings()
{
    static_assert(are_sound(Own), "the columns of a row do not fit together");
    return {Own, (int)lengthof(Own), RELOPT_KIND_LOCAL, 0};
}

// Makes the settings and options of an access method known to PostgreSQL; from _PG_init. `prefix` of the settings' names.
void define_settings(AmSettings *settings, const char *prefix);

// vector_quant.*; from _PG_init.
void define_library_settings();

// What a query on an index with these options is run with; options may be null.
ScanSettings resolve_settings(const AmSettings &settings, const IndexOptions *options);

// As AccessMethod wants it.
template <const AmSettings &S>
ScanSettings resolve_settings(const IndexOptions *options)
{
    return resolve_settings(S, options);
}

} // namespace vq::ivf

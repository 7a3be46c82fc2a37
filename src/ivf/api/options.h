// Options of indexes, from the rows of the table of settings.
#pragma once

#include "ivf/api/settings.h"

namespace vq::ivf {

// Makes the options of an access method known to PostgreSQL, as a new kind; from _PG_init.
relopt_kind register_options(const AmSettings &settings);

// amoptions: what a WITH clause says, as IndexOptions in the current memory context; all defaults for a null datum. `validate`:
// an error for what is no option or no value.
bytea *parse_options(const AmSettings &settings, Datum reloptions, bool validate);

// As AccessMethod wants it.
template <const AmSettings &S>
bytea *parse_options(Datum reloptions, bool validate)
{
    return parse_options(S, reloptions, validate);
}

} // namespace vq::ivf

// Options as other extensions and products name them: an error for one says what it is called here.
#pragma once

#include "ivf/api/settings.h"

namespace vq::ivf {

struct OtherName
{
    const char *name;
    const char *hint; // a sentence
};
extern const OtherName kOtherNames
    []; // up to one without a name; in am/other_names.cpp, where options of access methods may be named

// reloptions: of a WITH clause, as amoptions gets them; may be null. Errors: INVALID_PARAMETER_VALUE, with a hint, for an option that the access
// method does not have and another is known to have. What nobody has is left to PostgreSQL.
void refuse_other_names(const AmSettings &settings, Datum reloptions);

// A NOTICE for an option that says nothing beside the others: refine_type where refine is not on, target_recall where nprobe is set.
void notice_unused(Datum reloptions, const IndexOptions &options);

} // namespace vq::ivf

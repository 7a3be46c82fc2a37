#include "ivf/api/other_names.h"

#include "ivf/api/settings_table.h"

extern "C" {
#include "access/reloptions.h"
}

namespace vq::ivf {

namespace {

bool has_option(const AmSettings &settings, const char *name)
{
    for (int i = 0; i < row_count(settings); i++)
        if (pg_strcasecmp(row(settings, i).name, name) == 0)
            return true;
    return false;
}

const char *hint_for(const char *name)
{
    for (const OtherName *other = kOtherNames; other->name; other++)
        if (pg_strcasecmp(other->name, name) == 0)
            return other->hint;
    return nullptr;
}

} // namespace

void refuse_other_names(const AmSettings &settings, Datum reloptions)
{
    if (DatumGetPointer(reloptions) == nullptr)
        return;
    List *options = untransformRelOptions(reloptions);
    ListCell *cell;
    foreach (cell, options) {
        const char *name = ((DefElem *)lfirst(cell))->defname;
        if (has_option(settings, name))
            continue;
        const char *hint = hint_for(name);
        if (hint)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("unrecognized parameter \"%s\"", name), errhint("%s", hint)));
    }
}

void notice_unused(Datum reloptions, const IndexOptions &options)
{
    if (options.query.nprobe > 0 && options.query.target_recall > 0)
        ereport(NOTICE, (errmsg("target_recall does nothing beside nprobe"),
                         errhint("RESET nprobe for the target to act.")));
    if (options.refine || DatumGetPointer(reloptions) == nullptr)
        return;
    ListCell *cell;
    foreach (cell, untransformRelOptions(reloptions))
        if (pg_strcasecmp(((DefElem *)lfirst(cell))->defname, "refine_type") == 0)
            ereport(NOTICE, (errmsg("refine_type does nothing without refine = true")));
}

} // namespace vq::ivf

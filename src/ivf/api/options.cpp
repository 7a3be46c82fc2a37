#include "ivf/api/options.h"

#include "ivf/api/other_names.h"
#include "ivf/api/settings_table.h"

extern "C" {
#include "lib/stringinfo.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

// The detail of the error: Valid values are "a", "b" and "c". Lives forever.
char *list_values(const relopt_enum_elt_def *names)
{
    StringInfoData text;
    initStringInfo(&text);
    appendStringInfoString(&text, "Valid values are ");
    for (const relopt_enum_elt_def *name = names; name->string_val != nullptr; name++) {
        const bool last = name[1].string_val == nullptr;
        appendStringInfo(&text, "%s\"%s\"", name == names ? "" : last ? " and " : ", ", name->string_val);
    }
    appendStringInfoChar(&text, '.');
    char *forever = MemoryContextStrdup(TopMemoryContext, text.data);
    pfree(text.data);
    return forever;
}

void register_option(relopt_kind kind, const Setting &s)
{
    const LOCKMODE lock = s.scope == Scope::Shape ? AccessExclusiveLock : ShareUpdateExclusiveLock;
    const Values &v = s.values;
    const double value = has_setting(s) ? kUnset : v.default_value;
    switch (v.kind) {
    case Kind::Int:
        add_int_reloption(kind, s.name, s.option_help, (int)value, (int)v.least, (int)v.most, lock);
        break;
    case Kind::Real:
        add_real_reloption(kind, s.name, s.option_help, value, v.least, v.most, lock);
        break;
    case Kind::Bool:
        add_bool_reloption(kind, s.name, s.option_help, value != 0, lock);
        break;
    case Kind::Enum: // PostgreSQL only reads the values
        add_enum_reloption(kind, s.name, s.option_help, const_cast<relopt_enum_elt_def *>(v.names),
                           (int)value, list_values(v.names), lock);
        break;
    case Kind::Text: // checked by read_text_option: a validator would not learn whose text it looks at
        add_string_reloption(kind, s.name, s.option_help, v.default_text, nullptr, lock);
        break;
    }
}

relopt_type type_of(Kind kind)
{
    switch (kind) {
    case Kind::Int:
        return RELOPT_TYPE_INT;
    case Kind::Real:
        return RELOPT_TYPE_REAL;
    case Kind::Bool:
        return RELOPT_TYPE_BOOL;
    case Kind::Enum:
        return RELOPT_TYPE_ENUM;
    case Kind::Text:
        return RELOPT_TYPE_STRING;
    }
    pg_unreachable();
}

// PostgreSQL's parser leaves in the field where the text stands; this puts the text's value there.
void read_text_option(IndexOptions *options, const Setting &s, bool validate)
{
    char *field = (char *)options + s.field.offset;
    int place; // of the text
    memcpy(&place, field, sizeof place);
    const char *text = place > 0 ? (const char *)options + place : s.values.default_text;
    if (s.values.read_text(text, field))
        return;
    if (validate)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("invalid value for option \"%s\": \"%s\"", s.name, text),
                        errhint("%s", s.values.hint)));
    s.values.read_text(s.values.default_text, field);
}

} // namespace

relopt_kind register_options(const AmSettings &settings)
{
    const relopt_kind kind = add_reloption_kind();
    for (int i = 0; i < row_count(settings); i++)
        register_option(kind, row(settings, i));
    return kind;
}

bytea *parse_options(const AmSettings &settings, Datum reloptions, bool validate)
{
    if (validate)
        refuse_other_names(settings, reloptions);
    const int rows = row_count(settings);
    relopt_parse_elt *fields = (relopt_parse_elt *)palloc0((size_t)rows * sizeof(relopt_parse_elt));
    for (int i = 0; i < rows; i++) {
        const Setting &s = row(settings, i);
        fields[i].optname = s.name;
        fields[i].opttype = type_of(s.values.kind);
        fields[i].offset = (int)s.field.offset;
    }
    IndexOptions *options = (IndexOptions *)build_reloptions(reloptions, validate, settings.options,
                                                             sizeof(IndexOptions), fields, rows);
    pfree(fields);
    for (int i = 0; i < rows; i++)
        if (row(settings, i).values.kind == Kind::Text)
            read_text_option(options, row(settings, i), validate);
    if (validate)
        notice_unused(reloptions, *options);
    return (bytea *)options;
}

} // namespace vq::ivf

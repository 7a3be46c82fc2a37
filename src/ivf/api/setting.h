// What a row of the table of settings says, and the functions that rows are written with. The rows are in settings_table.h (common
// ones) and in am/ (an access method's own).
#pragma once

#include "ivf/store/access_method.h"

namespace vq::ivf {

constexpr int kUnset = -1; // an index's default for a setting that it does not have; below every range

enum class Scope : uint8_t
{
    Shape,    // an option that the build reads: changing it locks everyone out, and a REINDEX makes it act
    Query,    // a setting, and an option of the same name: an index's default for it, which acts at once
    Measured, // an option that a function finds and sets, which acts at once
    Upkeep,   // an option that VACUUM reads, which acts at once
    Library // a setting of the library, not of an access method, and an option of every index: its default for it
};

// Where a value goes: a field of IndexOptions, in its `query` for Scope::Query and Scope::Library.
struct Field
{
    size_t offset;
    size_t size; // bytes
};
#define VQ_FIELD(member) (Field{offsetof(IndexOptions, member), sizeof(IndexOptions::member)})

enum class Kind : uint8_t
{
    Int,  // field: int
    Real, // field: double
    Bool, // field: bool. Not Scope::Query, as no value is left for "unset"
    Enum, // field: int, or an enum over int
    Text  // field: anything of at least an int. Scope::Shape and Scope::Measured only
};

// Which values there are, and the default; made by one of the functions below.
struct Values
{
    Kind kind;
    size_t size; // of the field, bytes
    double least, most, default_value;
    const relopt_enum_elt_def *names; // Enum: names and values, up to one without a name
    bool (*read_text)(const char *text,
                      void *value); // Text: puts it into the field; false if the text is no value
    const char *default_text;
    const char *hint; // which texts are values
};

constexpr Values integer(int least, int most, int default_value)
{
    return {Kind::Int, sizeof(int), 1.0 * least, 1.0 * most, 1.0 * default_value};
}

constexpr Values real(double least, double most, double default_value)
{
    return {Kind::Real, sizeof(double), least, most, default_value};
}

constexpr Values boolean(bool default_value)
{
    return {Kind::Bool, sizeof(bool), 0, 1, 1.0 * default_value};
}

constexpr Values one_of(const relopt_enum_elt_def *names, int default_value)
{
    Values values = integer(names->symbol_val, names->symbol_val, default_value);
    values.kind = Kind::Enum;
    values.names = names;
    for (; names->string_val != nullptr; names++) {
        values.least = std::min(values.least, 1.0 * names->symbol_val);
        values.most = std::max(values.most, 1.0 * names->symbol_val);
    }
    return values;
}

template <class T>
constexpr Values text(bool (*read)(const char *, void *), const char *default_text, const char *hint)
{
    static_assert(sizeof(T) >= sizeof(int) && std::is_trivially_copyable_v<T>);
    return {Kind::Text, sizeof(T), 0, 0, 0, nullptr, read, default_text, hint};
}

// "auto", which puts 0 into an int, or a number of least .. most, least > 0. False if it is neither.
template <int least, int most>
bool read_auto_or_integer(const char *text, void *field)
{
    if (pg_strcasecmp(text, "auto") == 0) {
        *(int *)field = 0;
        return true;
    }
    char *end;
    const long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < least || value > most)
        return false;
    *(int *)field = (int)value;
    return true;
}

template <int least, int most>
constexpr Values auto_or_integer(const char *hint)
{
    static_assert(0 < least && least <= most);
    return text<int>(read_auto_or_integer<least, most>, "auto", hint);
}

struct Setting
{
    const char *name; // without the prefix
    Scope scope;
    Field field;
    Values values;
    const char *option_help; // description of the option
    const char *help;        // description of the setting, a sentence
    const char *detail;      // further sentences of it; null: none
};

constexpr Setting shape_option(const char *name, Field field, Values values, const char *option_help)
{
    return {name, Scope::Shape, field, values, option_help, nullptr, nullptr};
}

constexpr Setting query_setting(const char *name, Field field, Values values, const char *option_help,
                                const char *help, const char *detail)
{
    return {name, Scope::Query, field, values, option_help, help, detail};
}

constexpr Setting measured_option(const char *name, Field field, Values values, const char *option_help)
{
    return {name, Scope::Measured, field, values, option_help, nullptr, nullptr};
}

constexpr Setting upkeep_option(const char *name, Field field, Values values, const char *option_help)
{
    return {name, Scope::Upkeep, field, values, option_help, nullptr, nullptr};
}

constexpr Setting library_setting(const char *name, Field field, Values values, const char *option_help,
                                  const char *help, const char *detail)
{
    return {name, Scope::Library, field, values, option_help, help, detail};
}

// Whether an index's option is its default for a setting.
constexpr bool has_setting(const Setting &s)
{
    return s.scope == Scope::Query || s.scope == Scope::Library;
}

// Whether a row's columns fit together; checked where tables are compiled.
constexpr bool is_sound(const Setting &s)
{
    constexpr size_t query = offsetof(IndexOptions, query);
    const bool in_query = s.field.offset >= query && s.field.offset < query + sizeof(ScanSettings);
    const Values &v = s.values;
    const bool can_be_unset = v.least > kUnset && v.kind != Kind::Bool && v.kind != Kind::Text;
    const bool of_index = !has_setting(s);
    return in_query != of_index && (of_index || can_be_unset) && s.field.size == v.size &&
           v.least <= v.default_value && v.default_value <= v.most;
}

template <size_t N>
constexpr bool are_sound(const Setting (&rows)[N])
{
    for (const Setting &s : rows)
        if (!is_sound(s))
            return false;
    return true;
}

} // namespace vq::ivf

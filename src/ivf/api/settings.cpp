#include "ivf/api/settings.h"

#include "ivf/api/options.h"
#include "ivf/api/settings_table.h"
#include "simd/kernels.h"

extern "C" {
#include "utils/guc.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

// Where PostgreSQL puts a setting's value.
struct Variable
{
    union {
        int number; // Int and Enum
        double real;
    };
    bool touched; // set by anybody: session, role, database, configuration file
};

constexpr int kMostVariables = 64; // of all access methods together; costs two small functions each
constexpr int kLibraryVariables = (int)lengthof(kLibrarySettings);

Variable variables[kMostVariables]; // the library's first, then access method after access method
int variables_used = kLibraryVariables;

// --- settings as PostgreSQL knows them

// Only a check hook learns where a value comes from. PostgreSQL keeps *extra beside the value and gives it to the assign hook
// whenever the value comes into force, after a rollback too: not null = touched.
template <class T>
bool note_source(T *, void **extra, GucSource source)
{
    if (source == PGC_S_DEFAULT)
        return true;
    *extra = compat_guc_malloc(1);
    return *extra != nullptr;
}

// An assign hook does not learn which setting it is called for, so there is one for each variable.
template <class T, size_t I>
void assign_variable(T, void *extra)
{
    variables[I].touched = extra != nullptr;
}

template <class T>
struct AssignHooks
{
    void (*of[kMostVariables])(T, void *);
};

template <class T, size_t... I>
constexpr AssignHooks<T> assign_hooks(std::index_sequence<I...>)
{
    return {{assign_variable<T, I>...}};
}

constexpr AssignHooks<int> kAssignNumber = assign_hooks<int>(std::make_index_sequence<kMostVariables>());
constexpr AssignHooks<double> kAssignReal = assign_hooks<double>(std::make_index_sequence<kMostVariables>());

// Names of an option's values as a setting has them. Lives forever.
config_enum_entry *setting_names(const relopt_enum_elt_def *names)
{
    int n = 0;
    while (names[n].string_val != nullptr)
        n++;
    config_enum_entry *entries = (config_enum_entry *)MemoryContextAllocZero(
        TopMemoryContext, ((size_t)n + 1) * sizeof(config_enum_entry));
    for (int i = 0; i < n; i++) {
        entries[i].name = names[i].string_val;
        entries[i].val = names[i].symbol_val;
    }
    return entries;
}

void define_setting(const Setting &s, const char *prefix, int i)
{
    char name[NAMEDATALEN]; // PostgreSQL makes a copy
    snprintf(name, sizeof name, "%s.%s", prefix, s.name);
    const Values &v = s.values;
    if (v.kind == Kind::Real)
        DefineCustomRealVariable(name, s.help, s.detail, &variables[i].real, v.default_value, v.least, v.most,
                                 PGC_USERSET, 0, note_source<double>, kAssignReal.of[i], nullptr);
    else if (v.kind == Kind::Enum)
        DefineCustomEnumVariable(name, s.help, s.detail, &variables[i].number, (int)v.default_value,
                                 setting_names(v.names), PGC_USERSET, 0, note_source<int>,
                                 kAssignNumber.of[i], nullptr);
    else
        DefineCustomIntVariable(name, s.help, s.detail, &variables[i].number, (int)v.default_value,
                                (int)v.least, (int)v.most, PGC_USERSET, 0, note_source<int>,
                                kAssignNumber.of[i], nullptr);
}

// --- what a scan makes of them

double value_of(const Setting &s, const Variable &v)
{
    return s.values.kind == Kind::Real ? v.real : v.number;
}

double option_of(const Setting &s, const IndexOptions &options)
{
    const char *field = (const char *)&options + s.field.offset;
    return s.values.kind == Kind::Real ? *(const double *)field : *(const int *)field;
}

void put(const Setting &s, double value, IndexOptions *out)
{
    char *field = (char *)out + s.field.offset;
    if (s.values.kind == Kind::Real)
        *(double *)field = value;
    else
        *(int *)field = (int)value;
}

// A setting that anybody set wins over the index's option, that over the default.
void resolve(const Setting &s, const Variable &v, const IndexOptions *options, IndexOptions *out)
{
    const double option = options != nullptr ? option_of(s, *options) : kUnset;
    put(s, v.touched || option == kUnset ? value_of(s, v) : option, out);
}

// Where the variable of a row is among those of its table; -1 if there is no such setting.
template <size_t N>
constexpr int position_in(const Setting (&rows)[N], size_t offset)
{
    int position = 0;
    for (const Setting &s : rows) {
        if (s.field.offset == offset)
            return position;
        position += has_setting(s);
    }
    return -1;
}

constexpr int kTarget = position_in(kLibrarySettings, offsetof(IndexOptions, query.target_recall));
constexpr int kNprobe = position_in(kCommonSettings, offsetof(IndexOptions, query.nprobe));
constexpr int kEpsilon = position_in(kCommonSettings, offsetof(IndexOptions, query.epsilon));
static_assert(kTarget >= 0 && kNprobe >= 0 && kEpsilon >= 0);

} // namespace

void define_settings(AmSettings *settings, const char *prefix)
{
    settings->options = register_options(*settings);
    settings->first_variable = variables_used;
    for (int i = 0; i < row_count(*settings); i++) {
        if (row(*settings, i).scope != Scope::Query)
            continue;
        if (variables_used == kMostVariables)
            elog(ERROR, "more settings than kMostVariables");
        define_setting(row(*settings, i), prefix, variables_used++);
    }
    compat_reserve_prefix(prefix);
}

ScanSettings resolve_settings(const AmSettings &settings, const IndexOptions *options)
{
    IndexOptions out = {};
    for (int i = 0; i < kLibraryVariables; i++)
        resolve(kLibrarySettings[i], variables[i], options, &out);
    const Variable *mine = variables + settings.first_variable, *v = mine;
    for (int i = 0; i < row_count(settings); i++)
        if (row(settings, i).scope == Scope::Query)
            resolve(row(settings, i), *v++, options, &out);
    // Who sets a number of lists wants just that: the session's wins over every target, the index's over its own. So does a width of
    // the bound.
    const bool own_target = !variables[kTarget].touched;
    const bool own_epsilon = own_target && options != nullptr && options->query.epsilon != kUnset;
    ScanSettings &query = out.query;
    if (query.nprobe > 0 && (mine[kNprobe].touched || own_target))
        query.target_recall = 0;
    if (query.target_recall > 0) {
        query.nprobe = 0;
        if (!mine[kEpsilon].touched && !own_epsilon)
            query.epsilon = kUnset;
    }
    return query;
}

// --- vector_quant.simd

static char *simd_level = nullptr;

static bool check_simd(char **value, void **, GucSource)
{
    const char *before = simd::kernels().name;
    if (simd::select_level(*value)) {
        simd::select_level(before); // only tried; the assign hook selects
        return true;
    }
    GUC_check_errdetail("This CPU or build has no level \"%s\".", *value);
    GUC_check_errhint("Levels are auto, scalar, avx2, avx512 and neon.");
    return false;
}

static void assign_simd(const char *value, void *)
{
    simd::select_level(value);
}

void define_library_settings()
{
    DefineCustomStringVariable("vector_quant.simd",
                               "Sets the instruction set that distances are computed with.",
                               "auto = the best this CPU has; the others are for tests.", &simd_level, "auto",
                               PGC_USERSET, 0, check_simd, assign_simd, nullptr);
    for (int i = 0; i < kLibraryVariables; i++)
        define_setting(kLibrarySettings[i], "vector_quant", i);
    compat_reserve_prefix("vector_quant");
}

} // namespace vq::ivf

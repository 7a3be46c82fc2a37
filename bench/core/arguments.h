// Options of the form --name VALUE, and what is left over.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace vq::bench {

struct Arguments
{
    std::map<std::string, std::string> options; // with their defaults
    std::vector<std::string> rest;

    const std::string &text(const std::string &name) const { return options.at(name); }
    size_t number(const std::string &name) const { return std::strtoul(text(name).c_str(), nullptr, 10); }
    double real(const std::string &name) const { return std::strtod(text(name).c_str(), nullptr); }
    std::vector<std::string> list(const std::string &name) const
    {
        std::vector<std::string> out(1);
        for (char c : text(name))
            if (c == ',')
                out.emplace_back();
            else
                out.back() += c;
        return out;
    }
};

// False, after a line on stderr, for an option that has no default there or no value.
inline bool parse(int argc, char **argv, Arguments *arguments)
{
    for (int i = 1; i < argc; i++) {
        const std::string word = argv[i];
        if (!word.starts_with("--")) {
            arguments->rest.push_back(word);
            continue;
        }
        if (!arguments->options.contains(word.substr(2)) || i + 1 == argc) {
            std::fprintf(stderr, "%s: unknown, or without a value; known:", word.c_str());
            for (const auto &[name, value] : arguments->options)
                std::fprintf(stderr, " --%s %s", name.c_str(), value.c_str());
            std::fprintf(stderr, "\n");
            return false;
        }
        arguments->options[word.substr(2)] = argv[++i];
    }
    return true;
}

// The whole of a benchmark that measures folders one by one: its exit status. measure: false after a line on stderr.
inline int run_on_folders(const char *name, int argc, char **argv, Arguments arguments,
                          bool (*measure)(const std::string &folder, const Arguments &))
{
    if (!parse(argc, argv, &arguments) || arguments.rest.empty()) {
        std::fprintf(stderr, "usage: %s [--OPTION VALUE]... FOLDER...\n", name);
        return 2;
    }
    for (const std::string &folder : arguments.rest)
        if (!measure(folder, arguments))
            return 1;
    return 0;
}

} // namespace vq::bench

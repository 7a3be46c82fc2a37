"""What is said about the package: META.json after PGXN's meta specification 1.0, and that all files say the same version.

    python3 test/package_meta.py    prints every finding; used by lint.sh
"""
import json
import re
from pathlib import Path

LICENSES = {"agpl_3", "apache_1_1", "apache_2_0", "artistic_1", "artistic_2", "bsd", "freebsd", "gfdl_1_2", "gfdl_1_3", "gpl_1",
            "gpl_2", "gpl_3", "lgpl_2_1", "lgpl_3_0", "mit", "mozilla_1_0", "mozilla_1_1", "openssl", "perl_5", "postgresql",
            "qpl_1_0", "ssleay", "sun", "zlib", "open_source", "restricted", "unrestricted", "unknown"}
PHASES = {"configure", "build", "test", "runtime", "develop"}
RELATIONS = {"requires", "recommends", "suggests", "conflicts"}
SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+)?$")
RANGE = re.compile(r"\s*(==|!=|>=|<=|>|<)?\s*(\S+)\s*$")
TERM = re.compile(r"[^\s/\\\x00-\x1f\x7f]{2,}$")
TAG = re.compile(r"[^/\\\x00-\x1f\x7f]{1,255}$")


def texts(value):
    """One text or a list of them, none empty."""
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(isinstance(item, str) and item.strip() for item in items)


def version_range(value):
    parts = [RANGE.match(part) for part in str(value).split(",")]
    return all(part and (SEMVER.match(part[2]) or part[2] == "0") for part in parts)


def required(meta):
    checks = {"name": lambda v: isinstance(v, str) and TERM.match(v), "version": lambda v: isinstance(v, str) and SEMVER.match(v),
              "abstract": lambda v: isinstance(v, str) and texts(v), "maintainer": texts, "license": license_known,
              "provides": lambda v: isinstance(v, dict) and v, "meta-spec": meta_spec}
    for key, check in checks.items():
        if key not in meta:
            yield f"{key} is missing"
        elif not check(meta[key]):
            yield f"{key} is not as the specification wants it: {meta[key]!r}"


def license_known(value):
    if isinstance(value, dict):
        return bool(value) and all(re.match(r"https?://", str(url)) for url in value.values())
    return texts(value) and set(value if isinstance(value, list) else [value]) <= LICENSES


def meta_spec(value):
    return isinstance(value, dict) and re.match(r"1\.0\.\d+$", str(value.get("version"))) and \
        re.match(r"https?://pgxn\.org/meta/spec\.txt$", value.get("url", "https://pgxn.org/meta/spec.txt"))


def provided(meta, root):
    for name, extension in meta.get("provides", {}).items():
        for key in ("file", "version"):
            if key not in extension:
                yield f"provides {name} has no {key}"
        for key in ("file", "docfile"):
            if key in extension and not (root / extension[key]).is_file():
                yield f"provides {name}: {key} {extension[key]} does not exist"
        if not SEMVER.match(extension.get("version", "")):
            yield f"provides {name}: version is not semantic"


def optional(meta):
    for key in ("description", "generated_by"):
        if key in meta and not texts(meta[key]):
            yield f"{key} is empty"
    if meta.get("release_status", "stable") not in ("stable", "testing", "unstable"):
        yield f"release_status {meta['release_status']!r} is unknown"
    tags = meta.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) and TAG.match(tag) for tag in tags) or len(set(tags)) < len(tags):
        yield "tags must be different texts of 1 to 255 characters"
    for phase, relations in meta.get("prereqs", {}).items():
        if phase not in PHASES or not set(relations) <= RELATIONS:
            yield f"prereqs {phase}: unknown phase or relation"
        for wanted in relations.values():
            yield from (f"prereqs: {name} {value!r} is no version range" for name, value in wanted.items() if not version_range(value))


def found(path, pattern):
    match = re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    return match[1] if match else "none"


def versions(meta, root):
    """The control file has it; the Makefile and the library take it from there."""
    wanted = found(root / "vector_quant.control", r"^default_version = '(.*)'")
    said = {"META.json": meta.get("version"), "debian/changelog": found(root / "debian/changelog", r"^vector-quant \(([^)]*)\)"),
            "CHANGELOG.md": found(root / "CHANGELOG.md", r"^## ([\d.]+)"),
            **{f"META.json, provides {name}": e.get("version") for name, e in meta.get("provides", {}).items()}}
    yield from (f"{where} says version {version}, vector_quant.control {wanted}" for where, version in said.items() if version != wanted)


def access_methods(meta, root):
    """Every text about the package names every access method."""
    lines = (root / "test/access_methods").read_text(encoding="utf-8").splitlines()
    names = [line.split("|")[0].strip() for line in lines if line.strip() and not line.startswith("#")]
    about = {"abstract": meta.get("abstract", ""), "description": meta.get("description", ""),
             "vector_quant.control": found(root / "vector_quant.control", r"^comment = '(.*)'"),
             "debian/control": (root / "debian/control").read_text(encoding="utf-8")}
    yield from (f"{where} does not name {name}" for where, text in about.items() for name in names if name not in text)


def main():
    root = Path(__file__).resolve().parent.parent
    meta = json.loads((root / "META.json").read_text(encoding="utf-8"))
    for findings in (required(meta), provided(meta, root), optional(meta), versions(meta, root), access_methods(meta, root)):
        for finding in findings:
            print(finding)


if __name__ == "__main__":
    main()

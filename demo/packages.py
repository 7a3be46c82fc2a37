"""Names and English descriptions of every package in this machine's own package lists."""
import subprocess
import sys
from pathlib import Path

ENGLISH = ["-o", "Acquire::Languages=en"]


def paragraphs(text):
    """Each paragraph of a Debian control file as a dict; continuation lines keep their leading blank."""
    for block in text.split("\n\n"):
        fields, name = {}, None
        for line in block.split("\n"):
            if line[:1] in (" ", "\t"):
                if name:
                    fields[name] += "\n" + line
            elif ":" in line:
                name, value = line.split(":", 1)
                fields[name] = value.strip()
        if fields:
            yield fields


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout


def translation_files(options):
    listed = run("apt-get", "indextargets", *ENGLISH, *options, "--format", "$(FILENAME)",
                 "Created-By: Translations")
    return [name for name in listed.split("\n") if name and Path(name).exists()]


def long_descriptions(folder):
    """Description-md5 -> long text. Container images often leave the lists of long descriptions out: those are
    then fetched into `folder`, and the machine's own lists stay as they are."""
    files = translation_files([])
    if not files:
        lists = Path(folder).resolve() / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        own = ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={lists.parent / 'cache'}",
               "-o", "APT::Sandbox::User=root"]
        try:
            if not translation_files(own):
                run("apt-get", "update", "-qq", *ENGLISH, *own)
            files = translation_files(own)
        except subprocess.CalledProcessError:
            pass
    if not files:
        print("  no long descriptions to be had; going on with the short ones", file=sys.stderr)
        return {}
    text = run("/usr/lib/apt/apt-helper", "cat-file", *files)
    return {p["Description-md5"]: p["Description-en"] for p in paragraphs(text)
            if "Description-md5" in p and "Description-en" in p}


def flatten(description):
    """One line of prose out of the control file's layout: lone dots mean blank lines."""
    lines = (line.strip() for line in description.split("\n"))
    return " ".join(line for line in lines if line not in ("", "."))


def packages(folder):
    """Sorted [(name, short description, full text)], one entry per package name."""
    long_by_md5 = long_descriptions(folder)
    found = {}
    for fields in paragraphs(run("apt-cache", "dumpavail")):
        if "Package" not in fields or "Description" not in fields or fields["Package"] in found:
            continue
        description = long_by_md5.get(fields.get("Description-md5"), fields["Description"])
        short = description.split("\n", 1)[0].strip()
        found[fields["Package"]] = (short, f"{fields['Package']}: {flatten(description)}")
    return [(name, *found[name]) for name in sorted(found)]

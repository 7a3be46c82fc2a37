#!/usr/bin/env python3
"""Links between the repository's pages: every relative link and every #anchor leads somewhere, and the README links every page of docs/.
Prints what does not hold; nothing if all does."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r'\[[^\]]*\]\(([^()\s]+)\)')


def pages():
    """What git tracks or would track; in an unpacked archive, everything but build/."""
    listed = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard', '--', '*.md'],
                            cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return sorted(path for path in map(ROOT.joinpath, listed.stdout.splitlines()) if path.exists())
    return sorted(path for path in ROOT.rglob('*.md') if 'build' not in path.relative_to(ROOT).parts)


def prose(page):
    """Numbered lines outside of code blocks."""
    inside = False
    for number, line in enumerate(page.read_text(encoding='utf-8').splitlines(), 1):
        if line.startswith('```'):
            inside = not inside
        elif not inside:
            yield number, line


def anchors(page):
    """Names of a page's headings, as GitHub makes them."""
    found = []
    for _, line in prose(page):
        heading = re.match(r'#+\s+(.*)', line)
        if heading:
            name = re.sub(r'[^\w\- ]', '', heading[1].strip().lower()).replace(' ', '-')
            found.append(name if name not in found else f'{name}-{found.count(name)}')
    return found


def links(page):
    """Line number, path and anchor of a page's links into the repository."""
    for number, line in prose(page):
        for target in LINK.findall(re.sub(r'`[^`]*`', '``', line)):
            if not re.match(r'[a-z]+:', target):
                path, _, anchor = target.partition('#')
                yield number, (page.parent / path).resolve() if path else page, anchor


def main():
    for page in pages():
        for number, path, anchor in links(page):
            where = f'{page.relative_to(ROOT)}:{number}'
            if not path.exists():
                print(f'{where}: no file {path}')
            elif anchor and anchor not in anchors(path):
                print(f'{where}: {path.name} has no heading #{anchor}')
    linked = {path for _, path, _ in links(ROOT / 'README.md')}
    for page in sorted((ROOT / 'docs').glob('*.md')):
        if page not in linked:
            print(f'README.md: no link to {page.relative_to(ROOT)}')


if __name__ == '__main__':
    sys.exit(main())

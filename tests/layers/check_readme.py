#!/usr/bin/env python3
"""Holds src/README.md against the sources: its table against the layers, each `path: function` against the file.

usage: check_readme.py [REPOSITORY]
Exit code 1 and one line a finding.
"""

import pathlib
import re
import sys

import check_layers

MENTION = re.compile(r"`((?:src|include|jobs)/[\w./]+): ([\w:]+)`")
ROW = re.compile(r"^\| `(\w+)` \| ([\w, ]*?) ?\| .*\|$", re.MULTILINE)


def has_function(text, name):
    """Whether a function of this name is declared, defined or (for Class::name in a class body) both names are there."""
    scope, _, function = name.rpartition("::")
    call = rf"\b{function}\s*\("
    if re.search(rf"\b{scope}::{call}" if scope else call, text):
        return True
    return bool(scope) and bool(re.search(rf"\b(class|struct) {scope}\b.*{call}", text, re.DOTALL))


def findings(repository):
    page = (repository / "src/README.md").read_text(encoding="utf-8")
    table = {layer: [name for name in names.split(", ") if name] for layer, names in ROW.findall(page)}
    for layer in sorted(table.keys() | check_layers.MAY_INCLUDE.keys()):
        said, true = table.get(layer), check_layers.MAY_INCLUDE.get(layer)
        if said is None or true is None or sorted(said) != sorted(true):
            yield f"src/README.md: layer {layer} may include {said}, check_layers.py has {true}"
    mentions = MENTION.findall(page)
    if not mentions:
        yield "src/README.md: names no function"
    for path, name in mentions:
        if not (repository / path).is_file():
            yield f"src/README.md: there is no file {path}"
        elif not has_function((repository / path).read_text(encoding="utf-8"), name):
            yield f"src/README.md: {path} has no {name}"
    walk = page.partition("## A walk")[2]
    for layer in check_layers.MAY_INCLUDE.keys() - {"common", "job", "umbrella", "tools"}:
        if walk.count(f"*{layer}*") != 1:
            yield f"src/README.md: the walk crosses the layer {layer} {walk.count(f'*{layer}*')} times, not once"


def main():
    repository = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    found = list(findings(repository))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

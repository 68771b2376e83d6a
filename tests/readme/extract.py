#!/usr/bin/env python3
"""Makes two sources of README.md's C++: the complete program, and its fragments, each inside a driver.

usage: extract.py README.md PROGRAM.cpp FRAGMENTS.cpp
Fragments see what the program declares, as a reader of the page does.
"""

import pathlib
import re
import sys


def blocks(page, language):
    """(line of its first line, text) of each fenced block of this language."""
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", page, re.M | re.S):
        yield page.count("\n", 0, match.start(1)) + 1, match.group(1)


def split(line, text):
    """The types that a fragment begins with, which cannot stand in a function, and the rest; each with its line."""
    types = re.match(r"(?://.*\n)*(?:(?:struct|class) (?:.*\n)*?^\};\n)+", text, re.M)
    end = types.end() if types else 0
    return [(line, text[:end]), (line + text.count("\n", 0, end), text[end:])]


def main():
    readme, program_path, fragments_path = map(pathlib.Path, sys.argv[1:])
    found = list(blocks(readme.read_text(encoding="utf-8"), "cpp"))

    def at(line, text):
        return f'#line {line} "{readme}"\n{text}'

    programs = [at(line, text) for line, text in found if "int main(" in text]
    fragments = [[at(*part) for part in split(line, text)] for line, text in found if "int main(" not in text]
    if len(programs) != 1 or not fragments:
        sys.exit(f"{readme} has {len(programs)} complete programs and {len(fragments)} fragments: one and some expected")
    program_path.write_text(programs[0], encoding="utf-8")
    functions = [f"namespace fragment_types_{i} {{\n{types}\n}}\n"
                 f"void fragment_{i}(crema::Job& job) {{\n  using namespace fragment_types_{i};\n"
                 f"  static_cast<void>(job);\n{text}}}\n"
                 for i, (types, text) in enumerate(fragments)]
    calls = "".join(f"    fragment_{i}(job);\n" for i in range(len(fragments)))
    fragments_path.write_text(
        "#include <cmath>\n#define main program_main\n" + programs[0] + "#undef main\nnamespace {\n" + "".join(functions) +
        "}  // namespace\n"
        "int main(int argc, char** argv) {\n"
        '  crema::Job job{argc, argv, "The fragments of README.md"};\n'
        "  return job.run([&] {\n" + calls + "  });\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

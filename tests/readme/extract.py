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


def main():
    readme, program_path, fragments_path = map(pathlib.Path, sys.argv[1:])
    found = [(f'#line {line} "{readme}"\n{text}', "int main(" in text)
             for line, text in blocks(readme.read_text(encoding="utf-8"), "cpp")]
    programs = [text for text, complete in found if complete]
    fragments = [text for text, complete in found if not complete]
    if len(programs) != 1 or not fragments:
        sys.exit(f"{readme} has {len(programs)} complete programs and {len(fragments)} fragments: one and some expected")
    program_path.write_text(programs[0], encoding="utf-8")
    functions = [f"void fragment_{i}(crema::Job& job) {{\n  static_cast<void>(job);\n{text}}}\n"
                 for i, text in enumerate(fragments)]
    calls = "".join(f"    fragment_{i}(job);\n" for i in range(len(fragments)))
    fragments_path.write_text(
        "#include <cmath>\n#define main program_main\n" + programs[0] + "#undef main\nnamespace {\n" + "".join(functions) +
        "}  // namespace\n"
        "int main(int argc, char** argv) {\n"
        '  crema::Job job{argc, argv, "The fragments of README.md"};\n'
        "  return job.run([&] {\n" + calls + "  });\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

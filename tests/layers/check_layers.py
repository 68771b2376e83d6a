#!/usr/bin/env python3
"""Holds the include graph of include/crema and src against the order of the layers.

usage: check_layers.py [REPOSITORY]
Exit code 1 and one line a finding: an include against the order, a file that belongs to no layer, a library used
outside the layers that may know it.
"""

import os
import pathlib
import re
import sys

# Layer: the layers it may include, besides itself. A folder of src/ is the layer of its name.
MAY_INCLUDE = {
    "common": [],
    "contract": ["common"],
    "transport": ["common"],
    "wire": ["common", "contract", "transport"],
    "record": ["common"],
    "lane": ["common", "contract", "wire", "journal"],
    "process": ["common", "wire", "lane"],
    "store": ["common", "wire"],
    "journal": ["common"],
    "history": ["common", "contract", "wire", "journal"],
    "head": ["common", "contract", "wire", "lane", "record", "store", "journal", "history"],
    "worker": ["common", "contract", "wire", "lane"],
    "actor": ["common", "contract", "wire", "lane"],
    "api": ["common", "contract", "wire"],
    "dataset": ["common", "contract", "wire", "api"],
    "io": ["common", "contract", "wire", "api", "dataset", "record"],
    "results": ["common", "contract", "wire", "record", "api"],
    "job": ["common"],
    "runtime": ["common", "record", "contract", "transport", "wire", "lane", "process", "store", "journal", "history",
                "head", "worker", "actor", "api", "results", "job"],
    "umbrella": ["common", "record", "contract", "wire", "api", "dataset", "io", "results", "job"],
    "tools": ["common", "record", "journal", "history", "runtime", "umbrella"],
}

# Public headers lie in one folder; their layers stand here. "contract" is what user code and lanes ask a rank for.
PUBLIC_HEADERS = {
    "common": ["bytes", "columns", "copy_past_caches", "errors", "ids", "large_pages", "number_arrays", "random", "running_digest", "schema",
               "table_rows", "time_text"],
    "record": ["result_options", "result_table"],
    "contract": ["arguments", "cluster", "lane_context", "options"],
    "wire": ["archive", "codec", "codec_containers", "codec_maps", "codec_values", "registry", "serializable"],
    "api": ["actor", "function", "future", "sync", "task", "this_task", "wait"],
    "dataset": ["aggregators", "bad_record", "dataset", "dataset_exchange", "dataset_groups", "dataset_keys",
                "dataset_pieces", "dataset_plan", "dataset_show", "dataset_sources", "dataset_stats", "dataset_steps", "grouped_dataset", "key_numbers", "row_function", "row_range"],
    "io": ["block_records", "cells", "csv", "csv_reader", "files", "hdf5", "hdf5_arrays", "images", "json", "json_reader", "parquet", "parquet_column", "parquet_columns",
           "part_files", "read_options", "record_files", "text_block", "text_writer"],
    "results": ["results"],
    "job": ["job"],
    "umbrella": ["crema"],
}

# Files that stand apart from their folder. Results is the public API over the run file.
FILES = {"src/record/results.cpp": "results"}

# Libraries that only some layers may know: the scheduler's tests run without MPI, and one place writes HDF5.
LIBRARIES = {
    r"(mpi\.h|boost/mpi(/.*)?\.hpp)": ["transport", "runtime"],
    r"(hdf5|hdf5_hl|H5.*)\.h": ["record"],
    r"(zlib|zstd)\.h": ["io"],
    r"simdjson\.h": ["common", "io"],
    r"(arrow|parquet)/.*\.h": ["io"],
    r"OpenImageIO/.*\.h": ["io"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
LAYER_OF_HEADER = {name: layer for layer, names in PUBLIC_HEADERS.items() for name in names}


def layer_of(path):
    """The layer of include/crema/NAME.hpp or src/FOLDER/...; None where the tables above do not know it."""
    if path.as_posix() in FILES:
        return FILES[path.as_posix()]
    parts = path.parts
    if parts[0] == "include":
        return LAYER_OF_HEADER.get(path.stem)
    return parts[1] if len(parts) > 2 and parts[1] in MAY_INCLUDE else None


def target_of(repository, path, included):
    """The file of this repository that `included` names, relative to the repository; None for any other library."""
    for folder in ("include", "src", path.parent):
        target = pathlib.Path(os.path.normpath(pathlib.Path(folder) / included))
        if (repository / target).is_file():
            return target
    return None


def findings(repository):
    files = [path for folder in ("include/crema", "src") for path in sorted((repository / folder).rglob("*.[ch]pp"))]
    if not files:
        yield f"{repository}: neither include/crema nor src holds a source file"
    for file in files:
        path = file.relative_to(repository)
        layer = layer_of(path)
        if layer is None:
            yield f"{path}: belongs to no layer; add it to the tables of check_layers.py"
            continue
        for included in INCLUDE.findall(file.read_text(encoding="utf-8")):
            target = target_of(repository, path, included)
            if target is None:
                for library, layers in LIBRARIES.items():
                    if re.fullmatch(library, included) and layer not in layers:
                        yield f"{path}: includes {included}, which only {', '.join(layers)} may"
            elif layer_of(target) not in [layer, *MAY_INCLUDE[layer]]:
                yield f"{path}: {layer} may not include {layer_of(target)} ({included})"


def main():
    repository = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    found = list(findings(repository))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

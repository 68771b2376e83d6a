# Sourced by jobs/run and tests/run: finds or installs what the build needs, configures, builds.
# Expects: repository (the checkout), allow_sudo (1 after --install).
# shellcheck shell=bash disable=SC2154

build_packages=(g++ cmake ninja-build pkg-config libopenmpi-dev openmpi-bin libboost-mpi-dev libboost-serialization-dev
                libhdf5-dev libcli11-dev libspdlog-dev libfmt-dev libxxhash-dev zlib1g-dev
                libzstd-dev libsimdjson-dev)
# What crema can do without, used by those who source this. The second has programs without which the first cannot be used.
# shellcheck disable=SC2034
image_packages=(libopenimageio-dev openimageio-tools)

say() { printf '%s\n' "$*" >&2; }

fail() {
  local code=$1
  shift
  say "$@"
  exit "$code"
}

# Those of the Debian packages $@ that are not installed, one a line.
missing_packages() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
  done
}

# Installs the Debian packages $@; as root, or through sudo when that was asked for. Anything else is status 1.
install_packages() {
  local -a become=()
  command -v apt-get >/dev/null || return 1
  if ((EUID != 0)); then
    ((allow_sudo)) || return 1
    become=(sudo)
  fi
  say "Installing the packages $*"
  local -a apt=("${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  local log
  log=$(mktemp)
  if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    fail 2 "Installing these packages failed, for the reason above: $*"
  fi
  rm -f "$log"
}

# Debian has no Arrow C++; the Python package has it, with headers. The newest that takes the NumPy of Debian 12.
pyarrow_version=25.0.1

# Puts pyarrow into the build folder, once, and its Arrow among the `options` of CMake. Status 1: it cannot be had.
fetch_arrow() {
  local folder=$repository/build/pyarrow-$pyarrow_version python=/usr/bin/python3
  [[ -x $python ]] || python=python3
  if [[ ! -d $folder ]]; then
    say "Fetching pyarrow $pyarrow_version, for Parquet files"
    rm -rf "$folder.partial"
    mkdir -p "$repository/build" || return 1
    if ! "$python" -m pip --disable-pip-version-check install --quiet --no-deps --only-binary :all: --root-user-action ignore \
      --target "$folder.partial" "pyarrow==$pyarrow_version" >"$folder.log" 2>&1; then
      cat "$folder.log" >&2
      say "It cannot be had, for the reason above."
      return 1
    fi
    mv "$folder.partial" "$folder" || return 1
  fi
  options+=(-DCREMA_ARROW_ROOT="$folder/pyarrow")
}

explain_requirements() {
  cat >&2 <<TEXT
crema needs a C++20 compiler, CMake, Ninja, Open MPI, Boost.MPI and Boost.Serialization built against that Open MPI,
HDF5, CLI11, spdlog, fmt, xxHash, zlib, zstd and simdjson. Any one of these provides them:
  Debian, Ubuntu  sudo apt-get install ${build_packages[*]}
                  (or run this command again with --install)
  Spack           spack install cmake ninja pkgconf openmpi boost+mpi+serialization hdf5+hl~mpi cli11 spdlog fmt xxhash zlib zstd simdjson
                  and spack load the same
  conda           conda install -c conda-forge cxx-compiler cmake ninja pkg-config openmpi libboost-devel \\
                    libboost-mpi hdf5 cli11 spdlog fmt xxhash zlib zstd simdjson
Software in other folders is found through CMAKE_PREFIX_PATH (modules and Spack set it).
TEXT
}

# What a configured build folder depends on besides the CMake files that Ninja watches: where libraries are looked for,
# and which. Two parts: after a change of the first, nothing CMake has found before may be used again.
describe_environment() {
  printf '%s\n' "$repository" "${CC-}" "${CXX-}" "${CFLAGS-}" "${CXXFLAGS-}" "${LDFLAGS-}" "${CMAKE_PREFIX_PATH-}" \
    "${PKG_CONFIG_PATH-}" "$(command -v mpicxx)"
}
describe_requirements() { cat "$repository/CMakePresets.json" "$repository/CMakeLists.txt"; }

# is_configured PRESET: configured, and nothing changed since that asks for configuring again.
is_configured() {
  local folder=$repository/build/$1
  [[ -f $folder/build.ninja && $(cat "$folder/.environment" 2>/dev/null) == "$(describe_environment)" &&
    $(cat "$folder/.requirements" 2>/dev/null) == "$(describe_requirements)" ]]
}

refuse_to_configure() {
  cat "$1" >&2
  fail 2 "Configuring crema failed, for the reason above."
}

# configure PRESET [cmake options]: configures build/PRESET, and installs what is missing where that is allowed.
configure() {
  local preset=$1 folder=$repository/build/$1
  local log=$folder/configure.log
  shift
  mkdir -p "$folder"
  if [[ -f $folder/.environment && $(cat "$folder/.environment") != "$(describe_environment)" ]]; then
    rm -rf "$folder/CMakeCache.txt" "$folder/CMakeFiles"
  fi
  rm -f "$folder/.requirements"
  describe_environment >"$folder/.environment"
  local -a cmake=(env --chdir="$repository" cmake --preset "$preset" "$@")
  if ! "${cmake[@]}" >"$log" 2>&1; then
    local -a missing=()
    if command -v dpkg-query >/dev/null; then
      mapfile -t missing < <(missing_packages "${build_packages[@]}")
    fi
    if ((${#missing[@]})) && install_packages "${missing[@]}"; then
      rm -rf "$folder/CMakeCache.txt" "$folder/CMakeFiles"
      "${cmake[@]}" >"$log" 2>&1 || refuse_to_configure "$log"
    else
      # Where every Debian package is there, the reason is another one.
      if ((${#missing[@]})) || ! command -v dpkg-query >/dev/null; then explain_requirements; fi
      refuse_to_configure "$log"
    fi
  fi
  describe_requirements >"$folder/.requirements"
}

# build PRESET TARGET...: quiet unless there is something to do or it fails.
build() {
  local preset=$1
  shift
  local folder=$repository/build/$preset
  [[ $(ninja -C "$folder" -n "$@" 2>/dev/null) == *"no work to do"* ]] && return 0
  say "Building $* (the first time takes a few minutes) ..."
  local log=$folder/build.log
  if ! ninja -C "$folder" -j "$(nproc)" "$@" >"$log" 2>&1; then
    grep -v '^\[[0-9]*/[0-9]*\]' "$log" >&2 || true
    fail 1 "Building $* failed, for the reason above (all of it: $log)."
  fi
}

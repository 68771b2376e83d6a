#include "plain_mpi.hpp"

#include <fmt/format.h>
#include <mpi.h>

#include <cstdio>
#include <exception>
#include <stdexcept>

namespace benchmark {

int on_plain_mpi(CLI::App& cli, int argc, char** argv, const std::function<void()>& measure) {
  cli.add_flag("--raw")->required();
  CLI11_PARSE(cli, argc, argv);
  MPI_Init(&argc, &argv);
  try {
    measure();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{} --raw: {}\n", argv[0], error.what());
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  MPI_Finalize();
  return 0;
}

void need_ranks(int needed) {
  int ranks = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (ranks != needed) throw std::runtime_error{fmt::format("the baseline needs {} ranks, not {}", needed, ranks)};
}

}  // namespace benchmark

#include <mpi.h>

#include <cstddef>
#include <vector>

#include "dataset_side.hpp"
#include "stopwatch.hpp"

namespace benchmark {

void measure_raw_exchange(const DatasetAmounts& amounts, const SamplesFile& samples) {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  // Each rank has half of the bytes and sends half of them away, out of buffers and into buffers used before.
  const auto share = static_cast<int>(amounts.exchange_bytes / 4);
  std::vector<std::byte> sent(2 * static_cast<std::size_t>(share), std::byte{1});
  std::vector<std::byte> received(sent.size(), std::byte{2});
  const std::vector<int> counts{share, share};
  const std::vector<int> places{0, share};
  const auto exchange = [&](int turns) {
    for (; turns > 0; --turns) {
      MPI_Alltoallv(sent.data(), counts.data(), places.data(), MPI_BYTE, received.data(), counts.data(), places.data(),
                    MPI_BYTE, MPI_COMM_WORLD);
    }
    MPI_Barrier(MPI_COMM_WORLD);
  };
  exchange(exchanges_before);
  const double cpu_before = cpu_seconds();
  const Stopwatch watch;
  exchange(exchanges);
  const double seconds = watch.seconds();
  const double cpu = cpu_seconds() - cpu_before;
  double cpu_of_all = 0;
  MPI_Reduce(&cpu, &cpu_of_all, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
  if (rank != 0) return;
  const double exchanged = static_cast<double>(amounts.exchange_bytes) * exchanges;
  for (const Figure& figure : {shuffle_large, shuffle_doubles, repartition_doubles, sort_doubles})
    samples.add(figure, exchanged * 1e-9 / seconds);
  for (const Figure& figure : {shuffle_large_cpu, shuffle_doubles_cpu, repartition_doubles_cpu, sort_doubles_cpu})
    samples.add(figure, exchanged * 1e-9 / cpu_of_all);
}

}  // namespace benchmark

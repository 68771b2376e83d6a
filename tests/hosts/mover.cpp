// Moves large values between hosts: every task makes or takes some, and no task runs where all its inputs were made.
#include <algorithm>
#include <chrono>
#include <crema/crema.hpp>
#include <cstdint>
#include <fstream>
#include <numeric>
#include <thread>
#include <vector>

namespace {

using Block = std::vector<std::uint64_t>;

Block make(std::uint64_t first, std::uint64_t count) {
  Block block(count);
  std::iota(block.begin(), block.end(), first);
  return block;
}
std::uint64_t add_up(const std::vector<Block>& blocks, int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds{milliseconds});
  std::uint64_t sum = 0;
  for (const Block& block : blocks) sum = std::accumulate(block.begin(), block.end(), sum);
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "Large values between hosts"};
  std::uint64_t blocks = 12;
  std::uint64_t numbers = 100'000;
  int milliseconds = 0;
  job.cli().add_option("--blocks", blocks, "Blocks made");
  job.cli().add_option("--numbers", numbers, "Numbers a block");
  job.cli().add_option("--milliseconds", milliseconds, "That each sum takes");
  return job.run([&] {
    std::vector<crema::Future<Block>> made;
    for (std::uint64_t i = 0; i < blocks; ++i) made.push_back(crema::remote<make>(i * numbers, numbers));
    // Each sum takes the blocks in another order, so that it is a task of its own.
    std::vector<crema::Future<std::uint64_t>> sums;
    for (std::uint64_t i = 0; i < blocks; ++i) {
      std::rotate(made.begin(), made.begin() + 1, made.end());
      sums.push_back(crema::remote<add_up>(made, milliseconds));
    }
    crema::get(made);
    std::ofstream{"begun"} << "now\n";
    job.results().array("sums", crema::get(sums), {blocks});
  });
}

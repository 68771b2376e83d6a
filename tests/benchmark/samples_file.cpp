#include <fmt/format.h>

#include <fstream>
#include <stdexcept>

#include "figures.hpp"

namespace benchmark {

SamplesFile::SamplesFile(std::filesystem::path path, std::string_view side) : path_{std::move(path)}, side_{side} {}

void SamplesFile::add(const Figure& figure, double value) const {
  const bool is_new = !std::filesystem::exists(path_);
  std::ofstream file{path_, std::ios::app};
  if (is_new) file << "figure,side,value\n";
  file << fmt::format("{},{},{}\n", figure.name, side_, value);
  file.close();
  if (!file) throw std::runtime_error{"writing a sample to " + path_.string() + ": the file cannot be written"};
}

}  // namespace benchmark

#pragma once

#include <cstddef>

namespace crema::process {

constexpr std::size_t page = 4096;
constexpr std::size_t whole_pages(std::size_t size) { return (size + page - 1) / page * page; }

}  // namespace crema::process

#pragma once

#include <cstddef>

#include "crema/large_pages.hpp"

namespace crema::process {

constexpr std::size_t page = 4096;
using detail::large_page;
constexpr std::size_t whole_pages(std::size_t size, std::size_t of = page) { return (size + of - 1) / of * of; }

}  // namespace crema::process

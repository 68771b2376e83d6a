#pragma once

#include <cstddef>

#include "crema/large_pages.hpp"

namespace crema::process {

constexpr std::size_t page = 4096;
using detail::large_page;
constexpr std::size_t whole_pages(std::size_t size, std::size_t of = page) { return (size + of - 1) / of * of; }
/// How many of so many bytes are whole large pages.
constexpr std::size_t in_large_pages(std::size_t bytes) { return bytes / large_page * large_page; }

}  // namespace crema::process

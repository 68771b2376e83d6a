#include "crema/block_records.hpp"

#include <fmt/format.h>

#include <atomic>
#include <bit>
#include <cstdio>

#include "io/quote.hpp"

namespace crema::detail {
namespace {

std::string reason_of(const DataError& error) {
  return fmt::format("expected {}, found {}", error.expected(), error.found());
}

constexpr std::uint64_t always_told = 10;  // blocks of one process
std::atomic<std::uint64_t> blocks_with_bad_records{0};

}  // namespace

void BadRecordCount::add(const DataError& error) {
  if (policy_ == BadRecordPolicy::fail) throw error;
  if (count_++ == 0) first_ = error.what();
}

void BadRecordCount::report(std::uint64_t rows) const {
  if (count_ == 0) return;
  const std::uint64_t block = ++blocks_with_bad_records;
  if (block > always_told && !std::has_single_bit(block)) return;
  fmt::print(stderr, "warning: {}: {} of {} records in a block could not be read and are left out; the first: {}{}\n",
             file_, count_, count_ + rows, first_,
             block < always_told ? "" : fmt::format(" (block {} with such records here; not all are told)", block));
}

BadRecord make_bad_record(const DataError& error, std::string text) {
  return {.file = error.file(),
          .line = error.line(),
          .column = error.column(),
          .text = io::as_utf8(std::move(text)),
          .reason = reason_of(error)};
}

}  // namespace crema::detail

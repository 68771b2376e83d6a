#pragma once

// What files made of records have in common once their blocks can be read: the plan of a dataset of their rows.

#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "crema/dataset_steps.hpp"
#include "crema/read_options.hpp"

namespace crema::detail {

/// Loads the rows of a block. `read_rows<T>(block, &left_out)` stands beside Block.
template <class T, class Block>
struct LoadRecords {
  static Bytes body(void* subject, ByteReader& description) {
    dataset::Rows& rows = dataset::rows_of(subject);
    rows.assign(read_rows<T>(decode<Block>(description), &rows.left_out()));
    return {};
  }
};

/// Loads what is no row. `read_bad_records<T>(block)` stands beside Block.
template <class T, class Block>
struct LoadBadRecords {
  static Bytes body(void* subject, ByteReader& description) {
    dataset::rows_of(subject).assign(read_bad_records<T>(decode<Block>(description)));
    return {};
  }
};

/// Whether rows can be read from files; says in one sentence why not.
template <class T>
consteval bool check_starts_empty() {
  constexpr bool starts_empty = std::is_default_constructible_v<T>;
  static_assert(starts_empty,
                "crema: a row read from a file must be default constructible: give it a constructor without arguments");
  return starts_empty;
}

/// `reader` for labels: "read_csv". `open` describes blocks.
template <class T, class Block>
dataset::Plan records_plan(const std::string& reader, BadRecordPolicy on_bad_record,
                           std::function<dataset::DescriptionSource()> open) {
  const std::string name = reader + "<" + demangle(typeid(T).name()) + ">";
  std::optional<dataset::Step> bad;
  if (on_bad_record == BadRecordPolicy::collect) bad = dataset::step<LoadBadRecords<T, Block>>(name + ".bad_records");
  return dataset::load_plan(dataset::step<LoadRecords<T, Block>>(name), std::move(open), bad);
}

}  // namespace crema::detail

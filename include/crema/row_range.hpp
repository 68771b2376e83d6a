#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <vector>

#include "crema/dataset_plan.hpp"
#include "crema/dataset_steps.hpp"

namespace crema {

/// The rows of a dataset, one at a time and in order, for one pass: `for (auto& row : dataset.rows())`. Owns all it
/// needs. The next blocks are computed meanwhile. Thread safety: used on the lane that made it.
template <class T>
class RowRange {
 public:
  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;

    explicit iterator(RowRange& range) : range_{&range} {}
    typename std::vector<T>::reference operator*() const { return range_->rows_[range_->position_]; }
    iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return range_->rows_.empty(); }

   private:
    RowRange* range_;
  };

  explicit RowRange(const dataset::Plan& plan) : blocks_{plan.with(dataset::step<dataset::Collect<T>>(""))} {}

  /// Waits for the first row. Throws what its block's task threw, as ++ does.
  iterator begin() {
    load();
    return iterator{*this};
  }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  void advance() {
    if (++position_ == rows_.size()) load();
  }
  /// The next block that has rows; none behind the last.
  void load() {
    position_ = 0;
    rows_.clear();
    while (rows_.empty()) {
      const std::optional<Bytes> block = blocks_.next();
      if (!block) return;
      ByteReader reader{*block};
      rows_ = decode<std::vector<T>>(reader);
    }
  }

  dataset::BlockStream blocks_;
  std::vector<T> rows_;
  std::size_t position_ = 0;
};

/// The rows of a dataset in vectors of so many, the last one of what is left, for one pass. As RowRange otherwise.
template <class T>
class BatchRange {
 public:
  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = std::vector<T>;
    using difference_type = std::ptrdiff_t;

    explicit iterator(BatchRange& range) : range_{&range} {}
    std::vector<T>& operator*() const { return range_->batch_; }
    iterator& operator++() {
      range_->fill();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return range_->batch_.empty(); }

   private:
    BatchRange* range_;
  };

  BatchRange(const dataset::Plan& plan, std::size_t size) : rows_{plan}, size_{size} {}

  iterator begin() {
    next_.emplace(rows_.begin());
    fill();
    return iterator{*this};
  }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  void fill() {
    batch_.clear();
    for (; batch_.size() < size_ && *next_ != rows_.end(); ++*next_) batch_.push_back(std::move(**next_));
  }

  RowRange<T> rows_;
  std::size_t size_;
  std::optional<typename RowRange<T>::iterator> next_;
  std::vector<T> batch_;
};

}  // namespace crema

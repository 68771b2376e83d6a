#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>

namespace crema {

/// What decides who runs first: higher priority, then deeper nesting (so nested work goes depth first and few parents
/// wait at a time), then first come, first served.
struct RunOrder {
  std::int32_t priority = 0;
  std::uint32_t depth = 0;

  friend auto operator<=>(const RunOrder&, const RunOrder&) = default;
};

template <class Item>
class ReadyQueue {
 public:
  void push(RunOrder order, Item item) {
    bucket(order).push_back(std::move(item));
    ++size_;
  }
  /// Before all others of the same order: for what was taken back.
  void push_front(RunOrder order, Item item) {
    bucket(order).push_front(std::move(item));
    ++size_;
  }
  /// Requires !empty().
  [[nodiscard]] Item& front() { return buckets_.begin()->second.front(); }
  [[nodiscard]] RunOrder front_order() const { return buckets_.begin()->first; }
  /// How many have the order of the front, and which they are; 0 is the front itself.
  [[nodiscard]] std::size_t front_size() const { return buckets_.begin()->second.size(); }
  [[nodiscard]] const Item& at(std::size_t place) const { return buckets_.begin()->second[place]; }
  /// The item at this place is the front now; those before it keep their order. Costs as much as the place is far.
  void bring_to_front(std::size_t place) {
    auto& items = buckets_.begin()->second;
    const auto begin = items.begin();
    std::rotate(begin, begin + static_cast<std::ptrdiff_t>(place), begin + static_cast<std::ptrdiff_t>(place) + 1);
  }
  Item pop() { return pop(buckets_.begin()); }
  /// The first that is deeper than this, if there is one. Costs a look at every order before it.
  std::optional<Item> pop_deeper(std::uint32_t than) {
    const auto bucket =
        std::find_if(buckets_.begin(), buckets_.end(), [than](const auto& item) { return item.first.depth > than; });
    return bucket == buckets_.end() ? std::nullopt : std::optional<Item>{pop(bucket)};
  }
  void clear() {
    buckets_.clear();
    size_ = 0;
  }

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  using Buckets = std::map<RunOrder, std::deque<Item>, std::greater<>>;

  Item pop(typename Buckets::iterator bucket) {
    Item item = std::move(bucket->second.front());
    bucket->second.pop_front();
    if (bucket->second.empty()) spare_ = buckets_.extract(bucket);
    --size_;
    return item;
  }

  std::deque<Item>& bucket(RunOrder order) {
    if (!buckets_.empty() && buckets_.begin()->first == order) return buckets_.begin()->second;
    const auto place = buckets_.lower_bound(order);
    if (place != buckets_.end() && place->first == order) return place->second;
    if (spare_.empty()) return buckets_.emplace_hint(place, order, std::deque<Item>{})->second;
    spare_.key() = order;
    return buckets_.insert(place, std::move(spare_))->second;
  }

  Buckets buckets_;
  typename Buckets::node_type spare_;  // the last bucket that ran empty: most queues fill and drain all the time
  std::size_t size_ = 0;
};

}  // namespace crema

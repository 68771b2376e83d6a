#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <unordered_map>
#include <utility>

namespace crema {

/// Entries by 64-bit ids that are handed out in rising order by many sources: ids that are close share a page, so a
/// look-up is an index and a page goes when its last entry goes.
template <class Entry>
class IdTable {
 public:
  /// The entry, or nullptr. Pointers hold until the entry is erased.
  Entry* find(std::uint64_t id) {
    Page* page = find_page(id);
    return page != nullptr && page->holds[id % page_size] ? page->at(id % page_size) : nullptr;
  }

  const Entry* find(std::uint64_t id) const {
    const auto found = pages_.find(id / page_size);
    if (found == pages_.end() || !found->second->holds[id % page_size]) return nullptr;
    return found->second->at(id % page_size);
  }

  /// The entry, made with its default constructor where there was none.
  Entry& operator[](std::uint64_t id) {
    Page* page = find_page(id);
    if (page == nullptr) {
      auto& made = pages_[id / page_size];
      made.reset(new Page);  // without clearing it, as make_unique would
      page = last_page_ = made.get();
      last_number_ = id / page_size;
    }
    if (page->holds[id % page_size]) return *page->at(id % page_size);
    Entry* made = page->make(id % page_size);
    ++size_;
    return *made;
  }

  void erase(std::uint64_t id) {
    Page* page = find_page(id);
    if (page == nullptr || !page->holds[id % page_size]) return;
    page->erase(id % page_size);
    --size_;
    if (page->used > 0) return;
    last_page_ = nullptr;
    pages_.erase(id / page_size);
  }

  template <class Visit>
  void for_each(Visit&& visit) {
    for (auto& [number, page] : pages_) {
      for (std::size_t i = 0; i < page_size; ++i)
        if (page->holds[i]) visit(number * page_size + i, *page->at(i));
    }
  }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [number, page] : pages_) {
      for (std::size_t i = 0; i < page_size; ++i)
        if (page->holds[i]) visit(number * page_size + i, std::as_const(*page->at(i)));
    }
  }

  /// Those with ids from `first` to `last`. Costs a look at every page.
  template <class Visit>
  void for_each(std::uint64_t first, std::uint64_t last, Visit&& visit) {
    for (auto& [number, page] : pages_) {
      if (number < first / page_size || number > last / page_size) continue;
      for (std::size_t i = 0; i < page_size; ++i) {
        const std::uint64_t id = number * page_size + i;
        if (page->holds[i] && id >= first && id <= last) visit(id, *page->at(i));
      }
    }
  }

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr std::uint64_t page_size = 256;

  /// Which places hold an entry is told beside them, not in each: a flag would cost as much as its alignment.
  struct Page {
    Page() = default;
    Page(const Page&) = delete;
    Page& operator=(const Page&) = delete;
    ~Page() {
      for (std::size_t i = 0; used > 0; ++i)
        if (holds[i]) erase(i);
    }

    Entry* at(std::size_t place) { return std::launder(reinterpret_cast<Entry*>(&entries[place * sizeof(Entry)])); }
    Entry* make(std::size_t place) {
      Entry* made = ::new (static_cast<void*>(&entries[place * sizeof(Entry)])) Entry{};
      holds.set(place);
      ++used;
      return made;
    }
    void erase(std::size_t place) {
      at(place)->~Entry();
      holds.reset(place);
      --used;
    }

    alignas(Entry) std::array<std::byte, page_size * sizeof(Entry)> entries;
    std::bitset<page_size> holds;
    std::size_t used = 0;
  };

  Page* find_page(std::uint64_t id) {
    const std::uint64_t number = id / page_size;
    if (last_page_ != nullptr && last_number_ == number) return last_page_;
    const auto found = pages_.find(number);
    if (found == pages_.end()) return nullptr;
    last_number_ = number;
    return last_page_ = found->second.get();
  }

  std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;
  Page* last_page_ = nullptr;
  std::uint64_t last_number_ = 0;
  std::size_t size_ = 0;
};

}  // namespace crema

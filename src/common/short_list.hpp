#pragma once

#include <memory>
#include <utility>
#include <vector>

namespace crema {

/// A list that nearly always has one item or none: these cost no allocation. No item of it equals Item{}.
template <class Item>
class ShortList {
 public:
  void push_back(Item item) {
    if (more_) return more_->push_back(item);
    if (empty()) {
      only_ = item;
    } else {
      more_ = std::make_unique<std::vector<Item>>(std::vector<Item>{std::exchange(only_, {}), item});
    }
  }
  /// All that equal it.
  void erase(const Item& item) {
    if (more_) {
      std::erase(*more_, item);
      if (more_->empty()) more_.reset();
    } else if (only_ == item) {
      only_ = {};
    }
  }
  [[nodiscard]] bool empty() const { return !more_ && only_ == Item{}; }
  [[nodiscard]] const Item* begin() const { return more_ ? more_->data() : &only_; }
  [[nodiscard]] const Item* end() const {
    if (more_) return more_->data() + more_->size();
    return empty() ? &only_ : &only_ + 1;
  }

 private:
  Item only_{};
  std::unique_ptr<std::vector<Item>> more_;
};

}  // namespace crema

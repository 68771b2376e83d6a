// Records of a history: they are read whole, or refused as ones that this program cannot understand. Input: for each
// record its type (2 bytes), the bytes of its payload (2 bytes), and these.
#include <algorithm>
#include <cstring>

#include "crema/errors.hpp"
#include "history/past.hpp"
#include "target.hpp"

namespace {

namespace journal = crema::journal;
using crema::Bytes;

class Records final : public journal::RecordSource {
 public:
  explicit Records(std::span<const std::byte> input) : input_{Bytes::copy_of(input)} {}

  std::optional<journal::Record> next() override {
    const std::size_t left = input_.size() - place_;
    if (left < 4) return std::nullopt;
    std::uint16_t type = 0;
    std::uint16_t size = 0;
    std::memcpy(&type, input_.data() + place_, sizeof type);
    std::memcpy(&size, input_.data() + place_ + 2, sizeof size);
    const std::size_t payload = std::min<std::size_t>(size, left - 4);
    journal::Record record{journal::RecordType{type}, input_.slice(place_ + 4, payload)};
    place_ += 4 + payload;
    return record;
  }
  void refuse(const std::string&) override { place_ = input_.size(); }
  [[nodiscard]] std::string damage() const override { return {}; }

 private:
  Bytes input_;
  std::size_t place_ = 0;
};

}  // namespace

void crema::testing::take(std::span<const std::byte> input) {
  Records records{input};
  try {
    crema::history::Past past{records};
    for (const auto& task : past.unfinished()) static_cast<void>(past.find(task.key));
    past.forget_actors();
    past.require_functions();
  } catch (const Error&) {
  }
}

// A packet of another rank: its frames, and the payload of each by its type.
#include <array>

#include "crema/errors.hpp"
#include "target.hpp"
#include "wire/frame.hpp"
#include "wire/messages.hpp"

namespace {

using crema::Bytes;
namespace wire = crema::wire;

template <auto Read>
void read(const Bytes& payload) {
  static_cast<void>(Read(payload));
}

constexpr std::array readers{
    &read<&wire::read_task>,      &read<&wire::read_task_head>, &read<&wire::read_large_inputs>,
    &read<&wire::read_run_order>, &read<&wire::read_call>,      &read<&wire::read_call_head>,
    &read<&wire::read_actor>,     &read<&wire::read_accepted>,  &read<&wire::read_pool>,
    &read<&wire::read_outcome>,   &read<&wire::read_pull>,      &read<&wire::read_value>,
    &read<&wire::read_reply>,     &read<&wire::read_report>,    &read<&wire::read_location>,
    &read<&wire::read_put>,       &read<&wire::read_wait>,      &read<&wire::read_ids>,
    &read<&wire::read_located>,
};

}  // namespace

void crema::testing::take(std::span<const std::byte> input) {
  wire::FrameReader reader{Bytes::copy_of(input)};
  while (const auto frame = reader.next()) {
    try {
      readers[static_cast<std::size_t>(frame->header.type) % readers.size()](frame->payload);
    } catch (const Error&) {  // of a damaged payload; the packet goes on
    }
  }
}

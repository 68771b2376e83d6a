#include "wire/fill_in.hpp"

namespace crema::wire {

Arguments fill_in(const Arguments& arguments, const std::function<Bytes(TaskId)>& value_of) {
  Arguments filled{.carried = arguments.carried, .mentions = arguments.mentions};
  ByteBuffer bytes;
  std::size_t done = 0;
  auto mention = filled.mentions.begin();
  const auto copy_up_to = [&](std::size_t end) {
    // What is mentioned moves by what was put in front of it.
    for (; mention != filled.mentions.end() && mention->offset < end; ++mention) mention->offset += bytes.size() - done;
    bytes.append(arguments.bytes.span().subspan(done, end - done));
    done = end;
  };
  for (const Input& input : arguments.inputs) {
    copy_up_to(input.offset);
    bytes.append(value_of(input.id).span());
  }
  copy_up_to(arguments.bytes.size());
  filled.bytes = Bytes{std::move(bytes)};
  return filled;
}

}  // namespace crema::wire

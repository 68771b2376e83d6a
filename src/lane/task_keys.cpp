#include "lane/task_keys.hpp"

#include <xxhash.h>

#include <cstring>
#include <map>
#include <vector>

#include "crema/registry.hpp"

namespace crema::lane {
namespace {

TaskKey hash(std::span<const std::byte> bytes) {
  const XXH128_hash_t value = XXH3_128bits(bytes.data(), bytes.size());
  return {value.high64, value.low64};
}

/// By FunctionId: the hash of the mangled name, and of how many functions before have the same.
const std::vector<TaskKey>& function_keys() {
  static const std::vector<TaskKey> keys = [] {
    std::vector<TaskKey> made;
    std::map<std::string, std::uint64_t> equal;
    for (const RegisteredFunction& function : FunctionRegistry::all()) {
      ByteBuffer name;
      name.put_text(function.mangled);
      name.put(equal[function.mangled]++);
      made.push_back(hash(name.span()));
    }
    return made;
  }();
  return keys;
}

}  // namespace

void TaskKeys::write(ByteBuffer& out) const {
  out.put<std::uint64_t>(made_.size());
  for (const auto& [content, count] : made_) {
    out.put(content);
    out.put(count);
  }
}

void TaskKeys::go_on(ByteReader& in) {
  begin(work_);
  for (auto left = in.get<std::uint64_t>(); left > 0; --left) {
    const auto content = in.get<TaskKey>();
    made_[content] = in.get<std::uint64_t>();
  }
}

TaskKey TaskKeys::task(FunctionId function, const Arguments& arguments) {
  return next(Kind::task, {}, function_keys().at(function.number), arguments);
}

TaskKey TaskKeys::actor(FunctionId constructor, const Arguments& arguments) {
  return next(Kind::actor, {}, function_keys().at(constructor.number), arguments);
}

TaskKey TaskKeys::call(TaskKey actor, FunctionId method, const Arguments& arguments) {
  return next(Kind::call, actor, function_keys().at(method.number), arguments);
}

TaskKey TaskKeys::stored_value(const Arguments& value) { return next(Kind::stored_value, {}, {}, value); }

TaskKey TaskKeys::named_actor(const std::string& name, const std::string& class_name) {
  ByteBuffer out;
  out.put(Kind::named_actor);
  out.put_text(class_name);
  out.put_text(name);
  return hash(out.span());
}

TaskKey TaskKeys::next(Kind kind, TaskKey subject, TaskKey function, const Arguments& arguments) {
  // Two steps, so that long arguments are hashed where they lie.
  Content content;
  content.work = work_;
  content.subject = subject;
  content.function = function;
  content.kind = static_cast<std::uint64_t>(kind);
  if (arguments.mentions.empty() && arguments.inputs.empty()) {
    content.arguments = hash(arguments.bytes.span());
  } else {
    ByteBuffer bytes;
    bytes.append(arguments.bytes.span());
    ByteBuffer mentioned;
    for (const Mention& mention : arguments.mentions) {
      if (mention.offset + sizeof(std::uint64_t) > bytes.size()) continue;  // of a part that was encoded elsewhere
      std::memset(bytes.data() + mention.offset, 0, sizeof(std::uint64_t));
      mentioned.put(mention.offset);
      mentioned.put(mention.key);
    }
    for (const Input& input : arguments.inputs) {
      mentioned.put(input.offset);
      mentioned.put(input.key);
      if (input.part != 0) mentioned.put(input.part);
    }
    content.arguments = hash(bytes.span());
    content.mentions = hash(mentioned.span());
  }
  const auto digest = [&content] { return hash(std::as_bytes(std::span{&content, 1})); };
  static_assert(sizeof content == 96, "padding would make equal content hash differently");
  // Loops make equal calls one after the other.
  if (last_made_ == nullptr || content != last_) {
    last_ = content;
    last_made_ = &made_[digest()];
  }
  content.ordinal = (*last_made_)++;
  return digest();
}

}  // namespace crema::lane

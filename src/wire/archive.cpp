#include "crema/archive.hpp"

#include <string>

#include "crema/errors.hpp"

namespace crema::detail {

void throw_bad_count(std::uint64_t count, std::size_t remaining) {
  throw Error{"reading a message: " + std::to_string(count) + " elements cannot be in the " +
              std::to_string(remaining) +
              " bytes that are left; the message is damaged or the ranks run different programs"};
}

void throw_bad_value(const char* type, std::uint64_t found) {
  throw Error{"reading a message: " + std::to_string(found) + " stands where " + type +
              " is expected; the message is damaged or the ranks run different programs"};
}

void throw_valueless_variant() {
  throw Error{
      "sending a std::variant: it has no value, because an assignment to it threw; assign a value before it is sent"};
}

}  // namespace crema::detail

// Where libFuzzer enters.
#include <cstdint>

#include "crema/errors.hpp"
#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    crema::testing::take(std::as_bytes(std::span{data, size}));
  } catch (const crema::Error&) {
  }
  return 0;
}

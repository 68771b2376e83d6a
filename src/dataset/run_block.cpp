#include "dataset/run_block.hpp"

#include <cstdint>
#include <utility>

#include "crema/errors.hpp"
#include "crema/registry.hpp"

namespace crema::dataset {
namespace {

void append(ByteBuffer& out, const Step& step) {
  out.put(step.function.number);
  out.put_sized(step.arguments.span());
}

}  // namespace

Bytes plain(Arguments arguments) {
  if (!arguments.inputs.empty() || !arguments.carried.empty()) {
    throw UsageError{
        "passing a future to a dataset's function is not available in this version of crema: pass future.get()"};
  }
  return std::move(arguments.bytes);
}

Bytes encode_steps(const Step& load, const std::vector<Step>& steps) {
  ByteBuffer out;
  append(out, load);
  for (const Step& step : steps) append(out, step);
  return Bytes{std::move(out)};
}

Bytes RunBlock::body(void*, ByteReader& steps) {
  Rows rows;
  Bytes result;
  while (steps.remaining() != 0) {
    const FunctionId function{steps.get<std::uint32_t>()};
    ByteReader arguments{steps.get_sized()};
    result = FunctionRegistry::at(function).body(&rows, arguments);
  }
  return result;
}

}  // namespace crema::dataset

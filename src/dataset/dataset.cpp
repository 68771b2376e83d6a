#include "crema/dataset.hpp"

#include <numeric>
#include <string>

#include "crema/errors.hpp"

namespace crema {
namespace dataset {

std::ptrdiff_t items_per_block(std::size_t items) {
  return static_cast<std::ptrdiff_t>(std::clamp<std::size_t>((items + 255) / 256, 1, 65'536));
}

Bytes LoadRange::body(void* subject, ByteReader& bounds) {
  const auto begin = bounds.get<std::int64_t>();
  const auto end = bounds.get<std::int64_t>();
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(end - begin));
  std::iota(numbers.begin(), numbers.end(), begin);
  rows_of(subject).assign(std::move(numbers));
  return {};
}

Operators Plan::operators(const Work& work) const {
  std::vector<std::string> names = work.operators ? *work.operators : std::vector{name};
  for (const Step& step : steps) names.push_back(step.name);
  return std::make_shared<const std::vector<std::string>>(std::move(names));
}

Plan load_plan(const Step& load, std::function<DescriptionSource()> open, const std::optional<Step>& load_bad_records) {
  const auto open_works = [load, open]() -> BlockSource {
    DescriptionSource descriptions = open();
    return {[load, next = std::move(descriptions.next)](std::size_t ahead) -> std::optional<Work> {
              std::optional<Description> description = next(ahead);
              if (!description) return std::nullopt;
              Work work;
              if (auto* bytes = std::get_if<Bytes>(&*description)) {
                append(work, {.function = load.function, .arguments = {.bytes = std::move(*bytes)}});
              } else {
                append(work, {.function = load.function});
                add_whole(work, std::get<crema::detail::FutureHandle>(*description));
              }
              return work;
            },
            descriptions.expected};
  };
  Plan plan{.open = open_works, .name = load.name};
  if (load_bad_records) plan.bad_records = std::make_shared<const Plan>(load_plan(*load_bad_records, open));
  return plan;
}

Plan after(std::string name, std::function<BlockSource()> open) {
  const auto open_late = [open = std::move(open)]() -> BlockSource {
    return {[open, source = BlockSource{}](std::size_t ahead) mutable -> std::optional<Work> {
      if (!source.next) source = open();
      return source.next(ahead);
    }};
  };
  return {.open = open_late, .name = std::move(name)};
}

Random random_of(const Rows& rows, std::uint64_t seed, std::uint64_t purpose) {
  return {seed, TaskKey{purpose, rows.block()}, 0};
}

void check_size(const char* operation, std::uint64_t size) {
  if (size == 0)
    throw UsageError{std::string{"calling "} + operation + "(0) on a dataset: the number must be positive"};
}

void check_fraction(const char* operation, double fraction) {
  if (fraction >= 0 && fraction <= 1) return;
  throw UsageError{std::string{"calling "} + operation + " on a dataset with the fraction " + std::to_string(fraction) +
                   ": it must be between 0 and 1"};
}

Plan bad_records_plan(const Plan& plan) {
  if (!plan.bad_records) {
    throw UsageError{"asking " + plan.name +
                     " for its bad records: they are not collected; read the files with .on_bad_record = "
                     "crema::BadRecordPolicy::collect, and ask the dataset that was read, or one that was only mapped "
                     "or filtered since"};
  }
  return *plan.bad_records;
}

void fail_sum() {
  throw Error{
      "summing a dataset: the sum does not fit into 64 bits; sum a key that is double instead, as in "
      "sum<[](const Row& row) { return static_cast<double>(row.number); }>()"};
}

}  // namespace dataset

Dataset<std::int64_t> range(std::int64_t count) {
  if (count < 0) {
    throw UsageError{"making a dataset of range(" + std::to_string(count) +
                     "): it counts from 0, so the count cannot be negative"};
  }
  const auto open = [count]() -> dataset::DescriptionSource {
    return {[count, begin = std::int64_t{0}](std::size_t) mutable -> std::optional<dataset::Description> {
      if (begin == count) return std::nullopt;
      const std::int64_t end =
          begin + std::min<std::int64_t>(count - begin, dataset::items_per_block(static_cast<std::size_t>(count)));
      ByteBuffer bounds;
      bounds.put(begin);
      bounds.put(end);
      begin = end;
      return Bytes{std::move(bounds)};
    }};
  };
  dataset::Plan plan = dataset::load_plan(dataset::step<dataset::LoadRange>("range"), open);
  plan.count = [count] { return static_cast<std::uint64_t>(count); };
  return Dataset<std::int64_t>{std::move(plan)};
}

}  // namespace crema

#include "wire/parts.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "crema/errors.hpp"
#include "crema/lane_context.hpp"
#include "crema/registry.hpp"
#include "crema/task.hpp"
#include "losing.hpp"

namespace crema {
namespace {

using ::testing::HasSubstr;

Bytes joined(const std::vector<std::string>& texts) {
  ByteBuffer value = wire::begin_parts(static_cast<std::uint32_t>(texts.size()), 0);
  std::uint32_t part = 0;
  for (const std::string& text : texts) {
    value.append(std::as_bytes(std::span{text}));
    wire::end_part(value, ++part);
  }
  return Bytes{std::move(value)};
}
std::string text_of(const Bytes& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::string error_of(const Bytes& value, std::uint32_t part) {
  try {
    static_cast<void>(wire::part_of(value, part));
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(Parts, ComeOutAsTheyWentIn) {
  const Bytes value = joined({"first", "", "third one"});
  EXPECT_EQ(text_of(wire::part_of(value, 1)), "first");
  EXPECT_EQ(text_of(wire::part_of(value, 2)), "");
  EXPECT_EQ(text_of(wire::part_of(value, 3)), "third one");
  EXPECT_EQ(wire::part_of(value, 0).size(), value.size());
}

TEST(Parts, ThatAreNotThereOrDamagedAreErrors) {
  const Bytes value = joined({"first", "second"});
  EXPECT_THAT(error_of(value, 3), HasSubstr("part 3 of a value of 2 parts: there is none"));
  EXPECT_THAT(error_of(joined({}), 1), HasSubstr("there is none"));
  EXPECT_THAT(error_of(value.slice(0, 20), 2), HasSubstr("ends within its table"));
  EXPECT_THAT(error_of(value.slice(0, value.size() - 1), 2), HasSubstr("table of parts is damaged"));
  ByteBuffer huge;
  huge.put(~std::uint64_t{0});
  huge.put(~std::uint64_t{0});
  EXPECT_THAT(error_of(Bytes{std::move(huge)}, 1), HasSubstr("damaged"));
}

constexpr std::uint32_t count = 4;

/// A value of 4 parts, each `size` letters.
struct Letters {
  static Bytes body(void*, ByteReader& arguments) {
    const auto size = arguments.get<std::uint64_t>();
    std::vector<std::string> texts;
    for (std::uint32_t i = 0; i < count; ++i) texts.emplace_back(size, char('a' + i));
    return joined(texts);
  }
};

/// The parts it is given, one behind the other, each with its size in front.
struct Gathered {
  static Bytes body(void*, ByteReader& arguments) {
    ByteBuffer out;
    std::string all;
    while (arguments.remaining() > 0) {
      const auto size = arguments.get<std::uint64_t>();
      const std::byte* place = arguments.take(size);
      all += std::to_string(size) + static_cast<char>(*place);
      if (place[size - 1] != *place) all += "?";
    }
    encode(out, all);
    return Bytes{std::move(out)};
  }
};

crema::detail::FutureHandle letters(std::uint64_t size) {
  ByteBuffer out;
  out.put(size);
  return crema::detail::FutureHandle{
      LaneContext::current().submit(crema::detail::registered_id<Letters>, {}, {.bytes = Bytes{std::move(out)}})};
}

/// Part i of each value, of which each has `size` bytes.
Future<std::string> gather(const std::vector<crema::detail::FutureHandle>& values, std::uint32_t part,
                           std::uint64_t size) {
  Arguments arguments;
  ByteBuffer out;
  for (const auto& value : values) {
    out.put(size);
    arguments.inputs.push_back(
        {.offset = out.size(), .id = value.id(), .key = value.key(), .part = part, .parts = count});
  }
  arguments.bytes = Bytes{std::move(out)};
  return Future<std::string>{crema::detail::FutureHandle{
      LaneContext::current().submit(crema::detail::registered_id<Gathered>, {}, std::move(arguments))}};
}

class PartsOfValues : public ::testing::TestWithParam<int> {
 protected:
  /// Every part of six values of this size.
  void run(std::uint64_t size) {
    EXPECT_EQ(job.run_all([size] {
      std::vector<crema::detail::FutureHandle> values;
      for (int i = 0; i < 6; ++i) values.push_back(letters(size));
      std::vector<Future<std::string>> all;
      for (std::uint32_t part = 1; part <= count; ++part) all.push_back(gather(values, part, size));
      values.clear();
      for (std::uint32_t part = 0; part < count; ++part) {
        std::string expected;
        for (int i = 0; i < 6; ++i) expected += std::to_string(size) + static_cast<char>('a' + part);
        EXPECT_EQ(all[part].get(), expected);
      }
      all.clear();
      cluster();
    }),
              0)
        << job.sink.end.error;
    EXPECT_EQ(job.objects_left, 0U);
  }

  LoopbackCluster job{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Ranks, PartsOfValues, ::testing::Values(1, 2, 3, 5));

TEST_P(PartsOfValues, GoWithATaskWhereTheyAreSmall) { run(1000); }
TEST_P(PartsOfValues, AreFetchedWhereTheyAreLarge) { run(50'000); }
TEST_P(PartsOfValues, AreReadBackFromTheDiskAlone) {
  job.options.store.budget = 300'000;
  run(50'000);
  EXPECT_GT(job.bytes_spilled, 0U);
}

TEST(PartsOfAValue, GoWhereTheyAreNeededAndNowhereElse) {
  LoopbackCluster job{5};
  constexpr std::uint64_t size = 50'000;
  EXPECT_EQ(job.run_all([] {
    const std::vector<crema::detail::FutureHandle> values{letters(size), letters(size), letters(size)};
    for (std::uint32_t part = 1; part <= count; ++part) gather(values, part, size).get();
  }),
            0);
  std::size_t moved = 0;
  for (const auto& record : job.network.log()) moved += record.bytes.size();
  EXPECT_LT(moved, 3 * count * (size + 10'000));
  for (const auto& record : job.network.log()) {
    EXPECT_LT(record.bytes.size(), 2 * size) << "a whole value has four parts";
    if (record.to.number < 2 || record.from.number < 2) {
      EXPECT_LT(record.bytes.size(), size) << record.from.number << " to " << record.to.number;
    }
  }
}

TEST(PartsOfAValue, AreMadeAgainWhereTheirRankIsLost) {
  int lost = 0;
  for (std::size_t packets = 0; packets < 60; packets += 2) {
    Losing job{4, RankId{3}, packets};
    job.cluster.network.delay_up_to(static_cast<int>(packets % 5));
    job.lose_after(packets);
    ASSERT_EQ(job.run([] {
      std::vector<crema::detail::FutureHandle> values;
      for (int i = 0; i < 4; ++i) values.push_back(letters(30'000));
      std::vector<Future<std::string>> all;
      for (std::uint32_t part = 1; part <= count; ++part) all.push_back(gather(values, part, 30'000));
      EXPECT_EQ(all[0].get(), "30000a30000a30000a30000a");
      EXPECT_EQ(all[3].get(), "30000d30000d30000d30000d");
      EXPECT_EQ(gather(values, 2, 30'000).get(), "30000b30000b30000b30000b");
    }),
              0)
        << packets << ": " << job.cluster.sink.end.error;
    EXPECT_EQ(job.cluster.objects_left, 0U) << packets;
    if (job.cluster.network.is_cut(job.lost)) ++lost;
  }
  EXPECT_GT(lost, 10);
}

TEST(PartsOfAValue, ThatDoNotExistFailTheTaskAlone) {
  LoopbackCluster job{3};
  EXPECT_EQ(job.run_all([] {
    const std::vector<crema::detail::FutureHandle> values{letters(50'000)};
    try {
      gather(values, count + 1, 50'000).get();
      ADD_FAILURE() << "there is no fifth part";
    } catch (const TaskError& error) {
      EXPECT_THAT(error.what(), HasSubstr("part 5 of a value of 4 parts: there is none"));
    }
    EXPECT_EQ(gather(values, count, 50'000).get(), "50000d");
  }),
            0)
      << job.sink.end.error;
}

}  // namespace
}  // namespace crema

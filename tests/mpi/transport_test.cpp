// The MPI transport alone, between real ranks: packets that are sent in parts, their order, their contents.
#include <gtest/gtest.h>
#include <mpi.h>
#include <sched.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <random>
#include <string>

#include "transport/mpi.hpp"

namespace crema::transport {
namespace {

/// No rank leaves a test before all have ended it.
class MpiTransportTest : public testing::Test {
 protected:
  void TearDown() override { MPI_Barrier(MPI_COMM_WORLD); }
};

Packet wait_for_packet(MpiTransport& transport) {
  for (;;) {
    if (auto packet = transport.receive()) return std::move(*packet);
    sched_yield();
  }
}

void wait_until_sent(MpiTransport& transport) {
  while (transport.sends_pending() > 0) {
    ASSERT_FALSE(transport.receive()) << "a packet more than expected";
    sched_yield();
  }
}

/// Bytes that say who sent them and as what number, so that a part in a wrong place shows.
Bytes make_packet(std::uint64_t seed, std::size_t size) {
  ByteBuffer buffer;
  std::byte* place = buffer.extend(size);
  std::uint64_t word = seed * 0x9E3779B97F4A7C15U;
  for (std::size_t done = 0; done < size; done += sizeof word, word += 0xBF58476D1CE4E5B9U)
    std::memcpy(place + done, &word, std::min(sizeof word, size - done));
  return Bytes{std::move(buffer)};
}

std::uint64_t hash(const Bytes& bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

TEST_F(MpiTransportTest, PacketsOfAnySizeArriveInOrderAndWhole) {
  constexpr std::uint64_t packets = 1000;
  constexpr std::size_t max_message = 1000;
  MpiTransport transport{MPI_COMM_WORLD, max_message};
  const int ranks = transport.size();
  const auto seed_of = [](int from, int to, std::uint64_t number) {
    return (static_cast<std::uint64_t>(from) << 48) + (static_cast<std::uint64_t>(to) << 32) + number;
  };
  // Sender and receiver agree on the sizes; those around max_message and its multiples are the ones that go wrong.
  const auto size_of = [](std::uint64_t seed) {
    std::mt19937_64 random{seed};
    constexpr std::size_t edges[] = {0, 1, max_message - 1, max_message, max_message + 1, 2 * max_message};
    return random() % 4 == 0 ? edges[random() % std::size(edges)] : random() % (7 * max_message);
  };

  std::vector<std::uint64_t> received(static_cast<std::size_t>(ranks));
  std::uint64_t left = packets * static_cast<std::uint64_t>(ranks);
  const auto take = [&](const Packet& packet) {
    const auto from = static_cast<std::size_t>(packet.from.number);
    const std::uint64_t seed = seed_of(packet.from.number, transport.rank().number, received[from]++);
    ASSERT_EQ(packet.bytes.size(), size_of(seed)) << "packet " << seed % packets << " from rank " << from;
    ASSERT_EQ(hash(packet.bytes), hash(make_packet(seed, size_of(seed)))) << "from rank " << from;
    --left;
  };
  for (std::uint64_t number = 0; number < packets; ++number) {
    for (int to = 0; to < ranks; ++to) {
      const std::uint64_t seed = seed_of(transport.rank().number, to, number);
      transport.send(RankId{to}, make_packet(seed, size_of(seed)));
    }
    if (const auto packet = transport.receive()) take(*packet);
  }
  while (left > 0 && !HasFatalFailure()) take(wait_for_packet(transport));
  wait_until_sent(transport);
  for (const std::uint64_t count : received) EXPECT_EQ(count, packets);
}

/// Bytes this machine, or the container it is, can still hand out.
std::uint64_t free_memory() {
  std::uint64_t free = 0;
  std::ifstream info{"/proc/meminfo"};
  for (std::string word; info >> word;)
    if (word == "MemAvailable:" && info >> free) break;
  free *= 1024;
  std::uint64_t limit = 0;
  std::uint64_t used = 0;
  if (std::ifstream{"/sys/fs/cgroup/memory.max"} >> limit && std::ifstream{"/sys/fs/cgroup/memory.current"} >> used)
    free = std::min(free, limit - std::min(limit, used));
  return free;
}

TEST_F(MpiTransportTest, APacketBeyondTwoGibibytesCrossesBothWaysAtOnce) {
  constexpr std::size_t size = (std::size_t{11} << 30) / 5 + 3;  // 2.2 GiB, and no multiple of a word
  static_assert(size > std::numeric_limits<int>::max());
  constexpr std::uint64_t needed = 4 * size + (std::uint64_t{1} << 30);  // sent and received, on two ranks
  MpiTransport transport{MPI_COMM_WORLD};
  ASSERT_EQ(transport.size(), 2);
  std::uint64_t free = free_memory();
  MPI_Bcast(&free, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  if (free < needed) GTEST_SKIP() << "needs " << needed << " bytes of free memory, has " << free;

  const int me = transport.rank().number;
  const RankId other{1 - me};
  const auto seed_of = [](int rank) { return static_cast<std::uint64_t>(rank) + 1; };
  std::uint64_t expected = 0;
  {
    Bytes packet = make_packet(seed_of(me), size);
    const std::uint64_t mine = hash(packet);
    MPI_Sendrecv(&mine, 1, MPI_UINT64_T, other.number, 0, &expected, 1, MPI_UINT64_T, other.number, 0, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
    EXPECT_NE(mine, expected);
    transport.send(other, std::move(packet));
  }
  transport.send(other, make_packet(7, 5));
  const Packet large = wait_for_packet(transport);
  EXPECT_EQ(large.from, other);
  EXPECT_EQ(large.bytes.size(), size);
  EXPECT_EQ(hash(large.bytes), expected);
  EXPECT_EQ(hash(wait_for_packet(transport).bytes), hash(make_packet(7, 5)));
  wait_until_sent(transport);
}

}  // namespace
}  // namespace crema::transport

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  testing::InitGoogleTest(&argc, argv);
  const int failed = RUN_ALL_TESTS();
  MPI_Finalize();
  return failed;
}

// Random programs on real ranks in one process: whatever part of their history is left, going on from it ends as an
// unbroken run does, and every update of an actor counts once.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "journal/journal_file.hpp"
#include "journal/segments.hpp"
#include "losing.hpp"
#include "memory_journal.hpp"
#include "random_program.hpp"
#include "temporary_folder.hpp"

namespace crema {
namespace {

using testing::CutJournal;
using testing::drive;
using testing::End;
using testing::MemoryJournal;
using testing::soaks;
using testing::State;
using testing::states_but_of;
using testing::TemporaryFolder;

/// Some programs go on from states of their actors, others from all calls.
std::uint64_t calls_between_states(std::uint32_t seed) { return seed % 3 == 0 ? 1'000'000 : seed % 3; }

/// A program is to run there, and what becomes of it goes to the journal.
void prepare(LoopbackCluster& cluster, std::uint32_t seed, journal::JournalSink& journal) {
  cluster.options.keeps_history = true;
  cluster.options.calls_between_states = calls_between_states(seed);
  if (seed % 2 == 1) cluster.network.delay_up_to(4);
  cluster.journal = &journal;
  testing::forget_states();
}

/// Goes on from what a journal has, and appends to it.
End run(std::uint32_t seed, history::Past past, journal::JournalSink& journal) {
  End end;
  LoopbackCluster cluster{4, seed};
  prepare(cluster, seed, journal);
  cluster.actor_ranks = 2;
  cluster.past = std::move(past);
  end.exit_code = cluster.run_all([&] { end.results = drive(seed); });
  end.error = cluster.sink.end.error;
  end.actors = states_but_of(RankId{-1});
  return end;
}

/// Goes on from the first `cut` records of the journal, and leaves there what there is then. `changed`: as where
/// something has changed, although nothing has.
End run(std::uint32_t seed, MemoryJournal& journal, std::size_t cut, bool changed = false) {
  CutJournal source{journal.records, cut};
  history::Past past{source};
  journal.records.resize(cut);
  if (changed) {
    past.forget_actors();
    journal.append(journal::RecordType::forgotten, {});
  }
  return run(seed, std::move(past), journal);
}

/// The same from the files in a folder, to which comes another one. `cut`: behind so many bytes of the newest file
/// that there is, nothing counts.
End run(std::uint32_t seed, const std::filesystem::path& folder, std::uint64_t cut) {
  journal::ChainReader reader{folder};
  history::Past past{reader};
  EXPECT_EQ(reader.end().bytes, cut) << reader.damage();
  journal::JournalFile file{folder, reader.end(), {}};
  const End end = run(seed, std::move(past), file);
  file.commit();
  return end;
}

class Histories : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  /// From 0 to `most` exclusive.
  std::uint64_t pick(std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>{0, most - 1}(random_); }

 private:
  std::mt19937_64 random_{GetParam()};
};

TEST_P(Histories, EndAsAnUnbrokenRunWhereverTheyAreCut) {
  MemoryJournal unbroken;
  const End expected = run(GetParam(), unbroken, 0);
  ASSERT_EQ(expected.exit_code, 0) << expected.error;
  for (std::size_t cut = 0; cut <= unbroken.records.size(); ++cut) {
    MemoryJournal second = unbroken;
    ASSERT_EQ(run(GetParam(), second, cut), expected) << "cut after record " << cut;
    // And once more: what the second start has recorded fits what the first has.
    const std::size_t again = cut + (second.records.size() - cut) / 2;
    MemoryJournal third = second;
    ASSERT_EQ(run(GetParam(), third, again), expected) << "cut after record " << cut << ", then " << again;
  }
}

/// Where the records of a segment begin, and where the last one ends.
std::vector<std::uint64_t> boundaries_of(const std::filesystem::path& file) {
  const journal::Segment segment = journal::read_segment(file);
  journal::SegmentReader reader{segment, segment.file_bytes};
  std::vector<std::uint64_t> boundaries{reader.position()};
  while (reader.next()) boundaries.push_back(reader.position());
  EXPECT_EQ(reader.damage(), "");
  return boundaries;
}

void flip_bit(const std::filesystem::path& path, std::uint64_t byte, int bit) {
  std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
  file.seekg(static_cast<std::streamoff>(byte));
  const int old = file.get();
  file.seekp(static_cast<std::streamoff>(byte));
  file.put(static_cast<char>(old ^ 1 << bit));
  ASSERT_TRUE(file.flush());
}

TEST_P(Histories, EndAsAnUnbrokenRunWhereverInARecordTheirFilesAreTornOrDamaged) {
  const TemporaryFolder folder;
  const auto whole = folder.path() / "whole";
  const auto torn = folder.path() / "torn";
  const End expected = run(GetParam(), whole, 0);
  ASSERT_EQ(expected.exit_code, 0) << expected.error;
  const auto boundaries = boundaries_of(whole / journal::segment_name(1));
  const std::size_t records = boundaries.size() - 1;
  const std::size_t step = soaks() ? 1 : records / 4 + 1;
  for (std::size_t record = pick(step); record < records; record += step) {
    const std::uint64_t size = boundaries[record + 1] - boundaries[record];
    const std::uint64_t place = boundaries[record] + 1 + pick(size - 1);
    std::filesystem::remove_all(torn);
    std::filesystem::copy(whole, torn, std::filesystem::copy_options::recursive);
    if (pick(2) == 0) {
      std::filesystem::resize_file(torn / journal::segment_name(1), place);
    } else {
      flip_bit(torn / journal::segment_name(1), place, static_cast<int>(pick(8)));
    }
    ASSERT_EQ(run(GetParam(), torn, boundaries[record]), expected) << "in record " << record << ", byte " << place;

    // And what the second start has written is torn as well.
    const auto second = boundaries_of(torn / journal::segment_name(2));
    const std::size_t again = pick(second.size() - 1);
    const std::uint64_t end = second[again] + 1 + pick(second[again + 1] - second[again] - 1);
    std::filesystem::resize_file(torn / journal::segment_name(2), end);
    ASSERT_EQ(run(GetParam(), torn, second[again]), expected)
        << "in record " << record << ", byte " << place << ", then at byte " << end << " of segment 2";
  }
}

TEST_P(Histories, EndAsAnUnbrokenRunWhereverARankWithActorsIsLost) {
  MemoryJournal unbroken;
  const End expected = run(GetParam(), unbroken, 0);
  ASSERT_EQ(expected.exit_code, 0) << expected.error;
  int lost = 0;
  int kept = 0;
  bool is_lost = true;
  for (std::size_t packets = 0; soaks() ? is_lost : packets < 150; packets += soaks() ? 1 : 5) {
    MemoryJournal journal;
    Losing job{4, RankId{1}, GetParam()};
    prepare(job.cluster, GetParam(), journal);
    job.cluster.actor_ranks = packets % 2 == 0 ? 2 : 1;  // with one, the head takes the actors over
    job.lose_after(packets);
    std::vector<std::int64_t> results;
    ASSERT_EQ(job.run([&] { results = drive(GetParam()); }), 0) << packets << ": " << job.cluster.sink.end.error;
    ASSERT_EQ(results, expected.results) << packets;
    is_lost = job.cluster.network.is_cut(job.lost);
    const std::map<int, State> actors = states_but_of(is_lost ? job.lost : RankId{-1});
    // One that nobody needs any more when it is lost is not built anew.
    for (const auto& [number, state] : actors) {
      if (number < 3) {
        ASSERT_EQ(state, expected.actors.at(number)) << packets;
      }
    }
    if (!is_lost) {
      ASSERT_EQ(actors, expected.actors) << packets;
    }
    for (int number = 0; is_lost && number < 3; ++number) kept += actors.contains(number) ? 1 : 0;
    if (is_lost) ++lost;
  }
  EXPECT_GT(lost, 5);
  EXPECT_GT(kept, lost);
}

TEST_P(Histories, EndAsAnUnbrokenRunWhereverAllRanksWithActorsAreLostInAResume) {
  MemoryJournal unbroken;
  const End expected = run(GetParam(), unbroken, 0);
  ASSERT_EQ(expected.exit_code, 0) << expected.error;
  int lost = 0;
  int kept = 0;
  for (std::size_t packets = 0; packets < 150; packets += soaks() ? 1 : 6) {
    const std::size_t cut = pick(unbroken.records.size() + 1);
    CutJournal source{unbroken.records, cut};
    MemoryJournal journal;
    journal.go_on(unbroken.records, cut);
    Losing job{5, RankId{1}, GetParam()};
    prepare(job.cluster, GetParam(), journal);
    job.cluster.actor_ranks = 2;
    job.cluster.past = history::Past{source};
    // The head sees what has become of one while the other one's calls have been sent to it in vain.
    job.cluster.options.watch_interval = std::chrono::milliseconds{30};
    const RankId another{2};
    job.lose_after(pick(packets + 1), another);
    job.lose_after(packets);
    std::vector<std::int64_t> results;
    ASSERT_EQ(job.run([&] { results = drive(GetParam()); }), 0)
        << "cut after record " << cut << ", lost after packet " << packets << ": " << job.cluster.sink.end.error;
    ASSERT_EQ(results, expected.results) << "cut after record " << cut << ", lost after packet " << packets;
    if (!job.cluster.network.is_cut(job.lost) || !job.cluster.network.is_cut(another)) continue;
    ++lost;
    for (const auto& [number, state] : states_but_of(job.lost, another)) {
      if (number >= 3) continue;
      ASSERT_EQ(state, expected.actors.at(number)) << "cut after record " << cut << ", lost after packet " << packets;
      ++kept;
    }
  }
  EXPECT_GT(lost, 3);
  EXPECT_GT(kept, lost);
}

TEST_P(Histories, EndAsAnUnbrokenRunWhereverAWorkerIsLostAndThenAll) {
  MemoryJournal unbroken;
  const End expected = run(GetParam(), unbroken, 0);
  ASSERT_EQ(expected.exit_code, 0) << expected.error;
  int lost = 0;
  bool is_lost = true;
  // Small programs send a worker a dozen packets.
  for (std::size_t packets = pick(2); is_lost; packets += soaks() ? 1 : 2) {
    MemoryJournal journal;
    Losing job{5, RankId{4}, GetParam()};
    prepare(job.cluster, GetParam(), journal);
    job.cluster.actor_ranks = packets % 2 == 0 ? 2 : 1;
    job.lose_after(packets);
    End end;
    end.exit_code = job.run([&] { end.results = drive(GetParam()); });
    end.error = job.cluster.sink.end.error;
    end.actors = states_but_of(RankId{-1});
    ASSERT_EQ(end, expected) << "lost after packet " << packets;
    is_lost = job.cluster.network.is_cut(job.lost);
    if (is_lost) ++lost;
    const std::size_t cut = pick(journal.records.size() + 1);
    ASSERT_EQ(run(GetParam(), journal, cut), expected)
        << "lost after packet " << packets << ", then cut after record " << cut;
  }
  EXPECT_GT(lost, 3);
}

TEST_P(Histories, WithoutActorsTheyEndAsAnUnbrokenRun) {
  MemoryJournal unbroken;
  const End expected = run(GetParam(), unbroken, 0);
  for (std::size_t cut = 0; cut <= unbroken.records.size(); cut += 3) {
    MemoryJournal second = unbroken;
    ASSERT_EQ(run(GetParam(), second, cut, true), expected) << "cut after record " << cut;
    const std::size_t again = cut + (second.records.size() - cut) / 2;
    MemoryJournal third = second;
    ASSERT_EQ(run(GetParam(), third, again, cut % 2 == 1), expected)
        << "cut after record " << cut << ", then " << again;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Histories, ::testing::Range(1U, soaks() ? 41U : 9U));

}  // namespace
}  // namespace crema

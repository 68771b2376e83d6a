// The journal as files: what was appended is read back, and whatever happens to a file, what is read is a prefix.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "crema/errors.hpp"
#include "journal/journal_file.hpp"
#include "journal/owner.hpp"
#include "journal/segments.hpp"

namespace crema::journal {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    char name[] = "/tmp/crema-journal-XXXXXX";
    folder = std::filesystem::path{::mkdtemp(name)} / "run.h5.journal";
  }
  ~JournalTest() override { std::filesystem::remove_all(folder.parent_path()); }

  static std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span{text}); }

  static std::unique_ptr<JournalFile> begin(const std::filesystem::path& folder, Continues continues = {}) {
    return std::make_unique<JournalFile>(folder, continues, Bytes::copy_of(bytes("facts")));
  }
  void write(Continues continues, const std::vector<std::string>& texts) const {
    const auto journal = begin(folder, continues);
    for (const std::string& text : texts) journal->append(RecordType::task, bytes(text));
    journal->commit();
  }
  /// The records' texts; where the history ends, and why.
  struct Read {
    std::vector<std::string> texts;
    Continues end;
    std::string damage;
  };
  [[nodiscard]] Read read() const {
    ChainReader reader{folder};
    Read found;
    while (const auto record = reader.next())
      found.texts.emplace_back(reinterpret_cast<const char*>(record->payload.data()), record->payload.size());
    found.end = reader.end();
    found.damage = reader.damage();
    return found;
  }
  [[nodiscard]] std::string content(std::uint64_t segment) const {
    std::ifstream file{folder / segment_name(segment), std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
  }
  void replace(std::uint64_t segment, const std::string& content) const {
    std::ofstream{folder / segment_name(segment), std::ios::binary} << content;
  }

  std::filesystem::path folder;
};

TEST_F(JournalTest, WhatWasAppendedIsReadInOrder) {
  write({}, {"one", "", std::string(300'000, 'x')});
  const Read found = read();
  EXPECT_EQ(found.texts, (std::vector<std::string>{"one", "", std::string(300'000, 'x')}));
  EXPECT_EQ(found.damage, "");
  EXPECT_EQ(found.end, (Continues{1, content(1).size()}));
}

TEST_F(JournalTest, TheFormatStays) {
  write({}, {"ab"});
  const std::string file = content(1);
  ASSERT_EQ(file.size(), 56 + 5 + 16 + 2u);
  EXPECT_EQ(file.substr(0, 8), "cremajnl");
  const auto number = [&](std::size_t offset, std::size_t size) {
    std::uint64_t value = 0;
    std::memcpy(&value, file.data() + offset, size);
    return value;
  };
  EXPECT_EQ(number(8, 4), 3u);
  EXPECT_EQ(number(16, 8), 1u);
  EXPECT_EQ(number(24, 8), 0u);
  EXPECT_EQ(number(32, 8), 0u);
  EXPECT_EQ(number(40, 8), 5u);
  EXPECT_EQ(file.substr(56, 5), "facts");
  EXPECT_EQ(number(61, 4), 2u);
  EXPECT_EQ(number(65, 2), 2u) << "a task";
  EXPECT_EQ(number(69, 8), checksum(1, 61, 2, bytes("ab")));
  EXPECT_EQ(file.substr(77), "ab");
}

TEST_F(JournalTest, ARecordInTwoPartsIsOne) {
  const auto journal = begin(folder);
  journal->append(RecordType::task, bytes("head"), bytes("value"));
  journal->commit();
  EXPECT_EQ(read().texts, std::vector<std::string>{"headvalue"});
}

TEST_F(JournalTest, ACutAnywhereLeavesAPrefix) {
  const std::vector<std::string> all{"first", "second record", "", "fourth"};
  write({}, all);
  const std::string whole = content(1);
  std::size_t seen = 0;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    replace(1, whole.substr(0, size));
    const Read found = read();
    ASSERT_LE(found.texts.size(), all.size());
    EXPECT_TRUE(std::equal(found.texts.begin(), found.texts.end(), all.begin())) << size;
    EXPECT_GE(found.texts.size(), seen) << size;
    seen = found.texts.size();
    if (size >= 61) {
      EXPECT_EQ(found.damage.empty(), found.end.bytes == size) << size;
    }
  }
  EXPECT_EQ(seen, all.size());
}

TEST_F(JournalTest, AChangedBitIsFound) {
  const std::vector<std::string> all{"first", "second record", "third"};
  write({}, all);
  const std::string whole = content(1);
  for (std::size_t place = 0; place < whole.size() * 8; ++place) {
    std::string changed = whole;
    changed[place / 8] = static_cast<char>(changed[place / 8] ^ (1 << place % 8));
    replace(1, changed);
    const Read found = read();
    EXPECT_LT(found.texts.size(), all.size()) << place;
    EXPECT_TRUE(std::equal(found.texts.begin(), found.texts.end(), all.begin())) << place;
    if (place >= std::size_t{61} * 8) {
      EXPECT_THAT(found.damage, HasSubstr("of segment-000001.journal")) << place;
    }
  }
}

TEST_F(JournalTest, ARecordElsewhereIsNone) {
  write({}, {"same", "same"});
  const std::string whole = content(1);
  const std::size_t record = 16 + 4;
  replace(1, whole.substr(0, 61) + whole.substr(61 + record, record));
  EXPECT_THAT(read().texts, testing::IsEmpty());
}

TEST_F(JournalTest, ASegmentGoesOnFromTheLastOne) {
  write({}, {"a", "b"});
  write(read().end, {"c"});
  const Read found = read();
  EXPECT_EQ(found.texts, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(found.end, (Continues{2, content(2).size()}));
}

TEST_F(JournalTest, WhatAnOlderStartWritesLaterDoesNotCount) {
  const auto older = begin(folder);
  older->append(RecordType::task, bytes("a"));
  older->commit();
  write(read().end, {"b"});
  older->append(RecordType::task, bytes("late"));
  older->commit();
  EXPECT_EQ(read().texts, (std::vector<std::string>{"a", "b"}));
}

TEST_F(JournalTest, DamageInAnOlderSegmentCutsTheLaterOnes) {
  write({}, {"a", "b"});
  write(read().end, {"c"});
  std::string first = content(1);
  first.back() = '?';
  replace(1, first);
  Read found = read();
  EXPECT_EQ(found.texts, std::vector<std::string>{"a"});
  EXPECT_THAT(found.damage, HasSubstr("the 1 later segments do not count"));
  // Whoever goes on from there leaves the damage behind.
  write(found.end, {"d"});
  EXPECT_EQ(content(3).size(), 56 + 5 + 16 + 1u);
  found = read();
  EXPECT_EQ(found.texts, (std::vector<std::string>{"a", "d"}));
  EXPECT_EQ(found.damage, "");
}

TEST_F(JournalTest, ASegmentWithoutAWholeHeaderIsPassedOver) {
  write({}, {"a"});
  replace(2, "cremajn");
  EXPECT_EQ(read().texts, std::vector<std::string>{"a"});
  write(read().end, {"b"});
  EXPECT_EQ(read().texts, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(content(3).empty());
}

TEST_F(JournalTest, WithoutItsFirstSegmentNothingIsLeft) {
  write({}, {"a"});
  write(read().end, {"b"});
  std::filesystem::remove(folder / segment_name(1));
  const Read found = read();
  EXPECT_THAT(found.texts, testing::IsEmpty());
  EXPECT_EQ(found.damage, "segment-000002.journal continues segment 1, which is missing or has no whole header");
}

TEST_F(JournalTest, ADamagedHeaderCutsTheHistoryBeforeIt) {
  write({}, {"a"});
  write(read().end, {"b"});
  write(read().end, {"c"});
  write(read().end, {"d"});
  std::string third = content(3);
  third[50] ^= 1;
  replace(3, third);
  Read found = read();
  EXPECT_EQ(found.texts, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(found.end, (Continues{2, content(2).size()}));
  EXPECT_EQ(found.damage,
            "segment-000004.journal continues segment 3, which is missing or has no whole header; the "
            "segments after 2 do not count");
  write(found.end, {"e"});
  found = read();
  EXPECT_EQ(found.texts, (std::vector<std::string>{"a", "b", "e"}));
  EXPECT_EQ(found.damage, "");
}

TEST_F(JournalTest, DamageBeforeAMissingSegmentIsToldToo) {
  write({}, {"a", "b"});
  write(read().end, {"c"});
  write(read().end, {"d"});
  std::filesystem::remove(folder / segment_name(2));
  std::string first = content(1);
  first.back() = '?';
  replace(1, first);
  const Read found = read();
  EXPECT_EQ(found.texts, std::vector<std::string>{"a"});
  EXPECT_THAT(found.damage, HasSubstr("continues segment 2, which is missing"));
  EXPECT_THAT(found.damage, HasSubstr("of segment-000001.journal"));
}

TEST_F(JournalTest, AnotherFormatVersionIsRefused) {
  write({}, {"a"});
  SegmentHeader header;
  header.number = 1;
  const ByteBuffer other = journal::write(header);
  std::string text(reinterpret_cast<const char*>(other.data()), other.size());
  text[8] = 9;
  replace(1, text);
  EXPECT_THAT(read().texts, testing::IsEmpty()) << "the checksum covers the version";
}

TEST_F(JournalTest, RecordsReachTheDiskWithinTheIntervalOrWhenHurried) {
  const auto journal = begin(folder);
  const auto start = std::chrono::steady_clock::now();
  const std::uint64_t empty = journal->bytes();
  journal->turn(start);
  journal->append(RecordType::task, bytes("a"));
  EXPECT_EQ(journal->appended(), 1u);
  EXPECT_EQ(journal->bytes(), empty + record_header_size + 1);
  journal->turn(start + 50ms);
  EXPECT_EQ(read().texts.size(), 0u);
  journal->turn(start + JournalFile::commit_interval);
  while (journal->durable() < 1) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(read().texts.size(), 1u);
  journal->append(RecordType::task, bytes("b"));
  journal->hurry();
  journal->turn(start + JournalFile::commit_interval);
  while (journal->durable() < 2) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(read().texts.size(), 2u);
}

TEST_F(JournalTest, ARunReadsBackItsOwnHistory) {
  const auto journal = begin(folder);
  journal->append(RecordType::input, bytes("a file"));
  journal->append(RecordType::task, bytes("one"));
  journal->append(RecordType::run_ended, bytes("the container's"));
  journal->append(RecordType::task, bytes("two"));
  std::vector<std::string> texts;
  journal->read_back([&](RecordSource& source) {
    while (const auto record = source.next())
      texts.emplace_back(reinterpret_cast<const char*>(record->payload.data()), record->payload.size());
  });
  journal->commit();
  EXPECT_THAT(texts, testing::ElementsAre("one", "two"));
  EXPECT_EQ(journal->failure(), "");
}

TEST_F(JournalTest, AStartThatSeesANewerSegmentEnds) {
  const auto older = begin(folder);
  const auto start = std::chrono::steady_clock::now();
  older->turn(start);
  older->commit();
  EXPECT_EQ(older->failure(), "");
  const auto newer = begin(folder, {1, 61});
  older->turn(start + OwnerFile::interval);
  while (older->failure().empty()) std::this_thread::sleep_for(1ms);
  EXPECT_THAT(older->failure(), HasSubstr("another start of the job has taken it over (\"segment-000002.journal\")"));
  EXPECT_EQ(newer->failure(), "");
}

TEST_F(JournalTest, ARecordThatIsTooLargeIsAFailure) {
  const auto journal = begin(folder);
  // Only the size of what is given counts: nothing of it is read.
  journal->append(RecordType::task, {bytes("x").data(), max_record_bytes + 1});
  EXPECT_THAT(journal->failure(), HasSubstr("a record of 1073741825 bytes"));
  EXPECT_EQ(journal->appended(), 0u);
}

TEST_F(JournalTest, AFullDiskIsAFailure) {
  const auto journal = begin(folder);
  // A file that may not grow behaves as on a full disk.
  struct rlimit before {};
  ::getrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 100, before.rlim_max };
  ::setrlimit(RLIMIT_FSIZE, &small);
  journal->append(RecordType::task, bytes(std::string(1000, 'x')));
  EXPECT_THROW(journal->commit(), Error);
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_THAT(journal->failure(), HasSubstr("segment-000001.journal\": File too large"));
  EXPECT_THAT(read().texts, testing::IsEmpty());
}

TEST_F(JournalTest, AnOwnerThatMovesKeepsOthersOff) {
  std::filesystem::create_directories(folder);
  EXPECT_EQ(wait_until_free(folder), "") << "nobody";
  {
    OwnerFile owner{folder};
    std::atomic<bool> over{false};
    std::thread moving{[&] {
      while (!over) owner.move();
    }};
    EXPECT_EQ(wait_until_free(folder, 10s).substr(0, 8), "process ");
    over = true;
    moving.join();
    EXPECT_EQ(wait_until_free(folder, 20ms), "") << "it stands still";
  }
  EXPECT_EQ(wait_until_free(folder), "") << "it has left";
}

TEST_F(JournalTest, AnOwnerWhoseProcessIsGoneKeepsNobodyWaiting) {
  std::filesystem::create_directories(folder);
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  std::ofstream{folder / "owner"} << host << " 4194304 7\n";  // more than any pid
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(wait_until_free(folder, 1h), "");
  EXPECT_LT(std::chrono::steady_clock::now() - start, 30min);
}

TEST_F(JournalTest, RemovedAsAWhole) {
  write({}, {"a"});
  remove_journal(folder);
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(JournalTest, WhoWasTakenOverIsToldAtTheEnd) {
  const auto first = begin(folder);
  first->append(RecordType::task, bytes("one"));
  first->commit();
  const auto second = begin(folder);
  try {
    first->check_owner();
    FAIL() << "it was not told";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("another start of the job has taken it over"));
  }
  second->check_owner();
}

}  // namespace
}  // namespace crema::journal

#include "record/publish.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "crema/errors.hpp"
#include "temporary_folder.hpp"

namespace crema::record {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

void write(const std::filesystem::path& path, const std::string& text) { std::ofstream{path} << text; }

std::string read(const std::filesystem::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

TEST(TemporaryFile, GetsItsNameWhenPublished) {
  const testing::TemporaryFolder folder;
  TemporaryFile file{folder / "run.h5"};
  EXPECT_THAT(folder.names(), ElementsAre(file.path().filename().string()));
  EXPECT_THAT(file.path().filename().string(), AllOf(HasSubstr(".run.h5."), HasSubstr(std::to_string(::getpid()))));
  write(file.path(), "results");
  file.publish();
  EXPECT_THAT(folder.names(), ElementsAre("run.h5"));
  EXPECT_EQ(read(folder / "run.h5"), "results");
}

TEST(TemporaryFile, LeavesNothingWhenAbandoned) {
  const testing::TemporaryFolder folder;
  { const TemporaryFile file{folder / "run.h5"}; }
  EXPECT_THAT(folder.names(), IsEmpty());
}

TEST(TemporaryFile, TwoOfOneTargetDoNotMeet) {
  const testing::TemporaryFolder folder;
  TemporaryFile first{folder / "run.h5"};
  TemporaryFile second{folder / "run.h5"};
  EXPECT_NE(first.path(), second.path());
}

TEST(TemporaryFile, NeverReplacesAFileThatAppearedMeanwhile) {
  const testing::TemporaryFolder folder;
  std::filesystem::path kept;
  {
    TemporaryFile file{folder / "run.h5"};
    kept = file.path();
    write(kept, "ours");
    write(folder / "run.h5", "theirs");
    EXPECT_THAT([&] { file.publish(); },
                ThrowsMessage<Error>(AllOf(HasSubstr("not overwritten"), HasSubstr(kept.string()))));
  }
  EXPECT_EQ(read(folder / "run.h5"), "theirs");
  EXPECT_EQ(read(kept), "ours");
}

TEST(TemporaryFile, RefusesATargetThatExists) {
  const testing::TemporaryFolder folder;
  write(folder / "run.h5", "theirs");
  EXPECT_THAT(
      [&] { const TemporaryFile file{folder / "run.h5"}; },
      ThrowsMessage<UsageError>(AllOf(HasSubstr("run.h5"), HasSubstr("exists already"), HasSubstr("--output"))));
  EXPECT_EQ(read(folder / "run.h5"), "theirs");
}

TEST(TemporaryFile, RefusesADanglingLink) {
  const testing::TemporaryFolder folder;
  std::filesystem::create_symlink(folder / "nowhere", folder / "run.h5");
  EXPECT_THROW(TemporaryFile{folder / "run.h5"}, UsageError);
}

TEST(TemporaryFile, RefusesAFolderThatDoesNotExist) {
  const testing::TemporaryFolder folder;
  EXPECT_THAT([&] { const TemporaryFile file{folder / "missing/run.h5"}; },
              ThrowsMessage<UsageError>(AllOf(HasSubstr("missing"), HasSubstr("does not exist"))));
}

TEST(TemporaryFile, RefusesAFolderThatCannotBeWritten) {
  // Not even root may make files in /proc.
  EXPECT_THAT([] { const TemporaryFile file{"/proc/run.h5"}; },
              ThrowsMessage<UsageError>(AllOf(HasSubstr("\"/proc\" cannot be written"), HasSubstr("--output"))));
}

TEST(TemporaryFile, RefusesATargetWithoutAName) {
  const testing::TemporaryFolder folder;
  EXPECT_THROW(TemporaryFile{folder.path() / "new" / ""}, UsageError);
}

}  // namespace
}  // namespace crema::record

#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "crema/parquet.hpp"
#include "local_driver.hpp"
#include "python.hpp"
#include "temporary_folder.hpp"

namespace crema {

struct Position {
  float x = 0;
  std::optional<std::int32_t> floor;
  friend bool operator==(const Position&, const Position&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(x) & BOOST_SERIALIZATION_NVP(floor);
  }
};

/// Files that pyarrow writes and reads.
class Parquet : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!parquet_available()) GTEST_SKIP() << "crema was built without Arrow: tests/run fetches pyarrow, which has it";
    const std::string said = pyarrow("print(\"fine\")");
    if (said != "fine\n") GTEST_SKIP() << "python3 cannot import pyarrow from " << CREMA_TEST_PYARROW;
  }

  /// What pyarrow prints; the script has `out`, a path.
  std::string pyarrow(const std::string& script) const {
    return testing::python("import sys, datetime, decimal\nsys.path.insert(0, \"" CREMA_TEST_PYARROW
                           "\")\nimport pyarrow as pa, pyarrow.parquet as pq\nout = \"" +
                           file_ + "\"\n" + script + "\n");
  }
  /// Makes a file of the columns that `columns` says, as in "\"x\": [1, 2]".
  std::string make(const std::string& columns, const std::string& options = "") const {
    EXPECT_EQ(pyarrow("pq.write_table(pa.table({" + columns + "}), out" + options + ")"), "");
    return file_;
  }
  /// The message of reading such a file, behind its path; `told_at_once`: before any task.
  template <class T>
  std::string message_of(const Paths& paths, bool told_at_once = true) {
    testing::LocalDriver driver;
    const std::string message = driver.run([&] { (void)read_parquet<T>(paths).take_all(); });
    EXPECT_TRUE(message.empty() || driver.labels().empty() == told_at_once) << message;
    return message.starts_with(file_) ? message.substr(file_.size()) : message;
  }
  template <class T>
  std::vector<T> all(const Paths& paths) {
    std::vector<T> rows;
    EXPECT_EQ(driver_.run([&] { rows = read_parquet<T>(paths).take_all(); }), "");
    return rows;
  }

  testing::LocalDriver driver_;
  testing::TemporaryFolder folder_;
  const std::string file_ = (folder_.path() / "file.parquet").string();
};

}  // namespace crema

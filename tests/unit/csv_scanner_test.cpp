#include "io/csv_scanner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace crema::csv {
namespace {

/// RFC 4180 one character at a time: where records end, and whether a quote is open at the end.
struct Reference {
  std::vector<std::size_t> ends;
  bool open = false;
  std::size_t quote = 0;

  explicit Reference(std::string_view text) {
    enum { start, plain, quoted, closing } state = start;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (state == quoted) {
        if (text[i] == '"') state = closing;
      } else if (state == closing && text[i] == '"') {
        state = quoted;
      } else if (state == start && text[i] == '"') {
        state = quoted;
        quote = i;
      } else {
        state = text[i] == ',' || text[i] == '\n' ? start : plain;
        if (text[i] == '\n') ends.push_back(i + 1);
      }
    }
    open = state == quoted;
  }
};

TEST(RecordScanner, FindsTheRecordsHoweverTheTextArrives) {
  std::mt19937 random{3};
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (auto length = random() % 14; length > 0; --length) text += "a,\"\"\n\r"[random() % 6];
    const Reference expected{text};
    for (const std::size_t chunk_size : {1U, 2U, 3U, 100U}) {
      RecordScanner scanner;
      std::vector<std::size_t> ends;
      for (std::size_t begin = 0; begin < text.size(); begin += chunk_size) {
        std::string_view chunk = std::string_view{text}.substr(begin, chunk_size);
        for (std::size_t end = 0; end != RecordScanner::npos;) {
          end = scanner.find_end(chunk, 0);
          if (end == RecordScanner::npos) break;
          chunk.remove_prefix(end);
          ends.push_back(begin + std::min(chunk_size, text.size() - begin) - chunk.size());
        }
      }
      ASSERT_EQ(ends, expected.ends) << text << "\nin chunks of " << chunk_size;
      ASSERT_EQ(scanner.in_quotes(), expected.open) << text << "\nin chunks of " << chunk_size;
      if (expected.open) {
        ASSERT_EQ(scanner.quote_offset(), expected.quote) << text;
      }
    }
  }
}

TEST(RecordScanner, SkipsTheRecordsThatEndTooEarly) {
  RecordScanner scanner;
  EXPECT_EQ(scanner.find_end("1\n2\n\"3\n\"\n4\n", 2), 4U);
  EXPECT_EQ(scanner.find_end("\"3\n\"\n4\n", 2), 5U);
  EXPECT_EQ(scanner.find_end("4\n", 2), RecordScanner::npos);
}

}  // namespace
}  // namespace crema::csv

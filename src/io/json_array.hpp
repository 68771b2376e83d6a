#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crema/json_reader.hpp"
#include "io/text_reader.hpp"

namespace crema::json {

/// Without the blanks around it.
std::string_view trim(std::string_view text);

/// Whether a text is one array: its first byte that is neither blank nor of a byte order mark is a bracket.
bool is_array(io::TextReader& text);

/// Where an element of an array that begins here ends: at the comma or bracket behind it, found by counting brackets
/// outside of text, or at the end of the text. A brace too many belongs to the element, which is no JSON then.
std::size_t find_element_end(std::string_view text, std::size_t begin);

/// Cuts a file that is one array into blocks of whole elements with their text, in order; the cuts depend on the file
/// alone. Where an element is no JSON and may have taken others with it, it is the one that finds these again. Memory:
/// the block, and up to four times the element behind it, which has at most `most_element` bytes. Thread safety: none.
class ArrayCutter {
 public:
  /// An element that has not ended so many bytes behind the one in front of it is no record, and the last.
  static constexpr std::size_t most_element = 256 << 20;

  /// `file`: of which is_array.
  ArrayCutter(const Block& file, std::uint64_t block_size, std::size_t longest = most_element);

  /// The next block; none behind the last. Throws DataError for a file that cannot be read.
  std::optional<Block> next();

 private:
  struct Scanned {
    std::size_t end;        ///< of the element: at the comma or bracket behind it, or at `neighbour`, or of the text
    std::size_t neighbour;  ///< the line feed in front of the first line in it that may begin the next one; npos: none
  };
  [[nodiscard]] Scanned scan_element();
  void take_element();
  void take_up_to(std::size_t line_feed, Irregular irregular);
  void take_rest();
  void drop(std::size_t size);
  bool read_more();
  [[nodiscard]] std::size_t indentation_at(std::size_t place) const;
  [[nodiscard]] bool begins_neighbour(std::size_t line, std::size_t indentation);

  // Constant after construction.
  const Block file_;
  const std::uint64_t block_size_;
  const std::size_t longest_;

  io::TextReader text_;
  std::uint64_t read_to_ = 0;               // offset behind window_
  std::uint64_t line_ = 1;                  // on which window_ begins
  std::optional<std::size_t> indentation_;  // of that line, where window_ begins inside it
  std::string window_;                      // the text from the end of the last block on
  std::size_t position_ = 0;                // in it, behind the last element
  std::vector<Irregular> irregular_;        // in front of that
  enum class Next { element, rest, nothing } next_ = Next::element;
  bool first_ = true;      // no element was taken
  bool by_lines_ = false;  // one did not end: from then on each ends before the line of the next, at the latest
  bool too_long_ = false;  // one has reached the limit
};

}  // namespace crema::json

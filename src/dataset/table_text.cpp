#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#include "crema/dataset_show.hpp"

namespace crema::dataset {
namespace {

constexpr std::size_t widest_column = 40;  // characters; longer cells are cut

constexpr bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

/// How many characters UTF-8 text has, each taken to be one column wide.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

/// In one line, and no wider than a column may be.
std::string fitted(std::string_view text) {
  std::string out;
  std::size_t width = 0;
  for (const char byte : text) {
    if (begins_character(byte) && ++width > widest_column) {
      // The last character makes room for the sign that something is missing.
      while (!begins_character(out.back())) out.pop_back();
      out.pop_back();
      return out + "…";
    }
    out += static_cast<unsigned char>(byte) < 0x20 ? ' ' : byte;
  }
  return out;
}

void append(std::string& line, const ShownCell& cell, std::size_t width) {
  const std::string blanks(width - width_of(cell.text), ' ');
  if (!line.empty()) line += "  ";
  line += cell.number ? blanks + cell.text : cell.text + blanks;
}

}  // namespace

std::string shown_number(double value) { return fmt::format("{:.6g}", value); }

std::string table_text(std::vector<std::string> names, std::vector<std::vector<ShownCell>> rows) {
  std::vector<ShownCell> header;
  for (const std::string& name : names) header.push_back({fitted(name), !rows.empty()});
  std::vector<std::size_t> widths(names.size());
  for (std::vector<ShownCell>& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      row[i].text = fitted(row[i].text);
      header[i].number = header[i].number && row[i].number;
      widths[i] = std::max(widths[i], width_of(row[i].text));
    }
  }
  for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], width_of(header[i].text));
  std::vector<ShownCell> rule;
  for (const std::size_t width : widths) rule.push_back({std::string(width, '-')});
  rows.insert(rows.begin(), {std::move(header), std::move(rule)});
  std::string text;
  for (const std::vector<ShownCell>& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i) append(line, row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace crema::dataset

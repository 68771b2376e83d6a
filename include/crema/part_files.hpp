#pragma once

// Datasets written as folders of part files, one a block.

#include <cstdint>
#include <string>
#include <string_view>

#include "crema/dataset.hpp"
#include "crema/text_writer.hpp"

namespace crema {

namespace io {

/// A file of a folder that is being written. It appears under its name at once and whole.
struct PartFile {
  std::string name;  ///< "part-000012.csv", by the block
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::uint64_t digest = 0;  ///< XXH3

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(rows);
    archive& BOOST_SERIALIZATION_NVP(bytes) & BOOST_SERIALIZATION_NVP(digest);
  }
};

/// Writes one block's file; it and its place in the folder are on disk afterwards. Replaces the file of an earlier
/// attempt, which is the same. Throws Error that says why it cannot.
PartFile write_part(const std::string& folder, std::uint64_t block, const std::string& extension, std::uint64_t rows,
                    std::string_view content);

/// Runs a plan whose last step writes one part file a block, or none, and tells of it as std::vector<PartFile>; then
/// marks the folder as whole. Where no block has a row, `without_rows` is the content of the only part, so that who
/// reads the folder by a pattern finds a dataset without rows.
void write_parts(const dataset::Plan& plan, const std::string& folder, const std::string& extension,
                 const std::string& without_rows);

/// The last step of a block that is written. `Format` is a class with `extension` and `text(rows)`.
template <class T, class Format>
struct WritePart {
  static Bytes body(void* subject, ByteReader& arguments) {
    dataset::Rows& rows = dataset::rows_of(subject);
    const auto folder = decode<std::string>(arguments);
    std::vector<PartFile> parts;
    if (rows.size() > 0) {
      const std::string text = Format::text(rows.as<T>());
      parts.push_back(write_part(folder, rows.block(), Format::extension, rows.size(), text));
    }
    rows.make_part(parts);
    return {};
  }
};

/// Writes the rows of a plan to a folder, a part a block. `name` is the operation's.
template <class T, class Format>
void write_parts(const dataset::Plan& plan, const std::string& name, const std::string& folder) {
  write_parts(plan.with(dataset::step_with<WritePart<T, Format>>(name, folder)), folder, Format::extension,
              Format::text(std::vector<T>{}));
}

struct CsvFormat {
  static constexpr const char* extension = "csv";
  template <class T>
  static std::string text(const std::vector<T>& rows) {
    return crema::detail::csv_text(rows);
  }
};
struct JsonFormat {
  static constexpr const char* extension = "jsonl";
  template <class T>
  static std::string text(const std::vector<T>& rows) {
    return crema::detail::json_text(rows);
  }
};

}  // namespace io

template <class T>
void Dataset<T>::write_csv(const std::string& folder) const {
  io::write_parts<T, io::CsvFormat>(plan_, "write_csv", folder);
}

template <class T>
void Dataset<T>::write_json(const std::string& folder) const {
  io::write_parts<T, io::JsonFormat>(plan_, "write_json", folder);
}

}  // namespace crema

#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

namespace crema::journal {

/// The file by which the start that writes a journal shows that it lives: a counter that moves. It arbitrates nothing,
/// as creating a segment does that; it only keeps a second start from taking over what is not abandoned.
class OwnerFile {
 public:
  /// How often the counter has to move.
  static constexpr std::chrono::seconds interval{1};
  /// A counter that stands still for so long is nobody's any more.
  static constexpr std::chrono::seconds lease{10};

  /// Writes the first count. Throws Error.
  explicit OwnerFile(const std::filesystem::path& journal);
  OwnerFile(const OwnerFile&) = delete;
  OwnerFile& operator=(const OwnerFile&) = delete;
  /// Removes the file if it is still this one's: who comes next need not wait.
  ~OwnerFile();

  /// The next count. Throws Error.
  void move();

 private:
  [[nodiscard]] std::string text() const;

  const std::filesystem::path path_;
  std::uint64_t count_ = 0;
};

/// Waits until nobody writes the journal: at once where no owner file is there or its process is gone from this host,
/// else until its counter has stood still for the lease. Empty: free; otherwise who writes it.
std::string wait_until_free(const std::filesystem::path& journal, std::chrono::milliseconds lease = OwnerFile::lease);

}  // namespace crema::journal

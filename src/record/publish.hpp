#pragma once

#include <filesystem>
#include <string>

namespace crema::record {

/// How errors speak of a file.
struct FileNaming {
  std::string what = "the run file";
  std::string give_a_file = "give --output the name of a file";
  std::string choose_another = "choose another --output";
  std::string or_begin_anew = ", or begin anew with --restart";
  std::string content = "the results are";
};

/// The file that a finished one will be renamed from: exists from construction, under a hidden name of its own beside
/// the target, and goes with this object unless it was published or kept.
/// Thread safety: none; one owner at a time.
class TemporaryFile {
 public:
  /// What becomes of a file that has the target's name.
  enum class Existing { refused, replaced };
  /// Throws UsageError when the target exists and is not to be replaced, or when no file can be made in its folder.
  explicit TemporaryFile(std::filesystem::path target, Existing existing = Existing::refused, FileNaming naming = {});
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile();

  [[nodiscard]] const std::filesystem::path& target() const noexcept { return target_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  /// Gives the file its target's name, on disk, folder included; never replaces a file unless told to. Requires that
  /// it is closed.
  /// Throws Error that names the temporary file, which is then kept.
  void publish();

 private:
  [[nodiscard]] std::filesystem::path folder() const;

  std::filesystem::path target_;
  Existing existing_;
  FileNaming naming_;
  std::filesystem::path path_;
  bool remove_ = true;
};

/// What tells the temporary files of this process from those of others.
std::string process_name();
/// Removes the temporary files for this target of a process that is no more, as far as that is possible.
void remove_temporary_files(const std::filesystem::path& target, const std::string& process);

/// The file's data, or the folder's entries, are on disk afterwards. Throws Error with the system's reason.
void sync_to_disk(const std::filesystem::path& path);

}  // namespace crema::record

#include "runtime/run_facts.hpp"

#include <fmt/ranges.h>
#include <sys/stat.h>

#include <fstream>
#include <map>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "crema/errors.hpp"
#include "runtime/run_options.hpp"
#include "wire/messages.hpp"

namespace crema::runtime {
namespace {

/// Of the program's file: what was built anew may do other things, also where its source has not changed.
std::string digest_of_executable() {
  std::ifstream file{"/proc/self/exe", std::ios::binary};
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  std::vector<char> block(1 << 20);
  while (file.read(block.data(), std::ssize(block)) || file.gcount() > 0)
    XXH3_64bits_update(&state, block.data(), static_cast<std::size_t>(file.gcount()));
  if (!file.eof()) throw Error{"reading this program's own file (/proc/self/exe), by which a resume knows it: failed"};
  return fmt::format("{:016x}", XXH3_64bits_digest(&state));
}

std::optional<InputFile> input(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return InputFile{path, static_cast<std::uint64_t>(status.st_size),
                   std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

void write_texts(ByteBuffer& out, const std::vector<std::string>& texts) {
  out.put<std::uint64_t>(texts.size());
  for (const std::string& text : texts) out.put_text(text);
}

}  // namespace

ByteBuffer write(const RunFacts& facts) {
  ByteBuffer out;
  for (const std::string* text : {&facts.job, &facts.command_line, &facts.crema_version, &facts.build})
    out.put_text(*text);
  out.put(facts.seed);
  write_texts(out, facts.options);
  out.put<std::uint64_t>(facts.inputs.size());
  for (const InputFile& file : facts.inputs) out.append(wire::write(file).span());
  out.put(facts.started);
  out.put(facts.ranks);
  out.put_text(facts.slurm_job_id);
  out.put_text(facts.process);
  return out;
}

RunFacts read_run_facts(const Bytes& bytes) {
  ByteReader in{bytes};
  RunFacts facts;
  for (std::string* text : {&facts.job, &facts.command_line, &facts.crema_version, &facts.build}) *text = in.get_text();
  facts.seed = in.get<std::uint64_t>();
  for (auto left = in.get<std::uint64_t>(); left > 0; --left) facts.options.emplace_back(in.get_text());
  for (auto left = in.get<std::uint64_t>(); left > 0; --left) {
    InputFile& file = facts.inputs.emplace_back();
    file.path = in.get_text();
    file.size = in.get<std::uint64_t>();
    file.modified = in.get<std::int64_t>();
  }
  facts.started = in.get<std::int64_t>();
  facts.ranks = in.get<std::uint32_t>();
  facts.slurm_job_id = in.get_text();
  facts.process = in.get_text();
  return facts;
}

void add_facts_of_program(RunFacts& facts, const CLI::App& cli) {
  facts.build = digest_of_executable();
  for (const CLI::Option* option : cli.get_options()) {
    if (option->get_group() == run_options_group || option->empty()) continue;
    facts.options.push_back(fmt::format("{}={}", option->get_name(), fmt::join(option->results(), ",")));
    for (const std::string& value : option->results())
      if (auto file = input(value)) facts.inputs.push_back(std::move(*file));
  }
}

std::string describe_difference(const RunFacts& before, const RunFacts& now) {
  std::vector<std::string> differences;
  if (before.build != now.build) differences.emplace_back("the program was built anew");
  if (before.seed != now.seed) differences.push_back(fmt::format("--seed was {}, and is {}", before.seed, now.seed));
  if (before.options != now.options)
    differences.push_back(fmt::format("the job's options were \"{}\", and are \"{}\"", fmt::join(before.options, " "),
                                      fmt::join(now.options, " ")));
  if (std::string inputs = describe_changed_inputs(before.inputs); !inputs.empty())
    differences.push_back(std::move(inputs));
  return fmt::format("{}", fmt::join(differences, "; "));
}

std::string describe_changed_inputs(const std::vector<InputFile>& before) {
  std::map<std::string, const InputFile*> last;
  for (const InputFile& file : before) last[file.path] = &file;
  std::vector<std::string> differences;
  for (const auto& [path, file] : last) {
    const std::optional<InputFile> now = input(path);
    if (!now) {
      differences.push_back(fmt::format("the input \"{}\" is gone", path));
    } else if (*now != *file) {
      differences.push_back(fmt::format("the input \"{}\" has changed", path));
    }
  }
  return fmt::format("{}", fmt::join(differences, "; "));
}

}  // namespace crema::runtime

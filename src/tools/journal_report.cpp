#include "tools/journal_report.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "crema/errors.hpp"
#include "history/records.hpp"
#include "journal/blob.hpp"
#include "journal/segments.hpp"
#include "runtime/run_facts.hpp"

namespace crema::tools {
namespace {

using journal::RecordType;

std::string name_of(RecordType type) {
  switch (type) {
    case RecordType::function:
      return "function";
    case RecordType::task:
      return "task";
    case RecordType::order:
      return "order";
    case RecordType::value:
      return "value";
    case RecordType::answer:
      return "answer";
    case RecordType::call:
      return "call";
    case RecordType::actor:
      return "actor";
    case RecordType::killed:
      return "killed";
    case RecordType::failed_call:
      return "failed call";
    case RecordType::checkpoint:
      return "checkpoint";
    case RecordType::called:
      return "called";
    case RecordType::forgotten:
      return "forgotten";
    case RecordType::snapshot:
      return "snapshot";
    case RecordType::run_ended:
      return "run ended";
    case RecordType::input:
      return "input";
  }
  return fmt::format("type {}", static_cast<unsigned>(type));
}

struct Total {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  ///< of the payloads
};
using Totals = std::map<RecordType, Total>;

std::string count_of(std::uint64_t number, const char* one) {
  return fmt::format("{} {}{}", number, one, number == 1 ? "" : "s");
}

/// Who wrote a segment, as far as this version of crema can tell.
std::string describe_start(const journal::SegmentHeader& header) try {
  const runtime::RunFacts facts = runtime::read_run_facts(header.facts);
  const std::chrono::nanoseconds since{facts.started};
  return fmt::format("started {:%Y-%m-%d %H:%M:%S} UTC on {}: {}",
                     fmt::gmtime(static_cast<std::time_t>(std::chrono::floor<std::chrono::seconds>(since).count())),
                     count_of(facts.ranks, "rank"), facts.command_line);
} catch (const Error&) {
  return "started by a program whose facts this version of crema does not know";
}

/// The segment's records up to that byte; returns how many they are.
std::uint64_t read_records(const journal::Segment& segment, std::uint64_t up_to, bool tell, Totals& totals,
                           std::ostream& out) {
  journal::SegmentReader reader{segment, up_to};
  std::uint64_t count = 0;
  std::uint64_t place = reader.position();
  while (const auto record = reader.next()) {
    Total& total = totals[record->type];
    ++total.records;
    total.bytes += record->payload.size();
    ++count;
    if (tell) fmt::print(out, "  byte {}: {}, {} bytes\n", place, name_of(record->type), record->payload.size());
    place = reader.position();
  }
  return count;
}

}  // namespace

int report_journal(const std::filesystem::path& folder, bool records, std::ostream& out) {
  const std::vector<journal::Segment> segments = journal::list_segments(folder);
  if (segments.empty()) {
    throw UsageError{
        fmt::format("reading the journal \"{}\": it holds no segment; give the folder beside a run file, as in "
                    "coffee_shop.h5.journal",
                    folder.string())};
  }
  journal::ChainReader history{folder};
  Total blobs;
  while (const auto record = history.next()) {
    const auto blob = history::blob_of(*record);
    if (!blob) continue;
    if (const std::string why = history::blob_damage(*blob, journal::blobs_of(folder)); !why.empty()) {
      history.refuse(why);
      break;
    }
    ++blobs.records;
    blobs.bytes += blob->large.size;
  }
  const std::vector<journal::Segment>& chain = history.chain();
  bool whole = history.damage().empty();
  Totals totals;
  for (const journal::Segment& segment : segments) {
    const std::string name = segment.path.filename().string();
    if (!segment.header) {
      whole = false;
      fmt::print(out, "{}: its header is damaged or not all there, so a resume passes it by\n", name);
      continue;
    }
    fmt::print(out, "{}: {}\n", name, describe_start(*segment.header));
    const auto place = std::find_if(chain.begin(), chain.end(),
                                    [&](const journal::Segment& used) { return used.number == segment.number; });
    if (place == chain.end() || segment.number > history.end().segment) {
      fmt::print(out, "  {} bytes that do not count: {}\n", segment.file_bytes,
                 place == chain.end() ? "the newest segment does not continue them"
                                      : "the history is cut in an older segment");
      continue;
    }
    const std::uint64_t up_to =
        segment.number == history.end().segment ? history.end().bytes : (place + 1)->header->continues.bytes;
    if (const journal::Continues before = segment.header->continues; before.segment != 0)
      fmt::print(out, "  continues segment {} behind its byte {}\n", before.segment, before.bytes);
    const std::uint64_t count = read_records(segment, up_to, records, totals, out);
    fmt::print(out, "  {}, {} of {} bytes count\n", count_of(count, "record"), up_to, segment.file_bytes);
  }
  for (const auto& [type, total] : totals)
    fmt::print(out, "{}: {}, {} bytes\n", name_of(type), count_of(total.records, "record"), total.bytes);
  if (blobs.records > 0)
    fmt::print(out, "values in files of their own: {}, {} bytes\n", count_of(blobs.records, "file"), blobs.bytes);
  if (!history.damage().empty()) fmt::print(out, "The history is cut: {}\n", history.damage());
  if (chain.empty()) {
    fmt::print(out, "A resume would begin anew.\n");
  } else {
    fmt::print(out, "A resume would go on behind byte {} of segment {}.\n", history.end().bytes, history.end().segment);
  }
  fmt::print(out, "{}\n", whole ? "The journal is whole." : "The journal is damaged.");
  return whole ? 0 : 1;
}

}  // namespace crema::tools

#include "process/ring.hpp"

#include <algorithm>
#include <cstring>

#include "crema/errors.hpp"

namespace crema::process {

bool RingWriter::has_room(std::size_t size) const {
  return bytes_.size() - (written_ - positions_->read.load()) >= size;
}

bool RingWriter::write(const RecordHead& head, std::span<const std::byte> payload) {
  if (!has_room(size_of(payload.size()))) return false;
  put(std::as_bytes(std::span{&head, 1}));
  put(payload);
  return true;
}

void RingWriter::put(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  const std::size_t at = written_ % bytes_.size();
  const std::size_t first = std::min(bytes.size(), bytes_.size() - at);
  std::memcpy(bytes_.data() + at, bytes.data(), first);
  if (first < bytes.size()) std::memcpy(bytes_.data(), bytes.data() + first, bytes.size() - first);
  written_ += bytes.size();
}

bool RingWriter::publish() {
  if (positions_->written.load(std::memory_order_relaxed) == written_) return false;
  positions_->written.store(written_);
  return true;
}

bool RingWriter::ask_for_room(std::size_t size) {
  positions_->writer_waits.store(1);
  return !has_room(size);
}

Bytes RingReader::take() {
  const std::uint64_t written = positions_->written.load();
  const std::uint64_t size = written - read_;
  if (size == 0) return {};
  if (size > bytes_.size()) {
    throw Error{"reading from a lane's ring: " + std::to_string(size) + " bytes are said to be in " +
                std::to_string(bytes_.size()) + "; the memory was overwritten"};
  }
  ByteBuffer taken{size};
  const std::size_t at = read_ % bytes_.size();
  const std::size_t first = std::min<std::size_t>(size, bytes_.size() - at);
  taken.append(bytes_.subspan(at, first));
  taken.append(bytes_.subspan(0, size - first));
  read_ = written;
  positions_->read.store(read_);
  return Bytes{std::move(taken)};
}

std::optional<RecordReader::Record> RecordReader::next() {
  const std::size_t left = records_.size() - position_;
  if (left == 0) return std::nullopt;
  RecordHead head;
  if (left >= sizeof(head)) {
    std::memcpy(static_cast<void*>(&head), records_.data() + position_, sizeof(head));
    position_ += sizeof(head);
    Record record{head.work, {head.header, {}}, {}};
    if ((head.header.flags & wire::flag_detached_payload) != 0) {
      record.frame.header.flags &= static_cast<std::uint16_t>(~wire::flag_detached_payload);
      if (sizeof(PassedPayload) <= records_.size() - position_) {
        std::memcpy(&record.passed.emplace(), records_.data() + position_, sizeof(PassedPayload));
        position_ += sizeof(PassedPayload);
        return record;
      }
    } else if (head.header.payload_size <= records_.size() - position_) {
      record.frame.payload = records_.slice(position_, head.header.payload_size);
      position_ += head.header.payload_size;
      return record;
    }
  }
  throw Error{"reading from a lane's ring: the record at offset " + std::to_string(records_.size() - left) + " of " +
              std::to_string(records_.size()) + " bytes is cut off; the memory was overwritten"};
}

}  // namespace crema::process

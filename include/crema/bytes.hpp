#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace crema {

class ByteBuffer;

namespace detail {

/// In front of the bytes that Bytes and ByteBuffer share.
struct alignas(16) ByteStorage {
  std::atomic<std::uint32_t> references{1};  ///< each takes more memory than one can have of so many
  bool elsewhere = false;                    ///< the bytes are not behind this: it is a StorageElsewhere
  std::size_t capacity = 0;

  std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  void add_reference() noexcept { references.fetch_add(1, std::memory_order_relaxed); }
  /// For at least so many bytes. Throws std::bad_alloc. One reference.
  static ByteStorage* make(std::size_t capacity);
  /// The same with the bytes that `storage`, of which there is one reference, holds; nullptr: there are none.
  static ByteStorage* enlarge(ByteStorage* storage, std::size_t capacity);
  static void drop(ByteStorage* storage) noexcept {
    if (storage == nullptr) return;
    // Nobody else can take a reference from the only one there is.
    if (storage->references.load(std::memory_order_acquire) == 1 ||
        storage->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
      end(storage);
  }
  /// Nobody refers to it any more: it serves others, or is freed.
  static void end(ByteStorage* storage) noexcept;
  static void free(ByteStorage* storage) noexcept;
};

/// Of bytes that lie somewhere else: in memory that processes share.
struct StorageElsewhere : ByteStorage {
  StorageElsewhere() { elsewhere = true; }
  virtual ~StorageElsewhere() = default;
  StorageElsewhere(const StorageElsewhere&) = delete;
  StorageElsewhere& operator=(const StorageElsewhere&) = delete;
  /// Makes room for so many bytes, which may move the place. False: it cannot.
  virtual bool grow(std::size_t wanted) noexcept = 0;

  std::byte* place = nullptr;
};

/// From now on buffers of at least `from` bytes get what `make` returns, or memory of the heap where it returns
/// nothing. `make` is called on any thread; nullptr: all get memory of the heap again.
using MakeStorage = StorageElsewhere* (*)(std::size_t capacity) noexcept;
void use_for_large_buffers(std::size_t from, MakeStorage make) noexcept;

}  // namespace detail

/// An immutable run of bytes that shares its storage: copies and slices cost a reference count.
/// Thread safety: different objects that share storage may be used from different threads.
class Bytes {
 public:
  Bytes() = default;
  /// Takes the buffer's storage without copying.
  explicit Bytes(ByteBuffer&& buffer) noexcept;
  Bytes(const Bytes& other) noexcept : storage_{other.storage_}, data_{other.data_}, size_{other.size_} {
    if (storage_ != nullptr) storage_->add_reference();
  }
  Bytes(Bytes&& other) noexcept
      : storage_{std::exchange(other.storage_, nullptr)},
        data_{std::exchange(other.data_, nullptr)},
        size_{std::exchange(other.size_, 0)} {}
  Bytes& operator=(Bytes other) noexcept {
    std::swap(storage_, other.storage_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Bytes() { detail::ByteStorage::drop(storage_); }

  static Bytes copy_of(std::span<const std::byte> data);

  /// A part of these bytes that keeps the whole storage alive, unless it is empty. Requires
  /// offset + size <= this->size().
  [[nodiscard]] Bytes slice(std::size_t offset, std::size_t size) const noexcept {
    if (size == 0) return {};
    Bytes part = *this;
    part.data_ += offset;
    part.size_ = size;
    return part;
  }
  /// The same bytes in storage of at most twice their size: what outlives a packet must not keep the packet.
  [[nodiscard]] Bytes compact() const;
  /// Whether others keep the storage alive as well, at this moment.
  [[nodiscard]] bool shared() const noexcept;

  [[nodiscard]] const std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::span<const std::byte> span() const noexcept { return {data_, size_}; }

  /// Bytes in this storage, of which one reference is taken over.
  static Bytes in(detail::StorageElsewhere* storage, std::size_t offset, std::size_t size) noexcept {
    return {storage, storage->place + offset, size};
  }
  /// Nothing: they are in memory of this process alone.
  [[nodiscard]] detail::StorageElsewhere* elsewhere() const noexcept {
    return storage_ != nullptr && storage_->elsewhere != 0 ? static_cast<detail::StorageElsewhere*>(storage_) : nullptr;
  }

 private:
  friend class ByteBuffer;
  friend class BytesSlab;
  /// Takes over one reference.
  Bytes(detail::ByteStorage* storage, const std::byte* data, std::size_t size) noexcept
      : storage_{storage}, data_{data}, size_{size} {}

  detail::ByteStorage* storage_ = nullptr;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// A growing buffer that does not clear what it grows by. Integers are written in the machine's byte order: all ranks
/// of a run share one architecture.
class ByteBuffer {
 public:
  ByteBuffer() = default;
  explicit ByteBuffer(std::size_t capacity) { reserve(capacity); }
  /// An empty buffer in the storage of these bytes, if nobody else keeps it alive and it lies in this process; else one
  /// without storage.
  static ByteBuffer reuse(Bytes&& bytes) noexcept {
    ByteBuffer buffer;
    if (bytes.storage_ == nullptr || bytes.storage_->elsewhere != 0 || bytes.shared()) return buffer;
    buffer.storage_ = std::exchange(bytes.storage_, nullptr);
    buffer.data_ = buffer.storage_->bytes();
    buffer.capacity_ = buffer.storage_->capacity;
    bytes = {};
    return buffer;
  }
  ByteBuffer(ByteBuffer&& other) noexcept
      : storage_{std::exchange(other.storage_, nullptr)},
        data_{std::exchange(other.data_, nullptr)},
        size_{std::exchange(other.size_, 0)},
        capacity_{std::exchange(other.capacity_, 0)} {}
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    std::swap(storage_, other.storage_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ByteBuffer(const ByteBuffer&) = delete;
  ByteBuffer& operator=(const ByteBuffer&) = delete;
  ~ByteBuffer() { detail::ByteStorage::drop(storage_); }

  void reserve(std::size_t capacity);
  /// Appends `size` bytes of unspecified value and returns where they start; the pointer holds until the next growth.
  std::byte* extend(std::size_t size) {
    if (size_ + size > capacity_) grow(size_ + size);
    std::byte* place = data_ + size_;
    size_ += size;
    return place;
  }
  void append(std::span<const std::byte> bytes) {
    if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
  }
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void put(const T& value) { std::memcpy(extend(sizeof(T)), &value, sizeof(T)); }
  /// A length (64 bits) and the bytes themselves.
  void put_sized(std::span<const std::byte> bytes) {
    put<std::uint64_t>(bytes.size());
    append(bytes);
  }
  void put_text(std::string_view text) { put_sized(std::as_bytes(std::span{text.data(), text.size()})); }
  void clear() noexcept { size_ = 0; }

  [[nodiscard]] std::byte* data() noexcept { return data_; }
  [[nodiscard]] const std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<const std::byte> span() const noexcept { return {data_, size_}; }

 private:
  friend class Bytes;
  void grow(std::size_t needed);
  bool reserve_elsewhere(std::size_t capacity);

  detail::ByteStorage* storage_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

inline Bytes::Bytes(ByteBuffer&& buffer) noexcept
    : storage_{std::exchange(buffer.storage_, nullptr)},
      data_{std::exchange(buffer.data_, nullptr)},
      size_{std::exchange(buffer.size_, 0)} {
  buffer.capacity_ = 0;
}

/// Reads what ByteBuffer wrote. Every read is checked: damaged input throws crema::Error and never reads past the end.
/// The input may come in several parts, so that values which arrived apart are read as one without joining them.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_{std::move(bytes)} {}
  /// Adds a part behind what is there. A part ends where a value ends; only copy_to reads over the end of one.
  void append(Bytes part);

  template <class T>
  requires std::is_trivially_copyable_v<T> T get() {
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }
  /// The next `size` bytes; the pointer holds as long as the reader.
  const std::byte* take(std::size_t size) {
    if (size > bytes_.size() - position_) next_part(size);
    const std::byte* place = bytes_.data() + position_;
    position_ += size;
    return place;
  }
  /// The same, or nullptr and nothing taken where they are not all in one part.
  const std::byte* take_if_whole(std::size_t size) {
    enter_part();
    return size <= bytes_.size() - position_ ? take(size) : nullptr;
  }
  /// The next `size` bytes, none of them taken, or nullptr where there are fewer in this part.
  [[nodiscard]] const std::byte* peek(std::size_t size) const noexcept {
    return size <= bytes_.size() - position_ ? bytes_.data() + position_ : nullptr;
  }
  /// Copies the next `size` bytes to `place`.
  void copy_to(void* place, std::size_t size);
  /// A slice that shares storage with the input.
  Bytes get_bytes(std::size_t size);
  Bytes get_sized() { return get_bytes(get<std::uint64_t>()); }
  /// The view holds as long as the reader's storage.
  std::string_view get_text();

  [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size() - position_ + size_behind_; }

 private:
  /// At the end of a part: goes on to the next that is not empty.
  void enter_part();
  /// The same; throws where that part holds less than `wanted` bytes.
  void next_part(std::size_t wanted);
  [[noreturn]] void truncated(std::size_t wanted) const;

  Bytes bytes_;
  std::size_t position_ = 0;
  std::vector<Bytes> parts_;
  std::size_t next_part_ = 0;    // of parts_
  std::size_t size_behind_ = 0;  // of the parts from there
};

}  // namespace crema

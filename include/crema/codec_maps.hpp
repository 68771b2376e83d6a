#pragma once

// Codecs of the standard library's maps and sets.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "crema/codec_containers.hpp"

namespace crema::detail {

/// Maps and sets. Elements of a map are pairs without the const of their key.
template <class Container, class Element>
struct AssociativeCodec {
  static constexpr bool serializable = is_serializable<Element>;
  static void write(OutArchive& archive, const Container& value) {
    write_count(archive, value.size());
    for (const auto& element : value) archive << element;
  }
  static void read(InArchive& archive, Container& value) {
    const std::size_t count = read_count(archive);
    value.clear();
    if constexpr (checked_default_constructible<Element>()) {
      for (std::size_t i = 0; i < count; ++i) {
        Element element{};
        archive >> element;
        value.insert(value.end(), std::move(element));
      }
    }
    if (value.size() != count) throw_bad_value("a map or set with as many distinct elements", value.size());
  }
};

/// The elements stand in the order of their bytes, so that equal containers give equal bytes whatever their history.
template <class Container, class Element>
struct HashedCodec : AssociativeCodec<Container, Element> {
  static void write(OutArchive& archive, const Container& value) {
    write_count(archive, value.size());
    ByteBuffer& out = archive.buffer();
    const std::size_t start = out.size();
    std::vector<std::size_t> ends;
    ends.reserve(value.size());
    for (const auto& element : value) {
      archive << element;
      ends.push_back(out.size() - start);
    }
    if (ends.size() < 2) return;

    const Bytes unordered = Bytes::copy_of(out.span().subspan(start));
    std::vector<std::string_view> elements;
    elements.reserve(ends.size());
    std::size_t begin = 0;
    for (const std::size_t end : ends) {
      elements.emplace_back(reinterpret_cast<const char*>(unordered.data()) + begin, end - begin);
      begin = end;
    }
    std::sort(elements.begin(), elements.end());
    std::byte* place = out.data() + start;
    for (const std::string_view element : elements) {
      std::memcpy(place, element.data(), element.size());
      place += element.size();
    }
  }
};

template <class K, class V, class Compare, class Allocator>
struct Codec<std::map<K, V, Compare, Allocator>>
    : AssociativeCodec<std::map<K, V, Compare, Allocator>, std::pair<K, V>> {};
template <class K, class V, class Compare, class Allocator>
struct Codec<std::multimap<K, V, Compare, Allocator>>
    : AssociativeCodec<std::multimap<K, V, Compare, Allocator>, std::pair<K, V>> {};
template <class K, class Compare, class Allocator>
struct Codec<std::set<K, Compare, Allocator>> : AssociativeCodec<std::set<K, Compare, Allocator>, K> {};
template <class K, class Compare, class Allocator>
struct Codec<std::multiset<K, Compare, Allocator>> : AssociativeCodec<std::multiset<K, Compare, Allocator>, K> {};

template <class K, class V, class Hash, class Equal, class Allocator>
struct Codec<std::unordered_map<K, V, Hash, Equal, Allocator>>
    : HashedCodec<std::unordered_map<K, V, Hash, Equal, Allocator>, std::pair<K, V>> {};
template <class K, class V, class Hash, class Equal, class Allocator>
struct Codec<std::unordered_multimap<K, V, Hash, Equal, Allocator>>
    : HashedCodec<std::unordered_multimap<K, V, Hash, Equal, Allocator>, std::pair<K, V>> {};
template <class K, class Hash, class Equal, class Allocator>
struct Codec<std::unordered_set<K, Hash, Equal, Allocator>>
    : HashedCodec<std::unordered_set<K, Hash, Equal, Allocator>, K> {};
template <class K, class Hash, class Equal, class Allocator>
struct Codec<std::unordered_multiset<K, Hash, Equal, Allocator>>
    : HashedCodec<std::unordered_multiset<K, Hash, Equal, Allocator>, K> {};

}  // namespace crema::detail

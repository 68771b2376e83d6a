#include "io/parquet_members.hpp"

#include <arrow/api.h>
#include <parquet/arrow/schema.h>

#include <algorithm>
#include <utility>

#include "crema/parquet_column.hpp"

namespace crema::io {
namespace {

using ::arrow::Type;
using ::parquet::arrow::SchemaField;
using ArrayResult = ::arrow::Result<std::shared_ptr<::arrow::Array>>;

constexpr std::string_view brackets = parquet::in_lists;

/// `rest` follows the name of a field: members of what its lists hold.
const SchemaField* find_in_lists(const SchemaField& field, std::string_view rest, MemberPath& path) {
  const SchemaField* element = &field;
  while (rest.starts_with(brackets)) {
    const Type::type type = element->field->type()->id();
    if (type == Type::NA) return element;
    if (!::arrow::is_list(type) || element->children.size() != 1) return nullptr;
    element = &element->children.front();
    path.emplace_back();
    rest.remove_prefix(brackets.size());
  }
  if (element->field->type()->id() == Type::NA) return element;
  if (element->field->type()->id() != Type::STRUCT || !rest.starts_with('.')) return nullptr;
  return find_member(element->children, rest.substr(1), path);
}

std::shared_ptr<::arrow::DataType> list_like(const ::arrow::DataType& list,
                                             const std::shared_ptr<::arrow::DataType>& elements) {
  switch (list.id()) {
    case Type::LARGE_LIST:
      return ::arrow::large_list(elements);
    case Type::FIXED_SIZE_LIST:
      return ::arrow::fixed_size_list(elements, static_cast<const ::arrow::FixedSizeListType&>(list).list_size());
    default:
      return ::arrow::list(elements);
  }
}

ArrayResult member_at(std::shared_ptr<::arrow::Array> array, const MemberPath& path, std::size_t level) {
  // The first name of all is that of the array itself.
  for (std::size_t i = level == 0 ? 1 : 0; i < path[level].size(); ++i) {
    const auto& all = static_cast<const ::arrow::StructArray&>(*array);
    ARROW_ASSIGN_OR_RAISE(array, all.GetFlattenedField(all.struct_type()->GetFieldIndex(path[level][i])));
  }
  if (level + 1 == path.size()) return array;
  const std::shared_ptr<::arrow::ArrayData> lists = array->data()->Copy();
  ARROW_ASSIGN_OR_RAISE(const auto elements, member_at(::arrow::MakeArray(lists->child_data[0]), path, level + 1));
  lists->child_data[0] = elements->data();
  lists->type = list_like(*lists->type, elements->type());
  return ::arrow::MakeArray(lists);
}

}  // namespace

const SchemaField* find_member(const std::vector<SchemaField>& fields, std::string_view name, MemberPath& path) {
  // No field has them in its own name.
  const bool has_brackets = name.find(brackets) != std::string_view::npos;
  for (const SchemaField& field : fields) {
    if (has_brackets || field.field->name() != name) continue;
    path.back().emplace_back(name);
    return &field;
  }
  for (const SchemaField& field : fields) {
    const std::string& outer = field.field->name();
    if (!name.starts_with(outer)) continue;
    const std::string_view rest = name.substr(outer.size());
    const MemberPath before = path;
    path.back().push_back(outer);
    const SchemaField* found = nullptr;
    if (rest.starts_with(brackets)) {
      found = find_in_lists(field, rest, path);
    } else if (rest.starts_with('.') && field.field->type()->id() == Type::STRUCT) {
      found = find_member(field.children, rest.substr(1), path);
    }
    if (found != nullptr) return found;
    path = before;
  }
  return nullptr;
}

ArrayResult member_of(std::shared_ptr<::arrow::Array> array, const MemberPath& path) {
  return member_at(std::move(array), path, 0);
}

std::size_t lists_of_both(std::string_view name, std::string_view other) {
  const auto differs = std::ranges::mismatch(name, other).in1;
  std::string_view both = name.substr(0, static_cast<std::size_t>(differs - name.begin()));
  const std::size_t last = both.rfind("[].");
  std::size_t lists = 0;
  if (last == std::string_view::npos) return lists;
  both = both.substr(0, last + brackets.size());
  for (std::size_t at = both.find(brackets); at != std::string_view::npos; at = both.find(brackets, at + 1)) ++lists;
  return lists;
}

}  // namespace crema::io

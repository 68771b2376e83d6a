#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

// Declared here, so that headers do without Arrow's.
namespace arrow {
class Array;
template <typename T>
class Result;
}  // namespace arrow
namespace parquet::arrow {
struct SchemaField;
}

namespace crema::io {

/// The way to a column's values in a file, in as many levels as lists are passed and one more. Each has the names of
/// the structs to enter from there on, of which the last one is that of the lists, or in the last level of the column;
/// none, where the elements of lists are lists themselves.
using MemberPath = std::vector<std::vector<std::string>>;

/// The field of this name, as parquet::Column has it: in a struct where its first part names one, in the structs of a
/// list where brackets follow it. Of lists that hold nothing but null these are what is found. Adds the way there to
/// `path`, which has one level at least. nullptr: there is none.
const ::parquet::arrow::SchemaField* find_member(const std::vector<::parquet::arrow::SchemaField>& fields,
                                                 std::string_view name, MemberPath& path);
/// The values of a member, in lists as it has them, of an array of the field that the path begins with.
::arrow::Result<std::shared_ptr<::arrow::Array>> member_of(std::shared_ptr<::arrow::Array> array,
                                                           const MemberPath& path);

/// In how many lists of records two columns, by their names, both are: "legs[].km" and "legs[].stops[].name" in one.
std::size_t lists_of_both(std::string_view name, std::string_view other);

}  // namespace crema::io

#pragma once

#include <map>
#include <string>
#include <vector>

namespace crema {

/// What post-processing is told about a stored value. Empty texts are left out of the file.
struct ValueOptions {
  std::string units = {};  ///< the attribute `units`: "USD", "m s-1"; times bring their own
  std::string description = {};
};

struct TableOptions {
  std::map<std::string, std::string> units = {};  ///< by column: {{"price", "USD"}}; times bring their own
  std::string description = {};
};

struct ArrayOptions {
  std::vector<std::string> dimensions = {};  ///< one name for each dimension; default dim_0, dim_1, …
  std::string units = {};
  std::map<std::string, std::vector<double>> coordinates = {};  ///< by dimension: one number for each index
  std::string description = {};
};

}  // namespace crema

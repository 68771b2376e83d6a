#pragma once

#include <cstdio>
#include <memory>
#include <string>

namespace crema::testing {

/// What python3 prints for a program that has no single quotes.
inline std::string python(const std::string& program) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe{::popen((CREMA_TEST_PYTHON " -c '" + program + "'").c_str(), "r"),
                                                   ::pclose};
  std::string output;
  char part[4096];
  while (pipe && std::fgets(part, sizeof part, pipe.get()) != nullptr) output += part;
  return output;
}

}  // namespace crema::testing

#pragma once

namespace crema {

inline constexpr const char* version = CREMA_VERSION;

}  // namespace crema

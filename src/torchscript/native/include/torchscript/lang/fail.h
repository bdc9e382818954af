// Exceptions of the language's own operators, out of the way of what they guard.
#pragma once

#include <torchscript/errors.h>

#include <string>

namespace ts::lang {

[[noreturn, gnu::cold, gnu::noinline]] inline void fail(const char* kind, const char* message) {
  raise(kind, message);
}
[[noreturn, gnu::cold, gnu::noinline]] inline void fail(const char* kind, const std::string& message) {
  raise(kind, message);
}

}  // namespace ts::lang

// Exceptions of compiled code. They reach Python as the exception that the user's code raised, with the user's lines.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace ts {

// An exception of the language: the name of its Python class, and its message. Every compiled function that it passes
// adds the line that was running (`at`), so that what arrives has a traceback of the user's lines.
class Error : public std::exception {
 public:
  Error(std::string kind, std::string message, bool is_literal = false)
      : kind_(std::move(kind)), message_(std::move(message)), is_literal_(is_literal) {
    compose();
  }

  const char* what() const noexcept override { return text_.c_str(); }
  const std::string& kind() const { return kind_; }
  const std::string& message() const { return message_; }
  const std::string& trace() const { return trace_; }
  // Whether the message is the repr of the exception's argument, as in KeyError(3).
  bool is_literal() const { return is_literal_; }

  // One more caller: file, line, function.
  void at(const char* file, int line, const char* function) {
    trace_ = "  File \"" + std::string(file) + "\", line " + std::to_string(line) + ", in " + function + "\n" + trace_;
    compose();
  }

 private:
  void compose() { text_ = (trace_.empty() ? "" : "Traceback of compiled code:\n" + trace_) + kind_ + ": " + message_; }
  std::string kind_, message_, trace_, text_;
  bool is_literal_;
};

[[noreturn]] void raise(const char* kind, std::string message);

// A line of the user's source that a statement comes from. `caller` is the place of the call that the statement was inlined
// for, in the same table; -1 if it was not.
struct Place {
  const char* file;
  int line;
  const char* function;
  int caller;
};

// Adds a place and its callers to the exception that is being handled, and throws it on. Errors of PyTorch become ts::Error.
[[noreturn]] void rethrow_at(const Place* places, int at);

}  // namespace ts

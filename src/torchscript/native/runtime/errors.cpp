#include "torchscript/errors.h"

#include <c10/util/Exception.h>

#include <cstdlib>
#include <string_view>
#include <typeinfo>

namespace ts {

namespace {

const char* kind_of(const c10::Error& error) {
  if (dynamic_cast<const c10::IndexError*>(&error)) return "IndexError";
  if (dynamic_cast<const c10::ValueError*>(&error)) return "ValueError";
  if (dynamic_cast<const c10::TypeError*>(&error)) return "TypeError";
  if (dynamic_cast<const c10::NotImplementedError*>(&error)) return "NotImplementedError";
  if (dynamic_cast<const c10::SyntaxError*>(&error)) return "SyntaxError";
  if (dynamic_cast<const c10::BufferError*>(&error)) return "BufferError";
  if (dynamic_cast<const c10::LinAlgError*>(&error)) return "torch.linalg.LinAlgError";
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error)) return "torch.OutOfMemoryError";
  return "RuntimeError";
}

// An exception that Python code raised below us (an operator that is implemented in Python): it goes on as it is.
// Its class is not ours to include: hosts without Python do without it.
bool is_pythons(const std::exception& error) {
  const std::string_view name = typeid(error).name();
  return name == "12python_error" || name == "N8pybind1117error_already_setE";
}

}  // namespace

void raise(const char* kind, std::string message) { throw Error(kind, std::move(message)); }

void rethrow_at(const Place* places, int at) {
  const auto placed = [&](Error& error) {
    for (int place = at; place >= 0; place = places[place].caller)
      error.at(places[place].file, places[place].line, places[place].function);
  };
  const auto thrown = [&](const char* kind, const std::string& message) {
    Error made(kind, message);
    placed(made);
    throw made;
  };
  try {
    throw;
  } catch (Error& error) {
    placed(error);
    throw;
  } catch (const c10::Error& error) {
    thrown(kind_of(error), error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    thrown("MemoryError", "");
  } catch (const std::exception& error) {
    if (is_pythons(error)) throw;
    thrown("RuntimeError", error.what());
  }
  std::abort();
}

}  // namespace ts

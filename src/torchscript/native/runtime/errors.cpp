#include "torchscript/errors.h"

#include <c10/util/Exception.h>

#include <cstdlib>

namespace ts {

namespace {

const char* kind_of(const c10::Error& error) {
  if (dynamic_cast<const c10::IndexError*>(&error)) return "IndexError";
  if (dynamic_cast<const c10::ValueError*>(&error)) return "ValueError";
  if (dynamic_cast<const c10::TypeError*>(&error)) return "TypeError";
  if (dynamic_cast<const c10::NotImplementedError*>(&error)) return "NotImplementedError";
  if (dynamic_cast<const c10::LinAlgError*>(&error)) return "torch.linalg.LinAlgError";
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error)) return "torch.OutOfMemoryError";
  return "RuntimeError";
}

}  // namespace

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
    thrown("RuntimeError", error.what());
  }
  std::abort();
}

}  // namespace ts

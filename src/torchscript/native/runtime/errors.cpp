#include "torchscript/errors.h"

#include <c10/util/Exception.h>

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

void rethrow_at(const char* file, int line, const char* function) {
  try {
    throw;
  } catch (Error& error) {
    error.at(file, line, function);
    throw;
  } catch (const c10::Error& error) {
    Error made(kind_of(error), error.what_without_backtrace());
    made.at(file, line, function);
    throw made;
  } catch (const std::bad_alloc&) {
    Error made("MemoryError", "");
    made.at(file, line, function);
    throw made;
  } catch (const std::exception& error) {
    Error made("RuntimeError", error.what());
    made.at(file, line, function);
    throw made;
  }
}

}  // namespace ts

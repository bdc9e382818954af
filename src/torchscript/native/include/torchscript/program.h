// What a generated library contains, for whoever loads it.
#pragma once

#include <ATen/core/ivalue.h>
#include <ATen/core/stack.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "abi.h"
#include "autocast.h"
#include "boxing.h"
#include "call.h"
#include "convert.h"
#include "errors.h"
#include "fast.h"
#include "future.h"
#include "images.h"
#include "lang/lang.h"
#include "planning.h"
#include "recording.h"
#include "support.h"
#include "values.h"

namespace ts {

// Makes a field reachable from outside.
template <class T>
void add_slot(Instance& instance, const char* path, T& field) {
  instance.add({path, &field, [](void* f) { return to_ivalue<T>(*static_cast<T*>(f)); },
                [](void* f, const c10::IValue& v) { *static_cast<T*>(f) = from_ivalue<T>(v); }});
}

inline void set_hooks(const Hooks& hooks) {
  write_stdout_hook = hooks.write;
  format_tensor_hook = hooks.format;
  lang::warn_hook = hooks.warn;
}

template <class C>
Ref<C> root_of(void* instance) {
  return Ref<C>::of(static_cast<Instance*>(instance)->root());
}

}  // namespace ts

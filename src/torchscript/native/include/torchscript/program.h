// What a generated library contains, for whoever loads it.
#pragma once

#include <ATen/core/ivalue.h>

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
extern template void add_slot(Instance&, const char*, Tensor&);
extern template void add_slot(Instance&, const char*, std::optional<Tensor>&);
extern template void add_slot(Instance&, const char*, int64_t&);
extern template void add_slot(Instance&, const char*, double&);
extern template void add_slot(Instance&, const char*, bool&);
extern template void add_slot(Instance&, const char*, Str&);
extern template void add_slot(Instance&, const char*, List<int64_t>&);

// What a method leaves on the stack in place of its arguments, which lie there from `base` on.
void drop_arguments(Stack& stack, size_t base);
void push(Stack& stack, c10::IValue result);

void set_hooks(const Hooks& hooks);

template <class C>
Ref<C> root_of(void* instance) {
  return Ref<C>::of(static_cast<Instance*>(instance)->root());
}

}  // namespace ts

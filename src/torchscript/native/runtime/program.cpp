// What entries of all programs do.
#include "torchscript/program.h"

#include <ATen/core/dispatch/Dispatcher.h>

namespace ts {

Operator::Operator(const char* name, const char* overload)
    : handle_(std::make_shared<c10::OperatorHandle>(c10::Dispatcher::singleton().findSchemaOrThrow(name, overload))) {}

void Operator::call(Stack& stack) const { handle_->callBoxed(stack); }

template void add_slot(Instance&, const char*, Tensor&);
template void add_slot(Instance&, const char*, std::optional<Tensor>&);
template void add_slot(Instance&, const char*, int64_t&);
template void add_slot(Instance&, const char*, double&);
template void add_slot(Instance&, const char*, bool&);
template void add_slot(Instance&, const char*, Str&);
template void add_slot(Instance&, const char*, List<int64_t>&);

void drop_arguments(Stack& stack, size_t base) { stack.resize(base); }

void push(Stack& stack, c10::IValue result) { stack.push_back(std::move(result)); }

void set_hooks(const Hooks& hooks) {
  write_stdout_hook = hooks.write;
  format_tensor_hook = hooks.format;
  lang::warn_hook = hooks.warn;
}

}  // namespace ts

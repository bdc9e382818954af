// What a generated library shows to whoever loads it: methods, and the objects of a module with their attributes.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <c10/util/intrusive_ptr.h>

#include <string>
#include <utility>
#include <vector>

namespace ts {

using Stack = std::vector<c10::IValue>;

// Raised whenever generated code and its loaders change together.
constexpr int ABI = 4;

// An attribute of one object, by its path under the root.
struct Slot {
  std::string path;
  void* field;
  c10::IValue (*get)(void*);
  void (*set)(void*, const c10::IValue&);
};

// The objects of one module.
class Instance {
 public:
  void add(Slot slot) { slots_.push_back(std::move(slot)); }
  void set_root(c10::intrusive_ptr<c10::intrusive_ptr_target> root) { root_ = std::move(root); }
  const c10::intrusive_ptr<c10::intrusive_ptr_target>& root() const { return root_; }
  const std::vector<Slot>& slots() const { return slots_; }

 private:
  std::vector<Slot> slots_;
  c10::intrusive_ptr<c10::intrusive_ptr_target> root_;
};

// `call` takes its arguments from the end of the stack and leaves its result there. A list or dict that the method may
// change is an argument whose name in the schema ends in `_written`; the result is then a tuple, of the result, of the
// exception of the language that there was instead (kind, message, whether that is a literal, trace; or None), and of what
// each of these has become.
struct Method {
  const char* name;
  const char* schema;
  size_t arguments;
  void (*call)(void* instance, Stack& stack);
};

// What the process around a library does for it; null where it does nothing.
struct Hooks {
  void (*write)(const std::string& text);                 // standard output of print
  std::string (*format)(const at::Tensor& tensor);        // a tensor as text
  void (*warn)(const std::string& message);               // warnings.warn
};

struct Program {
  int abi;
  const char* torch;
  const Method* methods;
  size_t count;
  Instance* (*create)();
  std::vector<at::Tensor>* tensors;
  void (*prepare)();  // what can be done for the tensors once, before the first call
  void (*set_hooks)(const Hooks& hooks);
};

}  // namespace ts

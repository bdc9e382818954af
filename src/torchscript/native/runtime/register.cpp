// Registers the methods of a generated library with PyTorch's dispatcher, so that Python reaches them as
// torch.ops.<namespace>.<method>. Built once, into a library of its own: hosts without Python do not need it.
#include <link.h>
#include <sys/mman.h>
#include <torch/library.h>
#include <unistd.h>

#include <algorithm>
#include <list>
#include <stdexcept>

#include "torchscript/program.h"

namespace {

constexpr char SEPARATOR = '\x1f';

// An exception of the language crosses into Python as text that native/library.py takes apart. It ends at the first zero:
// those of the message are spelled.
[[noreturn]] void throw_to_python(const ts::Error& error) {
  std::string message;
  for (char c : error.message())
    if (c == '\0' || c == '\x1e')
      message += c == '\0' ? "\x1e" "0" : "\x1e" "e";
    else
      message += c;
  throw std::runtime_error(std::string("\x1etorchscript") + SEPARATOR + error.kind() + (error.is_literal() ? "=" : "") +
                           SEPARATOR + error.trace() + SEPARATOR + message);
}

// Operators that library.py implements in Python: the dispatcher takes Python's lock for them.
void write_in_python(const std::string& text) {
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("torchscript_python::write", "");
  c10::Stack stack{c10::IValue(text)};
  op.callBoxed(stack);
}

std::string format_in_python(const at::Tensor& tensor) {
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("torchscript_python::format", "");
  c10::Stack stack{c10::IValue(tensor)};
  op.callBoxed(stack);
  return stack.at(0).toStringRef();
}

void warn_in_python(const std::string& message) {
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("torchscript_python::warn", "");
  c10::Stack stack{c10::IValue(message)};
  op.callBoxed(stack);
}

struct Kernel : c10::OperatorKernel {
  explicit Kernel(const ts::Method& method) : method_(method) {}

  void operator()(const c10::OperatorHandle& op, c10::DispatchKeySet, c10::Stack* stack) {
    const auto& schema = op.schema();
    const auto& arguments = schema.arguments();
    const bool is_method = !arguments.empty() && arguments[0].name() == "self_";
    const size_t base = stack->size() - arguments.size();
    void* instance = is_method ? reinterpret_cast<void*>((*stack)[base].toInt()) : nullptr;
    try {
      method_.call(instance, *stack);
    } catch (const ts::Error& error) {
      throw_to_python(error);
    }
    if (is_method) stack->erase(stack->begin() + static_cast<int64_t>(base));
  }

 private:
  const ts::Method& method_;
};

template <class F>
struct Function : c10::OperatorKernel {
  explicit Function(F f) : f_(std::move(f)) {}
  void operator()(const c10::OperatorHandle&, c10::DispatchKeySet, c10::Stack* stack) { f_(*stack); }
  F f_;
};

template <class F>
torch::CppFunction boxed(F f) {
  return torch::CppFunction::makeFromBoxedFunctor(std::make_unique<Function<F>>(std::move(f)));
}

c10::IValue pop(c10::Stack& stack) {
  auto value = std::move(stack.back());
  stack.pop_back();
  return value;
}

// Maps the pages of the library that has this address, so that the first call does not fault its way through them.
void map_pages_around(const void* address) {
#if defined(MADV_POPULATE_READ)
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* place) {
        const auto at = reinterpret_cast<uintptr_t>(place), page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
        const auto begin = [&](const ElfW(Phdr)& part) { return info->dlpi_addr + part.p_vaddr; };
        const ElfW(Phdr)* parts = info->dlpi_phdr;
        const ElfW(Phdr)* end = parts + info->dlpi_phnum;
        const bool is_it = std::any_of(parts, end, [&](const ElfW(Phdr)& part) {
          return part.p_type == PT_LOAD && at >= begin(part) && at - begin(part) < part.p_memsz;
        });
        if (!is_it) return 0;
        for (; parts != end; ++parts) {
          if (parts->p_type != PT_LOAD || (parts->p_flags & PF_W) != 0) continue;
          const uintptr_t first = begin(*parts) / page * page;
          // a kernel that cannot refuses, which does no harm
          madvise(reinterpret_cast<void*>(first), begin(*parts) + parts->p_memsz - first, MADV_POPULATE_READ);
        }
        return 1;
      },
      const_cast<void*>(address));
#endif
}

ts::Instance* pop_instance(c10::Stack& stack) { return reinterpret_cast<ts::Instance*>(pop(stack).toInt()); }

}  // namespace

// Null on success; otherwise what went wrong (the caller does not free it).
extern "C" __attribute__((visibility("default"))) const char* torchscript_register(const ts::Program* program,
                                                                                     const char* space) {
  static std::list<torch::Library> libraries;
  static std::string problem;
  try {
    map_pages_around(program);
    program->set_hooks({&write_in_python, &format_in_python, &warn_in_python});
    libraries.emplace_back(torch::Library::FRAGMENT, space, std::nullopt, "torchscript", 0);
    auto& library = libraries.back();
    for (size_t i = 0; i < program->count; ++i)
      library.def((std::string("m_") + program->methods[i].schema).c_str(),
                  torch::CppFunction::makeFromBoxedFunctor(std::make_unique<Kernel>(program->methods[i])));
    library.def("new_() -> int", boxed([program](c10::Stack& stack) {
                  stack.emplace_back(reinterpret_cast<int64_t>(program->create()));
                }));
    library.def("free_(int self) -> ()", boxed([](c10::Stack& stack) { delete pop_instance(stack); }));
    library.def("set_(int self, int slot, Any value) -> ()", boxed([](c10::Stack& stack) {
                  auto value = pop(stack);
                  auto place = pop(stack).toInt();
                  auto& slot = pop_instance(stack)->slots().at(place);
                  slot.set(slot.field, value);
                }));
    library.def("get_(int self, int[] slots) -> Any", boxed([](c10::Stack& stack) {
                  const auto places = pop(stack).toIntVector();
                  const auto& slots = pop_instance(stack)->slots();
                  std::vector<c10::IValue> values;
                  values.reserve(places.size());
                  for (const int64_t place : places) values.push_back(slots.at(place).get(slots.at(place).field));
                  stack.emplace_back(c10::ivalue::Tuple::create(std::move(values)));
                }));
    library.def("tensors_(Tensor[] tensors) -> ()", boxed([program](c10::Stack& stack) {
                  *program->tensors = pop(stack).toTensorVector();
                  program->prepare();
                }));
    return nullptr;
  } catch (const std::exception& error) {
    problem = error.what();
    return problem.c_str();
  }
}

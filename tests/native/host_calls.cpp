// Calls a package in ways that a host would by mistake, and prints what it catches: test_host.py.
#include <ATen/ops/ones.h>
#include <torchscript/module.h>

#include <iostream>

template <class F>
void attempt(const char* what, F f) {
  try {
    f();
    std::cout << what << ": done\n";
  } catch (const torchscript::Exception& error) {
    const std::string text = error.what();
    std::cout << what << ": [" << error.kind() << "] " << text.substr(text.rfind('\n') + 1) << "\n";
  }
}

int main(int, char** argv) {
  attempt("load", [&] { torchscript::Module module(argv[1]); });
  if (argv[2] == nullptr) return 0;
  const torchscript::Module found(argv[1]);
  auto module = torchscript::Module(argv[1]);
  attempt("a number for a tensor", [&] { module.forward({3}); });
  attempt("another shape", [&] { module.forward({at::ones({2, 7})}); });
  attempt("a fraction for an int", [&] { module.run("fill", {c10::List<int64_t>({1}), 2.5, c10::IValue()}); });
  attempt("text for a list", [&] { module.run("fill", {"abc", int64_t(2), c10::IValue()}); });
  attempt("a negative count", [&] { module.run("fill", {c10::List<int64_t>({1}), int64_t(-1), c10::IValue()}); });
  attempt("an attribute of another type", [&] { module.set_attribute("steps", "abc"); });
  c10::List<int64_t> list({1});
  c10::Dict<std::string, int64_t> seen;
  seen.insert("old", 1);
  attempt("fill", [&] {
    const int64_t length = module.run("fill", {list, int64_t(2), seen}).toInt();
    std::cout << "length " << length << ", list " << list.size() << ", seen " << seen.size() << "\n";
  });
  attempt("too many", [&] { module.run("fill", {list, int64_t(91), seen}); });
  std::cout << "list " << list.size() << ", seen " << seen.size() << "\n";
}

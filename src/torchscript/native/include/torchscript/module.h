// Run a compiled module in a process without Python:
//
//     #include <torchscript/module.h>
//
//     torchscript::Module module("net");                    // the directory that `torchscript compile` wrote
//     at::Tensor y = module.forward({at::ones({1, 3})}).toTensor();
//
// Link with libtorch_cpu and libc10 (find_package(torchscript) does). The weights are mapped from the archive: they take
// memory as they are touched, once for all processes that map the file. Methods may be called from many threads at once, as
// long as they assign no attributes of the module.
#pragma once

#include <ATen/ops/from_blob.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>

#include "abi.h"
#include "errors.h"

namespace torchscript {

// What went wrong while loading, or an exception of the module's own code (with its kind and the user's lines).
using Exception = std::runtime_error;

namespace detail {

// A file in memory, read as it is touched.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw Exception(path + ": cannot be opened: " + std::strerror(errno));
    struct stat found {};
    ::fstat(file, &found);
    size_ = static_cast<size_t>(found.st_size);
    // private: a module that writes its buffers changes its own copy of the page
    void* mapped = size_ == 0 ? MAP_FAILED : ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    ::close(file);
    if (mapped == MAP_FAILED) throw Exception(path + ": cannot be mapped into memory");
    data_ = static_cast<char*>(mapped);
  }
  MappedFile(const MappedFile&) = delete;
  ~MappedFile() { ::munmap(data_, size_); }
  char* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
};

// A tensor of the module: where its elements are in the archive.
struct TensorPlace {
  std::string target;  // "slot 3" or "constant 0"
  int dtype;
  uint64_t offset, bytes;
  std::vector<int64_t> sizes, strides;
  bool requires_grad;
};

inline std::vector<TensorPlace> read_places(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line) || line != "torchscript tensors 1") throw Exception(path + ": is no list of tensors");
  std::vector<TensorPlace> places;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    TensorPlace place;
    std::string kind, index;
    size_t dimensions = 0;
    words >> kind >> index >> place.dtype >> place.offset >> place.bytes >> place.requires_grad >> dimensions;
    place.target = kind + " " + index;
    place.sizes.resize(dimensions);
    place.strides.resize(dimensions);
    for (auto& size : place.sizes) words >> size;
    for (auto& stride : place.strides) words >> stride;
    if (!words) throw Exception(path + ": a line is broken: " + line);
    places.push_back(std::move(place));
  }
  return places;
}

}  // namespace detail

class Module {
 public:
  // Loads `directory`/model.so, and maps the tensors of `directory`/model.pt. Throws Exception.
  explicit Module(const std::string& directory) {
    const std::string library = directory + "/model.so";
    void* handle = ::dlopen(std::string(library[0] == '/' ? library : "./" + library).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) throw Exception(std::string("cannot load the library: ") + ::dlerror());
    auto entry = reinterpret_cast<const ts::Program* (*)()>(::dlsym(handle, "torchscript_program"));
    if (entry == nullptr) throw Exception(library + ": is no library of torchscript");
    program_ = entry();
    if (program_->abi != ts::ABI) throw Exception(library + ": was compiled for another version of torchscript");
    instance_.reset(program_->create());
    map_tensors(directory);
  }

  // Runs a method. Throws Exception with the message of the user's code and the lines that it passed.
  c10::IValue run(const std::string& name, std::vector<c10::IValue> arguments) const {
    const ts::Method& method = find(name);
    if (arguments.size() != method.arguments)
      throw Exception("'" + name + "' takes " + std::to_string(method.arguments) + " arguments, but " +
                      std::to_string(arguments.size()) + " are given");
    method.call(instance_.get(), arguments);
    return arguments.empty() ? c10::IValue() : std::move(arguments.back());
  }
  c10::IValue forward(std::vector<c10::IValue> arguments) const { return run("forward", std::move(arguments)); }

  std::vector<std::string> methods() const {
    std::vector<std::string> names;
    for (size_t i = 0; i < program_->count; ++i) names.emplace_back(program_->methods[i].name);
    return names;
  }

  // An attribute by its path: "conv1.weight".
  c10::IValue attribute(const std::string& path) const { return slot(path).get(slot(path).field); }
  void set_attribute(const std::string& path, const c10::IValue& value) { slot(path).set(slot(path).field, value); }

 private:
  const ts::Method& find(const std::string& name) const {
    for (size_t i = 0; i < program_->count; ++i)
      if (name == program_->methods[i].name) return program_->methods[i];
    std::string known;
    for (const auto& each : methods()) known += (known.empty() ? "" : ", ") + each;
    throw Exception("the module has no method '" + name + "'; it has " + known);
  }
  const ts::Slot& slot(const std::string& path) const {
    for (const auto& slot : instance_->slots())
      if (slot.path == path) return slot;
    throw Exception("the module has no attribute '" + path + "'");
  }

  void map_tensors(const std::string& directory) {
    const auto places = detail::read_places(directory + "/model.tensors");
    file_ = std::make_shared<detail::MappedFile>(directory + "/model.pt");
    for (const auto& place : places) {
      if (place.offset > file_->size() || place.bytes > file_->size() - place.offset)
        throw Exception(directory + "/model.pt: is not the archive that the library was compiled with");
      auto keep = file_;
      auto tensor = at::from_blob(file_->data() + place.offset, place.sizes, place.strides, [keep](void*) {},
                                  at::TensorOptions().dtype(static_cast<at::ScalarType>(place.dtype)));
      const auto index = std::stoul(place.target.substr(place.target.find(' ')));
      if (place.target.front() == 'c') {
        if (program_->tensors->size() <= index) program_->tensors->resize(index + 1);
        (*program_->tensors)[index] = tensor;
      } else {
        const auto& slot = instance_->slots().at(index);
        slot.set(slot.field, tensor);
      }
    }
    program_->prepare();
  }

  const ts::Program* program_ = nullptr;
  std::unique_ptr<ts::Instance> instance_;
  std::shared_ptr<detail::MappedFile> file_;
};

}  // namespace torchscript

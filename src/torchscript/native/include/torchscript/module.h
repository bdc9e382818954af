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
#include <torch/csrc/api/include/torch/version.h>
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

// What went wrong while loading or calling, or an exception of the module's own code.
class Exception : public std::runtime_error {
 public:
  explicit Exception(const std::string& text) : std::runtime_error(text) {}
  explicit Exception(const ts::Error& error)
      : std::runtime_error(error.what()), kind_(error.kind()), message_(error.message()), trace_(error.trace()) {}
  Exception(const std::string& kind, const std::string& message, const std::string& trace)
      : std::runtime_error((trace.empty() ? "" : "Traceback of compiled code:\n" + trace) + kind + ": " + message),
        kind_(kind),
        message_(message),
        trace_(trace) {}
  // Of an exception of the module's code: its Python class, its message, and the user's lines that it passed. Else empty.
  const std::string& kind() const { return kind_; }
  const std::string& message() const { return message_; }
  const std::string& trace() const { return trace_; }

 private:
  std::string kind_, message_, trace_;
};

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

// The checksum of zip archives.
inline uint32_t crc32(const char* data, size_t size) {
  uint32_t sum = ~uint32_t(0);
  for (size_t i = 0; i < size; ++i) {
    sum ^= static_cast<unsigned char>(data[i]);
    for (int k = 0; k < 8; ++k) sum = sum >> 1 ^ (0xedb88320u & (0u - (sum & 1)));
  }
  return ~sum;
}

// A tensor of the module: where its elements are in the archive.
struct TensorPlace {
  bool is_constant;
  size_t index;
  std::string path;  // of an attribute
  int dtype;
  uint64_t offset, bytes;
  std::vector<int64_t> sizes, strides;
  bool requires_grad;
};

// The places; what the archive is known by: its size, and the start and the checksum of its directory; and what the library
// was compiled for: a version of PyTorch, and instructions of the processor.
struct Places {
  std::vector<TensorPlace> tensors;
  uint64_t size = 0, directory = 0;
  uint32_t checksum = 0;
  std::string torch;
  std::vector<std::string> instructions;
};

// Whether the elements that sizes and strides lead to are within so many bytes.
inline bool fits(const TensorPlace& place) {
  uint64_t last = 0;
  bool is_empty = false;
  for (size_t i = 0; i < place.sizes.size(); ++i) {
    if (place.sizes[i] < 0 || place.strides[i] < 0) return false;
    is_empty = is_empty || place.sizes[i] == 0;
    uint64_t step = 0;
    if (place.sizes[i] > 0 && (__builtin_mul_overflow(static_cast<uint64_t>(place.sizes[i] - 1),
                                                      static_cast<uint64_t>(place.strides[i]), &step) ||
                               __builtin_add_overflow(last, step, &last)))
      return false;
  }
  return is_empty || last < place.bytes / c10::elementSize(static_cast<at::ScalarType>(place.dtype));
}

inline Places read_places(const std::string& path) {
  std::ifstream in(path);
  std::string line, first, second;
  int version = 0;
  size_t count = 0;
  Places places;
  if (!in) throw Exception(path + ": cannot be opened");
  if (std::getline(in, line)) {
    std::istringstream words(line);
    words >> first >> second >> version >> count >> places.size >> places.directory >> places.checksum;
  }
  if (first != "torchscript" || second != "tensors") throw Exception(path + ": is no list of tensors");
  if (version != 3) throw Exception(path + ": was written by another version of torchscript; compile the model again");
  while (std::getline(in, line)) {
    std::istringstream words(line);
    TensorPlace place;
    std::string kind;
    size_t dimensions = 0;
    words >> kind;
    if (kind == "torch") {
      words >> places.torch;
      continue;
    }
    if (kind == "processor") {
      while (words >> kind) places.instructions.push_back(kind);
      continue;
    }
    words >> place.index >> place.dtype >> place.offset >> place.bytes >> place.requires_grad >> dimensions;
    place.is_constant = kind == "constant";
    if (dimensions > 64) words.setstate(std::ios::failbit);
    place.sizes.resize(words ? dimensions : 0);
    place.strides.resize(place.sizes.size());
    for (auto& size : place.sizes) words >> size;
    for (auto& stride : place.strides) words >> stride;
    if (!place.is_constant) words >> place.path;
    const bool is_dtype = place.dtype >= 0 && place.dtype < static_cast<int>(at::ScalarType::Undefined);
    if (!words || (!place.is_constant && kind != "slot") || place.index > (1u << 30) || !is_dtype || !fits(place))
      throw Exception(path + ": a line is broken: " + line);
    places.tensors.push_back(std::move(place));
  }
  if (places.tensors.size() != count)
    throw Exception(path + ": has " + std::to_string(places.tensors.size()) + " of " + std::to_string(count) + " lines");
  return places;
}

// The instructions that this processor lacks, by the names that Linux has for them.
inline std::string lacking(const std::vector<std::string>& instructions) {
  std::ifstream in("/proc/cpuinfo");
  std::string line, all;
  while (std::getline(in, line))
    if (line.rfind("flags", 0) == 0 || line.rfind("Features", 0) == 0) {
      all = " " + line.substr(line.find(':') + 1) + " ";
      break;
    }
  std::string found;
  for (const auto& each : instructions)
    if (!all.empty() && all.find(" " + each + " ") == std::string::npos) found += (found.empty() ? "" : " ") + each;
  return found;
}

// Throws for a library that cannot run here: its first instruction may be one that the processor does not have.
inline void check_target(const Places& places, const std::string& library) {
  if (!places.torch.empty() && places.torch != TORCH_VERSION)
    throw Exception(library + ": was compiled for PyTorch " + places.torch + ", but this program for " TORCH_VERSION +
                    "; compile the model again");
  if (const std::string missing = lacking(places.instructions); !missing.empty())
    throw Exception(library + ": was compiled for a processor with " + missing +
                    ", which this one does not have; compile the model on this machine, or for all that are alike "
                    "(TORCHSCRIPT_CXXFLAGS=-march=x86-64-v3)");
}

// Runs something of the library; what it throws leaves as an Exception. `given()` says what it was given.
template <class G, class F>
auto translated(G&& given, F&& f) {
  try {
    return f();
  } catch (const ts::Error& error) {
    throw Exception(error);
  } catch (const c10::Error& error) {  // of a value that has another type: what operators throw is a ts::Error
    const std::string text = error.what_without_backtrace(), mark = "PyTorch. ";
    const auto start = text.find(mark);
    throw Exception(given() + ": " + (start == std::string::npos ? text : text.substr(start + mark.size())));
  } catch (const std::exception& error) {
    throw Exception(given() + ": " + error.what());
  }
}

}  // namespace detail

class Module {
 public:
  // Loads `directory`/model.so, and maps the tensors of `directory`/model.pt. Throws Exception.
  explicit Module(const std::string& directory) {
    const std::string library = directory + "/model.so";
    const detail::Places places = detail::read_places(directory + "/model.tensors");
    detail::check_target(places, library);
    void* handle = ::dlopen(std::string(library[0] == '/' ? library : "./" + library).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) throw Exception(std::string("cannot load the library: ") + ::dlerror());
    auto entry = reinterpret_cast<const ts::Program* (*)()>(::dlsym(handle, "torchscript_program"));
    if (entry == nullptr) throw Exception(library + ": is no library of torchscript");
    program_ = entry();
    if (program_->abi != ts::ABI) throw Exception(library + ": was compiled for another version of torchscript");
    instance_.reset(program_->create());
    for (size_t i = 0; i < program_->count; ++i) written_.push_back(written_by(program_->methods[i]));
    map_tensors(directory, places);
  }

  // Runs a method. Throws Exception with the message of the user's code and the lines that it passed. A list or dict that
  // the method changes is changed for the caller when the method is done, or has thrown.
  c10::IValue run(const std::string& name, std::vector<c10::IValue> arguments) const {
    const ts::Method& method = find(name);
    if (arguments.size() != method.arguments)
      throw Exception("'" + name + "' takes " + std::to_string(method.arguments) + " arguments, but " +
                      std::to_string(arguments.size()) + " are given");
    const std::vector<size_t>& written = written_[&method - program_->methods];
    std::vector<c10::IValue> containers;
    for (const size_t i : written) containers.push_back(arguments[i]);
    // a value of another type is found while the arguments are still there
    detail::translated([&] { return "'" + name + "' cannot take " + kinds_of(arguments); },
                       [&] { method.call(instance_.get(), arguments); });
    if (arguments.empty()) return c10::IValue();
    if (written.empty()) return std::move(arguments.back());
    const auto& results = arguments.back().toTupleRef().elements();
    for (size_t k = 0; k < written.size(); ++k) update(containers[k], results[k + 2]);
    if (!results[1].isNone()) {
      const auto& problem = results[1].toTupleRef().elements();
      throw Exception(problem[0].toStringRef(), problem[1].toStringRef(), problem[3].toStringRef());
    }
    return results[0];
  }
  c10::IValue forward(std::vector<c10::IValue> arguments) const { return run("forward", std::move(arguments)); }

  std::vector<std::string> methods() const {
    std::vector<std::string> names;
    for (size_t i = 0; i < program_->count; ++i) names.emplace_back(program_->methods[i].name);
    return names;
  }

  // An attribute by its path: "conv1.weight".
  c10::IValue attribute(const std::string& path) const { return slot(path).get(slot(path).field); }
  void set_attribute(const std::string& path, const c10::IValue& value) {
    const ts::Slot& found = slot(path);
    detail::translated([&] { return "'" + path + "' cannot be " + kinds_of({value}); },
                       [&] { found.set(found.field, value); });
  }

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

  static std::string kinds_of(const std::vector<c10::IValue>& values) {
    std::string kinds;
    for (const auto& value : values) kinds += (kinds.empty() ? "(" : ", ") + value.tagKind();
    return kinds + ")";
  }

  // The places of the arguments that a method may change; `self` of its schema is not among its arguments.
  static std::vector<size_t> written_by(const ts::Method& method) {
    std::vector<size_t> written;
    const std::string schema = method.schema, mark = "_written";
    for (size_t end = schema.find(mark); end != std::string::npos; end = schema.find(mark, end + 1)) {
      const size_t start = schema.rfind(' ', end) == std::string::npos ? 0 : schema.rfind(' ', end);
      written.push_back(std::stoul(schema.substr(start + 2, end - start - 2)));  // " a3_written"
    }
    return written;
  }

  static void update(const c10::IValue& container, const c10::IValue& now) {
    if (container.isList()) {
      auto list = container.toList();
      list.clear();
      for (const c10::IValue& each : now.toListRef()) list.push_back(each);
    } else if (container.isGenericDict()) {
      auto dict = container.toGenericDict();
      dict.clear();
      for (const auto& item : now.toGenericDict()) dict.insert(item.key(), item.value());
    }
  }

  void map_tensors(const std::string& directory, const detail::Places& places) {
    file_ = std::make_shared<detail::MappedFile>(directory + "/model.pt");
    if (file_->size() != places.size || places.directory > places.size ||
        detail::crc32(file_->data() + places.directory, file_->size() - places.directory) != places.checksum)
      throw Exception(directory + "/model.pt: is not the archive that the library was compiled with");
    for (const auto& place : places.tensors) {
      if (place.offset > file_->size() || place.bytes > file_->size() - place.offset)
        throw Exception(directory + "/model.tensors: a tensor is outside of the archive");
      auto keep = file_;
      auto tensor = at::from_blob(file_->data() + place.offset, place.sizes, place.strides, [keep](void*) {},
                                  at::TensorOptions().dtype(static_cast<at::ScalarType>(place.dtype)));
      const size_t index = place.index;
      if (place.is_constant) {
        if (program_->tensors->size() <= index) program_->tensors->resize(index + 1);
        (*program_->tensors)[index] = tensor;
      } else {
        if (index >= instance_->slots().size() || instance_->slots()[index].path != place.path)
          throw Exception(directory + "/model.so: is not the library that the archive was compiled to");
        const auto& slot = instance_->slots()[index];
        slot.set(slot.field, tensor);
      }
    }
    program_->prepare();
  }

  const ts::Program* program_ = nullptr;
  std::unique_ptr<ts::Instance> instance_;
  std::vector<std::vector<size_t>> written_;  // by method, the places of arguments that it may change
  std::shared_ptr<detail::MappedFile> file_;
};

}  // namespace torchscript

// Loads an archive, runs one of its methods on tensors read from files, and writes the result to a file.
// There is no Python in this process.

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr const char* kUsage = R"(usage: run_archive ARCHIVE METHOD [ARGUMENT...] --output FILE [OPTION...]

Runs METHOD of the module in ARCHIVE and writes what it returns to FILE.

Each ARGUMENT, in the order of the method's parameters, is one of
  FILE          a tensor, or any value, written by Python's torch.save
  int:8         an int
  float:0.9     a float
  bool:true     a bool (true or false)
  str:text      a string
  none          None

Options
  --output FILE   where to write the result; Python's torch.load reads it
  --repeat N      run N times and print the shortest time (default 1)
  --threads N     threads for one operator (default: as many as there are cores)
  --help          print this

Prints the seconds that loading and running took. Exits with 1 if that fails, with 2 for a wrong command line.
)";

// A mistake in the command line.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  std::string archive;
  std::string method;
  std::vector<std::string> arguments;
  std::string output;
  int repeat = 1;
  int threads = 0;
};

template <typename Parse>
auto parse_number(const std::string& text, const char* kind, Parse parse) {
  try {
    size_t end = 0;
    auto number = parse(text, &end);
    if (end == text.size()) {
      return number;
    }
  } catch (const std::logic_error&) {  // std::invalid_argument, std::out_of_range
  }
  throw UsageError("'" + text + "' is not " + kind);
}

int64_t parse_int(const std::string& text) {
  return parse_number(text, "an int", [](const std::string& s, size_t* end) { return std::stoll(s, end); });
}

double parse_float(const std::string& text) {
  return parse_number(text, "a float", [](const std::string& s, size_t* end) { return std::stod(s, end); });
}

int parse_count(const std::string& text) {
  const int64_t count = parse_int(text);
  if (count < 1 || count > 1'000'000) {
    throw UsageError("'" + text + "' is not between 1 and 1000000");
  }
  return static_cast<int>(count);
}

Options parse_options(const std::vector<std::string>& words) {
  Options options;
  std::vector<std::string> positional;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.rfind("--", 0) != 0) {
      positional.push_back(word);
      continue;
    }
    if (word != "--output" && word != "--repeat" && word != "--threads") {
      throw UsageError("there is no option " + word);
    }
    if (++i == words.size()) {
      throw UsageError(word + " needs a value");
    }
    if (word == "--output") {
      options.output = words[i];
    } else if (word == "--repeat") {
      options.repeat = parse_count(words[i]);
    } else {
      options.threads = parse_count(words[i]);
    }
  }
  if (positional.size() < 2) {
    throw UsageError("ARCHIVE and METHOD are needed");
  }
  if (options.output.empty()) {
    throw UsageError("--output FILE is needed");
  }
  options.archive = positional[0];
  options.method = positional[1];
  options.arguments.assign(positional.begin() + 2, positional.end());
  return options;
}

void require_file(const std::string& path) {
  if (!std::filesystem::exists(path)) {
    throw std::runtime_error("cannot read '" + path + "': no such file");
  }
  if (!std::filesystem::is_regular_file(path)) {
    throw std::runtime_error("cannot read '" + path + "': not a file");
  }
}

std::vector<char> read_file(const std::string& path) {
  require_file(path);
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) {
    throw std::runtime_error("cannot read '" + path + "'");
  }
  return bytes;
}

void write_file(const std::string& path, const std::vector<char>& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) {
    throw std::runtime_error("cannot write '" + path + "'");
  }
}

// "int:8" → 8, "images.pt" → the tensor in that file.
c10::IValue parse_argument(const std::string& word) {
  const auto colon = word.find(':');
  const std::string kind = word.substr(0, colon);
  const std::string text = colon == std::string::npos ? "" : word.substr(colon + 1);
  if (word == "none") {
    return {};
  }
  if (colon != std::string::npos) {
    if (kind == "int") {
      return parse_int(text);
    }
    if (kind == "float") {
      return parse_float(text);
    }
    if (kind == "bool" && (text == "true" || text == "false")) {
      return text == "true";
    }
    if (kind == "bool") {
      throw UsageError("'" + text + "' is neither true nor false");
    }
    if (kind == "str") {
      return text;
    }
  }
  const std::vector<char> bytes = read_file(word);
  try {
    return torch::jit::pickle_load(bytes);
  } catch (const c10::Error& error) {
    throw std::runtime_error(
        "cannot read a value from '" + word + "': " + error.what_without_backtrace());
  }
}

torch::jit::Module load_archive(const std::string& path) {
  require_file(path);
  try {
    return torch::jit::load(path);
  } catch (const c10::Error& error) {
    throw std::runtime_error("cannot load '" + path + "': " + error.what_without_backtrace());
  }
}

torch::jit::Method find_method(const torch::jit::Module& module, const std::string& name) {
  if (auto method = module.find_method(name)) {
    return *method;
  }
  std::string names;
  for (const auto& method : module.get_methods()) {
    names += (names.empty() ? "" : ", ") + method.name();
  }
  throw std::runtime_error("the module has no method '" + name + "'; it has " + (names.empty() ? "none" : names));
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void run(const Options& options) {
  if (options.threads > 0) {
    at::set_num_threads(options.threads);
  }
  const c10::AutoGradMode no_grad(false);

  auto start = std::chrono::steady_clock::now();
  torch::jit::Module module = load_archive(options.archive);
  const double load_seconds = seconds_since(start);

  torch::jit::Method method = find_method(module, options.method);
  std::vector<c10::IValue> arguments;
  for (const std::string& word : options.arguments) {
    arguments.push_back(parse_argument(word));
  }

  c10::IValue result;
  double run_seconds = 0;
  for (int i = 0; i < options.repeat; ++i) {
    start = std::chrono::steady_clock::now();
    result = method(arguments);
    const double seconds = seconds_since(start);
    run_seconds = i == 0 ? seconds : std::min(run_seconds, seconds);
  }

  write_file(options.output, torch::jit::pickle_save(result));
  std::printf("load %.6f s\nrun %.6f s\n", load_seconds, run_seconds);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (std::find(words.begin(), words.end(), "--help") != words.end()) {
    std::cout << kUsage;
    return 0;
  }
  try {
    run(parse_options(words));
    return 0;
  } catch (const UsageError& error) {
    std::cerr << "run_archive: " << error.what() << "\nTry run_archive --help.\n";
    return 2;
  } catch (const c10::Error& error) {
    std::cerr << "run_archive: " << error.what_without_backtrace() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "run_archive: " << error.what() << "\n";
  }
  return 1;
}

// Runs archives that it reads the names of from standard input, one job a line, in one process without Python:
//
//     ARCHIVE <tab> ARGUMENTS <tab> RESULT <newline>
//
// ARGUMENTS is a tuple written by torch.save; RESULT is written for torch.load. The random numbers of each run begin
// at seed 1. Answers "ok" or "error: ..." a line for each job.

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace {

std::vector<char> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw std::runtime_error("cannot read " + path);
  }
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A list that Python pickled says nothing of its type: give it the one that is asked for.
c10::IValue as(const c10::IValue& value, const c10::TypePtr& type) {
  if (const auto optional = type->cast<c10::OptionalType>()) {
    return value.isNone() ? value : as(value, optional->getElementType());
  }
  if (const auto list = type->cast<c10::ListType>(); list && value.isList()) {
    c10::impl::GenericList typed(list->getElementType());
    for (const c10::IValue& item : value.toListRef()) {
      typed.push_back(as(item, list->getElementType()));
    }
    return typed;
  }
  return value;
}

void run(const std::string& archive, const std::string& arguments, const std::string& result) {
  torch::jit::Module module = torch::jit::load(archive);
  const torch::jit::Method forward = module.get_method("forward");
  const auto& parameters = forward.function().getSchema().arguments();
  std::vector<c10::IValue> values;
  const c10::IValue tuple = torch::jit::pickle_load(read_file(arguments));
  for (const c10::IValue& value : tuple.toTupleRef().elements()) {
    values.push_back(as(value, parameters.at(values.size() + 1).type()));
  }
  at::manual_seed(1);
  const std::vector<char> bytes = torch::jit::pickle_save(forward(values));
  std::ofstream(result, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

int main() {
  at::set_num_threads(1);
  const c10::AutoGradMode no_grad(false);
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream fields(line);
    std::string archive, arguments, result;
    std::getline(fields, archive, '\t');
    std::getline(fields, arguments, '\t');
    std::getline(fields, result, '\t');
    std::string answer = "ok";
    try {
      run(archive, arguments, result);
    } catch (const c10::Error& error) {
      answer = std::string("error: ") + error.what_without_backtrace();
    } catch (const std::exception& error) {
      answer = std::string("error: ") + error.what();
    }
    for (char& letter : answer) {
      letter = letter == '\n' ? ' ' : letter;
    }
    std::cout << answer << std::endl;
  }
}

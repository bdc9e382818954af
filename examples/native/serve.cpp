// A pool of threads that answers requests with one compiled module, in a process without Python.
//
//     serve DIRECTORY THREADS REQUESTS SIZE...
//
// runs `forward` REQUESTS times on tensors of ones of the given sizes (each request scaled by its number) and prints the sum of
// all answers and the requests per second.
#include <ATen/Parallel.h>
#include <ATen/ops/full.h>
#include <ATen/ops/sum.h>
#include <c10/core/InferenceMode.h>
#include <torchscript/module.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <thread>

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "usage: serve DIRECTORY THREADS REQUESTS SIZE...\n";
    return 2;
  }
  try {
    const torchscript::Module module(argv[1]);
    const int threads = std::stoi(argv[2]), requests = std::stoi(argv[3]);
    std::vector<int64_t> sizes;
    for (int i = 4; i < argc; ++i) sizes.push_back(std::stoll(argv[i]));
    at::set_num_threads(1);  // the requests run side by side, each on one thread

    std::vector<double> answers(static_cast<size_t>(requests));
    std::atomic<int> next{0};
    std::atomic<bool> failed{false};
    const auto work = [&] {
      c10::InferenceMode guard;
      for (int k = next++; k < requests && !failed; k = next++) try {
          const at::Tensor x = at::full(sizes, 1.0 + k % 7);
          answers[static_cast<size_t>(k)] = module.forward({x}).toTensor().sum().item<double>();
        } catch (const std::exception& error) {
          if (!failed.exchange(true)) std::cerr << error.what() << "\n";
        }
    };
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> pool;
    for (int i = 0; i < threads; ++i) pool.emplace_back(work);
    for (auto& thread : pool) thread.join();
    if (failed) return 1;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    double total = 0;
    for (double answer : answers) total += answer;
    std::printf("sum %.6f\n%.1f requests/s\n", total, requests / seconds);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}

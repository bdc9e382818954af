// fork and wait: a call on a thread of its own, with the modes (gradients, inference) of the thread that started it.
#pragma once

#include <ATen/ThreadLocalState.h>

#include <future>

#include "errors.h"

namespace ts {

template <class T>
struct Future {
  std::shared_future<T> result;
};

template <class T, class F>
Future<T> fork(F f) {
  return {std::async(std::launch::async,
                     [f = std::move(f), state = at::ThreadLocalState()]() mutable -> T {
                       at::ThreadLocalStateGuard guard(state);
                       return f();
                     })
              .share()};
}

// The result, or the exception that the call ended with.
template <class T>
T wait(const Future<T>& future) {
  return future.result.get();
}

}  // namespace ts

#include "torchscript/blocks.h"

#include <ATen/EmptyTensor.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/accumulate.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <array>
#include <cstdlib>
#include <mutex>
#include <utility>

namespace ts {

namespace blocks_1 {  // a new number whenever the layout of these changes

constexpr size_t ALIGNMENT = 64;

// In front of the elements.
struct alignas(ALIGNMENT) Block {
  size_t capacity;  // bytes after this
  Block* next;
  void* data() { return this + 1; }
};

constexpr size_t SMALLEST = 64, CLASSES = 10;  // 64 bytes to 32 KB, in powers of two

inline void free_all(Block* block) {
  while (block != nullptr) std::free(std::exchange(block, block->next));
}

// What these functions return is one for the whole process (or thread), whichever library asks: the linker makes objects
// in visible inline functions unique. A library that has one is never unloaded, so blocks can always be given back.
#define TS_UNIQUE inline __attribute__((visibility("default")))

struct BigBlocks {
  std::mutex mutex;
  Block* first = nullptr;  // the one that came last
  size_t bytes = 0;
};
TS_UNIQUE BigBlocks& big() {
  static auto* made = new BigBlocks;  // outlives every tensor
  return *made;
}

// Whether the thread's lists are gone, while its last tensors still go.
TS_UNIQUE bool& is_over() {
  static thread_local bool over = false;
  return over;
}
struct SmallBlocks {
  std::array<Block*, CLASSES> first{};
  std::array<uint8_t, CLASSES> count{};
  ~SmallBlocks() {
    is_over() = true;
    for (Block* block : first) free_all(block);
  }
};
TS_UNIQUE SmallBlocks& small() {
  static thread_local SmallBlocks made;
  return made;
}
#undef TS_UNIQUE

}  // namespace blocks_1

namespace {

using namespace blocks_1;

constexpr uint8_t KEPT_EACH = 8;               // per class and thread: half a megabyte at most
constexpr size_t BIG = size_t(1) << 20;        // kept for all threads
constexpr size_t KEPT_BIG = size_t(64) << 20;  // all together
constexpr size_t HUGE_PAGE = size_t(2) << 20;

Block* make_block(size_t capacity, size_t alignment = ALIGNMENT) {
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, capacity + sizeof(Block)) != 0)
    TORCH_CHECK_WITH(OutOfMemoryError, false, "cannot allocate ", capacity, " bytes");
  auto* block = static_cast<Block*>(memory);
  block->capacity = capacity;
  block->next = nullptr;
  return block;
}

// -- small blocks, each thread its own -------------------------------------------------------------------------------

size_t class_of(size_t bytes) {
  return bytes <= SMALLEST ? 0 : static_cast<size_t>(64 - __builtin_clzll(bytes - 1)) - 6;
}

void give_small(void* memory) {
  auto* block = static_cast<Block*>(memory);
  if (!is_over()) {
    auto& lists = small();
    const size_t c = class_of(block->capacity);
    if (lists.count[c] < KEPT_EACH) {
      block->next = lists.first[c];
      lists.first[c] = block;
      ++lists.count[c];
      return;
    }
  }
  std::free(block);
}

Block* take_small(size_t bytes) {
  const size_t c = class_of(bytes);
  if (is_over()) return make_block(SMALLEST << c);
  auto& lists = small();
  Block* block = lists.first[c];
  if (block == nullptr) return make_block(SMALLEST << c);
  lists.first[c] = block->next;
  --lists.count[c];
  return block;
}

// -- big blocks ------------------------------------------------------------------------------------------------------

void give_big(void* memory) {
  auto* block = static_cast<Block*>(memory);
  Block* unwanted = nullptr;
  {
    auto& all = big();
    const std::unique_lock<std::mutex> lock(all.mutex, std::try_to_lock);
    if (!lock.owns_lock()) {  // busy; or held for ever, by a thread that there was before a fork
      std::free(block);
      return;
    }
    block->next = all.first;
    all.first = block;
    all.bytes += block->capacity;
    if (all.bytes > KEPT_BIG) {  // those that have waited longest go
      size_t bytes = block->capacity;
      Block* last = block;
      while (last->next != nullptr && bytes + last->next->capacity <= KEPT_BIG) {
        last = last->next;
        bytes += last->capacity;
      }
      unwanted = std::exchange(last->next, nullptr);
      all.bytes = bytes;
    }
  }
  free_all(unwanted);
}

Block* take_big(size_t bytes) {
  {
    auto& all = big();
    const std::unique_lock<std::mutex> lock(all.mutex, std::try_to_lock);  // else the list may be half written
    for (Block** place = &all.first; lock.owns_lock() && *place != nullptr; place = &(*place)->next) {
      Block* block = *place;
      if (block->capacity < bytes || block->capacity - bytes > bytes / 4) continue;
      *place = block->next;
      all.bytes -= block->capacity;
      return block;
    }
  }
  if (bytes < 2 * HUGE_PAGE) return make_block(bytes);
  Block* block = make_block(bytes, HUGE_PAGE);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  // one fault instead of 512; whole huge pages only, so that nothing is committed that is not asked for
  madvise(block, (bytes + sizeof(Block)) / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
  return block;
}

// -- tensors ---------------------------------------------------------------------------------------------------------

constexpr int64_t MOST_ELEMENTS = int64_t(1) << 40;

// An empty tensor where PyTorch's own allocator does as well.
Tensor from_block(int64_t elements, at::ScalarType dtype) {
  const auto type = c10::scalarTypeToTypeMeta(dtype);
  const size_t bytes = static_cast<size_t>(elements) * type.itemsize();
  if (bytes == 0 || (bytes > SMALLEST << (CLASSES - 1) && bytes < BIG) || bytes > KEPT_BIG) return {};
  const bool is_big = bytes >= BIG;
  Block* block = is_big ? take_big(bytes) : take_small(bytes);
  c10::DataPtr data(block->data(), block, is_big ? &give_big : &give_small, at::Device(at::kCPU));
  auto storage = c10::make_intrusive<c10::StorageImpl>(c10::StorageImpl::use_byte_size_t(), bytes, std::move(data),
                                                       c10::GetCPUAllocator(), /*resizable=*/true);
  return at::detail::make_tensor<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(c10::DispatchKey::CPU), type);
}

}  // namespace

Tensor fresh(at::IntArrayRef sizes, at::ScalarType dtype) {
  uint64_t elements = 0;
  if (!c10::safe_multiplies_u64(sizes, &elements) && elements <= static_cast<uint64_t>(MOST_ELEMENTS)) {
    Tensor made = from_block(static_cast<int64_t>(elements), dtype);
    if (made.defined()) {
      made.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
      return made;
    }
  }
  return Tensor(at::detail::empty_cpu(sizes, dtype));
}

Tensor fresh_like(const Tensor& layout, at::ScalarType dtype) {
  Tensor made = from_block(layout.numel(), dtype);
  if (!made.defined()) return Tensor(at::detail::empty_strided_cpu(layout.sizes(), layout.strides(), dtype));
  made.unsafeGetTensorImpl()->set_sizes_and_strides(layout.sizes(), layout.strides());
  return made;
}

}  // namespace ts

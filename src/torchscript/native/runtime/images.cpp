#include "torchscript/kernels.h"

#include "torchscript/images.h"

#include <algorithm>

namespace ts::images {

namespace {

using V = kernel::Vec<float>;
constexpr int64_t W = V::size();

// How many floats of weights and results a core keeps near it while it goes through the places of a block.
constexpr int64_t BLOCK_OF_PLACES = 96;
// Multiplications that are worth another thread.
constexpr int64_t WORK_OF_THREAD = 1 << 18;

V load(const float* from, int64_t count) { return count >= W ? V::loadu(from) : V::loadu(from, count); }
void store(const V& v, float* to, int64_t count) {
  if (count >= W)
    v.store(to);
  else
    v.store(to, static_cast<int>(count));
}

template <class F>
void each(float* values, int64_t n, const F& f) {
  for (int64_t i = 0; i < n; i += W) store(f(load(values + i, n - i)), values + i, n - i);
}

// What is more than a clamp, over results that have just been written.
void finish(const Epilogue& end, float* values, int64_t n) {
  switch (end.activation) {
    case Activation::clamp: return;
    case Activation::leaky_relu:
      return each(values, n, [&](const V& v) { return kernel::leaky_relu(v, V(end.low)); });
    case Activation::sigmoid: return each(values, n, [](const V& v) { return kernel::sigmoid(v); });
    case Activation::silu: return each(values, n, [](const V& v) { return kernel::silu(v); });
    case Activation::hardsigmoid: return each(values, n, [](const V& v) { return kernel::hardsigmoid(v); });
    case Activation::hardswish: return each(values, n, [](const V& v) { return kernel::hardswish(v); });
  }
}

// Bounds that change nothing, NaN included, where the activation comes later.
struct Bounds {
  explicit Bounds(const Epilogue& end)
      : low(end.activation == Activation::clamp ? end.low : -std::numeric_limits<float>::infinity()),
        high(end.activation == Activation::clamp ? end.high : std::numeric_limits<float>::infinity()) {}
  V low, high;
};

// A window is some runs of numbers, each of which lies side by side.
struct Windows {
  int64_t lines, per_line, length;   // runs: so many lines of so many runs of this length
  int64_t line_step, run_step;
};

// C panels for R places: as many sums as there are registers for. WHOLE says that no panel is cut.
template <int R, int C, bool WHOLE>
inline __attribute__((always_inline)) void tile(const float* const* places, const Windows& windows, const float* panels,
                                                int64_t k, int64_t count, const float* bias, const float* other,
                                                const Bounds& bounds, float* out, int64_t step) {
  const auto get = [&](const float* from, int c) { return WHOLE ? V::loadu(from) : load(from, count - c * W); };
  V sums[R][C];
  for (int c = 0; c < C; ++c) {
    const V first = bias != nullptr ? get(bias + c * W, c) : V(0.f);
    for (int r = 0; r < R; ++r) sums[r][c] = first;
  }
  for (int64_t line = 0; line < windows.lines; ++line)
    for (int64_t run = 0; run < windows.per_line; ++run) {
      const int64_t offset = line * windows.line_step + run * windows.run_step;
      const float* x[R];
      for (int r = 0; r < R; ++r) x[r] = places[r] + offset;
      for (int64_t j = 0; j < windows.length; ++j, panels += W) {
        V w[C];
        for (int c = 0; c < C; ++c) w[c] = V::loadu(panels + c * k * W);
        for (int r = 0; r < R; ++r) {
          const V number(x[r][j]);
          for (int c = 0; c < C; ++c) sums[r][c] = at::vec::fmadd(number, w[c], sums[r][c]);
        }
      }
    }
  if (other != nullptr)
    for (int r = 0; r < R; ++r)
      for (int c = 0; c < C; ++c) sums[r][c] = sums[r][c] + get(other + r * step + c * W, c);
  const V low = bounds.low, high = bounds.high;
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c) {
      const V v = at::vec::clamp(sums[r][c], low, high);
      if (WHOLE)
        v.store(out + r * step + c * W);
      else
        store(v, out + r * step + c * W, count - c * W);
    }
}

// Where the windows of places begin, one after the other.
class Places {
 public:
  Places(const Images& x, const Convolution& how, const Results& size, int64_t first)
      : x_(x), size_(size), stride_(how.stride), column_(first % size.width) {
    const int64_t lines = first / size.width;
    row_ = lines % size.height;
    image_ = lines / size.height;
    begin_line();
  }
  const float* next() {
    const float* at = line_ + column_ * stride_[1] * x_.channels;
    if (++column_ == size_.width) {
      column_ = 0;
      if (++row_ == size_.height) row_ = 0, ++image_;
      begin_line();
    }
    return at;
  }

 private:
  void begin_line() { line_ = x_.data + (image_ * x_.height + row_ * stride_[0]) * x_.width * x_.channels; }
  const Images& x_;
  const Results& size_;
  std::array<int64_t, 2> stride_;
  int64_t column_, row_, image_;
  const float* line_;
};

struct Block {
  const Windows& windows;
  const float* panels;
  int64_t k, channels;  // `channels` lie between the results of one place and those of the next
  const Bounds& bounds;
};

template <int R, int C, bool WHOLE>
void rows_of(Places& places, int64_t rows, const Block& block, int64_t count, const float* bias, const float* other,
             float* out) {
  for (; rows >= R; rows -= R) {
    const float* at[R];
    for (int r = 0; r < R; ++r) at[r] = places.next();
    tile<R, C, WHOLE>(at, block.windows, block.panels, block.k, count, bias, other, block.bounds, out, block.channels);
    out += R * block.channels;
    if (other != nullptr) other += R * block.channels;
  }
  if constexpr (R > 1)
    if (rows > 0) rows_of<R / 2, C, WHOLE>(places, rows, block, count, bias, other, out);
}

}  // namespace

void direct(const Images& x, const Convolution& how, const Results& size, const float* panels, const float* bias,
            const float* other, float* out) {
  Windows windows{size.rows, size.columns, x.channels, how.dilation[0] * x.width * x.channels, how.dilation[1] * x.channels};
  if (how.dilation[1] == 1) {
    windows.length *= windows.per_line;
    windows.per_line = 1;
  }
  const int64_t k = size.rows * size.columns * x.channels, n = size.channels;
  constexpr int64_t GROUP = 4;  // panels
  const int64_t blocks = (size.places() + BLOCK_OF_PLACES - 1) / BLOCK_OF_PLACES;
  const int64_t groups = (n + GROUP * W - 1) / (GROUP * W);
  const Bounds bounds(how.end);
  const auto one = [&](int64_t block, int64_t group) {
    const int64_t first = block * BLOCK_OF_PLACES, rows = std::min(BLOCK_OF_PLACES, size.places() - first);
    const int64_t i = group * GROUP * W, count = std::min(GROUP * W, n - i);
    Places places(x, how, size, first);
    const Block what{windows, panels + i * k, k, n, bounds};
    const float *b = bias != nullptr ? bias + i : nullptr, *o = other != nullptr ? other + first * n + i : nullptr;
    float* to = out + first * n + i;
    const auto go = [&](auto whole) {
      constexpr bool WHOLE = decltype(whole)::value;
      switch ((count + W - 1) / W) {
        case 4: return rows_of<6, 4, WHOLE>(places, rows, what, count, b, o, to);
        case 3: return rows_of<8, 3, WHOLE>(places, rows, what, count, b, o, to);
        case 2: return rows_of<12, 2, WHOLE>(places, rows, what, count, b, o, to);
        default: return rows_of<12, 1, WHOLE>(places, rows, what, count, b, o, to);
      }
    };
    count % W == 0 ? go(std::true_type()) : go(std::false_type());
    if (how.end.activation != Activation::clamp)
      for (int64_t r = 0; r < rows; ++r, to += n) finish(how.end, to, count);
  };
  const int64_t work = std::min(BLOCK_OF_PLACES, size.places()) * std::min(GROUP * W, n) * k;
  at::parallel_for(0, blocks * groups, std::max<int64_t>(1, WORK_OF_THREAD / std::max<int64_t>(1, work)),
                   [&](int64_t from, int64_t to) {
                     for (int64_t i = from; i < to; ++i) one(i / groups, i % groups);
                   });
}

namespace {

// T neighbouring places of a line and one vector of channels; taps[rows][columns] of the window that meet the image.
// COLUMNS is 0 where the compiler does not know them.
template <int T, int COLUMNS, bool WHOLE>
void neighbours(const float* x, int64_t place_step, int64_t rows, int64_t row_step,
                                                      int64_t columns, int64_t column_step, const float* weight,
                                                      int64_t weight_row, int64_t channels, int64_t count, const V& first,
                                                      const float* other, const Bounds& bounds, float* out) {
  const auto get = [&](const float* from) { return WHOLE ? V::loadu(from) : V::loadu(from, count); };
  V sums[T];
  for (int t = 0; t < T; ++t) sums[t] = first;
  if (COLUMNS != 0) columns = COLUMNS;
  for (int64_t row = 0; row < rows; ++row)
#pragma GCC unroll 3
    for (int64_t column = 0; column < columns; ++column) {
      const V w = get(weight + row * weight_row + column * channels);
      const float* from = x + row * row_step + column * column_step;
      for (int t = 0; t < T; ++t) sums[t] = at::vec::fmadd(get(from + t * place_step), w, sums[t]);
    }
  if (other != nullptr)
    for (int t = 0; t < T; ++t) sums[t] = sums[t] + get(other + t * channels);
  const V low = bounds.low, high = bounds.high;
  for (int t = 0; t < T; ++t) {
    const V v = at::vec::clamp(sums[t], low, high);
    if (WHOLE)
      v.store(out + t * channels);
    else
      v.store(out + t * channels, static_cast<int>(count));
  }
}

// The taps of a window that meet the image, if its first lies at `start`: [low, high)
std::pair<int64_t, int64_t> meeting(int64_t start, int64_t taps, int64_t dilation, int64_t size) {
  const int64_t low = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
  const int64_t high = start >= size ? 0 : (size - start + dilation - 1) / dilation;
  return {std::min(low, taps), std::max<int64_t>(std::min(high, taps), std::min(low, taps))};
}

}  // namespace

void each_channel(const Images& x, const Convolution& how, const Results& size, const float* weight, const float* bias,
                  const float* other, float* out) {
  const int64_t c = x.channels, across = size.columns;
  const Bounds bounds(how.end);
  const int64_t place_step = how.stride[1] * c, row_step = how.dilation[0] * x.width * c, column_step = how.dilation[1] * c;
  // the places of a line whose windows lie in the image from side to side: [inner, outer)
  const int64_t reach = (across - 1) * how.dilation[1];
  const int64_t inner = std::min(size.width, (how.padding[1] + how.stride[1] - 1) / how.stride[1]);
  const int64_t last = x.width - 1 - reach + how.padding[1];
  const int64_t outer = std::max(inner, last < 0 ? 0 : std::min(size.width, last / how.stride[1] + 1));
  const auto line = [&](int64_t image, int64_t row) {
    const int64_t top = row * how.stride[0] - how.padding[0];
    const auto [from, to] = meeting(top, size.rows, how.dilation[0], x.height);
    const float* lines = x.data + (image * x.height + top + from * how.dilation[0]) * x.width * c;
    const float* taps = weight + from * across * c;
    const int64_t start = (image * size.height + row) * size.width * c, rows = to - from;
    for (int64_t i = 0; i < c; i += W) {
      const int64_t count = std::min(W, c - i);
      const V first = bias != nullptr ? load(bias + i, count) : V(0.f);
      const auto several = [&](auto places, int64_t place, int64_t low, int64_t high) {
        const int64_t left = place * how.stride[1] - how.padding[1] + low * how.dilation[1];
        const int64_t at = start + place * c + i;
        constexpr int T = decltype(places)::value;
        const auto one = count < W           ? &neighbours<T, 0, false>
                         : high - low == 3 ? &neighbours<T, 3, true>
                                           : &neighbours<T, 0, true>;
        one(lines + left * c + i, place_step, rows, row_step, high - low, column_step, taps + low * c + i, across * c, c,
            count, first, other != nullptr ? other + at : nullptr, bounds, out + at);
      };
      using One = std::integral_constant<int, 1>;
      const auto at_side = [&](int64_t place) {
        const auto [low, high] = meeting(place * how.stride[1] - how.padding[1], across, how.dilation[1], x.width);
        several(One(), place, low, high);
      };
      int64_t place = 0;
      for (; place < inner; ++place) at_side(place);
      for (; place + 8 <= outer; place += 8) several(std::integral_constant<int, 8>(), place, 0, across);
      for (; place + 4 <= outer; place += 4) several(std::integral_constant<int, 4>(), place, 0, across);
      for (; place < outer; ++place) several(One(), place, 0, across);
      for (; place < size.width; ++place) at_side(place);
    }
    finish(how.end, out + start, size.width * c);
  };
  const int64_t work = size.width * c * size.rows * across;
  at::parallel_for(0, size.batch * size.height, std::max<int64_t>(1, WORK_OF_THREAD / 8 / std::max<int64_t>(1, work)),
                   [&](int64_t from, int64_t to) {
                     for (int64_t i = from; i < to; ++i) line(i / size.height, i % size.height);
                   });
}

}  // namespace ts::images

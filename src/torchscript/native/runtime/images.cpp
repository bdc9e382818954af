#include "torchscript/kernels.h"

#include "torchscript/blocks.h"
#include "torchscript/images.h"

#include <algorithm>
#include <atomic>

namespace ts::images {

namespace {

using V = kernel::Vec<float>;
constexpr int64_t W = V::size();

// Places that go through the panels of one group, which stay near the core meanwhile.
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

// The same for as many panels as `count` results have.
template <bool WHOLE>
void rows_of_panels(Places& places, int64_t rows, const Block& block, int64_t count, const float* bias, const float* other,
                    float* out) {
  switch ((count + W - 1) / W) {
    case 4: return rows_of<6, 4, WHOLE>(places, rows, block, count, bias, other, out);
    case 3: return rows_of<8, 3, WHOLE>(places, rows, block, count, bias, other, out);
    case 2: return rows_of<12, 2, WHOLE>(places, rows, block, count, bias, other, out);
    default: return rows_of<12, 1, WHOLE>(places, rows, block, count, bias, other, out);
  }
}

constexpr int64_t GROUP = 4 * W;  // results of the most panels at a time

}  // namespace

void direct(const Images& x, const Convolution& how, const Results& size, const float* panels, const float* bias,
            const float* other, float* out) {
  Windows windows{size.rows, size.columns, x.channels, how.dilation[0] * x.width * x.channels, how.dilation[1] * x.channels};
  if (how.dilation[1] == 1) {
    windows.length *= windows.per_line;
    windows.per_line = 1;
  }
  const int64_t k = size.rows * size.columns * x.channels, n = size.channels;
  const int64_t blocks = (size.places() + BLOCK_OF_PLACES - 1) / BLOCK_OF_PLACES;
  const int64_t groups = (n + GROUP - 1) / GROUP;
  const Bounds bounds(how.end);
  const auto one = [&](int64_t block, int64_t group) {
    const int64_t first = block * BLOCK_OF_PLACES, rows = std::min(BLOCK_OF_PLACES, size.places() - first);
    const int64_t i = group * GROUP, count = std::min(GROUP, n - i);
    Places places(x, how, size, first);
    const Block what{windows, panels + i * k, k, n, bounds};
    const float *b = bias != nullptr ? bias + i : nullptr, *o = other != nullptr ? other + first * n + i : nullptr;
    float* to = out + first * n + i;
    (count % W == 0 ? rows_of_panels<true> : rows_of_panels<false>)(places, rows, what, count, b, o, to);
    if (how.end.activation != Activation::clamp)
      for (int64_t r = 0; r < rows; ++r, to += n) finish(how.end, to, count);
  };
  const int64_t work = std::min(BLOCK_OF_PLACES, size.places()) * std::min(GROUP, n) * k;
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

// -- Winograd ---------------------------------------------------------------------------------------------------------

namespace {

constexpr int64_t SIDE = 4, MATRICES = SIDE * SIDE;

// The tiles of all images: each is two by two places.
struct Tiles {
  explicit Tiles(const Results& size)
      : rows((size.height + 1) / 2), columns((size.width + 1) / 2), count(size.batch * rows * columns) {}
  int64_t rows, columns, count;
};

struct Tile {
  Tile(const Tiles& tiles, int64_t i)
      : image(i / (tiles.rows * tiles.columns)), row(i / tiles.columns % tiles.rows * 2), column(i % tiles.columns * 2) {}
  int64_t image, row, column;
};

// What a tile's numbers are multiplied as: Bᵀ d B, for each channel.
void enter(const float* from, int64_t line, int64_t channels, float* to, int64_t step) {
  for (int64_t c = 0; c < channels; c += W) {
    V d[SIDE][SIDE], e[SIDE][SIDE];
    for (int i = 0; i < SIDE; ++i)
      for (int j = 0; j < SIDE; ++j) d[i][j] = V::loadu(from + i * line + j * channels + c);
    for (int j = 0; j < SIDE; ++j) {
      e[0][j] = d[0][j] - d[2][j];
      e[1][j] = d[1][j] + d[2][j];
      e[2][j] = d[2][j] - d[1][j];
      e[3][j] = d[1][j] - d[3][j];
    }
    for (int i = 0; i < SIDE; ++i) {
      float* at = to + i * SIDE * step + c;
      (e[i][0] - e[i][2]).store(at);
      (e[i][1] + e[i][2]).store(at + step);
      (e[i][2] - e[i][1]).store(at + 2 * step);
      (e[i][1] - e[i][3]).store(at + 3 * step);
    }
  }
}

// The results of a tile: Aᵀ m A, for each channel. What is beyond the image is left out. Returns what is NaN if one is not
// finite.
V leave(const float* from, int64_t step, int64_t n, const float* bias, const float* other, const Bounds& bounds, bool has_row,
        bool has_column, float* out, int64_t line) {
  const V low = bounds.low, high = bounds.high;
  V check(0.f);
  for (int64_t c = 0; c < n; c += W) {
    V a[2][SIDE];
    for (int j = 0; j < SIDE; ++j) {
      const float* m = from + j * step + c;
      const V m1 = V::loadu(m + SIDE * step), m2 = V::loadu(m + 2 * SIDE * step);
      a[0][j] = V::loadu(m) + m1 + m2;
      a[1][j] = m1 - m2 - V::loadu(m + 3 * SIDE * step);
    }
    const V first = bias != nullptr ? V::loadu(bias + c) : V(0.f);
    const auto put = [&](V v, int64_t place) {
      check = at::vec::fmadd(v, V(0.f), check);
      if (other != nullptr) v = v + V::loadu(other + place);
      at::vec::clamp(v, low, high).store(out + place);
    };
    for (int i = 0; i < (has_row ? 2 : 1); ++i) {
      put(a[i][0] + a[i][1] + a[i][2] + first, i * line + c);
      if (has_column) put(a[i][1] - a[i][2] - a[i][3] + first, i * line + n + c);
    }
  }
  return check;
}

bool is_finite(const V& check) {
  alignas(64) float items[W];
  check.store(items);
  return std::all_of(items, items + W, [](float v) { return v == 0.f; });
}

}  // namespace

bool winograd(const Images& x, const Convolution& how, const Results& size, const float* panels, const float* bias,
              const float* other, float* out) {
  const Tiles tiles(size);
  const int64_t k = x.channels, n = size.channels;
  // as much of numbers and products as there is of weights, so that none of them crowds the others out
  int64_t most = std::max<int64_t>(24, k * n / (k + n));
  most = std::max<int64_t>(1, std::min(most, (tiles.count + at::get_num_threads() - 1) / at::get_num_threads()));
  const Epilogue nothing{Activation::clamp, -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::infinity()};
  const Bounds bounds(how.end), none(nothing);
  const Convolution alone{{0, 0}, {1, 1}, {1, 1}, 1, nothing};
  const Windows windows{1, 1, k, 0, 0};
  const auto block = [&](int64_t first, int64_t count, float* numbers, float* products) {
    for (int64_t t = 0; t < count; ++t) {
      const Tile tile(tiles, first + t);
      enter(x.data + ((tile.image * x.height + tile.row) * x.width + tile.column) * k, x.width * k, k, numbers + t * k, most * k);
    }
    const Results rows{1, 1, count, n, 1, 1};
    for (int64_t m = 0; m < MATRICES; ++m) {
      const Images from{numbers + m * most * k, 1, 1, count, k};
      for (int64_t i = 0; i < n; i += GROUP) {
        Places places(from, alone, rows, 0);
        const Block what{windows, panels + (m * n + i) * k, k, n, none};
        rows_of_panels<true>(places, count, what, std::min(GROUP, n - i), nullptr, nullptr, products + m * most * n + i);
      }
    }
    V check(0.f);
    for (int64_t t = 0; t < count; ++t) {
      const Tile tile(tiles, first + t);
      const int64_t place = ((tile.image * size.height + tile.row) * size.width + tile.column) * n;
      const bool has_row = tile.row + 1 < size.height, has_column = tile.column + 1 < size.width;
      check = check + leave(products + t * n, most * n, n, bias, other != nullptr ? other + place : nullptr, bounds, has_row,
                            has_column, out + place, size.width * n);
      if (how.end.activation == Activation::clamp) continue;
      for (int row = 0; row < (has_row ? 2 : 1); ++row) finish(how.end, out + place + row * size.width * n, (has_column ? 2 : 1) * n);
    }
    return is_finite(check);
  };
  std::atomic<bool> finite = true;
  at::parallel_for(0, (tiles.count + most - 1) / most, 1, [&](int64_t from, int64_t to) {
    const Tensor scratch = fresh({MATRICES * most * (k + n)}, at::kFloat);
    float* numbers = scratch.mutable_data_ptr<float>();
    for (int64_t i = from; i < to; ++i)
      if (!block(i * most, std::min(most, tiles.count - i * most), numbers, numbers + MATRICES * most * k)) finite = false;
  });
  return finite;
}

void winograd_weights(const float* weights, int64_t n, int64_t channels, float* matrices) {
  const auto across = [](double a, double b, double c, double* to) {
    to[0] = a;
    to[1] = (a + b + c) / 2;
    to[2] = (a - b + c) / 2;
    to[3] = c;
  };
  for (int64_t i = 0; i < n; ++i)
    for (int64_t c = 0; c < channels; ++c) {
      const float* w = weights + i * 9 * channels + c;
      double half[3][SIDE], whole[SIDE];
      for (int64_t row = 0; row < 3; ++row)
        across(w[row * 3 * channels], w[(row * 3 + 1) * channels], w[(row * 3 + 2) * channels], half[row]);
      for (int64_t column = 0; column < SIDE; ++column) {
        across(half[0][column], half[1][column], half[2][column], whole);
        for (int64_t row = 0; row < SIDE; ++row)
          matrices[((row * SIDE + column) * n + i) * channels + c] = static_cast<float>(whole[row]);
      }
    }
}

}  // namespace ts::images

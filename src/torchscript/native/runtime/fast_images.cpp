// Which convolutions of images are computed here, and what is kept of their weights.
#include "torchscript/kernels.h"

#include <ATen/EmptyTensor.h>
#include <ATen/ops/to_dense_ops.h>

#include <limits>
#include <map>
#include <memory>
#include <shared_mutex>

#include "torchscript/blocks.h"
#include "torchscript/fast.h"
#include "torchscript/images.h"
#include "torchscript/products.h"

namespace ts::fast {

namespace {

using images::Convolution;
using images::Images;
using images::Results;

// Sums of so many numbers at most go the direct way; of windows of one place, of more.
constexpr int64_t MOST_TAPS = 256, MOST_CHANNELS = 1 << 12;
// Weights that Winograd's way takes on, of which it keeps 16 for nine: with more it waits for them.
constexpr int64_t MOST_WINOGRAD_WEIGHTS = 1 << 20, FEWEST_WINOGRAD_PLACES = 24;
constexpr int64_t MOST_WEIGHTS_KEPT = int64_t(1) << 24;

enum class Way { library, direct, each_channel, winograd };

// A weight as kernels want it. `way` is library where they do not want it.
struct Prepared {
  Way way = Way::library;
  int64_t results = 0, channels = 0, rows = 0, columns = 0;
  Tensor weight;
};

bool has_winograd_steps(const Convolution& how) {
  constexpr std::array<int64_t, 2> ones{1, 1};
  return how.stride == ones && how.dilation == ones;
}

Way way_of(const Tensor& weight, const Convolution& how) {
  const int64_t groups = how.groups;
  const int64_t n = weight.size(0), window = weight.size(2) * weight.size(3);
  if (n == 0 || window == 0 || weight.size(1) == 0 || weight.numel() > MOST_WEIGHTS_KEPT) return Way::library;
  if (groups == n && weight.size(1) == 1 && n > 1) return Way::each_channel;
  if (groups != 1) return Way::library;
  const int64_t k = window * weight.size(1);
  if (k <= (window == 1 ? MOST_CHANNELS : MOST_TAPS)) return Way::direct;
  const bool is_winograd = weight.size(2) == 3 && weight.size(3) == 3 && has_winograd_steps(how) && n % 16 == 0 && weight.size(1) % 16 == 0 && weight.numel() <= MOST_WINOGRAD_WEIGHTS;
  return is_winograd ? Way::winograd : Way::library;
}

std::shared_ptr<const Prepared> prepared_for(Way way, const Tensor& given) {
  auto made = std::make_shared<Prepared>();
  const at::NoGradGuard guard;
  const Tensor weight = given.is_mkldnn() ? at::_ops::to_dense::call(given, std::nullopt, std::nullopt) : given;  // [n, channels, rows, columns]
  const int64_t n = weight.size(0), window = weight.size(2) * weight.size(3), channels = weight.size(1);
  // windows as they lie in images: [n, rows, columns, channels]
  const Tensor by_place = weight.reshape({n, channels, window}).transpose(1, 2).contiguous();
  if (way == Way::each_channel) {
    made->weight = by_place.reshape({n, window}).t().contiguous();
  } else if (way == Way::winograd) {
    std::vector<float> matrices(16 * n * channels);
    images::winograd_weights(by_place.const_data_ptr<float>(), n, channels, matrices.data());
    const int64_t each = panels_size(n, channels);
    made->weight = Tensor(at::detail::empty_cpu({16 * each}, at::kFloat));
    for (int64_t m = 0; m < 16; ++m)
      make_panels({matrices.data() + m * n * channels, n, channels, channels, false},
                  made->weight.mutable_data_ptr<float>() + m * each);
  } else {
    const int64_t k = window * channels;
    made->weight = Tensor(at::detail::empty_cpu({panels_size(n, k)}, at::kFloat));
    make_panels({by_place.const_data_ptr<float>(), n, k, k, false}, made->weight.mutable_data_ptr<float>());
  }
  made->way = way;
  made->results = n;
  made->channels = way == Way::each_channel ? n : channels;
  made->rows = weight.size(2);
  made->columns = weight.size(3);
  return made;
}

std::shared_ptr<const Prepared> prepared_from(const Tensor& weight, const Convolution& how) {
  const bool is_known = weight.defined() && weight.dim() == 4 && weight.scalar_type() == at::kFloat &&
                        (weight.is_mkldnn() || is_plain_float(weight));
  const Way way = is_known ? way_of(weight, how) : Way::library;
  return way == Way::library ? std::make_shared<Prepared>() : prepared_for(way, weight);
}

// What is prepared of each weight, as long as there is the weight.
class Kept {
 public:
  std::shared_ptr<const Prepared> of(const Tensor& weight, const Convolution& how) {
    c10::TensorImpl* key = weight.unsafeGetTensorImpl();
    {
      const std::shared_lock<std::shared_mutex> lock(mutex_);
      const auto found = entries_.find(key);
      // as long as there is an entry no other tensor has the address
      if (found != entries_.end()) return found->second.prepared;
    }
    auto made = prepared_from(weight, how);
    const std::unique_lock<std::shared_mutex> lock(mutex_);
    for (auto entry = entries_.begin(); entry != entries_.end();)
      entry = entry->second.weight.expired() ? entries_.erase(entry) : std::next(entry);
    return entries_.try_emplace(key, Entry{Weak(weight.getIntrusivePtr()), std::move(made)}).first->second.prepared;
  }

 private:
  using Weak = c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
  struct Entry {
    Weak weight;
    std::shared_ptr<const Prepared> prepared;
  };
  std::shared_mutex mutex_;
  std::map<c10::TensorImpl*, Entry> entries_;
};

Kept& kept() {
  static auto* made = new Kept;  // outlives every module
  return *made;
}

bool is_by_places(const Tensor& t) {
  int64_t expected = 1;
  for (const int64_t dim : {1, 3, 2, 0}) {
    if (t.size(dim) != 1 && t.stride(dim) != expected) return false;
    expected *= t.size(dim);
  }
  return true;
}

// The images with so many zeros before their rows and columns, and as many after them as make the size; place by place.
Tensor padded(const Tensor& x, const std::array<int64_t, 2>& padding, int64_t rows, int64_t columns) {
  const int64_t batch = x.size(0), c = x.size(1), height = x.size(2), width = x.size(3);
  Tensor out = fresh({batch, rows, columns, c}, at::kFloat);
  const float* data = x.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  const int64_t channel_step = x.stride(1), place_step = x.stride(3);
  at::parallel_for(0, batch * rows, std::max<int64_t>(1, (1 << 15) / std::max<int64_t>(1, columns * c)),
                   [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t row = i % rows - padding[0];
      float* line = to + i * columns * c;
      if (row < 0 || row >= height) {
        std::fill_n(line, columns * c, 0.f);
        continue;
      }
      const float* from = data + i / rows * x.stride(0) + row * x.stride(2);
      line = std::fill_n(line, padding[1] * c, 0.f);
      if ((c == 1 || channel_step == 1) && (width == 1 || place_step == c))
        std::copy_n(from, width * c, line);
      else
        for (int64_t k = 0; k < c; ++k)
          for (int64_t place = 0; place < width; ++place) line[place * c + k] = from[k * channel_step + place * place_step];
      std::fill_n(line + width * c, (columns - padding[1] - width) * c, 0.f);
    }
  });
  return out;
}

// An empty tensor of images that lie by places.
Tensor empty_images(int64_t batch, int64_t channels, int64_t height, int64_t width) {
  Tensor out = fresh({batch, height, width, channels}, at::kFloat);
  const std::array<int64_t, 4> sizes{batch, channels, height, width};
  const std::array<int64_t, 4> strides{height * width * channels, 1, width * channels, channels};
  out.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides);
  return out;
}

// A convolution that is computed here: its weight and bias as kernels want them, and what comes out.
struct Ready {
  const Convolution* how;
  std::shared_ptr<const Prepared> prepared;
  const float* bias;
  Results size;
  // The rows and columns of images that the kernel takes.
  std::array<int64_t, 2> taken(int64_t height, int64_t width) const {
    if (prepared->way == Way::winograd) return {(size.height + 1) / 2 * 2 + 2, (size.width + 1) / 2 * 2 + 2};
    if (prepared->way == Way::direct) return {height + 2 * how->padding[0], width + 2 * how->padding[1]};
    return {height, width};
  }
  bool pads(const Images& x) const { return taken(x.height, x.width) != std::array<int64_t, 2>{x.height, x.width}; }

  // `x` is as large as the kernel takes it. False if the result is of no use.
  bool run(const Images& x, const float* other, float* out) const {
    const float* weight = prepared->weight.const_data_ptr<float>();
    if (prepared->way == Way::winograd) return images::winograd(x, *how, size, weight, bias, other, out);
    (prepared->way == Way::direct ? images::direct : images::each_channel)(x, *how, size, weight, bias, other, out);
    return true;
  }
};

// Nothing where the library has to compute it, or to say what is wrong.
std::optional<Ready> get_ready(const Convolution& how, const Images& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  Ready ready{&how, kept().of(weight, how), nullptr, {}};
  const Prepared& prepared = *ready.prepared;
  if (prepared.way == Way::library || x.channels != prepared.channels) return {};
  if (bias.has_value() && bias->defined()) {
    if (!is_plain_float(*bias) || bias->dim() != 1 || bias->size(0) != prepared.results || !bias->is_contiguous() ||
        wants_gradients(*bias))
      return {};
    ready.bias = bias->const_data_ptr<float>();
  }
  const auto places = [](int64_t room, int64_t stride) { return room < 0 ? 0 : room / stride + 1; };
  const int64_t high = how.dilation[0] * (prepared.rows - 1) + 1, wide = how.dilation[1] * (prepared.columns - 1) + 1;
  ready.size = {x.batch, places(x.height + 2 * how.padding[0] - high, how.stride[0]),
                places(x.width + 2 * how.padding[1] - wide, how.stride[1]), prepared.results, prepared.rows, prepared.columns};
  if (ready.size.places() == 0) return {};
  if (prepared.way == Way::winograd && (!has_winograd_steps(how) || ready.size.places() < FEWEST_WINOGRAD_PLACES)) return {};
  return ready;
}

bool takes(const Tensor& x) {
  if (kernel::Vec<float>::size() != 16) return false;  // with fewer registers the library is as fast
  return !is_watched() && is_plain_float(x) && x.dim() == 4 && x.numel() != 0 && !wants_gradients(x);
}

bool can_be_added(const Tensor& other, const Results& size) {
  const std::array<int64_t, 4> sizes{size.batch, size.channels, size.height, size.width};
  return is_plain_float(other) && !wants_gradients(other) && other.sizes() == at::IntArrayRef(sizes) && is_by_places(other);
}

// The images as the first convolution takes them: what `from` says, and where they lie.
Tensor arranged(const Tensor& x, const Ready& first, Images& from) {
  const bool pads = first.pads(from);
  const auto [rows, columns] = first.taken(from.height, from.width);
  Tensor held = x;
  if (pads || !is_by_places(x)) held = padded(x, pads ? first.how->padding : std::array<int64_t, 2>{0, 0}, rows, columns);
  from.height = rows;
  from.width = columns;
  from.data = held.const_data_ptr<float>();
  return held;
}

c10::IValue as_list(const std::array<int64_t, 2>& pair) { return std::vector<int64_t>(pair.begin(), pair.end()); }

Images images_of(const Tensor& x) { return {nullptr, x.size(0), x.size(2), x.size(3), x.size(1)}; }

}  // namespace

void prepare(Tensor& weight, const Convolution& how, bool was_packed) {
  if (!weight.defined()) return;
  if (kernel::Vec<float>::size() == 16 && kept().of(weight, how)->way != Way::library) return;
  if (!was_packed || weight.is_mkldnn()) return;
  static const Operator pack("mkldnn::_reorder_convolution_weight", "");
  Stack stack{weight, as_list(how.padding), as_list(how.stride), as_list(how.dilation), how.groups, c10::IValue()};
  pack.call(stack);
  weight = std::move(stack.at(0)).toTensor();
}

namespace {

// What the operator takes for the end of a convolution.
std::pair<const char*, std::vector<double>> named(const images::Epilogue& end) {
  constexpr float INFINITE = std::numeric_limits<float>::infinity();
  switch (end.activation) {
    case images::Activation::leaky_relu: return {"leaky_relu", {end.low}};
    case images::Activation::sigmoid: return {"sigmoid", {}};
    case images::Activation::silu: return {"swish", {}};
    case images::Activation::hardsigmoid: return {"hardsigmoid", {}};
    case images::Activation::hardswish: return {"hardswish", {}};
    case images::Activation::clamp: break;
  }
  if (end.low == -INFINITE && end.high == INFINITE) return {"none", {}};
  if (end.low == 0.f && end.high == INFINITE) return {"relu", {}};
  return {"hardtanh", {end.low, end.high}};
}

Tensor by_operator(const Convolution& how, const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
                   const Tensor* other, bool in_place) {
  const auto [name, numbers] = named(how.end);
  c10::List<std::optional<Scalar>> scalars;
  for (double number : numbers) scalars.push_back(Scalar(number));
  Stack stack;
  if (other != nullptr && in_place)
    stack = {*other, x, weight};
  else if (other != nullptr)
    stack = {x, *other, weight};
  else
    stack = {x, weight};
  stack.insert(stack.end(), {bias, as_list(how.padding), as_list(how.stride), as_list(how.dilation), how.groups});
  const bool is_none = name == std::string_view("none");
  if (other == nullptr) {
    static const Operator op("mkldnn::_convolution_pointwise", "");
    stack.insert(stack.end(), {name, scalars, c10::IValue()});
    op.call(stack);
  } else {
    static const Operator sum("mkldnn::_convolution_pointwise", "binary");
    static const Operator sum_in_place("mkldnn::_convolution_pointwise_", "binary");
    stack.insert(stack.end(), {"add", Scalar(1.0), is_none ? c10::IValue() : c10::IValue(name), scalars, c10::IValue()});
    (in_place ? sum_in_place : sum).call(stack);
  }
  return std::move(stack.at(0)).toTensor();
}

// An undefined tensor where the operator has to compute it.
Tensor by_kernel(const Convolution& how, const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
                   const Tensor* other, bool in_place) {
  if (!takes(x)) return {};
  Images from = images_of(x);
  auto ready = get_ready(how, from, weight, bias);
  if (!ready || (other != nullptr && !can_be_added(*other, ready->size))) return {};
  const Images given = from;
  Tensor held = arranged(x, *ready, from);
  const Results& size = ready->size;
  if (ready->prepared->way == Way::winograd) in_place = false;  // what is added may be needed once more
  Tensor out = in_place ? *other : empty_images(size.batch, size.channels, size.height, size.width);
  const float* added = other != nullptr ? other->const_data_ptr<float>() : nullptr;
  if (!ready->run(from, added, out.mutable_data_ptr<float>())) {
    ready->prepared = prepared_for(Way::direct, weight);
    from = given;
    held = arranged(x, *ready, from);
    ready->run(from, added, out.mutable_data_ptr<float>());
  }
  return out;
}

// All steps of one image, then of the next; an undefined tensor where an operator has to compute one of them.
Tensor by_images(const Tensor& x, std::initializer_list<Step> steps, const Tensor* other, bool in_place) {
  if (!takes(x)) return {};
  Images from = images_of(x);
  c10::SmallVector<Ready, 4> ready;
  int64_t largest = 0;  // of what goes from one step to the next, for one image
  Images now = from;
  for (const Step& step : steps) {
    auto next = get_ready(step.how, now, step.weight, step.bias);
    if (!next || next->prepared->way == Way::winograd || (!ready.empty() && next->pads(now))) return {};
    now = {nullptr, now.batch, next->size.height, next->size.width, next->size.channels};
    next->size.batch = 1;
    ready.push_back(std::move(*next));
    if (ready.size() < steps.size()) largest = std::max(largest, now.height * now.width * now.channels);
  }
  Results size = ready.back().size;
  size.batch = from.batch;
  if (other != nullptr && !can_be_added(*other, size)) return {};
  const Tensor held = arranged(x, ready.front(), from);
  Tensor out = in_place ? *other : empty_images(size.batch, size.channels, size.height, size.width);
  const float* added = other != nullptr ? other->const_data_ptr<float>() : nullptr;
  float* to = out.mutable_data_ptr<float>();
  const int64_t each = held.numel() / from.batch, each_result = size.height * size.width * size.channels;
  const auto some = [&](int64_t first, int64_t last) {
    const Tensor between = fresh({2, largest}, at::kFloat);
    float* buffers[2] = {between.mutable_data_ptr<float>(), between.mutable_data_ptr<float>() + largest};
    for (int64_t image = first; image < last; ++image) {
      Images source{from.data + image * each, 1, from.height, from.width, from.channels};
      for (size_t i = 0; i < ready.size(); ++i) {
        const bool is_last = i + 1 == ready.size();
        float* target = is_last ? to + image * each_result : buffers[i % 2];
        ready[i].run(source, is_last && added != nullptr ? added + image * each_result : nullptr, target);
        source = {target, 1, ready[i].size.height, ready[i].size.width, ready[i].size.channels};
      }
    }
  };
  if (from.batch >= at::get_num_threads())
    at::parallel_for(0, from.batch, 1, some);
  else
    some(0, from.batch);  // the threads share each image
  return out;
}

}  // namespace

Tensor convolution(const Convolution& how, const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
                   const Tensor* other, bool in_place) {
  Tensor out = by_kernel(how, x, weight, bias, other, in_place);
  return out.defined() ? out : by_operator(how, x, weight, bias, other, in_place);
}

Tensor convolutions(const Tensor& x, std::initializer_list<Step> steps, const Tensor* other, bool in_place) {
  Tensor out = by_images(x, steps, other, in_place);
  if (out.defined()) return out;
  out = x;
  for (const Step& step : steps) {
    const bool is_last = &step == steps.end() - 1;
    out = convolution(step.how, out, step.weight, step.bias, is_last ? other : nullptr, is_last && in_place);
  }
  return out;
}

}  // namespace ts::fast

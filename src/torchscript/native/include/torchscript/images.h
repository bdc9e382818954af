// Convolutions of images whose places lie one after the other with all their channels (the memory format channels_last).
//
// runtime/images.cpp has the kernels, runtime/fast_images.cpp says which convolutions they compute.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>

#include "convert.h"
#include "values.h"

namespace ts::images {

// What a kernel does with its results at the end.
enum class Activation { clamp, leaky_relu, sigmoid, silu, hardsigmoid, hardswish };

struct Epilogue {
  Activation activation;
  float low, high;  // of clamp; `low` is the slope of leaky_relu
};

// A convolution as a program has it, but for its weights.
struct Convolution {
  std::array<int64_t, 2> padding, stride, dilation;
  int64_t groups;
  Epilogue end;
};

// floats as [batch, height, width, channels]
struct Images {
  const float* data;
  int64_t batch, height, width, channels;
};

// What comes out of it: places[batch · height · width, channels], and how many taps each sums.
struct Results {
  int64_t batch, height, width, channels;
  int64_t rows, columns;  // of a window
  int64_t places() const { return batch * height * width; }
};

// out[place, n] = end(bias[n] + Σ x[tap, c] weight[n, tap, c] + other[place, n]) for images that are padded already.
// `panels` are of weights as [n, rows · columns · channels]; `bias` and `other` may be null, `other` may be `out`.
void direct(const Images& x, const Convolution& how, const Results& size, const float* panels, const float* bias,
            const float* other, float* out);

// The same where each channel is summed for itself; `weight` as [rows · columns, channels].
void each_channel(const Images& x, const Convolution& how, const Results& size, const float* weight, const float* bias,
                  const float* other, float* out);

// The same for windows of three by three at every place, by Winograd's way: two by two places of four by four numbers with 16
// multiplications for each channel instead of 36. `panels` are 16, of weights that `winograd_weights` made. The channels
// are multiples of 16; the images are padded so that no four by four numbers reach beyond them. False if some result is
// no finite number: the way from there to the places that it belongs to is lost.
bool winograd(const Images& x, const Convolution& how, const Results& size, const float* panels, const float* bias,
              const float* other, float* out);

// Weights as [n, 9, channels] → 16 matrices as [n, channels].
void winograd_weights(const float* weights, int64_t n, int64_t channels, float* matrices);

}  // namespace ts::images

namespace ts::fast {

// Arranges a weight for the kernels, if they take it, before it is used for the first time. One that `was_packed` for oneDNN
// in the process that compiled the program is packed again, if it lies in a package as it was, and oneDNN will read it.
void prepare(Tensor& weight, const images::Convolution& how, bool was_packed);

// mkldnn::_convolution_pointwise and its two forms that add `other`, which `in_place` makes the result: by the kernels, or
// by that operator.
Tensor convolution(const images::Convolution& how, const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
                   const Tensor* other, bool in_place);

// One of several convolutions of which each reads only what the one before made.
struct Step {
  images::Convolution how;
  const Tensor& weight;
  std::optional<Tensor> bias;
  template <class B>
  Step(const images::Convolution& how, const Tensor& weight, const B& bias)
      : how(how), weight(weight), bias(ts::convert<std::optional<Tensor>>(bias)) {}
};

// All steps for one image, then for the next, so that what goes from step to step stays near the core. The last adds
// `other`, if that is not null. One after the other where an operator has to compute one of them.
Tensor convolutions(const Tensor& x, std::initializer_list<Step> steps, const Tensor* other, bool in_place);

template <class B>
Tensor convolution(const images::Convolution& how, const Tensor& x, const Tensor& weight, const B& bias) {
  return ts::fast::convolution(how, x, weight, ts::convert<std::optional<Tensor>>(bias), nullptr, false);
}
template <class B>
Tensor convolution(const images::Convolution& how, const Tensor& x, const Tensor& weight, const B& bias, const Tensor& other,
                   bool in_place) {
  return ts::fast::convolution(how, x, weight, ts::convert<std::optional<Tensor>>(bias), &other, in_place);
}

}  // namespace ts::fast

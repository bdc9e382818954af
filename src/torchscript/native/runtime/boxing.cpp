// Boxes of plain values, and of lists of them.
#include "torchscript/boxing.h"

namespace ts {

#define TS_BOX(TYPE, TEST, FROM)                                       \
  c10::IValue Box<TYPE>::to(const TYPE& v) { return c10::IValue(v); }  \
  TYPE Box<TYPE>::from(const c10::IValue& v) { return FROM; }          \
  bool Box<TYPE>::test(const c10::IValue& v) { return TEST; }
TS_BOX(Tensor, v.isTensor(), v.toTensor())
TS_BOX(int64_t, v.isInt(), v.isBool() ? int64_t(v.toBool()) : v.toInt())
TS_BOX(bool, v.isBool(), v.isInt() ? v.toInt() != 0 : v.toBool())
TS_BOX(double, v.isDouble(), v.isInt() ? double(v.toInt()) : v.toDouble())
TS_BOX(Str, v.isString(), v.toStringRef())
TS_BOX(Complex, v.isComplexDouble(),
       v.isDouble() ? Complex(v.toDouble()) : v.isInt() ? Complex(double(v.toInt())) : v.toComplexDouble())
TS_BOX(Scalar, v.isScalar(), v.toScalar())
TS_BOX(at::Generator, v.isGenerator(), v.toGenerator())
#undef TS_BOX

template struct Box<List<Tensor>>;
template struct Box<List<int64_t>>;
template struct Box<List<double>>;
template struct Box<List<bool>>;
template struct Box<List<Str>>;

}  // namespace ts

// `repr` of simple values.
#include "torchscript/lang/text.h"

#include <ATen/core/Formatting.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <sstream>

#include "torchscript/lang/unicode.h"

namespace ts {

std::string (*format_tensor_hook)(const at::Tensor&) = nullptr;
void (*write_stdout_hook)(const std::string&) = nullptr;

void write_stdout(const std::string& text) {
  if (write_stdout_hook != nullptr)
    write_stdout_hook(text);
  else
    std::cout << text << std::flush;
}

namespace lang {

Str format_tensor(const Tensor& tensor) {
  if (format_tensor_hook != nullptr) return format_tensor_hook(tensor);
  std::ostringstream out;
  out << tensor;
  return out.str();
}

namespace {

// The shortest digits that read back as x, as `repr` places them; without ".0" where `whole` is not wanted.
Str shortest(double x, const char* whole) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x < 0 ? "-inf" : "inf";
  char buffer[40];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, x, std::chars_format::scientific).ptr;
  Str text(buffer, end);
  size_t e = text.find('e');
  int exponent = std::stoi(text.substr(e + 1));
  Str sign = text[0] == '-' ? "-" : "";
  Str digits;
  for (char c : text.substr(sign.size(), e - sign.size()))
    if (c != '.') digits += c;
  int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    char tail[8];
    std::snprintf(tail, sizeof tail, "e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
    return sign + digits[0] + (count > 1 ? "." + digits.substr(1) : "") + tail;
  }
  if (exponent < 0) return sign + "0." + Str(-exponent - 1, '0') + digits;
  if (count <= exponent + 1) return sign + digits + Str(exponent + 1 - count, '0') + whole;
  return sign + digits.substr(0, exponent + 1) + "." + digits.substr(exponent + 1);
}

}  // namespace

Str repr_float(double x) { return shortest(x, ".0"); }

Str repr_complex(Complex x) {
  if (x.real() == 0.0 && !std::signbit(x.real())) return shortest(x.imag(), "") + "j";
  Str imaginary = shortest(x.imag(), "");
  if (imaginary[0] != '-') imaginary = "+" + imaginary;
  return "(" + shortest(x.real(), "") + imaginary + "j)";
}

Str repr_string(const Str& x) {
  char quote = x.find('\'') != Str::npos && x.find('"') == Str::npos ? '"' : '\'';
  Str out(1, quote);
  char escaped[12];
  for (size_t i = 0; i < x.size();) {
    size_t begin = i;
    uint32_t c = unicode::next(x, i);
    if (c == static_cast<uint32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (unicode::has(c, unicode::printable)) {
      out.append(x, begin, i - begin);
    } else {
      std::snprintf(escaped, sizeof escaped, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
      out += escaped;
    }
  }
  return out + quote;
}

Str repr_scalar(const Scalar& x) {
  if (x.isBoolean()) return x.toBool() ? "True" : "False";
  if (x.isComplex()) return repr_complex(x.to<Complex>());
  if (x.isFloatingPoint()) return repr_float(x.toDouble());
  return std::to_string(x.toLong());
}

Str repr_dtype(at::ScalarType x) {
  switch (x) {
    case at::kByte: return "torch.uint8";
    case at::kChar: return "torch.int8";
    case at::kShort: return "torch.int16";
    case at::kInt: return "torch.int32";
    case at::kLong: return "torch.int64";
    case at::kHalf: return "torch.float16";
    case at::kFloat: return "torch.float32";
    case at::kDouble: return "torch.float64";
    case at::kComplexHalf: return "torch.complex32";
    case at::kComplexFloat: return "torch.complex64";
    case at::kComplexDouble: return "torch.complex128";
    default: break;
  }
  Str name = c10::toString(x);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return "torch." + name;
}

Str repr_layout(at::Layout x) {
  std::ostringstream out;
  out << x;
  Str name = out.str();
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (name.rfind("sparse", 0) == 0 && name.size() > 6 && name[6] != '_') name.insert(6, "_");
  return "torch." + (name == "sparse" ? "sparse_coo" : name == "mkldnn" ? "_mkldnn" : name);
}

Str repr_memory_format(at::MemoryFormat x) {
  switch (x) {
    case at::MemoryFormat::Contiguous: return "torch.contiguous_format";
    case at::MemoryFormat::Preserve: return "torch.preserve_format";
    case at::MemoryFormat::ChannelsLast: return "torch.channels_last";
    default: return "torch.channels_last_3d";
  }
}

Str repr_device(const c10::Device& x) {
  Str out = "device(type='" + c10::DeviceTypeName(x.type(), true) + "'";
  if (x.has_index()) out += ", index=" + std::to_string(static_cast<int>(x.index()));
  return out + ")";
}

Str repr_object(const char* name, const void* address) {
  std::ostringstream out;
  out << '<' << name << " object at " << address << '>';
  return out.str();
}

}  // namespace lang
}  // namespace ts

// `str.format` and `str % …`, with Python's format specifications.
#include "torchscript/lang/formatting.h"

#include <ATen/ops/item.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "torchscript/lang/fail.h"
#include "torchscript/lang/numbers.h"
#include "torchscript/lang/strings.h"
#include "torchscript/lang/unicode.h"

namespace ts::lang {

Argument argument_of_scalar(const Scalar& x) {
  if (x.isBoolean()) return argument_of(x.toBool());
  if (x.isComplex()) return argument_of(x.to<Complex>());
  if (x.isFloatingPoint()) return argument_of(x.toDouble());
  return argument_of(x.toLong());
}

namespace {

// [[fill]align][sign][#][0][width][grouping][.precision][type]
struct Specification {
  Str fill = " ";
  char align = 0, sign = '-', grouping = 0, type = 0;
  bool alternate = false;
  int64_t width = 0, precision = -1;
};

bool is_align(char c) { return c == '<' || c == '>' || c == '=' || c == '^'; }

int64_t read_number(const Str& text, size_t& i) {
  int64_t value = -1;
  while (i < text.size() && text[i] >= '0' && text[i] <= '9') {
    value = std::max<int64_t>(value, 0) * 10 + (text[i++] - '0');
    if (value > INT32_MAX) fail("ValueError", "Too many decimal digits in format string");
  }
  return value;
}

Specification read_specification(const Str& text, const char* type_name, bool is_string) {
  Specification spec;
  size_t i = 0, behind = 0;
  if (!text.empty()) unicode::next(text, behind);
  if (behind < text.size() && is_align(text[behind])) {
    spec.fill = text.substr(0, behind);
    spec.align = text[behind];
    i = behind + 1;
  } else if (!text.empty() && is_align(text[0])) {
    spec.align = text[i++];
  }
  bool has_fill = i > 1;
  auto at = [&](char c) { return i < text.size() && text[i] == c; };
  if (at('+') || at('-') || at(' ')) spec.sign = text[i++];
  if (at('#')) spec.alternate = true, i++;
  if (at('0')) {
    if (!has_fill) spec.fill = "0";
    if (spec.align == 0) spec.align = is_string ? '<' : '=';
    i++;
  }
  spec.width = std::max<int64_t>(read_number(text, i), 0);
  if (at(',') || at('_')) spec.grouping = text[i++];
  if (at('.')) {
    i++;
    spec.precision = read_number(text, i);
    if (spec.precision < 0) fail("ValueError", "Format specifier missing precision");
  }
  if (i < text.size()) spec.type = text[i++];
  if (i < text.size())
    fail("ValueError", "Invalid format specifier '" + text + "' for object of type '" + type_name + "'");
  return spec;
}

Str aligned(const Str& sign, const Str& body, const Specification& spec, char otherwise) {
  int64_t missing = spec.width - len_(sign) - len_(body);
  if (missing <= 0) return sign + body;
  char align = spec.align != 0 ? spec.align : otherwise;
  int64_t left = align == '>' ? missing : align == '^' ? missing / 2 : 0;
  Str before, behind, between;
  for (int64_t i = 0; i < missing; i++) (align == '=' ? between : i < left ? before : behind) += spec.fill;
  return before + sign + between + body + behind;
}

// Digits in groups, with zeros in front up to `width` characters.
Str grouped(Str digits, char separator, int group, int64_t width) {
  if (separator == 0) return digits;
  for (;; digits.insert(0, "0")) {
    Str out;
    for (size_t i = 0; i < digits.size(); i++) {
      if (i > 0 && (digits.size() - i) % group == 0) out += separator;
      out += digits[i];
    }
    if (static_cast<int64_t>(out.size()) >= width) return out;
  }
}

Str sign_of(bool negative, char wanted) { return negative ? "-" : wanted == '-' ? "" : Str(1, wanted); }

// sign, prefix, whole digits, and what follows them
Str number(const Str& sign, Str whole, const Str& rest, const Specification& spec, int group = 3) {
  bool zeros = spec.fill == "0" && spec.align == '=';
  int64_t width = zeros ? spec.width - static_cast<int64_t>(sign.size() + rest.size()) : 0;
  return aligned(sign, grouped(std::move(whole), spec.grouping, group, width) + rest, spec, '>');
}

Str printed(const char* format, int64_t precision, double x) {
  Str out(64, 0);
  int size = std::snprintf(out.data(), out.size(), format, static_cast<int>(precision), x);
  if (size >= static_cast<int>(out.size())) {
    out.resize(size + 1);
    std::snprintf(out.data(), out.size(), format, static_cast<int>(precision), x);
  }
  out.resize(size);
  return out;
}

void strip_zeros(Str& text, size_t end) {
  size_t last = end;
  if (text.find('.') >= end) return;
  while (text[last - 1] == '0') last--;
  if (text[last - 1] == '.') last--;
  text.erase(last, end - last);
}

// The digits of a number that is not negative.
Str real_digits(double x, char type, int64_t precision, bool alternate) {
  if (!std::isfinite(x)) {
    bool capital = type == 'E' || type == 'F' || type == 'G';
    return std::isnan(x) ? capital ? "NAN" : "nan" : capital ? "INF" : "inf";
  }
  if (type == 0 && precision < 0) return repr_float(x);
  if (precision < 0) precision = 6;
  switch (type) {
    case 'e': return printed(alternate ? "%#.*e" : "%.*e", precision, x);
    case 'E': return printed(alternate ? "%#.*E" : "%.*E", precision, x);
    case 'f':
    case 'F': return printed(alternate ? "%#.*f" : "%.*f", precision, x);
    case 'g':
    case 'n': return printed(alternate ? "%#.*g" : "%.*g", precision, x);
    case 'G': return printed(alternate ? "%#.*G" : "%.*G", precision, x);
    default: break;
  }
  // no type: as `g`, but with a digit behind the point
  precision = std::max<int64_t>(precision, 1);
  Str text = printed("%.*e", precision - 1, x);
  int64_t exponent = std::stoi(text.substr(text.find('e') + 1));
  if (exponent < -4 || exponent + 1 > precision - 1) {
    strip_zeros(text, text.find('e'));
    return text;
  }
  text = printed("%.*f", precision - 1 - exponent, x);
  strip_zeros(text, text.size());
  return text.find('.') == Str::npos ? text + ".0" : text;
}

Str format_real(double x, const Specification& spec, const char* type_name) {
  if (spec.type != 0 && Str("eEfFgGn%").find(spec.type) == Str::npos)
    fail("ValueError", Str("Unknown format code '") + spec.type + "' for object of type '" + type_name + "'");
  bool percent = spec.type == '%', negative = std::signbit(x) && !std::isnan(x);
  Str digits = real_digits(std::fabs(percent ? x * 100 : x), percent ? 'f' : spec.type, spec.precision, spec.alternate);
  size_t whole = 0;
  while (whole < digits.size() && digits[whole] >= '0' && digits[whole] <= '9') whole++;
  Str rest = digits.substr(whole) + (percent ? "%" : "");
  return number(sign_of(negative, spec.sign), digits.substr(0, whole), rest, spec);
}

Str format_complex(Complex x, const Specification& spec) {
  Specification part = spec;
  part.width = 0;
  part.align = 0;
  if (spec.type == 0 && spec.precision < 0 && x.real() == 0.0 && !std::signbit(x.real()))
    return aligned("", format_real(x.imag(), part, "complex") + "j", spec, '>');
  if (spec.type == 0) part.type = 'g', part.precision = spec.precision < 0 ? 17 : spec.precision;
  auto text = [&](double value, char sign) {
    if (spec.type == 0 && spec.precision < 0) {
      Str shortest = repr_float(value);
      if (shortest.size() > 2 && shortest.compare(shortest.size() - 2, 2, ".0") == 0) shortest.resize(shortest.size() - 2);
      return sign == '+' && shortest[0] != '-' ? "+" + shortest : shortest;
    }
    part.sign = sign;
    return format_real(value, part, "complex");
  };
  Str both = text(x.real(), spec.sign) + text(x.imag(), '+') + "j";
  return aligned("", spec.type == 0 ? "(" + both + ")" : both, spec, '>');
}

Str format_integer(int64_t x, const Specification& spec, const char* type_name) {
  Str digits;
  int group = 3;
  switch (spec.type) {
    case 0:
    case 'd':
    case 'n': {
      digits = x < 0 ? std::to_string(x).substr(1) : std::to_string(x);
      break;
    }
    case 'b': digits = bin_(x); break;
    case 'o': digits = oct_(x); break;
    case 'x':
    case 'X': digits = hex_(x); break;
    case 'c': {
      Str character;
      if (x < 0 || x > 0x10FFFF) fail("OverflowError", "%c arg not in range(0x110000)");
      unicode::append(character, static_cast<uint32_t>(x));
      return aligned("", character, spec, '<');
    }
    default: return format_real(static_cast<double>(x), spec, type_name);
  }
  if (spec.precision >= 0) fail("ValueError", "Precision not allowed in integer format specifier");
  Str sign = sign_of(x < 0, spec.sign);
  if (spec.type == 'b' || spec.type == 'o' || spec.type == 'x' || spec.type == 'X') {
    group = 4;
    size_t begin = x < 0 ? 1 : 0;
    if (spec.alternate) sign += digits.substr(begin, 2);
    digits = digits.substr(begin + 2);
    if (spec.type == 'X') {
      digits = upper_(digits);
      sign = upper_(sign);
    }
  }
  return number(sign, digits, "", spec, group);
}

Str format_string(const Str& x, const Specification& spec, const char* type_name) {
  if (spec.type != 0 && spec.type != 's')
    fail("ValueError", Str("Unknown format code '") + spec.type + "' for object of type '" + type_name + "'");
  if (spec.align == '=') fail("ValueError", "'=' alignment not allowed in string format specifier");
  if (spec.sign != '-') fail("ValueError", "Sign not allowed in string format specifier");
  return aligned("", spec.precision < 0 ? x : slice_(x, 0, spec.precision, 1), spec, '<');
}

// `format(argument, specification)`
Str formatted(const Argument& a, const Str& text) {
  if (a.tensor != nullptr && a.tensor->defined() && a.tensor->dim() == 0 && !a.tensor->is_meta()) {
    Scalar item = a.tensor->item();
    return formatted(argument_of(item), text);
  }
  if (text.empty()) return a.str();
  if (a.kind == Argument::other)
    fail("TypeError", Str("unsupported format string passed to ") + a.type + ".__format__");
  Specification spec = read_specification(text, a.type, a.kind == Argument::string);
  switch (a.kind) {
    case Argument::integer:
    case Argument::boolean: return format_integer(a.integer_value, spec, a.type);
    case Argument::real: return format_real(a.real_value, spec, a.type);
    case Argument::complex: return format_complex(a.complex_value, spec);
    default: return format_string(a.str(), spec, a.type);
  }
}

// What `{…}` of a format stand for, counted or numbered.
class Fields {
 public:
  explicit Fields(std::initializer_list<Argument> arguments) : arguments_(arguments) {}

  const Argument& get(const Str& name) {
    bool counted = name.empty();
    if (!counted && name.find_first_not_of("0123456789") != Str::npos) {
      if (name.find_first_of(".[") != Str::npos)
        fail("ValueError", "compiled code has no attributes and items in formats: '{" + name + "}'");
      fail("KeyError", name);
    }
    if (any_ && counted != counted_)
      fail("ValueError", counted ? "cannot switch from manual field specification to automatic field numbering"
                                 : "cannot switch from automatic field numbering to manual field specification");
    any_ = true;
    counted_ = counted;
    size_t i = 0;
    int64_t place = counted ? next_++ : read_number(name, i);
    if (place >= static_cast<int64_t>(arguments_.size()))
      fail("IndexError", "Replacement index " + std::to_string(place) + " out of range for positional args tuple");
    return arguments_.begin()[place];
  }

 private:
  std::initializer_list<Argument> arguments_;
  bool any_ = false, counted_ = false;
  int64_t next_ = 0;
};

Str format_fields(const Str& text, Fields& fields, int depth) {
  if (depth < 0) fail("ValueError", "Max string recursion exceeded");
  Str out;
  for (size_t i = 0; i < text.size(); i++) {
    char c = text[i];
    if (c != '{' && c != '}') {
      out += c;
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == c) {
      out += c;
      i++;
      continue;
    }
    if (c == '}') fail("ValueError", "Single '}' encountered in format string");
    if (i + 1 == text.size()) fail("ValueError", "Single '{' encountered in format string");
    size_t begin = ++i;
    for (int open = 1; open > 0; i++) {
      if (i == text.size()) fail("ValueError", "expected '}' before end of string");
      open += (text[i] == '{') - (text[i] == '}');
    }
    Str field = text.substr(begin, --i - begin);
    size_t end = field.find_first_of("!:");
    Str name = field.substr(0, end), specification;
    char conversion = 0;
    if (end != Str::npos && field[end] == '!') {
      if (end + 1 == field.size()) fail("ValueError", "end of string while looking for conversion specifier");
      conversion = field[end + 1];
      end += 2;
      if (end < field.size() && field[end] != ':') fail("ValueError", "expected ':' after conversion specifier");
    }
    const Argument& argument = fields.get(name);
    if (end < field.size()) specification = format_fields(field.substr(end + 1), fields, depth - 1);
    if (conversion == 0) {
      out += formatted(argument, specification);
    } else if (conversion == 's' || conversion == 'r' || conversion == 'a') {
      Str converted = conversion == 's' ? argument.str() : argument.repr();
      out += formatted(argument_of(converted), specification);
    } else {
      fail("ValueError", Str("Unknown conversion specifier ") + conversion);
    }
  }
  return out;
}

}  // namespace

Str format_arguments(const Str& text, std::initializer_list<Argument> arguments) {
  Fields fields(arguments);
  return format_fields(text, fields, 1);
}

Str percent_format_arguments(const Str& text, std::initializer_list<Argument> arguments) {
  Str out;
  auto next = arguments.begin();
  auto take = [&]() -> const Argument& {
    if (next == arguments.end()) fail("TypeError", "not enough arguments for format string");
    return *next++;
  };
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    Specification spec;
    bool left = false, zeros = false;
    for (i++; i < text.size() && Str("-+ 0#").find(text[i]) != Str::npos; i++) {
      if (text[i] == '-') left = true;
      if (text[i] == '0') zeros = true;
      if (text[i] == '#') spec.alternate = true;
      if (text[i] == '+' || (text[i] == ' ' && spec.sign != '+')) spec.sign = text[i];
    }
    auto read = [&]() -> int64_t {
      if (i < text.size() && text[i] == '*') {
        i++;
        const Argument& given = take();
        if (given.kind != Argument::integer && given.kind != Argument::boolean) fail("TypeError", "* wants int");
        return given.integer_value;
      }
      return std::max<int64_t>(read_number(text, i), 0);
    };
    spec.width = read();
    if (spec.width < 0) left = true, spec.width = -spec.width;
    if (i < text.size() && text[i] == '.') {
      i++;
      spec.precision = std::max<int64_t>(read(), 0);
    }
    if (i < text.size() && Str("lhL").find(text[i]) != Str::npos) i++;
    if (i >= text.size()) fail("ValueError", "incomplete format");
    char type = text[i];
    if (type == '%') {
      out += '%';
      continue;
    }
    if (type == '(') fail("TypeError", "format requires a mapping");
    if (Str("diuoxXeEfFgGcrsa").find(type) == Str::npos)
      fail("ValueError", Str("unsupported format character '") + type + "' (0x" + hex_(type).substr(2) + ") at index " +
                             std::to_string(len_(text.substr(0, i))));
    const Argument* a = &take();
    Scalar item;
    Argument of_tensor;
    bool text_wanted = type == 's' || type == 'r' || type == 'a';
    if (a->tensor != nullptr && !text_wanted) {
      item = a->tensor->item();
      of_tensor = argument_of(item);
      a = &of_tensor;
    }
    spec.align = left ? '<' : '>';
    if (text_wanted) {
      spec.sign = '-';
      out += format_string(type == 's' ? a->str() : a->repr(), spec, a->type);
      continue;
    }
    bool is_integer = a->kind == Argument::integer || a->kind == Argument::boolean;
    if (type == 'c') {
      spec.sign = '-';
      if (a->kind == Argument::string && len_(a->str()) == 1) {
        out += format_string(a->str(), spec, a->type);
        continue;
      }
      if (!is_integer) fail("TypeError", "%c requires int or char");
      spec.type = 'c';
      out += format_integer(a->integer_value, spec, a->type);
      continue;
    }
    if (zeros && !left) spec.fill = "0", spec.align = '=';
    bool wants_integer = Str("diuoxX").find(type) != Str::npos;
    if (!is_integer && a->kind != Argument::real) {
      if (wants_integer)
        fail("TypeError", Str("%") + type + " format: " +
                              (type == 'd' || type == 'i' || type == 'u' ? "a real number" : "an integer") +
                              " is required, not " + a->type);
      fail("TypeError", Str("must be real number, not ") + a->type);
    }
    if (!wants_integer) {
      spec.type = type;
      out += format_real(is_integer ? static_cast<double>(a->integer_value) : a->real_value, spec, a->type);
      continue;
    }
    bool decimal = type == 'd' || type == 'i' || type == 'u';
    if (!decimal && !is_integer)
      fail("TypeError", Str("%") + type + " format: an integer is required, not " + a->type);
    int64_t x = is_integer ? a->integer_value : float_to_int(a->real_value);
    spec.type = decimal ? 'd' : type;
    int64_t digits = spec.precision;
    spec.precision = -1;
    if (digits > 0) {  // at least so many digits
      Specification inner;
      inner.type = spec.type;
      Str text_of = format_integer(x, inner, a->type);
      Str sign = sign_of(x < 0, spec.sign), body = x < 0 ? text_of.substr(1) : text_of;
      if (static_cast<int64_t>(body.size()) < digits) body.insert(0, digits - body.size(), '0');
      if (spec.alternate && !decimal) sign += type == 'o' ? "0o" : type == 'x' ? "0x" : "0X";
      out += aligned(sign, body, spec, '>');
    } else {
      out += format_integer(x, spec, a->type);
    }
  }
  if (next != arguments.end()) fail("TypeError", "not all arguments converted during string formatting");
  return out;
}

}  // namespace ts::lang

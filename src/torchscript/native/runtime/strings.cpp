// The methods of `str` that look at characters or search.
#include "torchscript/lang/strings.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "torchscript/lang/lists.h"
#include "torchscript/lang/numbers.h"
#include "torchscript/lang/text.h"
#include "torchscript/lang/unicode.h"

namespace ts::lang {

namespace {

bool is_ascii(const Str& s, size_t count) {
  unsigned char any = 0;
  for (size_t i = 0; i < count; i++) any |= static_cast<unsigned char>(s[i]);
  return any < 0x80;
}

// The byte where character `index` begins; the end of the string behind the last.
size_t byte_of(const Str& s, int64_t index) {
  if (static_cast<uint64_t>(index) <= s.size() && is_ascii(s, index)) return index;
  size_t i = 0;
  for (; index > 0 && i < s.size(); index--) unicode::next(s, i);
  return i;
}
int64_t characters_before(const Str& s, size_t byte) {
  int64_t count = 0;
  for (size_t i = 0; i < byte; i++) count += (s[i] & 0xC0) != 0x80;
  return count;
}

}  // namespace

// -- characters ------------------------------------------------------------------------------------------------------

Str character_at(const Str& s, int64_t index) {
  int64_t size = index < 0 ? len_(s) : static_cast<int64_t>(s.size());
  if (index < 0) index += size;
  if (index < 0 || index >= size) fail("IndexError", "string index out of range");
  size_t begin = byte_of(s, index), end = begin;
  if (begin >= s.size()) fail("IndexError", "string index out of range");
  unicode::next(s, end);
  return s.substr(begin, end - begin);
}

List<Str> list_(const Str& s) {
  List<Str> out;
  for (size_t i = 0; i < s.size();) {
    size_t begin = i;
    unicode::next(s, i);
    out.items().push_back(s.substr(begin, i - begin));
  }
  return out;
}

Str slice_(const Str& s, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) {
  Range range = range_of(start, end, step, len_(s));
  if (range.step == 1) {
    size_t begin = byte_of(s, range.start);
    return s.substr(begin, byte_of(s, range.start + range.count) - begin);
  }
  List<Str> characters = list_(s);
  Str out;
  for (int64_t i = 0; i < range.count; i++) out += characters.items()[range.start + i * range.step];
  return out;
}

int64_t ord_(const Str& s) {
  size_t i = 0;
  uint32_t character = s.empty() ? 0 : unicode::next(s, i);
  if (s.empty() || i != s.size())
    fail("TypeError", "ord() expected a character, but string of length " + std::to_string(len_(s)) + " found");
  return character;
}
Str chr_(int64_t i) {
  if (i != static_cast<int32_t>(i)) fail("OverflowError", "Python int too large to convert to C int");
  if (i < 0 || i > 0x10FFFF) fail("ValueError", "chr() arg not in range(0x110000)");
  Str out;
  unicode::append(out, static_cast<uint32_t>(i));
  return out;
}

namespace {

// A capital sigma at the end of a word has a form of its own.
void append_lower(Str& out, const Str& s, size_t begin, size_t end, uint32_t c) {
  if (c != 0x3A3) return unicode::append_lower(out, c);
  bool cased_before = false, cased_behind = false;
  for (size_t i = 0; i < begin;) {
    uint32_t other = unicode::next(s, i);
    if (!unicode::has(other, unicode::case_ignorable)) cased_before = unicode::has(other, unicode::cased);
  }
  for (size_t i = end; i < s.size();) {
    uint32_t other = unicode::next(s, i);
    if (unicode::has(other, unicode::case_ignorable)) continue;
    cased_behind = unicode::has(other, unicode::cased);
    break;
  }
  unicode::append(out, cased_before && !cased_behind ? 0x3C2 : 0x3C3);
}

// f(out, begin, end, character) of every character
template <class F>
Str mapped(const Str& s, F&& f) {
  Str out;
  out.reserve(s.size());
  for (size_t i = 0; i < s.size();) {
    size_t begin = i;
    uint32_t c = unicode::next(s, i);
    f(out, begin, i, c);
  }
  return out;
}

bool all(const Str& s, uint16_t property) {
  for (size_t i = 0; i < s.size();)
    if (!unicode::has(unicode::next(s, i), property)) return false;
  return true;
}

}  // namespace

Str lower_(const Str& s) {
  return mapped(s, [&](Str& out, size_t begin, size_t end, uint32_t c) { append_lower(out, s, begin, end, c); });
}
Str upper_(const Str& s) {
  return mapped(s, [](Str& out, size_t, size_t, uint32_t c) { unicode::append_upper(out, c); });
}
Str swapcase_(const Str& s) {
  return mapped(s, [&](Str& out, size_t begin, size_t end, uint32_t c) {
    if (unicode::has(c, unicode::upper))
      append_lower(out, s, begin, end, c);
    else if (unicode::has(c, unicode::lower))
      unicode::append_upper(out, c);
    else
      unicode::append(out, c);
  });
}
Str capitalize_(const Str& s) {
  return mapped(s, [&](Str& out, size_t begin, size_t end, uint32_t c) {
    if (begin == 0)
      unicode::append_title(out, c);
    else
      append_lower(out, s, begin, end, c);
  });
}
Str title_(const Str& s) {
  bool inside = false;
  return mapped(s, [&](Str& out, size_t begin, size_t end, uint32_t c) {
    if (inside)
      append_lower(out, s, begin, end, c);
    else
      unicode::append_title(out, c);
    inside = unicode::has(c, unicode::cased);
  });
}

bool isspace_(const Str& s) { return !s.empty() && all(s, unicode::space); }
bool isalpha_(const Str& s) { return !s.empty() && all(s, unicode::alpha); }
bool isnumeric_(const Str& s) { return !s.empty() && all(s, unicode::numeric); }
bool isprintable_(const Str& s) { return all(s, unicode::printable); }
bool isdigit_(const Str& s) { return !s.empty() && all(s, unicode::digit); }
bool isdecimal_(const Str& s) { return !s.empty() && all(s, unicode::decimal); }
bool isalnum_(const Str& s) {
  return !s.empty() && all(s, unicode::alpha | unicode::decimal | unicode::digit | unicode::numeric);
}
bool isidentifier_(const Str& s) {
  size_t first = 0;
  return !s.empty() && unicode::has(unicode::next(s, first), unicode::identifier_start) &&
         all(s.substr(first), unicode::identifier_part);
}
namespace {

// Whether there is a character of one case, and none of the others.
bool has_only(const Str& s, uint16_t wanted, uint16_t unwanted) {
  bool found = false;
  for (size_t i = 0; i < s.size();) {
    uint32_t c = unicode::next(s, i);
    if (unicode::has(c, unwanted)) return false;
    found = found || unicode::has(c, wanted);
  }
  return found;
}

}  // namespace
bool islower_(const Str& s) { return has_only(s, unicode::lower, unicode::upper | unicode::title); }
bool isupper_(const Str& s) { return has_only(s, unicode::upper, unicode::lower | unicode::title); }
bool istitle_(const Str& s) {
  bool found = false, inside = false;
  for (size_t i = 0; i < s.size();) {
    uint32_t c = unicode::next(s, i);
    bool begins = unicode::has(c, unicode::upper | unicode::title);
    bool goes_on = !begins && unicode::has(c, unicode::lower);
    if ((begins && inside) || (goes_on && !inside)) return false;
    inside = begins || goes_on;
    found = found || inside;
  }
  return found;
}

// -- searching -------------------------------------------------------------------------------------------------------

namespace {

// The bytes that `start` and `end` select; begin > end where nothing, not even the empty string, is.
struct Span {
  size_t begin, end;
};
Span span_of(const Str& s, int64_t start, int64_t end) {
  if (start == 0 && end == -1) return {0, s.size()};
  int64_t size = len_(s);
  if (end == -1 || end > size) end = size;
  if (end < 0) end = std::max<int64_t>(end + size, 0);
  if (start < 0) start = std::max<int64_t>(start + size, 0);
  if (start > end) return {1, 0};
  return {byte_of(s, start), byte_of(s, end)};
}

}  // namespace

int64_t find_(const Str& s, const Str& part, int64_t start, int64_t end) {
  auto [begin, stop] = span_of(s, start, end);
  if (begin > stop || stop - begin < part.size()) return -1;
  size_t found = s.find(part, begin);
  return found == Str::npos || found + part.size() > stop ? -1 : characters_before(s, found);
}
int64_t rfind_(const Str& s, const Str& part, int64_t start, int64_t end) {
  auto [begin, stop] = span_of(s, start, end);
  if (begin > stop || stop - begin < part.size()) return -1;
  size_t found = s.rfind(part, stop - part.size());
  return found == Str::npos || found < begin ? -1 : characters_before(s, found);
}
int64_t index_(const Str& s, const Str& part, int64_t start, int64_t end) {
  int64_t found = find_(s, part, start, end);
  if (found < 0) fail("ValueError", "substring not found");
  return found;
}
int64_t rindex_(const Str& s, const Str& part, int64_t start, int64_t end) {
  int64_t found = rfind_(s, part, start, end);
  if (found < 0) fail("ValueError", "substring not found");
  return found;
}
int64_t count_(const Str& s, const Str& part, int64_t start, int64_t end) {
  auto [begin, stop] = span_of(s, start, end);
  if (begin > stop) return 0;
  if (part.empty()) return len_(s.substr(begin, stop - begin)) + 1;
  int64_t count = 0;
  for (size_t i = begin; (i = s.find(part, i)) != Str::npos && i + part.size() <= stop; i += part.size()) count++;
  return count;
}
bool startswith_(const Str& s, const Str& part, int64_t start, int64_t end) {
  auto [begin, stop] = span_of(s, start, end);
  return begin <= stop && stop - begin >= part.size() && s.compare(begin, part.size(), part) == 0;
}
bool endswith_(const Str& s, const Str& part, int64_t start, int64_t end) {
  auto [begin, stop] = span_of(s, start, end);
  return begin <= stop && stop - begin >= part.size() && s.compare(stop - part.size(), part.size(), part) == 0;
}

// -- numbers ---------------------------------------------------------------------------------------------------------

namespace {

// The text without white space around it and without underscores between digits, its digits those of ASCII. Empty for
// what cannot be a number.
Str plain_number(const Str& s) {
  Str stripped = strip_(s, " \n\t\f\v"), out;
  bool after_digit = false, underscore = false;
  for (size_t i = 0; i < stripped.size();) {
    uint32_t c = unicode::next(stripped, i);
    int digit = unicode::decimal_value(c);
    if (underscore && digit < 0) return "";
    if (c == '_') {
      if (!after_digit) return "";
      underscore = true;
      after_digit = false;
      continue;
    }
    if (digit < 0 && c >= 0x80) return "";
    out += digit >= 0 ? static_cast<char>('0' + digit) : static_cast<char>(c);
    after_digit = digit >= 0;
    underscore = false;
  }
  return underscore ? "" : out;
}

}  // namespace

int64_t Int_(const Str& s) {
  Str text = plain_number(s);
  const char *begin = text.data(), *end = begin + text.size();
  if (text.size() > 1 && *begin == '+' && begin[1] != '-') begin++;
  int64_t value = 0;
  auto [stop, error] = std::from_chars(begin, end, value);
  if (error == std::errc::result_out_of_range && stop == end)
    fail("OverflowError", "Python int too large to convert to C long");
  if (error != std::errc() || stop != end)
    fail("ValueError", "invalid literal for int() with base 10: " + repr_string(s));
  return value;
}

double Float_(const Str& s) {
  Str text = plain_number(s);
  size_t begin = !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0;
  Str word = lower_(text.substr(begin));
  double value = 0.0;
  if (word == "inf" || word == "infinity") {
    value = std::numeric_limits<double>::infinity();
  } else if (word == "nan") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else {
    const char* end = text.data() + text.size();
    bool number = !word.empty() && (word[0] == '.' || (word[0] >= '0' && word[0] <= '9'));
    auto [stop, error] = std::from_chars(text.data() + begin, end, value);
    if (number && error == std::errc::result_out_of_range && stop == end)
      value = std::strtod(text.c_str() + begin, nullptr);  // infinite, or 0
    else if (!number || error != std::errc() || stop != end)
      fail("ValueError", "could not convert string to float: " + repr_string(s));
  }
  return begin == 1 && text[0] == '-' ? -value : value;
}

}  // namespace ts::lang

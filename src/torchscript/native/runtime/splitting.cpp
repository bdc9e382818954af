// The methods of `str` that take strings apart and put them together.
#include <algorithm>

#include "torchscript/lang/strings.h"
#include "torchscript/lang/unicode.h"

namespace ts::lang {

// -- strip -----------------------------------------------------------------------------------------------------------

namespace {

bool is_space(uint32_t c) { return unicode::has(c, unicode::space); }

// The byte where the character before byte `i` begins.
size_t previous(const Str& s, size_t i) {
  do i--;
  while (i > 0 && (s[i] & 0xC0) == 0x80);
  return i;
}
uint32_t character(const Str& s, size_t i) { return unicode::next(s, i); }

Str stripped(const Str& s, const Str& characters, bool left, bool right) {
  bool white = characters == " \n\t\f\v";  // the default of the operator, and white space in Python
  auto goes = [&](uint32_t c) {
    if (white) return is_space(c);
    for (size_t i = 0; i < characters.size();)
      if (unicode::next(characters, i) == c) return true;
    return false;
  };
  size_t begin = 0, end = s.size();
  while (left && begin < end && goes(character(s, begin))) unicode::next(s, begin);
  while (right && begin < end && goes(character(s, previous(s, end)))) end = previous(s, end);
  return s.substr(begin, end - begin);
}

}  // namespace

Str strip_(const Str& s, const Str& characters) { return stripped(s, characters, true, true); }
Str lstrip_(const Str& s, const Str& characters) { return stripped(s, characters, true, false); }
Str rstrip_(const Str& s, const Str& characters) { return stripped(s, characters, false, true); }

// -- split -----------------------------------------------------------------------------------------------------------

List<Str> split_(const Str& s, const std::optional<Str>& separator, int64_t max) {
  List<Str> out;
  auto& parts = out.items();
  if (separator) {
    if (separator->empty()) fail("ValueError", "empty separator");
    size_t begin = 0;
    for (size_t found; max-- != 0 && (found = s.find(*separator, begin)) != Str::npos;) {
      parts.push_back(s.substr(begin, found - begin));
      begin = found + separator->size();
    }
    parts.push_back(s.substr(begin));
    return out;
  }
  for (size_t i = 0;;) {
    while (i < s.size() && is_space(character(s, i))) unicode::next(s, i);
    if (i == s.size()) return out;
    size_t begin = i;
    if (max-- == 0) i = s.size();
    while (i < s.size() && !is_space(character(s, i))) unicode::next(s, i);
    parts.push_back(s.substr(begin, i - begin));
  }
}

List<Str> rsplit_(const Str& s, const Str& separator, int64_t max) {
  if (separator.empty()) fail("ValueError", "empty separator");
  List<Str> out;
  auto& parts = out.items();
  size_t end = s.size();
  while (max-- != 0 && end >= separator.size()) {
    size_t found = s.rfind(separator, end - separator.size());
    if (found == Str::npos) break;
    parts.push_back(s.substr(found + separator.size(), end - found - separator.size()));
    end = found;
  }
  parts.push_back(s.substr(0, end));
  std::reverse(parts.begin(), parts.end());
  return out;
}

List<Str> splitlines_(const Str& s, bool keepends) {
  List<Str> out;
  for (size_t begin = 0; begin < s.size();) {
    size_t i = begin, end = begin;
    bool ended = false;
    while (i < s.size() && !ended) {
      end = i;
      uint32_t c = unicode::next(s, i);
      ended = (c >= '\n' && c <= '\r') || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
      if (c == '\r' && i < s.size() && s[i] == '\n') i++;
    }
    out.items().push_back(s.substr(begin, (keepends || !ended ? i : end) - begin));
    begin = i;
  }
  return out;
}

std::tuple<Str, Str, Str> partition_(const Str& s, const Str& separator) {
  if (separator.empty()) fail("ValueError", "empty separator");
  size_t found = s.find(separator);
  if (found == Str::npos) return {s, "", ""};
  return {s.substr(0, found), separator, s.substr(found + separator.size())};
}
std::tuple<Str, Str, Str> rpartition_(const Str& s, const Str& separator) {
  if (separator.empty()) fail("ValueError", "empty separator");
  size_t found = s.rfind(separator);
  if (found == Str::npos) return {"", "", s};
  return {s.substr(0, found), separator, s.substr(found + separator.size())};
}

// -- put together ----------------------------------------------------------------------------------------------------

Str join_(const Str& s, const List<Str>& values) {
  Str out;
  bool first = true;
  for (const Str& value : values.items()) {
    if (!first) out += s;
    out += value;
    first = false;
  }
  return out;
}

Str replace_(const Str& s, const Str& old, const Str& by, int64_t max) {
  Str out;
  if (old.empty()) {  // before every character, and at the end
    size_t i = 0;
    while (max != 0) {
      max--;
      out += by;
      if (i == s.size()) return out;
      size_t begin = i;
      unicode::next(s, i);
      out.append(s, begin, i - begin);
    }
    return out.append(s, i, Str::npos);
  }
  size_t begin = 0;
  for (size_t found; max-- != 0 && (found = s.find(old, begin)) != Str::npos;) {
    out.append(s, begin, found - begin);
    out += by;
    begin = found + old.size();
  }
  return out.append(s, begin, Str::npos);
}

Str expandtabs_(const Str& s, int64_t tabsize) {
  Str out;
  int64_t column = 0;
  for (size_t i = 0; i < s.size();) {
    size_t begin = i;
    uint32_t c = unicode::next(s, i);
    if (c == '\t') {
      if (tabsize <= 0) continue;
      int64_t spaces = tabsize - column % tabsize;
      out.append(spaces, ' ');
      column += spaces;
      continue;
    }
    out.append(s, begin, i - begin);
    column = c == '\n' || c == '\r' ? 0 : column + 1;
  }
  return out;
}

namespace {

Str padded(const Str& s, int64_t left, int64_t right, const Str& fill) {
  Str out;
  for (; left > 0; left--) out += fill;
  out += s;
  for (; right > 0; right--) out += fill;
  return out;
}
// The characters that are missing.
int64_t padding(const Str& s, int64_t width, const Str& fill) {
  if (len_(fill) != 1) fail("TypeError", "The fill character must be exactly one character long");
  return std::max<int64_t>(width - len_(s), 0);
}

}  // namespace

Str center_(const Str& s, int64_t width, const Str& fill) {
  int64_t count = padding(s, width, fill), left = count / 2 + (count & width & 1);
  return padded(s, left, count - left, fill);
}
Str ljust_(const Str& s, int64_t width, const Str& fill) { return padded(s, 0, padding(s, width, fill), fill); }
Str rjust_(const Str& s, int64_t width, const Str& fill) { return padded(s, padding(s, width, fill), 0, fill); }
Str zfill_(const Str& s, int64_t width) {
  int64_t count = padding(s, width, "0");
  if (count == 0) return s;
  size_t sign = !s.empty() && (s[0] == '+' || s[0] == '-') ? 1 : 0;
  return s.substr(0, sign) + Str(count, '0') + s.substr(sign);
}

}  // namespace ts::lang

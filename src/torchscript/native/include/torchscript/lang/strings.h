// Strings: the methods of `str` (operators/language/strings.py). Strings are UTF-8; places and lengths count characters,
// as in Python, by Unicode's tables of the Python that wrote them (unicode_tables.py).
#pragma once

#include <torchscript/lang/fail.h>
#include <torchscript/values.h>

#include <cstdint>
#include <optional>
#include <tuple>

namespace ts::lang {

// -- characters ------------------------------------------------------------------------------------------------------

inline Str add_(const Str& a, const Str& b) { return a + b; }
inline int64_t len_(const Str& s) {
  int64_t count = 0;
  for (char c : s) count += (c & 0xC0) != 0x80;
  return count;
}
Str character_at(const Str& s, int64_t index);
inline Str __getitem___(const Str& s, int64_t index) { return character_at(s, index); }
inline Str StringIndex_(const Str& s, int64_t index) { return character_at(s, index); }
Str slice_(const Str& s, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step);
List<Str> list_(const Str& s);
int64_t ord_(const Str& s);

inline bool eq_(const Str& a, const Str& b) { return a == b; }
inline bool ne_(const Str& a, const Str& b) { return a != b; }
inline bool lt_(const Str& a, const Str& b) { return a < b; }
inline bool le_(const Str& a, const Str& b) { return a <= b; }
inline bool gt_(const Str& a, const Str& b) { return a > b; }
inline bool ge_(const Str& a, const Str& b) { return a >= b; }

Str lower_(const Str& s);
Str upper_(const Str& s);
Str swapcase_(const Str& s);
Str capitalize_(const Str& s);
Str title_(const Str& s);
bool isspace_(const Str& s);
bool isalpha_(const Str& s);
bool isnumeric_(const Str& s);
bool isprintable_(const Str& s);
bool islower_(const Str& s);
bool isupper_(const Str& s);
bool istitle_(const Str& s);
bool isalnum_(const Str& s);
bool isdigit_(const Str& s);
bool isdecimal_(const Str& s);
bool isidentifier_(const Str& s);

// -- searching: an `end` of -1 is the end of the string ---------------------------------------------------------------

int64_t find_(const Str& s, const Str& part, int64_t start, int64_t end);
int64_t rfind_(const Str& s, const Str& part, int64_t start, int64_t end);
int64_t index_(const Str& s, const Str& part, int64_t start, int64_t end);
int64_t rindex_(const Str& s, const Str& part, int64_t start, int64_t end);
int64_t count_(const Str& s, const Str& part, int64_t start, int64_t end);
bool startswith_(const Str& s, const Str& part, int64_t start, int64_t end);
bool endswith_(const Str& s, const Str& part, int64_t start, int64_t end);

// -- taking apart and putting together -------------------------------------------------------------------------------

Str strip_(const Str& s, const Str& characters);
Str lstrip_(const Str& s, const Str& characters);
Str rstrip_(const Str& s, const Str& characters);
List<Str> split_(const Str& s, const std::optional<Str>& separator, int64_t max);
List<Str> rsplit_(const Str& s, const Str& separator, int64_t max);
List<Str> splitlines_(const Str& s, bool keepends);
std::tuple<Str, Str, Str> partition_(const Str& s, const Str& separator);
std::tuple<Str, Str, Str> rpartition_(const Str& s, const Str& separator);
Str join_(const Str& s, const List<Str>& values);
Str replace_(const Str& s, const Str& old, const Str& by, int64_t max);
Str expandtabs_(const Str& s, int64_t tabsize);
Str center_(const Str& s, int64_t width, const Str& fill);
Str ljust_(const Str& s, int64_t width, const Str& fill);
Str rjust_(const Str& s, int64_t width, const Str& fill);
Str zfill_(const Str& s, int64_t width);

}  // namespace ts::lang

// UTF-8, and what Unicode says of characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ts::lang::unicode {

// Properties, named after the methods of `str` that ask for them.
enum Property : uint16_t {
  alpha = 1,
  decimal = 2,
  digit = 4,
  numeric = 8,
  printable = 16,
  space = 32,
  lower = 64,
  upper = 128,
  title = 256,
  identifier_start = 512,
  identifier_part = 1024,
  cased = 2048,
  case_ignorable = 4096,
};

// A change of case: characters first, first + step, … last become themselves + delta.
struct CaseRange {
  uint32_t first, last;
  int32_t step, delta;
};
// A character whose change of case is several characters.
struct SpecialCase {
  uint32_t character;
  const char* text;
};

uint16_t properties(uint32_t character);
inline bool has(uint32_t character, uint16_t property) { return (properties(character) & property) != 0; }
int decimal_value(uint32_t character);

void append(std::string& out, uint32_t character);
void append_lower(std::string& out, uint32_t character);
void append_upper(std::string& out, uint32_t character);
void append_title(std::string& out, uint32_t character);

// The character at byte `i`, which moves behind it. A byte that is no UTF-8 is a character by itself.
inline uint32_t next(const std::string& text, size_t& i) {
  auto byte = [&](size_t at) -> uint32_t { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0; };
  uint32_t c = byte(i++);
  if (c < 0x80) return c;
  int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
  if (more == 0) return c;
  c &= 0x3F >> more;
  for (; more > 0 && (byte(i) & 0xC0) == 0x80; more--) c = c << 6 | (byte(i++) & 0x3F);
  return c;
}

}  // namespace ts::lang::unicode

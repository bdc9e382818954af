// Looks characters up.
#include "torchscript/lang/unicode.h"

#include <algorithm>

#include "torchscript/lang/unicode_tables.h"

namespace ts::lang::unicode {

namespace {

struct CaseTable {
  const CaseRange* ranges;
  size_t ranges_size;
  const SpecialCase* special;
  size_t special_size;
};

void append_changed(std::string& out, uint32_t c, const CaseTable& table) {
  auto behind = std::upper_bound(table.ranges, table.ranges + table.ranges_size, c,
                                 [](uint32_t x, const CaseRange& range) { return x < range.first; });
  // ranges with a step can lie within each other
  for (auto range = behind; range != table.ranges && behind - range < 3;) {
    --range;
    if (c <= range->last && (c - range->first) % range->step == 0) {
      append(out, c + range->delta);
      return;
    }
  }
  auto special = std::lower_bound(table.special, table.special + table.special_size, c,
                                  [](const SpecialCase& entry, uint32_t x) { return entry.character < x; });
  if (special != table.special + table.special_size && special->character == c)
    out += special->text;
  else
    append(out, c);
}

}  // namespace

uint16_t properties(uint32_t c) {
  return bits[std::upper_bound(starts, starts + starts_size, c) - starts - 1];
}

int decimal_value(uint32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9' ? static_cast<int>(c - '0') : -1;
  auto zero = std::upper_bound(zeros, zeros + zeros_size, c) - 1;
  return c - *zero < 10 ? static_cast<int>(c - *zero) : -1;
}

void append(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  out += static_cast<char>((0xFF00 >> (more + 1) & 0xFF) | c >> 6 * more);
  while (more-- > 0) out += static_cast<char>(0x80 | (c >> 6 * more & 0x3F));
}

void append_lower(std::string& out, uint32_t c) {
  append_changed(out, c, {lower_ranges, lower_ranges_size, lower_special, lower_special_size});
}
void append_upper(std::string& out, uint32_t c) {
  append_changed(out, c, {upper_ranges, upper_ranges_size, upper_special, upper_special_size});
}
void append_title(std::string& out, uint32_t c) {
  append_changed(out, c, {title_ranges, title_ranges_size, title_special, title_special_size});
}

}  // namespace ts::lang::unicode

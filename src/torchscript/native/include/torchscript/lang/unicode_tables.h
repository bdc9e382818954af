// The tables behind unicode.h, each sorted by character.
#pragma once

#include <torchscript/lang/unicode.h>

namespace ts::lang::unicode {

// Characters starts[i] … starts[i + 1] - 1 have the properties bits[i].
extern const uint32_t starts[];
extern const uint16_t bits[];
extern const size_t starts_size;
// The zeros of the decimal digits.
extern const uint32_t zeros[];
extern const size_t zeros_size;

extern const CaseRange lower_ranges[], upper_ranges[], title_ranges[];
extern const size_t lower_ranges_size, upper_ranges_size, title_ranges_size;
extern const SpecialCase lower_special[], upper_special[], title_special[];
extern const size_t lower_special_size, upper_special_size, title_special_size;

}  // namespace ts::lang::unicode

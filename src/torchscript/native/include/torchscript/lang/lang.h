// The language's own operators: for every `aten::name.overload` of operators/language a function `name_` of C++.
#pragma once

#include <torchscript/lang/archived.h>
#include <torchscript/lang/compare.h>
#include <torchscript/lang/dicts.h>
#include <torchscript/lang/environment.h>
#include <torchscript/lang/fail.h>
#include <torchscript/lang/formatting.h>
#include <torchscript/lang/lists.h>
#include <torchscript/lang/mathematics.h>
#include <torchscript/lang/numbers.h>
#include <torchscript/lang/strings.h>
#include <torchscript/lang/tensors.h>
#include <torchscript/lang/text.h>

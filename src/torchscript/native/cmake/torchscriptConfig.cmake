# find_package(torchscript): the target torchscript::torchscript, for C++ programs that run compiled modules.
#
#   cmake -DCMAKE_PREFIX_PATH="$(torchscript cmake-prefix)" …
cmake_path(SET torchscript_native NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/..")

find_file(TORCH_CONFIG TorchConfig.cmake PATH_SUFFIXES Torch share/cmake/Torch NO_CACHE)
if(NOT TORCH_CONFIG)
  set(torchscript_FOUND FALSE)
  set(torchscript_NOT_FOUND_MESSAGE
    "No libtorch found. Pass -DCMAKE_PREFIX_PATH=\"$(torchscript cmake-prefix)\", which names both.")
  return()
endif()
cmake_path(SET torchscript_torch NORMALIZE "${TORCH_CONFIG}/../../../..")

if(NOT TARGET torchscript::torchscript)
  add_library(torchscript::torchscript INTERFACE IMPORTED)
  target_include_directories(torchscript::torchscript INTERFACE "${torchscript_native}/include")
  target_include_directories(torchscript::torchscript SYSTEM INTERFACE "${torchscript_torch}/include")
  foreach(name torch_cpu c10)
    find_library(torchscript_${name} ${name} PATHS "${torchscript_torch}/lib" NO_DEFAULT_PATH REQUIRED NO_CACHE)
    target_link_libraries(torchscript::torchscript INTERFACE "${torchscript_${name}}")
  endforeach()
  target_link_libraries(torchscript::torchscript INTERFACE ${CMAKE_DL_LIBS})
  target_compile_features(torchscript::torchscript INTERFACE cxx_std_20)
  target_compile_definitions(torchscript::torchscript INTERFACE AT_PER_OPERATOR_HEADERS)
  target_link_options(torchscript::torchscript INTERFACE -Wl,--allow-shlib-undefined)
  file(STRINGS "${TORCH_CONFIG}" torchscript_abi REGEX "_GLIBCXX_USE_CXX11_ABI=[01]")
  if(torchscript_abi MATCHES "_GLIBCXX_USE_CXX11_ABI=([01])")
    target_compile_definitions(torchscript::torchscript INTERFACE "_GLIBCXX_USE_CXX11_ABI=${CMAKE_MATCH_1}")
  endif()
endif()
set(torchscript_FOUND TRUE)

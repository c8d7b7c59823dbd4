# cpp-httplib, at the version whose denial-of-service holes are closed: the distribution's package where it is that new,
# else the header that scripts/setup keeps in its cache (used header-only).
#
# Target: CppHttplib::CppHttplib. Variable: CppHttplib_VERSION.
set(_cache "$ENV{PLIMSOLL_CACHE}")
if(_cache STREQUAL "")
  if(DEFINED ENV{XDG_CACHE_HOME} AND NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(_cache "$ENV{XDG_CACHE_HOME}/plimsoll")
  else()
    set(_cache "$ENV{HOME}/.cache/plimsoll")
  endif()
endif()

# A package of the distribution is a compiled library: its flags come with it.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(CPP_HTTPLIB QUIET IMPORTED_TARGET "cpp-httplib>=${CppHttplib_FIND_VERSION}")
endif()
if(CPP_HTTPLIB_FOUND)
  set(CppHttplib_VERSION "${CPP_HTTPLIB_VERSION}")
  set(_target PkgConfig::CPP_HTTPLIB)
else()
  find_path(CppHttplib_INCLUDE_DIR httplib.h PATHS "${_cache}/cpp-httplib/include" NO_DEFAULT_PATH)
  if(CppHttplib_INCLUDE_DIR)
    file(STRINGS "${CppHttplib_INCLUDE_DIR}/httplib.h" _line REGEX "^#define CPPHTTPLIB_VERSION \"")
    string(REGEX REPLACE ".*\"([0-9.]+)\".*" "\\1" CppHttplib_VERSION "${_line}")
  endif()
  set(_target CppHttplib_header)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CppHttplib
  REQUIRED_VARS CppHttplib_VERSION
  VERSION_VAR CppHttplib_VERSION
  REASON_FAILURE_MESSAGE "run scripts/setup, which fetches it")

if(CppHttplib_FOUND AND NOT TARGET CppHttplib::CppHttplib)
  if(NOT CPP_HTTPLIB_FOUND)
    find_package(Threads REQUIRED)
    add_library(CppHttplib_header INTERFACE)
    target_include_directories(CppHttplib_header SYSTEM INTERFACE "${CppHttplib_INCLUDE_DIR}")
    target_compile_definitions(CppHttplib_header INTERFACE CPPHTTPLIB_USE_POLL)
    target_link_libraries(CppHttplib_header INTERFACE Threads::Threads)
  endif()
  add_library(CppHttplib::CppHttplib ALIAS ${_target})
endif()
mark_as_advanced(CppHttplib_INCLUDE_DIR)

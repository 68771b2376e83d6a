# Boost.MPI is a compiled library tied to the one MPI it was built against. Mixed with another, programs link and then
# crash inside MPI_Init; so the difference is found here.

# The shared libraries that `file` asks for (tag NEEDED), or its own name (tag SONAME).
function(crema_read_dynamic_section file tag result)
  set(names "")
  if(CMAKE_READELF AND EXISTS "${file}")
    execute_process(COMMAND ${CMAKE_READELF} -d ${file} OUTPUT_VARIABLE dynamic_section ERROR_QUIET)
    string(REGEX MATCHALL "\\(${tag}\\)[^\n]*\\[[^]\n]*\\]" lines "${dynamic_section}")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE ".*\\[([^]]*)\\]" "\\1" name "${line}")
      list(APPEND names ${name})
    endforeach()
  endif()
  set(${result} "${names}" PARENT_SCOPE)
endfunction()

# Where either side is unknown (a static Boost.MPI, a compiler wrapper that hides its libraries) nothing is refused:
# there a difference is an error of the linker.
function(crema_check_boost_mpi)
  set(boost_mpi "")
  foreach(property IN ITEMS IMPORTED_LOCATION_RELEASE IMPORTED_LOCATION IMPORTED_LOCATION_DEBUG)
    get_target_property(location Boost::mpi ${property})
    if(location AND NOT boost_mpi)
      set(boost_mpi ${location})
    endif()
  endforeach()
  crema_read_dynamic_section("${boost_mpi}" NEEDED needed)
  list(FILTER needed INCLUDE REGEX "^lib(mpi|mpich)\\.so")

  set(found "")
  foreach(library IN LISTS MPI_CXX_LIBRARIES)
    crema_read_dynamic_section("${library}" SONAME soname)
    list(APPEND found ${soname})
  endforeach()
  if(NOT needed OR NOT found)
    return()
  endif()

  foreach(library IN LISTS needed)
    if(NOT library IN_LIST found)
      list(JOIN found ", " found)
      message(FATAL_ERROR
        "crema: Boost.MPI (${boost_mpi}) was built against another MPI (${library}) than the one found "
        "(${MPI_CXX_COMPILER}: ${found}). Use one MPI for both: point CMake at the other MPI "
        "(-DMPI_CXX_COMPILER=...) or at a Boost built against this one (-DBoost_DIR=...).")
    endif()
  endforeach()
endfunction()

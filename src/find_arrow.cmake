# Arrow C++ with Parquet, which crema can do without: the target crema_arrow where it is found. It comes from an
# installed Arrow, or from the Python package pyarrow, which has headers and libraries: CREMA_ARROW_ROOT names its folder.
set(CREMA_ARROW_ROOT "" CACHE PATH "The folder of a Python package pyarrow; empty: an installed Arrow, if there is one")

function(crema_find_arrow)
  if(CREMA_ARROW_ROOT)
    foreach(name IN ITEMS arrow parquet)
      file(GLOB library ${CREMA_ARROW_ROOT}/lib${name}.so.* ${CREMA_ARROW_ROOT}/lib${name}.so)
      if(NOT library OR NOT EXISTS ${CREMA_ARROW_ROOT}/include/${name})
        message(FATAL_ERROR "CREMA_ARROW_ROOT is ${CREMA_ARROW_ROOT}, which has no lib${name}.so or no headers of it: "
                            "name the folder pyarrow of `python3 -m pip install --target FOLDER pyarrow`.")
      endif()
      list(GET library 0 library)
      add_library(crema_${name}_library SHARED IMPORTED GLOBAL)
      set_target_properties(crema_${name}_library PROPERTIES IMPORTED_LOCATION ${library})
      target_include_directories(crema_${name}_library SYSTEM INTERFACE ${CREMA_ARROW_ROOT}/include)
    endforeach()
    set(libraries crema_parquet_library crema_arrow_library)
  else()
    find_package(Arrow CONFIG QUIET)
    find_package(Parquet CONFIG QUIET)
    if(NOT TARGET Parquet::parquet_shared OR Arrow_VERSION VERSION_LESS 24)
      message(STATUS "Parquet files: not supported, as Arrow C++ 24 or later with Parquet is not there "
                     "(found: ${Arrow_VERSION}); see CREMA_ARROW_ROOT")
      return()
    endif()
    set_target_properties(Arrow::arrow_shared Parquet::parquet_shared PROPERTIES IMPORTED_GLOBAL ON)
    set(libraries Parquet::parquet_shared Arrow::arrow_shared)
  endif()
  add_library(crema_arrow INTERFACE IMPORTED GLOBAL)
  target_link_libraries(crema_arrow INTERFACE ${libraries})
  # Programs that read no Parquet files start without these libraries.
  target_link_options(crema_arrow INTERFACE LINKER:--as-needed)
endfunction()

# Builds the outside project against crema the given way, runs it and looks for its run file.
file(REMOVE_RECURSE ${work_dir})
set(options -D CMAKE_BUILD_TYPE=Release -D "CMAKE_CXX_FLAGS=${flags}" -D "CMAKE_CXX_COMPILER_LAUNCHER=${launcher}")
if(way STREQUAL "install_folder")
  execute_process(COMMAND ${CMAKE_COMMAND} --install ${build_dir} --prefix ${work_dir}/prefix
                  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  list(APPEND options -D CMAKE_PREFIX_PATH=${work_dir}/prefix)
elseif(way STREQUAL "build_tree")
  list(APPEND options -D crema_DIR=${build_dir})
else()
  # The whole library once more: what it does is tested elsewhere, that it builds is tested here. A compiler cache has it
  # from a build tree of the preset release, if the flags are the same; without one, no optimisation is quickest.
  list(APPEND options -D CREMA_SOURCE_DIR=${source_dir} -D CREMA_WERROR=${werror})
  if(NOT launcher)
    list(APPEND options -D CMAKE_CXX_FLAGS_RELEASE=-O0)
  endif()
endif()

execute_process(COMMAND ${CMAKE_COMMAND} -S ${source_dir}/tests/install/outside_project -B ${work_dir}/build
                  -G ${generator} ${options}
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${work_dir}/build COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${work_dir}/build/morning --orders ${source_dir}/data/orders.csv --output morning.h5
                WORKING_DIRECTORY ${work_dir} COMMAND_ERROR_IS_FATAL ANY)
if(NOT EXISTS ${work_dir}/morning.h5)
  message(FATAL_ERROR "The program ran, but left no run file ${work_dir}/morning.h5")
endif()

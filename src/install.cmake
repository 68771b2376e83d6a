# `cmake --install` and the package that find_package(crema) reads, from an install folder or from this build tree.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(crema_has_arrow OFF)
if(TARGET crema_arrow)
  set(crema_has_arrow ON)
endif()
set(crema_has_openimageio OFF)
if(TARGET crema_openimageio)
  set(crema_has_openimageio ON)
endif()
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/crema)

install(TARGETS crema EXPORT cremaTargets)
install(TARGETS crema_tool)
install(DIRECTORY include/crema DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT cremaTargets NAMESPACE crema:: DESTINATION ${package_dir})
export(EXPORT cremaTargets NAMESPACE crema:: FILE ${PROJECT_BINARY_DIR}/cremaTargets.cmake)

configure_package_config_file(src/cremaConfig.cmake.in ${PROJECT_BINARY_DIR}/cremaConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cremaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_file(src/check_boost_mpi.cmake ${PROJECT_BINARY_DIR}/check_boost_mpi.cmake COPYONLY)
configure_file(src/find_arrow.cmake ${PROJECT_BINARY_DIR}/find_arrow.cmake COPYONLY)
configure_file(src/find_openimageio.cmake ${PROJECT_BINARY_DIR}/find_openimageio.cmake COPYONLY)
install(FILES ${PROJECT_BINARY_DIR}/cremaConfig.cmake ${PROJECT_BINARY_DIR}/cremaConfigVersion.cmake
              src/check_boost_mpi.cmake src/find_arrow.cmake src/find_openimageio.cmake
        DESTINATION ${package_dir})
install(FILES LICENSE CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

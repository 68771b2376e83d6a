# Compiles SOURCE with COMPILER, INCLUDES and DEFINITIONS, and fails unless it does not compile and the one error is the
# sentence of its line "// expect: …".
cmake_minimum_required(VERSION 3.20)

file(STRINGS ${SOURCE} expected REGEX "^// expect: ")
list(LENGTH expected count)
if(NOT count EQUAL 1)
  message(FATAL_ERROR "${SOURCE} has ${count} lines \"// expect: …\": it needs one")
endif()
string(REPLACE "// expect: " "" expected "${expected}")

list(REMOVE_DUPLICATES INCLUDES)
list(FILTER INCLUDES INCLUDE REGEX .)
list(TRANSFORM INCLUDES PREPEND -I)
list(TRANSFORM DEFINITIONS PREPEND -D)
# Without colours and without the source lines, which would repeat the sentence.
execute_process(COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C ${COMPILER} -std=c++20 -fsyntax-only -fdiagnostics-color=never
                        -fno-diagnostics-show-caret ${INCLUDES} ${DEFINITIONS} ${SOURCE}
                RESULT_VARIABLE result ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles; it was to fail with: ${expected}")
endif()
string(REPLACE ";" "," lines "${output}")
string(REPLACE ";" "," expected "${expected}")
string(REGEX MATCHALL "[^\n]*error: [^\n]*" errors "${lines}")
list(LENGTH errors count)
string(FIND "${errors}" "${expected}" place)
if(NOT count EQUAL 1 OR place EQUAL -1)
  message(FATAL_ERROR "${SOURCE}: the one error was to be: ${expected}\nbut the compiler wrote ${count}:\n${output}")
endif()

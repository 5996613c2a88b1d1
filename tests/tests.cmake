# The positive control of the backup test: xuqid that forgets at its start that a backup was restored.
add_executable(xuqid-forgets-restore orchestrator/main.c orchestrator/settings.c
               tests/variants/forgets_restore.c)
target_link_libraries(xuqid-forgets-restore PRIVATE api)

# xuqid that kills itself at named points (tests/rig/points.sh), and the positive control of that: fresh keys after
# every start.  Everything else is the product's own objects; the linker takes these definitions before the library's.
set(KILL_POINTS orchestrator/main.c orchestrator/settings.c tests/variants/kill_points.c)
add_executable(xuqid-kill-points ${KILL_POINTS})
add_executable(xuqid-kill-points-fresh-keys ${KILL_POINTS} tests/variants/fresh_keys.c)
foreach(variant xuqid-kill-points xuqid-kill-points-fresh-keys)
  target_link_libraries(${variant} PRIVATE api)
  target_link_options(${variant} PRIVATE
    LINKER:--wrap=PQsendQueryParams,--wrap=PQgetResult,--wrap=PQsetNoticeReceiver)
endforeach()

# That of the search for personal data: xuqid that seals nothing.
add_executable(xuqid-unsealed orchestrator/main.c orchestrator/settings.c tests/variants/unsealed.c)
target_link_libraries(xuqid-unsealed PRIVATE api)

# Unit tests: tests/unit/NAME_test.c is one cmocka program that may link every layer.
file(GLOB UNIT_TESTS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/*_test.c)
set(AGENT_TESTS ${UNIT_TESTS})
list(FILTER AGENT_TESTS INCLUDE REGEX "/agent_[a-z_]*\\.c$")
list(FILTER UNIT_TESTS EXCLUDE REGEX "/agent_[a-z_]*\\.c$")
foreach(source ${UNIT_TESTS})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE api cli simulator agent_token PkgConfig::CMOCKA)
  target_compile_definitions(${name} PRIVATE XUQI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 120)
endforeach()

target_link_libraries(restore_test PRIVATE backup)

# Tests of the agent run its real programs on SoftHSM tokens; agent_bench.c is their workstation.
add_library(agent_bench STATIC ${CMAKE_SOURCE_DIR}/tests/unit/agent_bench.c
            ${CMAKE_SOURCE_DIR}/tests/unit/agent_bench_pki.c
            ${CMAKE_SOURCE_DIR}/tests/unit/agent_server.c)
target_link_libraries(agent_bench PUBLIC agent_token PkgConfig::CMOCKA)
target_compile_definitions(agent_bench PUBLIC
  XUQI_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}" XUQI_P11LOG="$<TARGET_FILE:p11log>")
foreach(source ${AGENT_TESTS})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE agent_bench)
  add_dependencies(${name} xuqi-agent xuqi-agent-link xuqi-agent-inventory xuqi-agent-install
                   xuqi-make-token p11log)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 300)
endforeach()

# Fuzzers: tests/fuzz/NAME_fuzz.c, one per parser of foreign bytes.
if(XUQI_FUZZ)
  file(GLOB FUZZERS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/*_fuzz.c)
  foreach(source ${FUZZERS})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE domain formats loop agent_token)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  endforeach()
endif()

include(tests/twin/twin.cmake)

# Benches: tests/bench/NAME.c is the measuring part of tests/bench/NAME.
add_executable(engine-bench ${CMAKE_SOURCE_DIR}/tests/bench/engine.c ${CMAKE_SOURCE_DIR}/tests/bench/peer.c
  ${CMAKE_SOURCE_DIR}/tests/bench/latency.c)
target_link_libraries(engine-bench PRIVATE flows PkgConfig::CMOCKA)
target_compile_definitions(engine-bench PRIVATE XUQI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")

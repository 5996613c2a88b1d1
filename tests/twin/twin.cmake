# The digital twin: the product's domain, flows and connectors, with stand-ins for libevent, the database, the
# network and chance that the linker takes before the libraries' own (README.md in this folder).
set(TWIN_DIR ${CMAKE_SOURCE_DIR}/tests/twin)
file(GLOB TWIN_STORE CONFIGURE_DEPENDS ${TWIN_DIR}/store*.c)
list(FILTER TWIN_STORE EXCLUDE REGEX "store_fence\\.c$")
add_library(twin_store STATIC ${TWIN_STORE})
target_link_libraries(twin_store PUBLIC domain store m)

file(GLOB TWIN_WORLD CONFIGURE_DEPENDS ${TWIN_DIR}/*.c)
list(FILTER TWIN_WORLD EXCLUDE REGEX "/store[a-z_]*\\.c$")

# twin(NAME SOURCES…): a runner with what SOURCES replace.
function(twin name)
  add_executable(${name} ${TWIN_WORLD} orchestrator/settings.c ${ARGN})
  target_compile_definitions(${name} PRIVATE XUQI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE twin_store flows simulator)
  target_link_options(${name} PRIVATE
    -Wl,--wrap=random_bytes -Wl,--wrap=random_hex -Wl,--wrap=clock_monotonic_ms
    -Wl,--wrap=json_read -Wl,--wrap=json_dumps -Wl,--wrap=PEM_read_bio_X509 -Wl,--wrap=PEM_read_bio_PUBKEY
    -Wl,--wrap=PEM_read_bio_PrivateKey -Wl,--wrap=d2i_X509 -Wl,--wrap=X509_set_pubkey -Wl,--wrap=X509_get0_pubkey
    -Wl,--wrap=flow_start -Wl,--wrap=log_write)
endfunction()
twin(xuqi-twin ${TWIN_DIR}/store_fence.c)

# Positive controls: the same product and the same runner, with one defect each; the twin must find it.
twin(xuqi-twin-blind-retry ${TWIN_DIR}/store_fence.c ${TWIN_DIR}/variants/blind_retry.c)
twin(xuqi-twin-no-fence ${TWIN_DIR}/variants/no_fence.c)
add_library(twin_late_stage OBJECT orchestrator/flows/stage.c)
target_compile_definitions(twin_late_stage PRIVATE batch_try=late_batch_try)
target_compile_options(twin_late_stage PRIVATE -include ${TWIN_DIR}/variants/late_intent.h)
add_dependencies(twin_late_stage store) # the generated sql.h
target_link_libraries(twin_late_stage PRIVATE flows)
twin(xuqi-twin-late-intent ${TWIN_DIR}/store_fence.c ${TWIN_DIR}/variants/late_intent.c
     $<TARGET_OBJECTS:twin_late_stage>)

# The store against PostgreSQL: tests/unit/twin_store_test.c.
if(TARGET twin_store_test)
  target_sources(twin_store_test PRIVATE ${TWIN_DIR}/store_fence.c ${TWIN_DIR}/dice.c)
  target_link_libraries(twin_store_test PRIVATE twin_store)
endif()

/* SPDX-License-Identifier: Apache-2.0 */
/* Whom either side of a TLS connection trusts: libcurl as the client, our listener as the server. */
#include <unistd.h>

#include "tests/unit/outbound_world.h"
#include "tests/unit/pki.h"

/* Files of the certificates, made once. */
static struct {
	char dir[64];
	char *root, *other_root, *server, *server_key, *client, *client_key, *stranger,
		*stranger_key, *expired, *expired_key;
} files;

static struct inbound_tls_files server_files;

static char *file_of(const char *name)
{
	return text_dupf("%s/%s.pem", files.dir, name);
}

static void write_pair(const struct pki *pki, const char *name, char **cert, char **key)
{
	*cert = file_of(name);
	pki_write_cert(pki, *cert);
	if (key == NULL)
		return;
	OWNED char *key_name = text_dupf("%s-key", name);
	*key = file_of(key_name);
	pki_write_key(pki, *key);
}

static int make_files(void **state)
{
	(void)state;
	(void)snprintf(files.dir, sizeof(files.dir), "/tmp/xuqi-outbound-test-XXXXXX");
	if (mkdtemp(files.dir) == NULL)
		return 1;
	struct pki root =
		pki_make(NULL, &(struct pki_spec){ .common_name = "Root", .is_ca = true });
	struct pki other =
		pki_make(NULL, &(struct pki_spec){ .common_name = "Other", .is_ca = true });
	struct pki server = pki_make(&root, &(struct pki_spec){ .common_name = "server" });
	struct pki client = pki_make(&root, &(struct pki_spec){ .common_name = "agent-7" });
	struct pki stranger = pki_make(&other, &(struct pki_spec){ .common_name = "stranger" });
	struct pki expired = pki_make(&root,
		&(struct pki_spec){ .common_name = "expired", .begins_s = -9999, .lasts_s = 99 });
	write_pair(&root, "root", &files.root, NULL);
	write_pair(&other, "other", &files.other_root, NULL);
	write_pair(&server, "server", &files.server, &files.server_key);
	write_pair(&client, "client", &files.client, &files.client_key);
	write_pair(&stranger, "stranger", &files.stranger, &files.stranger_key);
	write_pair(&expired, "expired", &files.expired, &files.expired_key);
	server_files = (struct inbound_tls_files){ files.server, files.server_key, files.root };
	struct pki *all[] = { &root, &other, &server, &client, &stranger, &expired };
	for (size_t i = 0; i < COUNT_OF(all); i++)
		pki_done(all[i]);
	return 0;
}

static int remove_files(void **state)
{
	char **all[] = { &files.root, &files.other_root, &files.server, &files.server_key,
		&files.client, &files.client_key, &files.stranger, &files.stranger_key,
		&files.expired, &files.expired_key };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		(void)unlink(*all[i]);
		free(*all[i]);
	}
	return rmdir(files.dir);
}

static void call_as(struct world *world, struct call_story *story, const char *to, const char *cert,
	const char *key)
{
	*story = (struct call_story){ .request = { .method = "POST",
					      .url = to,
					      .ca_file = files.root,
					      .cert_file = cert,
					      .key_file = key } };
	(void)snprintf(world->peer, sizeof(world->peer), "nobody asked");
	run_call(world, story);
}

static void a_client_is_known_by_its_certificate_in_every_session(void **state)
{
	struct world *world = *state;
	struct call_story story;
	use_inbound(world, &server_files);
	OWNED char *to = url(world, "https", "/echo");

	for (int i = 0; i < 3; i++) { /* from the second on libcurl offers the session again */
		call_as(world, &story, to, files.client, files.client_key);
		assert_int_equal(story.status, 201);
		assert_string_equal(world->peer, "agent-7");
	}
}

static void a_client_without_a_good_certificate_is_let_in_as_nobody(void **state)
{
	struct world *world = *state;
	struct call_story story;
	use_inbound(world, &server_files);
	OWNED char *to = url(world, "https", "/echo");

	struct {
		const char *cert, *key;
	} const clients[] = { { NULL, NULL }, { files.stranger, files.stranger_key },
		{ files.expired, files.expired_key } };

	for (size_t i = 0; i < 2 * COUNT_OF(clients); i++) {
		call_as(world, &story, to, clients[i / 2].cert, clients[i / 2].key);
		assert_int_equal(story.status, 201);
		assert_string_equal(world->peer, "");
	}
}

static void a_server_of_another_authority_is_not_told_anything(void **state)
{
	struct world *world = *state;
	use_inbound(world, &server_files);
	OWNED char *to = url(world, "https", "/echo");
	struct call_story other = {
		.request = { .method = "POST", .url = to, .ca_file = files.other_root }
	};
	struct call_story system_wide = { .request = { .method = "POST", .url = to } };

	run_call(world, &other);
	run_call(world, &system_wide);

	assert_int_equal(other.fault.kind, FAULT_LATER);
	assert_int_equal(system_wide.fault.kind, FAULT_LATER);
	assert_int_equal(world->handled, 0);
}

static void tls_files_that_are_wrong_are_named(void **state)
{
	struct world *world = *state;
	struct fault fault;
	struct inbound_options options = { .address = "127.0.0.1",
		.cert_file = files.server,
		.key_file = files.client_key,
		.ca_file = files.root };

	assert_null(inbound_new(world->base, &options, &fault));
	assert_non_null(strstr(fault.text, files.client_key));
	options.key_file = files.server_key;
	options.ca_file = files.server_key;
	assert_null(inbound_new(world->base, &options, &fault));
	assert_non_null(strstr(fault.text, files.server_key));
	options.cert_file = "/nonexistent.pem";
	assert_null(inbound_new(world->base, &options, &fault));
	assert_non_null(strstr(fault.text, "/nonexistent.pem"));
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, begin_world, end_world)
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_client_is_known_by_its_certificate_in_every_session),
		IN_WORLD(a_client_without_a_good_certificate_is_let_in_as_nobody),
		IN_WORLD(a_server_of_another_authority_is_not_told_anything),
		IN_WORLD(tls_files_that_are_wrong_are_named),
	};
	return cmocka_run_group_tests(tests, make_files, remove_files);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a digest's words and a robot's JSON from YAML; whatever the table does not know is refused with its place. */
#include <string.h>

#include "common/bytes.h"
#include "common/text.h"
#include "common/yaml.h"
#include "orchestrator/domain/notice.h"

enum { TEXT_BYTES_LEAST = 1024, BODY_DEPTH_MAX = 4 };

struct reader {
	const char *name;
	struct notice_template *template;
	struct fault *fault;
};

#define DIGEST_NAMES " name login open overdue closed "
#define TASK_NAMES   " id title holder due mark if_ignored "

/* The words, and the names that may stand in each. */
static const struct {
	const char *key;
	size_t offset;
	const char *names;
} words[] = {
	{ "subject", offsetof(struct notice_template, subject), DIGEST_NAMES },
	{ "head", offsetof(struct notice_template, head), DIGEST_NAMES },
	{ "task", offsetof(struct notice_template, task), TASK_NAMES },
	{ "overdue", offsetof(struct notice_template, overdue), TASK_NAMES },
	{ "more", offsetof(struct notice_template, more), " more " },
	{ "closed_head", offsetof(struct notice_template, closed_head), DIGEST_NAMES },
	{ "closed", offsetof(struct notice_template, closed), TASK_NAMES },
	{ "foot", offsetof(struct notice_template, foot), DIGEST_NAMES },
};

static const struct {
	const char *word;
	enum notice_sign sign;
} signs[] = { { "none", NOTICE_UNSIGNED }, { "query", NOTICE_SIGN_QUERY },
	{ "body", NOTICE_SIGN_BODY } };

#define refuse(reader, node, ...) yaml_refuse((reader)->name, node, (reader)->fault, __VA_ARGS__)

/* Every {{name}} of a text must be one of NAMES (each between blanks). */
static bool check_names(
	const struct reader *reader, const struct yaml_node *node, const char *names)
{
	const char *close;

	for (const char *open = strstr(node->text, "{{"); open != NULL;
		open = strstr(close, "{{")) {
		close = strstr(open, "}}");
		if (close == NULL)
			return refuse(reader, node, "\"{{\" is not closed by \"}}\"");
		OWNED char *name = text_dupf(" %.*s ", (int)(close - open) - 2, open + 2);
		if (strstr(names, name) == NULL)
			return refuse(reader, node, "there is no {{%.*s}} here; there is:%s",
				(int)strlen(name) - 2, name + 1, names);
	}
	return true;
}

static bool read_word(struct reader *reader, const struct yaml_node *node, size_t word)
{
	if (node->kind != YAML_SCALAR)
		return refuse(reader, node, "%s is a text", node->key);
	if (!check_names(reader, node, words[word].names))
		return false;
	char *text = text_dup(node->text);
	memcpy((char *)reader->template + words[word].offset, &text, sizeof text);
	return true;
}

static bool read_sign(struct reader *reader, const struct yaml_node *node)
{
	for (size_t i = 0; node->kind == YAML_SCALAR && i < COUNT_OF(signs); i++)
		if (text_equal(signs[i].word, node->text)) {
			reader->template->sign = signs[i].sign;
			return true;
		}
	return refuse(reader, node, "sign is none, query (DingTalk) or body (Feishu)");
}

static bool read_bytes_max(struct reader *reader, const struct yaml_node *node)
{
	if (node->kind == YAML_SCALAR &&
		number_parse(&reader->template->bytes_max, node->text, TEXT_BYTES_LEAST,
			NOTICE_BYTES_MAX / 2))
		return true;
	return refuse(reader, node, "bytes_max is a number from %d to %d", TEXT_BYTES_LEAST,
		NOTICE_BYTES_MAX / 2);
}

static bool read_accepted(struct reader *reader, const struct yaml_node *node)
{
	if (node->kind != YAML_SCALAR || node->text[0] == '\0')
		return refuse(reader, node, "accepted is the member of the answer that is 0");
	reader->template->accepted = text_dup(node->text);
	return true;
}

/* The JSON of a robot's message: mappings of texts. */
static json_t *body_of(const struct reader *reader, const struct yaml_node *node, unsigned depth)
{
	if (node->kind == YAML_SCALAR && check_names(reader, node, " subject text "))
		return json_string(node->text);
	if (node->kind != YAML_MAPPING || depth == 0) {
		if (node->kind != YAML_SCALAR)
			(void)refuse(reader, node, "body is made of mappings and texts");
		return NULL;
	}
	JSON *object = json_object();
	for (const struct yaml_node *member = node->child; member != NULL; member = member->next) {
		json_t *value = body_of(reader, member, depth - 1);
		if (value == NULL)
			return NULL;
		(void)json_object_set_new(object, member->key, value);
	}
	return take(object);
}

static bool read_body(struct reader *reader, const struct yaml_node *node)
{
	if (node->kind != YAML_MAPPING)
		return refuse(reader, node, "body is a mapping");
	reader->template->body = body_of(reader, node, BODY_DEPTH_MAX);
	return reader->template->body != NULL;
}

static const struct {
	const char *key;
	bool (*read)(struct reader *reader, const struct yaml_node *node);
} fields[] = {
	{ "bytes_max", read_bytes_max },
	{ "sign", read_sign },
	{ "accepted", read_accepted },
	{ "body", read_body },
};

static bool read_field(struct reader *reader, const struct yaml_node *node)
{
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (text_equal(words[i].key, node->key))
			return read_word(reader, node, i);
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		if (text_equal(fields[i].key, node->key))
			return fields[i].read(reader, node);
	return refuse(reader, node, "unknown field \"%s\"", node->key);
}

static bool read_root(struct reader *reader, const struct yaml_node *root)
{
	if (root->kind != YAML_MAPPING)
		return refuse(reader, root, "a template is a mapping of fields");
	for (const struct yaml_node *node = root->child; node != NULL; node = node->next)
		if (!read_field(reader, node))
			return false;
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (yaml_find(root, words[i].key) == NULL)
			return refuse(reader, root, "the template lacks \"%s\"", words[i].key);
	if ((reader->template->body == NULL) != (reader->template->accepted == NULL))
		return refuse(reader, root, "body and accepted go together");
	return true;
}

struct notice_template *notice_template_read(
	const char *name, const char *bytes, size_t len, struct fault *fault)
{
	CLEANUP(yaml_tree_freep) struct yaml_node *root = yaml_tree_read(name, bytes, len, fault);
	CLEANUP(notice_template_freep)
	struct notice_template *template = zalloc(1, sizeof(*template));
	struct reader reader = { .name = name, .template = template, .fault = fault };

	template->bytes_max = NOTICE_BYTES_MAX / 2;
	if (root == NULL || !read_root(&reader, root))
		return NULL;
	return take(template);
}

void notice_template_free(struct notice_template *template)
{
	if (template == NULL)
		return;
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		char *text;
		memcpy(&text, (char *)template + words[i].offset, sizeof text);
		free(text);
	}
	free(template->accepted);
	json_decref(template->body);
	free(template);
}

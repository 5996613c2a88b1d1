/* SPDX-License-Identifier: Apache-2.0 */
/* A YAML document as a tree with places, from libyaml's events.  What a settings or policy file has
 * no need of (anchors, tags, several documents, merge keys) is refused rather than guessed at. */
#include "common/yaml.h"

#include <stdarg.h>
#include <string.h>
#include <yaml.h>

#include "common/text.h"

enum { YAML_MEMBERS_MAX = 1000 }; /* of one mapping: each new key is compared with all */

/* A node with what it owns. */
struct owned {
	struct yaml_node node;
	char *key, *text;
};

struct reader {
	const char *name;
	yaml_parser_t parser;
	yaml_event_t event; /* the one being looked at */
	bool has_event;
	struct fault *fault;
};

static bool refuse_at(const struct reader *reader, yaml_mark_t mark, const char *format, ...)
	PRINTF_LIKE(3, 4);

static bool refuse_at(const struct reader *reader, yaml_mark_t mark, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)fault_setv(reader->fault, FAULT_INPUT, format, args);
	va_end(args);
	return fault_prefix(
		reader->fault, "%s:%zu:%zu", reader->name, mark.line + 1, mark.column + 1);
}

static void drop_event(struct reader *reader)
{
	if (reader->has_event)
		yaml_event_delete(&reader->event);
	reader->has_event = false;
}

static bool next_event(struct reader *reader)
{
	drop_event(reader);
	if (yaml_parser_parse(&reader->parser, &reader->event) == 1) {
		reader->has_event = true;
		return true;
	}
	const char *problem = reader->parser.problem;
	yaml_mark_t mark = reader->parser.problem_mark;
	if (reader->parser.error == YAML_READER_ERROR) /* has an offset only; the mark is near it */
		mark = reader->parser.mark;
	return refuse_at(reader, mark, "not YAML: %s", problem != NULL ? problem : "unreadable");
}

static struct yaml_node *new_node(const struct reader *reader, enum yaml_kind kind)
{
	struct owned *owned = zalloc(1, sizeof(*owned));
	struct yaml_node *node = &owned->node;
	node->kind = kind;
	node->line = reader->event.start_mark.line + 1;
	node->column = reader->event.start_mark.column + 1;
	return node;
}

static struct owned *owned_of(struct yaml_node *node)
{
	return CONTAINER_OF(node, struct owned, node);
}

static void set_key(struct yaml_node *node, char *key)
{
	owned_of(node)->key = key;
	node->key = key;
}

static void set_text(struct yaml_node *node, char *text)
{
	owned_of(node)->text = text;
	node->text = text;
}

void yaml_tree_free(struct yaml_node *root)
{
	while (root != NULL) {
		struct owned *owned = owned_of(root);
		yaml_tree_free(root->child);
		root = root->next;
		free(owned->key);
		free(owned->text);
		free(owned);
	}
}

const struct yaml_node *yaml_find(const struct yaml_node *mapping, const char *key)
{
	if (mapping == NULL || mapping->kind != YAML_MAPPING)
		return NULL;
	for (const struct yaml_node *node = mapping->child; node != NULL; node = node->next)
		if (text_equal(node->key, key))
			return node;
	return NULL;
}

static bool check_plainness(const struct reader *reader, const void *anchor, const void *tag)
{
	if (anchor != NULL)
		return refuse_at(reader, reader->event.start_mark, "anchors are not supported");
	if (tag != NULL)
		return refuse_at(reader, reader->event.start_mark, "tags are not supported");
	return true;
}

/* The text of the scalar event, on the heap; NULL with a fault. */
static char *scalar_text(const struct reader *reader)
{
	const char *value = (const char *)reader->event.data.scalar.value;
	if (!check_plainness(
		    reader, reader->event.data.scalar.anchor, reader->event.data.scalar.tag))
		return NULL;
	if (strlen(value) != reader->event.data.scalar.length) {
		(void)refuse_at(reader, reader->event.start_mark, "a text holds a NUL character");
		return NULL;
	}
	return text_dup(value);
}

static struct yaml_node *read_node(struct reader *reader, unsigned depth);

static struct yaml_node *read_scalar(struct reader *reader)
{
	char *text = scalar_text(reader);
	if (text == NULL)
		return NULL;
	struct yaml_node *scalar = new_node(reader, YAML_SCALAR);
	set_text(scalar, text);
	scalar->quoted = reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return scalar;
}

static struct yaml_node *read_sequence(struct reader *reader, unsigned depth)
{
	if (!check_plainness(reader, reader->event.data.sequence_start.anchor,
		    reader->event.data.sequence_start.tag))
		return NULL;
	CLEANUP(yaml_tree_freep) struct yaml_node *sequence = new_node(reader, YAML_SEQUENCE);
	struct yaml_node **tail = &sequence->child;
	for (;;) {
		if (!next_event(reader))
			return NULL;
		if (reader->event.type == YAML_SEQUENCE_END_EVENT)
			return take(sequence);
		struct yaml_node *element = read_node(reader, depth + 1);
		if (element == NULL)
			return NULL;
		*tail = element;
		tail = &element->next;
	}
}

/* The key event's text, checked against its earlier siblings. */
static char *read_key(const struct reader *reader, const struct yaml_node *mapping)
{
	if (reader->event.type != YAML_SCALAR_EVENT) {
		(void)refuse_at(reader, reader->event.start_mark, "a key must be a plain word");
		return NULL;
	}
	OWNED char *key = scalar_text(reader);
	if (key == NULL)
		return NULL;
	if (strcmp(key, "<<") == 0) {
		(void)refuse_at(reader, reader->event.start_mark, "merge keys are not supported");
		return NULL;
	}
	const struct yaml_node *earlier = yaml_find(mapping, key);
	if (earlier != NULL) {
		(void)refuse_at(reader, reader->event.start_mark,
			"\"%s\" stands here twice, first in line %zu", key, earlier->line);
		return NULL;
	}
	return take(key);
}

/* The member of MAPPING that begins with the present key event. */
static struct yaml_node *read_member(
	struct reader *reader, const struct yaml_node *mapping, unsigned depth)
{
	const yaml_mark_t place = reader->event.start_mark;
	OWNED char *key = read_key(reader, mapping);
	if (key == NULL || !next_event(reader))
		return NULL;
	struct yaml_node *member = read_node(reader, depth + 1);
	if (member == NULL)
		return NULL;
	set_key(member, take(key));
	member->key_line = place.line + 1;
	member->key_column = place.column + 1;
	return member;
}

static struct yaml_node *read_mapping(struct reader *reader, unsigned depth)
{
	if (!check_plainness(reader, reader->event.data.mapping_start.anchor,
		    reader->event.data.mapping_start.tag))
		return NULL;
	CLEANUP(yaml_tree_freep) struct yaml_node *mapping = new_node(reader, YAML_MAPPING);
	struct yaml_node **tail = &mapping->child;
	for (size_t members = 0; members <= YAML_MEMBERS_MAX; members++) {
		if (!next_event(reader))
			return NULL;
		if (reader->event.type == YAML_MAPPING_END_EVENT)
			return take(mapping);
		struct yaml_node *member = read_member(reader, mapping, depth);
		if (member == NULL)
			return NULL;
		*tail = member;
		tail = &member->next;
	}
	(void)refuse_at(reader, reader->event.start_mark, "more than %d keys in one mapping",
		YAML_MEMBERS_MAX);
	return NULL;
}

/* The node that begins with the present event; NULL with a fault. */
static struct yaml_node *read_node(struct reader *reader, unsigned depth)
{
	const yaml_event_t *event = &reader->event;
	if (depth > YAML_TREE_DEPTH_MAX) {
		(void)refuse_at(
			reader, event->start_mark, "nested deeper than %d", YAML_TREE_DEPTH_MAX);
		return NULL;
	}
	if (event->type == YAML_SCALAR_EVENT)
		return read_scalar(reader);
	if (event->type == YAML_SEQUENCE_START_EVENT)
		return read_sequence(reader, depth);
	if (event->type == YAML_MAPPING_START_EVENT)
		return read_mapping(reader, depth);
	(void)refuse_at(reader, event->start_mark, "aliases are not supported");
	return NULL;
}

/* What follows the document must be the end of the stream. */
static bool read_end(struct reader *reader)
{
	if (!next_event(reader)) /* the end of the document */
		return false;
	if (!next_event(reader))
		return false;
	if (reader->event.type == YAML_STREAM_END_EVENT)
		return true;
	return refuse_at(reader, reader->event.start_mark, "a second document begins here");
}

/* Stream start, at most one document, stream end. */
static struct yaml_node *read_stream(struct reader *reader)
{
	if (!next_event(reader)) /* the start of the stream */
		return NULL;
	if (!next_event(reader))
		return NULL;
	if (reader->event.type == YAML_STREAM_END_EVENT)
		return new_node(reader, YAML_MAPPING);
	if (!next_event(reader))
		return NULL;
	CLEANUP(yaml_tree_freep) struct yaml_node *root = read_node(reader, 1);
	if (root == NULL || !read_end(reader))
		return NULL;
	return take(root);
}

/* A document that holds nothing (`---`) is an empty scalar to libyaml. */
static void empty_as_mapping(struct yaml_node *root)
{
	if (root->kind != YAML_SCALAR || root->quoted || root->text[0] != '\0')
		return;
	free(owned_of(root)->text);
	set_text(root, NULL);
	root->kind = YAML_MAPPING;
}

struct yaml_node *yaml_tree_read(
	const char *name, const char *bytes, size_t len, struct fault *fault)
{
	struct reader reader = { .name = name, .fault = fault };
	if (len > YAML_TREE_BYTES_MAX) {
		(void)fault_set(
			fault, FAULT_INPUT, "%s: larger than %d bytes", name, YAML_TREE_BYTES_MAX);
		return NULL;
	}
	if (yaml_parser_initialize(&reader.parser) != 1) {
		(void)fault_set(fault, FAULT_LATER, "%s: no memory", name);
		return NULL;
	}
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)bytes, len);
	struct yaml_node *root = read_stream(&reader);
	drop_event(&reader);
	yaml_parser_delete(&reader.parser);
	if (root != NULL)
		empty_as_mapping(root);
	return root;
}

bool yaml_refuse(const char *name, const struct yaml_node *node, struct fault *fault,
	const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fault_setv(fault, FAULT_INPUT, format, args);
	va_end(args);
	return fault_prefix(fault, "%s:%zu:%zu", name, node->line, node->column);
}

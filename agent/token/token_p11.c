/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#11 driver: modules, tokens, sessions.  libp11 0.4.12 is used where it is good and nowhere
 * else: its slot update crashes with two slots, its caches show deleted objects, its flags are a
 * snapshot, and after a fork it logs in again by itself.  So tokens are listed raw, each time anew,
 * and this process never forks. */
#include "agent/token/token_p11.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

/* ---- answers ---------------------------------------------------------------------------------- */

struct answer_name {
	CK_RV rv;
	const char *name;
};

static const struct answer_name answer_names[] = {
	{ CKR_HOST_MEMORY, "CKR_HOST_MEMORY" },
	{ CKR_SLOT_ID_INVALID, "CKR_SLOT_ID_INVALID" },
	{ CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR" },
	{ CKR_FUNCTION_FAILED, "CKR_FUNCTION_FAILED" },
	{ CKR_ARGUMENTS_BAD, "CKR_ARGUMENTS_BAD" },
	{ CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR" },
	{ CKR_DEVICE_MEMORY, "CKR_DEVICE_MEMORY" },
	{ CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED" },
	{ CKR_KEY_FUNCTION_NOT_PERMITTED, "CKR_KEY_FUNCTION_NOT_PERMITTED" },
	{ CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT" },
	{ CKR_PIN_INVALID, "CKR_PIN_INVALID" },
	{ CKR_PIN_LEN_RANGE, "CKR_PIN_LEN_RANGE" },
	{ CKR_PIN_EXPIRED, "CKR_PIN_EXPIRED" },
	{ CKR_PIN_LOCKED, "CKR_PIN_LOCKED" },
	{ CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID" },
	{ CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT" },
	{ CKR_TOKEN_WRITE_PROTECTED, "CKR_TOKEN_WRITE_PROTECTED" },
	{ CKR_USER_ALREADY_LOGGED_IN, "CKR_USER_ALREADY_LOGGED_IN" },
	{ CKR_USER_PIN_NOT_INITIALIZED, "CKR_USER_PIN_NOT_INITIALIZED" },
	{ CKR_CRYPTOKI_NOT_INITIALIZED, "CKR_CRYPTOKI_NOT_INITIALIZED" },
};

static const char *answer_name(CK_RV rv)
{
	for (size_t i = 0; i < COUNT_OF(answer_names); i++)
		if (answer_names[i].rv == rv)
			return answer_names[i].name;
	return "an unusual answer";
}

bool p11_unexpected(struct fault *fault, const char *call, CK_RV rv)
{
	return fault_set(fault, FAULT_UNSURE, "the token answered %s with %s (0x%lx)", call,
		answer_name(rv), rv);
}

/* ---- modules ---------------------------------------------------------------------------------- */

static void p11_unload(struct token_module *module)
{
	if (module == NULL)
		return;
	if (module->lent_slots != NULL)
		PKCS11_release_all_slots(module->libp11, module->lent_slots, module->lent_count);
	if (module->library != NULL) {
		PKCS11_CTX_unload(module->libp11);
		(void)dlclose(module->library);
	}
	if (module->libp11 != NULL)
		PKCS11_CTX_free(module->libp11);
	free(module);
}

/* The raw function list of the module that libp11 has just loaded and initialised. */
static bool get_calls(struct token_module *module, const char *path, struct fault *fault)
{
	CK_C_GetFunctionList get_list = NULL;
	void *symbol = NULL;
	CK_RV rv = CKR_OK;

	module->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	symbol = module->library == NULL ? NULL : dlsym(module->library, "C_GetFunctionList");
	if (symbol == NULL)
		return fault_set(fault, FAULT_HUMAN, "%s is not a PKCS#11 module", path);
	memcpy(&get_list, &symbol, sizeof(get_list));
	rv = get_list(&module->calls);
	if (rv != CKR_OK || module->calls == NULL)
		return p11_unexpected(fault, "C_GetFunctionList", rv);
	return true;
}

static struct token_module *p11_load(const char *path, struct fault *fault)
{
	struct token_module *module = zalloc(1, sizeof(*module));

	module->libp11 = PKCS11_CTX_new();
	if (module->libp11 == NULL || PKCS11_CTX_load(module->libp11, path) != 0) {
		fault_set(fault, FAULT_HUMAN,
			"cannot load the PKCS#11 module %s: check pkcs11.module and its driver",
			path);
		p11_unload(module);
		return NULL;
	}
	if (!get_calls(module, path, fault)) {
		p11_unload(module);
		return NULL;
	}
	return module;
}

/* A blank-padded field of LEN bytes as text; what is not printable ASCII or UTF-8's upper half
 * becomes `?`. */
static void copy_field(char out[TOKEN_TEXT], const unsigned char *field, size_t len)
{
	size_t used = len < TOKEN_TEXT ? len : TOKEN_TEXT - 1;

	while (used > 0 && (field[used - 1] == ' ' || field[used - 1] == '\0'))
		used--;
	for (size_t i = 0; i < used; i++)
		out[i] = (char)(field[i] >= 0x20 && field[i] != 0x7f ? field[i] : '?');
	out[used] = '\0';
}

static bool p11_describe(
	struct token_module *module, struct token_module_info *out, struct fault *fault)
{
	CK_INFO said = { 0 };
	const CK_INFO *about = &said;
	CK_RV rv = module->calls->C_GetInfo(&said);

	if (rv != CKR_OK)
		return p11_unexpected(fault, "C_GetInfo", rv);
	copy_field(out->description, about->libraryDescription, sizeof(about->libraryDescription));
	(void)snprintf(out->version, sizeof(out->version), "%d.%d", about->libraryVersion.major,
		about->libraryVersion.minor);
	return true;
}

/* ---- tokens ----------------------------------------------------------------------------------- */

static bool list_slots(struct token_module *module, CK_SLOT_ID slots[TOKENS_PRESENT_MAX],
	CK_ULONG *count, struct fault *fault)
{
	CK_RV rv = CKR_OK;

	*count = TOKENS_PRESENT_MAX;
	rv = module->calls->C_GetSlotList(CK_TRUE, slots, count);
	if (rv == CKR_BUFFER_TOO_SMALL || *count > TOKENS_PRESENT_MAX)
		return fault_set(
			fault, FAULT_HUMAN, "more than %d tokens are plugged", TOKENS_PRESENT_MAX);
	if (rv != CKR_OK)
		return p11_unexpected(fault, "C_GetSlotList", rv);
	return true;
}

static int64_t free_bytes(CK_ULONG reported)
{
	if (reported == CK_UNAVAILABLE_INFORMATION || reported > INT32_MAX)
		return -1;
	return (int64_t)reported;
}

static void fill_token(struct token_info *out, CK_SLOT_ID slot, const CK_TOKEN_INFO *info)
{
	out->slot = slot;
	copy_field(out->serial, info->serialNumber, sizeof(info->serialNumber));
	copy_field(out->label, info->label, sizeof(info->label));
	copy_field(out->model, info->model, sizeof(info->model));
	copy_field(out->manufacturer, info->manufacturerID, sizeof(info->manufacturerID));
	out->free_bytes = free_bytes(info->ulFreePublicMemory);
	out->count_low = (info->flags & CKF_USER_PIN_COUNT_LOW) != 0;
	out->final_try = (info->flags & CKF_USER_PIN_FINAL_TRY) != 0;
	out->locked = (info->flags & CKF_USER_PIN_LOCKED) != 0;
}

static bool p11_list(struct token_module *module, struct token_list *out, struct fault *fault)
{
	CK_SLOT_ID slots[TOKENS_PRESENT_MAX];
	CK_ULONG count = 0;

	*out = (struct token_list){ 0 };
	if (!list_slots(module, slots, &count, fault))
		return false;
	for (CK_ULONG i = 0; i < count; i++) {
		CK_TOKEN_INFO info = { 0 };
		CK_RV rv = module->calls->C_GetTokenInfo(slots[i], &info);

		if (rv == CKR_TOKEN_NOT_PRESENT)
			continue;
		if (rv != CKR_OK)
			return p11_unexpected(fault, "C_GetTokenInfo", rv);
		if ((info.flags & CKF_TOKEN_INITIALIZED) != 0)
			fill_token(&out->tokens[out->count++], slots[i], &info);
	}
	return true;
}

/* ---- sessions --------------------------------------------------------------------------------- */

static struct token_session *p11_open(struct token_module *module, const struct token_info *token,
	bool writing, struct fault *fault)
{
	CK_FLAGS flags = CKF_SERIAL_SESSION | (writing ? CKF_RW_SESSION : 0);
	CK_SESSION_HANDLE handle = 0;
	CK_RV rv = module->calls->C_OpenSession(token->slot, flags, NULL, NULL, &handle);
	struct token_session *session = NULL;

	if (rv != CKR_OK) {
		p11_unexpected(fault, "C_OpenSession", rv);
		return NULL;
	}
	session = zalloc(1, sizeof(*session));
	session->module = module;
	session->slot = token->slot;
	session->handle = handle;
	return session;
}

static void p11_close(struct token_session *session)
{
	if (session == NULL)
		return;
	p11_logout(session);
	(void)session->module->calls->C_CloseSession(session->handle);
	free(session);
}

const struct token_driver token_p11 = {
	.name = "pkcs11",
	.load = p11_load,
	.unload = p11_unload,
	.describe = p11_describe,
	.list = p11_list,
	.open = p11_open,
	.close = p11_close,
	.certs = p11_certs,
	.login = p11_login,
	.logout = p11_logout,
	.write_cert = p11_write_cert,
	.prove = p11_prove,
};

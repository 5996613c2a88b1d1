/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS#11 module that passes every call on to the module named by XUQI_P11LOG_MODULE and writes
 * what it saw to XUQI_P11LOG_FILE, one line each: `TIME PID C_Login serial=… user=1 rv=0x0`.
 * Logged are C_Initialize, C_Finalize, C_Login, C_Logout, C_CreateObject and C_DestroyObject.  A PIN
 * is never read, let alone written.
 *
 * XUQI_P11LOG_FAULT=CALL:N:ACTION makes the N-th call of CALL (or of `any`) go wrong, for tests:
 * kill (before the call), postkill (after it took effect), hang, gone (the token is pulled from then
 * on: no slot, CKR_GENERAL_ERROR), unseen (no slot is listed from then on, all else works), 0xRV
 * (answered instead of the call).
 *
 * XUQI_P11LOG_FAULTS names a folder: the file SERIAL in it holds what becomes of the next object that is written to that
 * token, once: gone (before it), unwritten (answered as if it were), blind (written, and nothing is found any more by this
 * process), frozen (written, and this process stands still). */
#include <errno.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dlfcn.h>

#include "common/bytes.h"
#include "common/clock.h"

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST wrapped;

/* ---- faults ----------------------------------------------------------------------------------- */

enum action {
	ACTION_NONE,
	ACTION_KILL,
	ACTION_POSTKILL,
	ACTION_HANG,
	ACTION_GONE,
	ACTION_UNSEEN,
	ACTION_UNWRITTEN,
	ACTION_BLIND,
	ACTION_FROZEN,
	ACTION_ANSWER
};

struct plan {
	char call[64];
	int64_t at;
	enum action action;
	CK_RV answer;
};

static struct plan plan;
static int64_t seen;
static bool token_gone, token_unseen, token_blind;

static enum action read_action(const char *word)
{
	static const char *const words[] = { "", "kill", "postkill", "hang", "gone", "unseen",
		"unwritten", "blind", "frozen" };

	for (size_t i = ACTION_KILL; i <= ACTION_FROZEN; i++)
		if (strcmp(words[i], word) == 0)
			return (enum action)i;
	return ACTION_ANSWER;
}

/* 0x and hex digits. */
static bool read_answer(CK_RV *out, const char *word)
{
	static const char digits[] = "0123456789abcdef";

	if (strncmp(word, "0x", 2) != 0 || strlen(word) > 10)
		return false;
	*out = 0;
	for (const char *at = word + 2; *at != '\0'; at++) {
		const char *digit = strchr(digits, *at);

		if (digit == NULL)
			return false;
		*out = *out * 16 + (CK_RV)(digit - digits);
	}
	return true;
}

/* CALL:N:ACTION; what is written wrongly must not look like a test that passed. */
static void read_plan(void)
{
	const char *text = getenv("XUQI_P11LOG_FAULT");
	char copy[64] = "";
	char *rest = copy;
	const char *call = NULL;
	const char *at = NULL;

	if (text == NULL)
		return;
	(void)snprintf(copy, sizeof(copy), "%s", text);
	call = strsep(&rest, ":");
	at = strsep(&rest, ":");
	if (at == NULL || rest == NULL || !number_parse(&plan.at, at, 1, 1000000))
		abort();
	(void)snprintf(plan.call, sizeof(plan.call), "%s", call);
	plan.action = read_action(rest);
	if (plan.action == ACTION_ANSWER && !read_answer(&plan.answer, rest))
		abort();
}

static void die(void)
{
	(void)kill(getpid(), SIGKILL);
}

static void stand_still(void)
{
	for (;;)
		(void)poll(NULL, 0, 1000);
}

/* What is to happen to this call. */
static enum action next_action(const char *call)
{
	if (plan.action == ACTION_NONE ||
		(strcmp(plan.call, "any") != 0 && strcmp(plan.call, call) != 0))
		return ACTION_NONE;
	return ++seen == plan.at ? plan.action : ACTION_NONE;
}

/* True if the call is answered by *RV instead of by the module. */
static bool act_before(enum action action, CK_RV *rv)
{
	if (action == ACTION_KILL)
		die();
	if (action == ACTION_HANG)
		stand_still();
	if (action == ACTION_GONE)
		token_gone = true;
	if (action == ACTION_UNSEEN)
		token_unseen = true;
	if (action == ACTION_ANSWER || token_gone) {
		*rv = token_gone ? CKR_GENERAL_ERROR : plan.answer;
		return true;
	}
	return false;
}

/* ---- the log ---------------------------------------------------------------------------------- */

static void session_serial(CK_SESSION_HANDLE session, char serial[17])
{
	CK_SESSION_INFO about;
	CK_TOKEN_INFO token;
	size_t len = sizeof(token.serialNumber);

	memcpy(serial, "-", 2);
	if (session == 0 || real->C_GetSessionInfo(session, &about) != CKR_OK ||
		real->C_GetTokenInfo(about.slotID, &token) != CKR_OK)
		return;
	while (len > 0 && token.serialNumber[len - 1] == ' ')
		len--;
	memcpy(serial, token.serialNumber, len);
	serial[len] = '\0';
}

static void log_call(const char *call, const char *serial, const char *more, CK_RV rv)
{
	const char *path = getenv("XUQI_P11LOG_FILE");
	int fd = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	char at[CLOCK_TEXT];
	char line[256];
	int len = 0;

	if (fd < 0)
		return;
	clock_format(at, clock_now());
	len = snprintf(line, sizeof(line), "%s %ld %s serial=%s%s rv=0x%lx\n", at, (long)getpid(),
		call, serial, more, rv);
	if (len > 0 && (size_t)len < sizeof(line))
		(void)!write(fd, line, (size_t)len);
	(void)close(fd);
}

static void log_session_call(
	const char *call, CK_SESSION_HANDLE session, const char *more, CK_RV rv)
{
	char serial[17];

	session_serial(session, serial);
	log_call(call, serial, more, rv);
}

/* ---- faults of one token ---------------------------------------------------------------------- */

/* What becomes of the object that SESSION is about to write; whoever reads it, has it alone. */
static enum action taken_fault(CK_SESSION_HANDLE session)
{
	const char *folder = getenv("XUQI_P11LOG_FAULTS");
	char serial[17], path[512], word[16] = "", shown[32];
	FILE *file = NULL;

	if (folder == NULL)
		return ACTION_NONE;
	session_serial(session, serial);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, serial);
	file = fopen(path, "re");
	if (file == NULL)
		return ACTION_NONE;
	if (fgets(word, sizeof(word), file) == NULL)
		word[0] = '\0';
	(void)fclose(file);
	word[strcspn(word, "\n")] = '\0';
	if (unlink(path) != 0 || read_action(word) == ACTION_ANSWER)
		abort();
	(void)snprintf(shown, sizeof(shown), " is=%s", word);
	log_call("fault", serial, shown, CKR_OK);
	return read_action(word);
}

/* ---- the calls -------------------------------------------------------------------------------- */

static void hide(CK_ULONG *found)
{
	if (token_blind)
		*found = 0;
}

/* A call that is passed on; LOGGED runs after it, before a planned death. */
#define PASS(name, params, args, logged) \
	static CK_RV pass_##name params \
	{ \
		enum action action = next_action(#name); \
		CK_RV rv = CKR_OK; \
\
		if (!act_before(action, &rv)) \
			rv = real->name args; \
		logged; \
		if (action == ACTION_POSTKILL) \
			die(); \
		return rv; \
	}

#define QUIET ((void)0)

/* clang-format off */
PASS(C_Initialize, (void *args), (args), log_call("C_Initialize", "-", "", rv))
PASS(C_Finalize, (void *reserved), (reserved), log_call("C_Finalize", "-", "", rv))
PASS(C_GetInfo, (CK_INFO *info), (info), QUIET)
PASS(C_GetTokenInfo, (CK_SLOT_ID slot, CK_TOKEN_INFO *info), (slot, info), QUIET)
PASS(C_OpenSession,
	(CK_SLOT_ID slot, CK_FLAGS flags, void *context, CK_NOTIFY notify, CK_SESSION_HANDLE *out),
	(slot, flags, context, notify, out), QUIET)
PASS(C_CloseSession, (CK_SESSION_HANDLE session), (session), QUIET)
PASS(C_Login, (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len),
	(session, user, pin, len),
	log_session_call("C_Login", session, user == CKU_USER ? " user=1" : " user=0", rv))
PASS(C_Logout, (CK_SESSION_HANDLE session), (session), log_session_call("C_Logout", session, "", rv))
PASS(C_DestroyObject, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object), (session, object),
	log_session_call("C_DestroyObject", session, "", rv))
PASS(C_GetAttributeValue,
	(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *pattern, CK_ULONG len),
	(session, object, pattern, len), QUIET)
PASS(C_FindObjectsInit, (CK_SESSION_HANDLE session, CK_ATTRIBUTE *pattern, CK_ULONG len),
	(session, pattern, len), QUIET)
PASS(C_FindObjects,
	(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *out, CK_ULONG max, CK_ULONG *found),
	(session, out, max, found), hide(found))
PASS(C_FindObjectsFinal, (CK_SESSION_HANDLE session), (session), QUIET)
PASS(C_SignInit, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key),
	(session, mechanism, key), QUIET)
PASS(C_Sign,
	(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *out, CK_ULONG *out_len),
	(session, data, len, out, out_len), QUIET)
PASS(C_DecryptInit, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key),
	(session, mechanism, key), QUIET)
PASS(C_Decrypt,
	(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *out, CK_ULONG *out_len),
	(session, data, len, out, out_len), QUIET)

/* clang-format on */

static CK_RV pass_C_CreateObject(
	CK_SESSION_HANDLE session, CK_ATTRIBUTE *pattern, CK_ULONG len, CK_OBJECT_HANDLE *out)
{
	enum action action = next_action("C_CreateObject");
	CK_RV rv = CKR_OK;

	if (action == ACTION_NONE)
		action = taken_fault(session);
	if (!act_before(action, &rv) && action != ACTION_UNWRITTEN)
		rv = real->C_CreateObject(session, pattern, len, out);
	log_session_call("C_CreateObject", session, "", rv);
	token_blind = token_blind || action == ACTION_BLIND;
	if (action == ACTION_FROZEN)
		stand_still();
	if (action == ACTION_POSTKILL)
		die();
	return rv;
}

/* A pulled token leaves an empty list, not an error. */
static CK_RV pass_C_GetSlotList(CK_BBOOL present, CK_SLOT_ID *out, CK_ULONG *count)
{
	enum action action = next_action("C_GetSlotList");
	CK_RV rv = CKR_OK;

	if (!act_before(action, &rv))
		rv = real->C_GetSlotList(present, out, count);
	if (token_gone || token_unseen) {
		*count = 0;
		rv = CKR_OK;
	}
	if (action == ACTION_POSTKILL)
		die();
	return rv;
}

/* clang-format off */
#define PASSED(X) \
	X(C_Initialize) X(C_Finalize) X(C_GetInfo) X(C_GetTokenInfo) X(C_OpenSession) \
	X(C_CloseSession) X(C_Login) X(C_Logout) X(C_CreateObject) X(C_DestroyObject) \
	X(C_GetAttributeValue) X(C_FindObjectsInit) X(C_FindObjects) X(C_FindObjectsFinal) \
	X(C_SignInit) X(C_Sign) X(C_DecryptInit) X(C_Decrypt) X(C_GetSlotList)

/* clang-format on */

static CK_FUNCTION_LIST *load_real(void)
{
	const char *path = getenv("XUQI_P11LOG_MODULE");
	void *library = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void *symbol = library == NULL ? NULL : dlsym(library, "C_GetFunctionList");
	CK_C_GetFunctionList get_list = NULL;
	CK_FUNCTION_LIST *list = NULL;

	if (symbol == NULL)
		return NULL;
	memcpy(&get_list, &symbol, sizeof(get_list));
	return get_list(&list) == CKR_OK ? list : NULL;
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	if (real == NULL) {
		real = load_real();
		if (real == NULL)
			return CKR_GENERAL_ERROR;
		read_plan();
		wrapped = *real; /* what is not wrapped below goes straight through */
		wrapped.C_GetFunctionList = C_GetFunctionList;
#define WRAP(name) wrapped.name = pass_##name;
		PASSED(WRAP)
#undef WRAP
	}
	*list = &wrapped;
	return CKR_OK;
}

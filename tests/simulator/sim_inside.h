/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the simulator's core share: the state (one JSON tree, so that saving it is
 * writing it), the call being answered, the problems it may end with.  Instants in the tree are
 * integers in microseconds; in answers they are RFC 3339. */
#pragma once

#include "common/json.h"
#include "tests/simulator/sim_codes.h"
#include "tests/simulator/sim_core.h"
#include "tests/simulator/sim_pki.h"

enum { SIM_SERIAL_TEXT = 21, SIM_ID_TEXT = 48, SIM_PATH_TEXT = 512, SIM_WORD_TEXT = 400 };

struct sim {
	char *key_id;
	unsigned char *secret;
	size_t secret_len;
	json_t *state; /* tables by name, each an object by id: see sim_state.c */
	struct sim_pki *pki;
	int64_t next_at; /* no timer is earlier than this */
	bool changed;
};

/* One request on its way to its answer. */
struct sim_call {
	struct sim *sim;
	int64_t now;
	int64_t clock; /* what the server believes: the knob clock_skew_s */
	const struct sim_request *request;
	char path[SIM_PATH_TEXT];
	char id[SIM_ID_TEXT]; /* what :id matched, or "" */
	json_t *query;        /* object of texts */
	json_t *body;         /* object, or NULL */

	int status;
	json_t *reply; /* the JSON answer … */
	char *raw;     /* … or its bytes, of content_type */
	size_t raw_len;
	const char *content_type;
	char location[SIM_PLACE_TEXT];
	char etag[32];
	int retry_after_s;
	bool person;             /* through the CA's own pages, not the contract */
	bool effect;             /* something has changed outside this call */
	bool replayed;           /* a stored answer */
	enum sim_code code;      /* of a problem */
	const json_t *about;     /* the certificate that the path leads to, or NULL */
	const char *certificate; /* whom a refusal concerns, for the ledger; borrowed or NULL */
	const char *client_ref;
	const char *operation; /* the route's pattern */
};

/* ---- sim_state.c: the tree ---- */
/* The table NAME (borrowed), made where it is missing. */
json_t *sim_table(const struct sim *sim, const char *name);
/* The object ID of table NAME (borrowed), or NULL. */
json_t *sim_find(const struct sim *sim, const char *table, const char *id);
/* The first object of TABLE whose text member KEY is VALUE (borrowed), or NULL. */
json_t *sim_find_by(const struct sim *sim, const char *table, const char *key, const char *value);
/* The next number of the seeded generator, below LIMIT. */
uint64_t sim_random(struct sim *sim, uint64_t limit);
/* PREFIX_ and twelve hex digits. */
void sim_id(struct sim *sim, char out[SIM_ID_TEXT], const char *prefix);
/* 2 * LEN hex digits from the seeded generator. */
void sim_hex(struct sim *sim, char *out, size_t len);
/* A certificate's serial number: 20 hex digits, positive, without a leading zero byte. */
void sim_serial(struct sim *sim, char out[SIM_SERIAL_TEXT]);
/* Write OBJECT.KEY as RFC 3339. */
void sim_put_instant(json_t *object, const char *key, int64_t at);
/* AT plus YEARS in the Gregorian calendar; 29 February becomes 1 March where it must. */
int64_t sim_add_years(int64_t at, int years);

/* ---- sim_answer.c: endings ---- */
/* End with STATUS and the JSON value (taken). */
void call_reply(struct sim_call *call, int status, json_t *value);
/* End with LEN bytes (taken). */
void call_reply_raw(struct sim_call *call, const char *content_type, char *bytes, size_t len);
/* End with a problem; the result is its object (borrowed), for further members. */
json_t *call_problem(struct sim_call *call, enum sim_code code, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* Add to the problem's field_errors. */
void call_field_error(struct sim_call *call, const char *path, const char *message);
/* Something has happened: it is saved, remembered under its key, and fit for the knobs. */
void call_effect(struct sim_call *call);

/* Members of OBJECT (the body or a part of it); on failure the call ends with FIELD_INVALID. */
bool call_text(struct sim_call *call, const char **out, const json_t *object, const char *key);
bool call_number(struct sim_call *call, int64_t *out, const json_t *object, const char *key);
bool call_instant(struct sim_call *call, int64_t *out, const json_t *object, const char *key);
bool call_client_ref(struct sim_call *call, const char **out, const json_t *object);
/* A query member, or NULL. */
const char *call_query(const struct sim_call *call, const char *key);
/* The object of TABLE named by the path; ends with NOT_FOUND and returns NULL where there is
 * none. */
json_t *call_object(struct sim_call *call, const char *table);
/* End with {items, next_cursor}: the page of ITEMS (taken) that limit and cursor ask for. */
void call_reply_page(struct sim_call *call, json_t *items);

/* ---- sim_meta.c ---- */
void get_meta(struct sim_call *call);
void get_agreement(struct sim_call *call);
/* {id, version, sha256, title, text}; owned by the caller, like all of these. */
json_t *meta_agreement(const struct sim *sim);
void meta_agreement_change(struct sim *sim); /* a new version, from now on */
json_t *meta_statement(void);
/* [{years, price_fen}] without the term of WITHDRAWN years. */
json_t *meta_terms(int64_t add_fen, int64_t withdrawn);
json_t *meta_payee(struct sim *sim, const struct sim_call *call, const json_t *application);
json_t *meta_attachment_types(void); /* [{type, name, required}] */
json_t *meta_view(struct sim_call *call);

/* ---- sim_bindings.c, sim_phone.c ---- */
void post_binding(struct sim_call *call);
void get_bindings(struct sim_call *call);
void get_binding(struct sim_call *call);
void delete_binding(struct sim_call *call);
void binding_move(struct sim *sim, json_t *binding, const char *state, int64_t now);
bool binding_is_open(const json_t *binding);
json_t *binding_view(struct sim_call *call, const json_t *binding);
/* A fresh QR for CERTIFICATES (records, borrowed), with CLIENT_REF or NULL; borrowed. */
json_t *binding_new(struct sim_call *call, const json_t *certificates, const char *client_ref);
/* Count it, and let it expire. */
void binding_open(struct sim_call *call, json_t *binding, const json_t *certificates);
/* Is the certificate bound for this caller: the contract's account, or a person's WeChat? */
bool certificate_is_bound(const struct sim_call *call, const json_t *certificate);
void post_phone(struct sim_call *call);
/* The phone scans, confirms or cancels the QR; false after a problem. */
bool phone_act(struct sim_call *call, json_t *binding, const char *action);
void get_messages(struct sim_call *call);
/* A text message to MOBILE (none where it is NULL). */
void message_send(struct sim *sim, int64_t now, const char *mobile, const char *text);

/* ---- sim_certificates.c ---- */
void get_certificates(struct sim_call *call);
void post_enrol(struct sim_call *call);
void post_certificate_status(struct sim_call *call);
json_t *certificate_view(struct sim_call *call, const json_t *certificate);
/* The certificates of SET that are not superseded (own array of borrowed-count references). */
json_t *certificate_set(const struct sim *sim, const char *set_id);
/* Keep facts and PEM (NULL on paper) in the table, and what FROM (an enrolment or an older record)
 * says of holder, service, media_no and bindings; returns the record (borrowed). */
json_t *certificate_add(
	struct sim *sim, const struct cert_facts *facts, const char *pem, const json_t *from);
/* Neither revoked nor on hold; false after a problem. */
bool certificate_is_alive(struct sim_call *call, const json_t *certificate);
/* Revoke all certificates of SET, and tell the webhooks. */
void certificate_revoke(struct sim *sim, const char *set_id, int64_t now);
/* The certificate with this serial, and issuer where ISSUER is not NULL; borrowed or NULL. */
json_t *certificate_by_serial(const struct sim *sim, const char *serial, const char *issuer);

/* ---- sim_applications.c ---- */
void post_application(struct sim_call *call);
void get_applications(struct sim_call *call);
void get_application(struct sim_call *call);
void post_withdraw(struct sim_call *call);
json_t *application_view(const json_t *application);
/* A move: state, seq, updated_at, and its notice. */
void application_move(struct sim *sim, json_t *application, const char *state, int64_t now);
bool application_is(const json_t *application, const char *state);
bool application_is_open(
	const json_t *application); /* not installed, closed, rejected, withdrawn */
/* The open application of a set (borrowed), or NULL. */
json_t *application_open(const struct sim *sim, const char *set_id);
/* The application of the path for a change in STATE (or STATE2, may be NULL); checks If-Match;
 * NULL after a problem. */
json_t *call_application(struct sim_call *call, const char *state, const char *state2);
/* The same for the filling of FIELD: a draft, or a correction that names it. */
json_t *call_application_to_fill(struct sim_call *call, const char *field);
/* End with the application and its ETag. */
void call_reply_application(struct sim_call *call, int status, const json_t *application);
/* End with STATE_CONFLICT: what is in the way is in STATE. */
void call_conflict(struct sim_call *call, const char *what, const char *state);
/* What submit or resubmit still needs: array of words (owned by the caller). */
json_t *application_required(const json_t *application);
bool application_has_attachments(const json_t *application); /* all required ones */

/* ---- sim_drafts.c, sim_attachments.c ---- */
void put_agreement(struct sim_call *call);
void get_terms(struct sim_call *call);
void put_term(struct sim_call *call);
void put_intent(struct sim_call *call);
void post_attachment(struct sim_call *call);
void post_submit(struct sim_call *call);
void post_resubmit(struct sim_call *call);
/* A change of content: seq, correction, answer. */
void application_save(struct sim_call *call, json_t *application, const char *field);

/* ---- sim_payments.c, sim_wechat.c, sim_remittance.c, sim_refunds.c ---- */
void post_payment(struct sim_call *call);
void get_payments(struct sim_call *call);
void get_payment(struct sim_call *call);
void post_payment_close(struct sim_call *call);
void put_remittance(struct sim_call *call);
json_t *payment_view(const json_t *payment);
bool payment_is(const json_t *payment, const char *state);
void payment_move(struct sim *sim, json_t *payment, const char *state, int64_t now);
json_t *payment_application(const struct sim *sim, const json_t *payment); /* borrowed */
/* Money has arrived in STATE (paid, verified): the first one pays the application and closes every
 * other way to pay it; a later one is a second payment, and is refunded. */
void payment_settle(struct sim *sim, json_t *payment, const char *state, int64_t now);
/* Close the application's payments that nobody has paid, but EXCEPT. */
void payments_close(struct sim *sim, const json_t *application, const json_t *except, int64_t now);
/* The application's transfers may pay for another one; its payments by transfer are closed. */
void payments_release(struct sim *sim, const json_t *application, int64_t now);
/* The payment by transfer that was carried over from an earlier application of the same certificate and is neither used
 * nor refunded since (borrowed), or NULL. */
json_t *payment_kept(const struct sim *sim, const json_t *application);
/* The transfer of KEPT verifies PAYMENT at once. */
void payment_take_over(struct sim *sim, json_t *kept, json_t *payment, int64_t now);
/* Prepare a WeChat order: code_url, its end. */
void wechat_open(struct sim_call *call, json_t *payment);
/* The phone pays: true, or false where the order cannot be paid any more (unless LATE). */
bool wechat_pay(struct sim *sim, json_t *payment, bool late, int64_t now);
void get_refunds(struct sim_call *call);
void get_refund(struct sim_call *call);
/* Open the refund of a payment whose money has arrived; nothing happens twice. */
void refund_open(struct sim *sim, json_t *payment, const char *reason, int64_t now);
/* Refund whatever was paid for APPLICATION. */
void refund_application(
	struct sim *sim, const json_t *application, const char *reason, int64_t now);

/* ---- sim_review.c ---- */
/* The application is paid at NOW: the review begins. */
void review_begin(struct sim *sim, json_t *application, int64_t now);
void review_reject(
	struct sim *sim, json_t *application, const char *code, const char *text, int64_t now);
/* Approved at NOW: the new certificates are issued, where no new key is awaited. */
void review_approve(struct sim *sim, json_t *application, int64_t now);
/* A text message to the handler of APPLICATION, about it: WORDS. */
void review_tell(struct sim *sim, const json_t *application, int64_t now, const char *words);
/* Knobs or certificates have changed: whatever waits is looked at again, of SET alone or (NULL) of all. */
void review_look_again(struct sim *sim, const char *set_id, int64_t now);

/* ---- sim_staff.c ---- */
/* The CA closes what it cannot decide on: its FEE pays for another application (carried_over), or comes back (refunded);
 * NULL: it has none. */
void review_close(struct sim *sim, json_t *application, const char *fee, int64_t now);
/* {serial | application_id, act?: close | approve | revoke, fee?}: what the CA's staff does with an open application. */
void post_application_staff(struct sim_call *call);

/* ---- sim_issuance.c, sim_invoice.c, sim_logins.c ---- */
void get_issuance(struct sim_call *call);
void post_install_report(struct sim_call *call);
/* Make the new certificates: with KEY (borrowed) for all but encryption, or NULL: with the old ones'
 * keys. */
bool issuance_make(
	struct sim *sim, json_t *application, EVP_PKEY *key, int64_t now, struct fault *fault);
void post_csr(struct sim_call *call);
/* Installed at NOW: the new certificates take the old ones' place; false with a fault. */
bool issuance_install(struct sim *sim, json_t *application, int64_t now, struct fault *fault);
/* Installed at NOW: an invoice follows by itself. */
void invoice_begin(struct sim *sim, json_t *application, int64_t now);
/* Make the invoice, with the fault that WORD of the knob names ("": none). */
void invoice_make(struct sim *sim, json_t *application, const char *word, int64_t now);
void get_invoice(struct sim_call *call);
void post_invoice_again(struct sim_call *call);
void post_invoice_resend(struct sim_call *call);
/* The file of an invoice in FORMAT (xml, pdf; borrowed), or NULL. */
const json_t *invoice_document(const json_t *application, const char *format);
void post_invoice_login(struct sim_call *call);
void put_invoice_login(struct sim_call *call);
void get_invoice_file(struct sim_call *call);

/* ---- sim_webhooks.c ---- */
void post_webhook(struct sim_call *call);
void get_webhooks(struct sim_call *call);
void delete_webhook(struct sim_call *call);
/* Tell the webhooks that TYPE happened to RESOURCE, an object with an id and a state; APPLICATION may
 * be NULL. */
void notice_send(struct sim *sim, int64_t now, const char *type, const json_t *resource,
	const json_t *application);

/* What was under way when the world was saved is sent again. */
void sim_deliveries_again(struct sim *sim);

/* ---- sim_ledger.c ---- */
/* Append ITEM (taken) to the list NAME. */
void ledger_add(struct sim *sim, const char *name, json_t *item);
/* Count that the call's operation was asked for. */
void ledger_attempt(struct sim_call *call);
/* Count the call's refusal with CODE. */
void ledger_refuse(const struct sim_call *call, const char *code);
void ledger_replay(struct sim *sim);
void get_ledger(struct sim_call *call);

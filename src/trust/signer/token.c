/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/signer/token.h"
#include "wire/der.h"

#include <dlfcn.h>
#include <errno.h>
#include <p11-kit/pkcs11.h>
#include <string.h>

#define SLOTS_MAX 64

struct nr_token_module {
	void *library;
	CK_FUNCTION_LIST *call;
};

struct nr_token_key {
	CK_FUNCTION_LIST *call;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE object;
	enum nr_key_algorithm algorithm;
	bool always_authenticate; /* the token wants its PIN before every signature */
	bool lost;
	struct nr_secret pin; /* only where always_authenticate */
};

static const char *reason_of(CK_RV code, char text[static 48])
{
	static const struct {
		CK_RV code;
		const char *text;
	} reasons[] = {
		{CKR_PIN_INCORRECT, "the PIN is not the right one"},
		{CKR_PIN_INVALID, "the PIN is not the right one"},
		{CKR_PIN_LEN_RANGE, "the PIN is not the right one"},
		{CKR_PIN_LOCKED, "the PIN is locked"},
		{CKR_PIN_EXPIRED, "the PIN has expired"},
		{CKR_USER_PIN_NOT_INITIALIZED, "the token has no PIN yet"},
		{CKR_TOKEN_NOT_PRESENT, "the token is gone"},
		{CKR_DEVICE_REMOVED, "the token is gone"},
		{CKR_DEVICE_ERROR, "the token fails"},
		{CKR_MECHANISM_INVALID, "the token does not know this kind of signature"},
		{CKR_KEY_FUNCTION_NOT_PERMITTED, "the key may not sign"},
	};
	for (size_t i = 0; i < NR_COUNT(reasons); i++)
		if (reasons[i].code == code)
			return reasons[i].text;
	snprintf(text, 48, "error 0x%lx of the token", (unsigned long)code);
	return text;
}

static int token_fail(struct nr_error *error, const char *what, CK_RV code)
{
	char text[48];
	return nr_fail(error, -EIO, "%.120s: %s", what, reason_of(code, text));
}

/* ---- the library ---- */

int nr_token_module_open(const char *path, struct nr_token_module **ret_module, struct nr_error *error)
{
	struct nr_token_module *module = calloc(1, sizeof *module);
	if (!module)
		return nr_fail(error, -ENOMEM, "signer: out of memory");
	module->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!module->library) {
		free(module);
		return nr_fail(error, -ENOENT, "--pkcs11-module %.200s", dlerror());
	}
	CK_C_GetFunctionList list;
	*(void **)&list = dlsym(module->library, "C_GetFunctionList");
	CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
	CK_RV code = list ? list(&module->call) : CKR_FUNCTION_NOT_SUPPORTED;
	if (code == CKR_OK)
		code = module->call->C_Initialize(&arguments);
	if (code != CKR_OK) {
		dlclose(module->library);
		free(module);
		return list ? token_fail(error, path, code)
			    : nr_fail(error, -EINVAL, "%s: not a PKCS#11 library", path);
	}
	*ret_module = module;
	return 0;
}

void nr_token_module_close(struct nr_token_module *module)
{
	if (!module)
		return;
	module->call->C_Finalize(NULL);
	dlclose(module->library);
	free(module);
}

/* ---- token and key ---- */

/* Fields of a token are padded with blanks. */
static bool field_is(const uint8_t *field, size_t room, const char *wanted)
{
	size_t length = strlen(wanted);
	if (length == 0)
		return true;
	if (length > room || memcmp(field, wanted, length) != 0)
		return false;
	for (size_t i = length; i < room; i++)
		if (field[i] != ' ' && field[i] != 0)
			return false;
	return true;
}

static bool token_is(const CK_TOKEN_INFO *token, const struct nr_token_uri *uri)
{
	return (token->flags & CKF_TOKEN_INITIALIZED) &&
	       field_is(token->label, sizeof token->label, uri->token) &&
	       field_is(token->manufacturerID, sizeof token->manufacturerID, uri->manufacturer) &&
	       field_is(token->model, sizeof token->model, uri->model) &&
	       field_is(token->serialNumber, sizeof token->serialNumber, uri->serial);
}

static int slot_find(CK_FUNCTION_LIST *call, const struct nr_token_uri *uri, const char *name,
	CK_SLOT_ID *ret_slot, struct nr_error *error)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX, found = 0;
	CK_RV code = call->C_GetSlotList(CK_TRUE, slots, &count);
	if (code != CKR_OK)
		return token_fail(error, name, code);
	for (CK_ULONG i = 0; i < count; i++) {
		CK_TOKEN_INFO token;
		if (uri->slot_named && slots[i] != uri->slot)
			continue;
		if (call->C_GetTokenInfo(slots[i], &token) == CKR_OK && token_is(&token, uri)) {
			*ret_slot = slots[i];
			found++;
		}
	}
	if (found == 0)
		return nr_fail(error, -ENODEV, "%.120s: no such token is there (%lu slots with a token)",
			name, (unsigned long)count);
	if (found > 1)
		return nr_fail(error, -EINVAL, "%.120s: %lu tokens are meant; add token= or serial=", name,
			(unsigned long)found);
	return 0;
}

static int session_open(CK_FUNCTION_LIST *call, CK_SLOT_ID slot, const char *name,
	const struct nr_secret *pin, CK_SESSION_HANDLE *ret_session, struct nr_error *error)
{
	CK_RV code = call->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, ret_session);
	if (code != CKR_OK)
		return token_fail(error, name, code);
	if (pin->length == 0)
		return nr_fail(error, -EACCES,
			"%.120s: name the file that holds the token's PIN: --passphrase-file FILE", name);
	code = call->C_Login(*ret_session, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin->text, pin->length);
	return code == CKR_OK || code == CKR_USER_ALREADY_LOGGED_IN ? 0 : token_fail(error, name, code);
}

static int object_find(
	struct nr_token_key *key, const struct nr_token_uri *uri, const char *name, struct nr_error *error)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE wanted[3] = {{CKA_CLASS, &class, sizeof class}};
	CK_ULONG wishes = 1, found = 0;
	if (uri->object[0])
		wanted[wishes++] =
			(CK_ATTRIBUTE){CKA_LABEL, (void *)(uintptr_t)uri->object, strlen(uri->object)};
	if (uri->id_length)
		wanted[wishes++] = (CK_ATTRIBUTE){CKA_ID, (void *)(uintptr_t)uri->id, uri->id_length};
	CK_OBJECT_HANDLE objects[2];
	CK_RV code = key->call->C_FindObjectsInit(key->session, wanted, wishes);
	if (code == CKR_OK) {
		code = key->call->C_FindObjects(key->session, objects, NR_COUNT(objects), &found);
		key->call->C_FindObjectsFinal(key->session);
	}
	if (code != CKR_OK)
		return token_fail(error, name, code);
	if (found != 1)
		return nr_fail(error, found ? -EINVAL : -ENOKEY,
			found ? "%.120s: more than one private key is meant; add id="
			      : "%.120s: there is no such private key in the token",
			name);
	key->object = objects[0];
	return 0;
}

/* A yes or no of the key; what the token does not say is `otherwise`. */
static bool flag_of(const struct nr_token_key *key, CK_ATTRIBUTE_TYPE type, bool otherwise)
{
	CK_BBOOL value = CK_FALSE;
	CK_ATTRIBUTE attribute = {type, &value, sizeof value};
	CK_RV code = key->call->C_GetAttributeValue(key->session, key->object, &attribute, 1);
	return code == CKR_OK && attribute.ulValueLen == sizeof value ? value == CK_TRUE : otherwise;
}

static int object_check(struct nr_token_key *key, const char *name, struct nr_error *error)
{
	CK_KEY_TYPE type = (CK_KEY_TYPE)-1;
	CK_ATTRIBUTE attribute = {CKA_KEY_TYPE, &type, sizeof type};
	CK_RV code = key->call->C_GetAttributeValue(key->session, key->object, &attribute, 1);
	CK_KEY_TYPE wanted = key->algorithm == NR_KEY_RSA ? CKK_RSA : CKK_EC;
	if (code != CKR_OK)
		return token_fail(error, name, code);
	if (key->algorithm == NR_KEY_ED25519)
		return nr_fail(error, -EKEYREJECTED, "%.120s: Ed25519 keys are taken from files only", name);
	if (type != wanted)
		return nr_fail(error, -EKEYREJECTED, "%.120s: not the key of its certificate", name);
	if (!flag_of(key, CKA_SENSITIVE, false) || flag_of(key, CKA_EXTRACTABLE, true))
		return nr_fail(error, -EKEYREJECTED,
			"%.120s: this key can leave the token; it must be sensitive and not extractable",
			name);
	key->always_authenticate = flag_of(key, CKA_ALWAYS_AUTHENTICATE, false);
	return 0;
}

int nr_token_key_open(struct nr_token_module *module, const char *uri, const struct nr_secret *pin,
	enum nr_key_algorithm algorithm, struct nr_token_key **ret_key, struct nr_error *error)
{
	struct nr_token_uri parsed;
	CK_SLOT_ID slot = 0;
	int rc = nr_token_uri_parse(uri, &parsed, error);
	rc = rc ? rc : slot_find(module->call, &parsed, uri, &slot, error);
	if (rc)
		return rc;
	struct nr_token_key *key = OPENSSL_secure_zalloc(sizeof *key);
	if (!key)
		return nr_fail(error, -ENOMEM, "signer: out of memory");
	key->call = module->call;
	key->algorithm = algorithm;
	rc = session_open(key->call, slot, uri, pin, &key->session, error);
	rc = rc ? rc : object_find(key, &parsed, uri, error);
	rc = rc ? rc : object_check(key, uri, error);
	if (rc) {
		nr_token_key_close(key);
		return rc;
	}
	if (key->always_authenticate)
		key->pin = *pin;
	*ret_key = key;
	return 0;
}

void nr_token_key_close(struct nr_token_key *key)
{
	if (!key)
		return;
	if (key->session)
		key->call->C_CloseSession(key->session);
	OPENSSL_secure_clear_free(key, sizeof *key);
}

/* ---- signing ---- */

static bool is_loss(CK_RV code)
{
	static const CK_RV losses[] = {CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_DEVICE_REMOVED,
		CKR_DEVICE_ERROR, CKR_TOKEN_NOT_PRESENT, CKR_USER_NOT_LOGGED_IN, CKR_OBJECT_HANDLE_INVALID,
		CKR_KEY_HANDLE_INVALID, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_PIN_LOCKED};
	for (size_t i = 0; i < NR_COUNT(losses); i++)
		if (losses[i] == code)
			return true;
	return false;
}

static CK_RV sign(struct nr_token_key *key, CK_MECHANISM_TYPE type, const uint8_t *bytes, size_t length,
	uint8_t *ret_signature, CK_ULONG *room)
{
	CK_MECHANISM mechanism = {type, NULL, 0};
	CK_RV code = key->call->C_SignInit(key->session, &mechanism, key->object);
	if (code == CKR_OK && key->always_authenticate)
		code = key->call->C_Login(
			key->session, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)key->pin.text, key->pin.length);
	if (code == CKR_OK)
		code = key->call->C_Sign(
			key->session, (CK_BYTE *)(uintptr_t)bytes, length, ret_signature, room);
	return code;
}

/* DigestInfo of SHA-256 up to the digest (RFC 8017 section 9.2, note 1). */
static const uint8_t digest_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
	0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

int nr_token_key_sign(struct nr_token_key *key, const uint8_t *digest, size_t digest_length,
	uint8_t *ret_signature, size_t *length)
{
	uint8_t made[NR_SIGNATURE_MAX], info[sizeof digest_info + 32];
	CK_ULONG made_length = sizeof made;
	CK_RV code;
	if (key->lost)
		return -EIO;
	if (key->algorithm == NR_KEY_RSA && digest_length == 32) {
		memcpy(info, digest_info, sizeof digest_info);
		memcpy(info + sizeof digest_info, digest, digest_length);
		code = sign(key, CKM_RSA_PKCS, info, sizeof info, made, &made_length);
	} else {
		code = sign(key, CKM_ECDSA, digest, digest_length, made, &made_length);
	}
	key->lost = is_loss(code);
	if (code != CKR_OK || made_length > sizeof made)
		return -EIO;
	if (key->algorithm == NR_KEY_RSA) {
		if (made_length > *length)
			return -EIO;
		memcpy(ret_signature, made, made_length);
		*length = made_length;
		return 0;
	}
	*length = made_length % 2 ? 0 : nr_der_from_rs(made, made_length / 2, ret_signature, *length);
	return *length > 0 ? 0 : -EIO;
}

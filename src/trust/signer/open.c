/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/signer/open.h"
#include "base/file.h"
#include "trust/ledger/cosign.h"
#include "trust/ledger/note.h"
#include "trust/signer/authority.h"
#include "trust/signer/share.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define PATH_ROOM      4096
#define NO_KEY         NR_SIGNER_KEYS_MAX
#define SHARE_ATTEMPTS 40
#define SHARE_PAUSE_NS 50000000L

struct nr_keys {
	struct nr_signer *signer;
	struct nr_ledger *ledger; /* NULL: another process writes it */
	struct nr_share *share;   /* where we do: for others' entries */
	int writer;               /* where another does: to it, under `turn`; -1: we do */
	pthread_mutex_t turn;
	struct nr_cosigners *cosigners;   /* NULL: none */
	unsigned index[NR_SIGN_PURPOSES]; /* of the key for a purpose; NO_KEY: was not asked for */
	char origin[NR_NOTE_NAME_MAX + 1];
	uint32_t origin_id; /* of the ledger's key, in signature lines */
};

int nr_keys_path(const struct nr_keys_conf *conf, const char *name, char *ret_path, size_t room,
	struct nr_error *error)
{
	if (!conf->folder)
		return nr_fail(error, -EINVAL,
			"name the folder of the keys: --keys DIR (noroshi key new makes one)");
	int n = snprintf(ret_path, room, "%s/%s", conf->folder, name);
	if (n < 0 || (size_t)n >= room)
		return nr_fail(error, -ENAMETOOLONG, "--keys: the name is too long");
	return 0;
}

/* ---- the signer ---- */

/* The keys to start with, and the memory of their names. */
struct wanted {
	struct nr_signer_key keys[NR_SIGNER_KEYS_MAX];
	size_t count;
	char paths[NR_SIGNER_KEYS_MAX][2][PATH_ROOM];
};

static int want_certified(const struct nr_keys_conf *conf, const char *key, const char *name,
	unsigned purposes, struct wanted *wanted, struct nr_keys *keys, struct nr_error *error)
{
	char file[32], (*paths)[PATH_ROOM] = wanted->paths[wanted->count];
	snprintf(file, sizeof file, "%.16s.key", name);
	int rc = nr_keys_path(conf, file, paths[0], PATH_ROOM, error);
	snprintf(file, sizeof file, "%.16s.pem", name);
	rc = rc ? rc : nr_keys_path(conf, file, paths[1], PATH_ROOM, error);
	if (rc)
		return rc;
	bool token = key && strncmp(key, "pkcs11:", 7) == 0;
	wanted->keys[wanted->count] = (struct nr_signer_key){
		.key = key ? key : paths[0],
		.certificate = paths[1],
		.passphrase = token ? conf->pin_file : conf->passphrase_file,
		.purposes = purposes,
		.rate = conf->rate,
	};
	for (unsigned i = 0; i < NR_SIGN_PURPOSES; i++)
		if (purposes & 1u << i)
			keys->index[i] = (unsigned)wanted->count;
	wanted->count++;
	return 0;
}

/* The ledger's name is that of its verifier key. */
static int origin_read(const char *path, struct nr_keys *keys, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *text = NULL;
	size_t length;
	struct nr_vkey vkey;
	int rc = nr_file_read(path, 4096, &text, &length, error);
	if (rc)
		return rc;
	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		length--;
	if (nr_vkey_parse((const char *)text, length, &vkey, error))
		return nr_error_prefix(error, "%.100s", path);
	snprintf(keys->origin, sizeof keys->origin, "%.*s", (int)vkey.name_length, vkey.name);
	keys->origin_id = vkey.id;
	return 0;
}

static int want_ledger(
	const struct nr_keys_conf *conf, struct wanted *wanted, struct nr_keys *keys, struct nr_error *error)
{
	char(*paths)[PATH_ROOM] = wanted->paths[wanted->count];
	int rc = nr_keys_path(conf, "ledger.vkey", paths[1], PATH_ROOM, error);
	rc = rc ? rc : origin_read(paths[1], keys, error);
	rc = rc ? rc : nr_keys_path(conf, "ledger.key", paths[0], PATH_ROOM, error);
	if (rc)
		return rc;
	wanted->keys[wanted->count] = (struct nr_signer_key){.key = paths[0],
		.passphrase = conf->passphrase_file,
		.name = keys->origin,
		.purposes = 1u << NR_SIGN_CHECKPOINT};
	keys->index[NR_SIGN_CHECKPOINT] = (unsigned)wanted->count++;
	return 0;
}

static int signer_start(
	const struct nr_keys_conf *conf, unsigned purposes, struct nr_keys *keys, struct nr_error *error)
{
	const unsigned stamp = 1u << NR_SIGN_TIMESTAMP, seal = 1u << NR_SIGN_SEAL | 1u << NR_SIGN_JWS;
	NR_AUTO(nr_freep) struct wanted *wanted = calloc(1, sizeof *wanted);
	if (!wanted)
		return nr_fail(error, -ENOMEM, "signer: out of memory");
	int rc = 0;
	if (purposes & stamp)
		rc = want_certified(conf, conf->timestamp_key, "tsa", stamp, wanted, keys, error);
	if (!rc && purposes & seal) {
		rc = want_certified(conf, conf->seal_key, "seal", purposes & seal, wanted, keys, error);
		if (!rc && conf->releasers.count > 0) {
			struct nr_signer_key *key = &wanted->keys[wanted->count - 1];
			key->releasers = conf->releasers.items;
			key->releaser_count = conf->releasers.count;
			key->release = conf->release;
		}
	}
	rc = rc ? rc : want_ledger(conf, wanted, keys, error);
	return rc ? rc
		  : nr_signer_start(
			    &(struct nr_signer_conf){wanted->keys, wanted->count, conf->pkcs11_module},
			    &keys->signer, error);
}

/* ---- the ledger ---- */

/* nr_ledger_conf.sign: the text, an empty line, and the signature's line. */
static int checkpoint_sign(void *context, const char *text, size_t text_length, char *note, size_t *length,
	struct nr_error *error)
{
	struct nr_keys *keys = context;
	const struct nr_signer_item item = {(const uint8_t *)text, text_length};
	struct nr_signed made;
	int rc = nr_signer_sign(
		keys->signer, keys->index[NR_SIGN_CHECKPOINT], NR_SIGN_CHECKPOINT, &item, 1, &made, error);
	if (rc)
		return rc;
	if (made.code)
		return nr_fail(error, made.code, "checkpoint of %.100s: %s", keys->origin,
			nr_signed_reason(made.code));
	size_t room = *length, used = text_length + 1;
	if (room < used)
		return nr_fail(error, -ENOSPC, "checkpoint of %.100s: no room", keys->origin);
	memcpy(note, text, text_length);
	note[text_length] = '\n';
	rc = nr_note_add_line(
		note, &used, room, keys->origin, keys->origin_id, made.signature, made.length, error);
	if (!rc)
		*length = used;
	return rc;
}

/* Ours, and then open to others; or, where that is enough, theirs. Two who come at the same moment may each
 * find the other neither writing nor listening yet: a few times more. */
static int ledger_reach(
	const struct nr_ledger_conf *conf, struct nr_keys *keys, bool shared, struct nr_error *error)
{
	for (unsigned attempt = 0;; attempt++) {
		int rc = nr_ledger_open(conf, &keys->ledger, error);
		if (!rc) {
			rc = nr_share_open(conf->folder, keys->ledger, &keys->share, error);
			return rc || conf->quiet ? rc : nr_share_start(keys->share, error);
		}
		if (rc != -EBUSY || !shared || attempt == SHARE_ATTEMPTS)
			return rc;
		if (nr_share_connect(conf->folder, &keys->writer, NULL) == 0) {
			if (error)
				error->text[0] = 0; /* that somebody writes it was no failure */
			return 0;
		}
		const struct timespec pause = {.tv_nsec = SHARE_PAUSE_NS};
		nanosleep(&pause, NULL);
	}
}

static int ledger_open(
	const struct nr_keys_conf *conf, struct nr_keys *keys, bool shared, struct nr_error *error)
{
	char folder[PATH_ROOM], anchor[PATH_ROOM];
	int rc = nr_keys_path(conf, "ledger", folder, sizeof folder, error);
	rc = rc ? rc : nr_keys_path(conf, "ledger.head", anchor, sizeof anchor, error);
	if (!rc && (conf->witnesses.count || conf->quorum))
		rc = nr_cosigners_new(&conf->witnesses, conf->quorum, NULL, &keys->cosigners, error);
	if (rc)
		return rc;
	const struct nr_ledger_conf wanted = {.folder = conf->ledger ? conf->ledger : folder,
		.origin = keys->origin,
		.sign = checkpoint_sign,
		.sign_context = keys,
		.cosign = keys->cosigners ? nr_cosigners_ask : NULL,
		.cosign_context = keys->cosigners,
		/* beside the key: a ledger's folder that is brought back from a copy is found by it */
		.anchor = conf->ledger ? NULL : anchor,
		.quiet = conf->quiet};
	return ledger_reach(&wanted, keys, shared, error);
}

#define HASH_MEMBER 128
/* ,"NAME":"sha256:..." */
static void hash_member_write(
	const char *name, const uint8_t hash[static 32], char ret_text[static HASH_MEMBER])
{
	size_t used = (size_t)snprintf(ret_text, HASH_MEMBER, ",\"%.16s\":\"sha256:", name);
	for (size_t i = 0; i < 32; i++)
		used += (size_t)snprintf(ret_text + used, HASH_MEMBER - used, "%02x", hash[i]);
	snprintf(ret_text + used, HASH_MEMBER - used, "\"");
}

static int new_key_write(
	const char *name, const EVP_PKEY *key, const char *certificate, char *ret_text, size_t room)
{
	char id[NR_KEY_ID_TEXT], algorithm[64], time[NR_TIME_TEXT];
	if (nr_key_id(key, id, NULL))
		return 0;
	return snprintf(ret_text, room,
		"{\"kind\":\"key-new\",\"time\":\"%s\",\"name\":\"%s\",\"algorithm\":\"%s\",\"key\":\"%s\"%"
		"s}",
		nr_time_write(nr_time_now(), time), name,
		nr_key_algorithm_text(key, algorithm, sizeof algorithm), id, certificate);
}

/* A certificate of the folder, where it is there. */
static int new_certificate_write(const struct nr_keys_conf *conf, const char *name, char *ret_text,
	size_t room, struct nr_error *error)
{
	char path[PATH_ROOM], file[16], member[HASH_MEMBER];
	uint8_t hash[32];
	NR_AUTO(nr_x509_freep) X509 *certificate = NULL;
	snprintf(file, sizeof file, "%.8s.pem", name);
	int rc = nr_keys_path(conf, file, path, sizeof path, error);
	rc = rc ? rc : nr_certificate_read(path, &certificate, error);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	if (X509_digest(certificate, EVP_sha256(), hash, NULL) != 1)
		return nr_fail(error, -EIO, "%s: %s", path, nr_openssl_reason());
	hash_member_write("certificate", hash, member);
	return new_key_write(name, X509_get0_pubkey(certificate), member, ret_text, room);
}

/* A ledger begins with the keys that it is about. */
static int beginning_record(const struct nr_keys_conf *conf, struct nr_keys *keys, struct nr_error *error)
{
	static const char *const names[] = {"ca", "tsa", "seal"};
	char text[NR_COUNT(names) + 1][512];
	struct nr_ledger_entry entries[NR_COUNT(names) + 1];
	size_t count = 0, length;
	uint64_t first;
	for (size_t i = 0; i < NR_COUNT(names); i++) {
		int n = new_certificate_write(conf, names[i], text[count], sizeof text[count], error);
		if (n < 0)
			return n;
		entries[count] = (struct nr_ledger_entry){text[count], (size_t)n};
		count += n > 0;
	}
	const uint8_t *spki = nr_signer_public(keys->signer, keys->index[NR_SIGN_CHECKPOINT], &length);
	NR_AUTO(nr_pkey_freep) EVP_PKEY *key = d2i_PUBKEY(NULL, &spki, (long)length);
	int n = key ? new_key_write("ledger", key, "", text[count], sizeof text[count]) : 0;
	entries[count] = (struct nr_ledger_entry){text[count], (size_t)n};
	count += n > 0;
	return nr_keys_append(keys, entries, count, &first, error);
}

/* By what two persons released the key; who they are stays in that file. */
static int release_member_write(
	const struct nr_keys_conf *conf, char ret_text[static HASH_MEMBER], struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	uint8_t hash[32];
	ret_text[0] = 0;
	if (conf->releasers.count == 0)
		return 0;
	int rc = nr_file_read(conf->release, NR_NOTE_MAX, &bytes, &length, error);
	if (rc)
		return rc;
	if (EVP_Digest(bytes, length, hash, NULL, EVP_sha256(), NULL) != 1)
		return nr_fail(error, -EIO, "%s: %s", conf->release, nr_openssl_reason());
	hash_member_write("release", hash, ret_text);
	return 0;
}

/* Counters of a key begin anew with every signer: that one has begun is said first. */
static int uses_record(
	const struct nr_keys_conf *conf, struct nr_keys *keys, unsigned purposes, struct nr_error *error)
{
	char text[NR_SIGN_PURPOSES][384], time[NR_TIME_TEXT], release[HASH_MEMBER];
	struct nr_ledger_entry entries[NR_SIGN_PURPOSES];
	size_t count = 0;
	uint64_t first;
	int rc = release_member_write(conf, release, error);
	if (rc)
		return rc;
	nr_time_write(nr_time_now(), time);
	for (unsigned i = 0; i < NR_SIGN_PURPOSES; i++) {
		if (!(purposes & 1u << i))
			continue;
		bool sealing = i == NR_SIGN_SEAL || i == NR_SIGN_JWS;
		int n = snprintf(text[count], sizeof text[count],
			"{\"kind\":\"key-use\",\"time\":\"%s\",\"purpose\":\"%s\",\"key\":\"%s\",\"counter\":"
			"0%s}",
			time, nr_signer_purpose_names[i], nr_signer_key_id(keys->signer, keys->index[i]),
			sealing ? release : "");
		entries[count] = (struct nr_ledger_entry){text[count], (size_t)n};
		count++;
	}
	return count ? nr_keys_append(keys, entries, count, &first, error) : 0;
}

int nr_keys_open(
	const struct nr_keys_conf *conf, unsigned purposes, struct nr_keys **ret_keys, struct nr_error *error)
{
	NR_AUTO(nr_keys_closep) struct nr_keys *keys = calloc(1, sizeof *keys);
	if (!keys)
		return nr_fail(error, -ENOMEM, "signer: out of memory");
	keys->writer = -1;
	pthread_mutex_init(&keys->turn, NULL);
	for (unsigned i = 0; i < NR_SIGN_PURPOSES; i++)
		keys->index[i] = NO_KEY;
	int rc = signer_start(conf, purposes, keys, error);
	if (!rc && conf->rights)
		rc = nr_rights_drop(conf->rights, error);
	rc = rc ? rc : ledger_open(conf, keys, !(purposes & 1u << NR_SIGN_TIMESTAMP), error);
	if (!rc && keys->ledger && nr_ledger_size(keys->ledger) == 0)
		rc = beginning_record(conf, keys, error);
	rc = rc ? rc : uses_record(conf, keys, purposes, error);
	if (!rc)
		*ret_keys = nr_steal(&keys);
	return rc;
}

int nr_keys_start(struct nr_keys *keys, struct nr_error *error)
{
	int rc = nr_ledger_start(keys->ledger, error);
	return rc ? rc : nr_share_start(keys->share, error);
}

void nr_keys_close(struct nr_keys *keys)
{
	if (!keys)
		return;
	nr_share_close(keys->share);
	nr_close_fd(&keys->writer);
	pthread_mutex_destroy(&keys->turn);
	nr_ledger_close(keys->ledger); /* it asks the signer and the witnesses once more */
	nr_cosigners_free(keys->cosigners);
	nr_signer_free(keys->signer);
	free(keys);
}

void nr_keys_closep(struct nr_keys **keys)
{
	nr_keys_close(*keys);
}

/* ---- what was opened ---- */

struct nr_signer *nr_keys_signer(const struct nr_keys *keys)
{
	return keys->signer;
}

struct nr_ledger *nr_keys_ledger(const struct nr_keys *keys)
{
	return keys->ledger;
}

int nr_keys_append(struct nr_keys *keys, const struct nr_ledger_entry *entries, size_t count,
	uint64_t *ret_first, struct nr_error *error)
{
	if (keys->ledger)
		return nr_ledger_append(keys->ledger, entries, count, ret_first, error);
	pthread_mutex_lock(&keys->turn);
	int rc = nr_share_append(keys->writer, entries, count, ret_first, error);
	pthread_mutex_unlock(&keys->turn);
	return rc;
}

const char *nr_keys_origin(const struct nr_keys *keys)
{
	return keys->origin;
}

unsigned nr_keys_index(const struct nr_keys *keys, enum nr_signer_purpose purpose)
{
	return keys->index[purpose];
}

const uint8_t *nr_keys_certificate(
	const struct nr_keys *keys, enum nr_signer_purpose purpose, size_t *ret_length)
{
	return nr_signer_certificate(keys->signer, keys->index[purpose], ret_length);
}

bool nr_keys_are_demonstration(const struct nr_keys *keys, enum nr_signer_purpose purpose)
{
	size_t length;
	const uint8_t *der = nr_keys_certificate(keys, purpose, &length);
	NR_AUTO(nr_x509_freep) X509 *certificate = der ? d2i_X509(NULL, &der, (long)length) : NULL;
	return certificate && nr_certificate_is_demonstration(certificate);
}

/* ---- signatures that are in the ledger ---- */

static int entries_append(struct nr_keys *keys, enum nr_signer_purpose purpose,
	const struct nr_signer_item *items, size_t count, const struct nr_signed *made, uint64_t *ret_entries,
	struct nr_error *error)
{
	NR_AUTO(nr_freep) char(*text)[NR_SIGNATURE_ENTRY_MAX] = malloc(count * sizeof *text);
	struct nr_ledger_entry entries[NR_SIGNER_BATCH_MAX];
	size_t used = 0;
	nr_time now = nr_time_now();
	if (!text)
		return nr_fail(error, -ENOMEM, "signer: out of memory");
	const char *id = nr_signer_key_id(keys->signer, keys->index[purpose]);
	for (size_t i = 0; i < count; i++) {
		if (made[i].code)
			continue;
		size_t length = nr_signature_entry(purpose, &items[i], &made[i], id, now, text[used]);
		entries[used] = (struct nr_ledger_entry){text[used], length};
		used++;
	}
	uint64_t next = 0;
	int rc = used ? nr_keys_append(keys, entries, used, &next, error) : 0;
	for (size_t i = 0; !rc && ret_entries && i < count; i++)
		ret_entries[i] = made[i].code ? NR_NO_ENTRY : next++;
	return rc;
}

int nr_keys_sign(struct nr_keys *keys, enum nr_signer_purpose purpose, const struct nr_signer_item *items,
	size_t count, struct nr_signed *ret_signed, uint64_t *ret_entries, struct nr_error *error)
{
	if (purpose >= NR_SIGN_PURPOSES || keys->index[purpose] == NO_KEY)
		return nr_fail(error, -EINVAL, "signer: no key was opened for that");
	int rc = nr_signer_sign(keys->signer, keys->index[purpose], purpose, items, count, ret_signed, error);
	if (rc)
		return rc;
	rc = entries_append(keys, purpose, items, count, ret_signed, ret_entries, error);
	if (rc)
		memset(ret_signed, 0, count * sizeof *ret_signed);
	for (size_t i = 0; rc && i < count; i++)
		ret_signed[i].code = rc;
	return rc;
}

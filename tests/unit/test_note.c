/* SPDX-License-Identifier: Apache-2.0 */
/* Signed notes, verifier keys, checkpoints, cosignatures: published notes and traps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trust/ledger/checkpoint.h"
#include "trust/ledger/note.h"
#include "trust_vectors.h"

#include <errno.h>

/* RFC 8032 section 7.1, TEST 1 and TEST 2 */
static const char *const seeds[] = {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"};

struct signer {
	EVP_PKEY *key;
	uint8_t public[32];
};

static struct signer signer_new(size_t which)
{
	struct signer s;
	uint8_t seed[32];
	size_t length = sizeof s.public;
	hex_parse(seeds[which], seed, sizeof seed);
	s.key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
	assert_non_null(s.key);
	assert_int_equal(EVP_PKEY_get_raw_public_key(s.key, s.public, &length), 1);
	return s;
}

static void sign(const struct signer *s, const char *message, size_t length, uint8_t signature[static 64])
{
	size_t size = 64;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit(md, NULL, NULL, NULL, s->key), 1);
	assert_int_equal(EVP_DigestSign(md, signature, &size, (const uint8_t *)message, length), 1);
	EVP_MD_CTX_free(md);
}

/* A note under construction: text, then signature lines by add_*(). */
struct note_text {
	char bytes[8192];
	size_t length, text_length;
};

static void begin(struct note_text *n, const char *text)
{
	n->text_length = strlen(text);
	n->length = (size_t)snprintf(n->bytes, sizeof n->bytes, "%s\n", text);
}

static void add_plain(struct note_text *n, const struct signer *s, const char *name)
{
	uint8_t signature[64];
	sign(s, n->bytes, n->text_length, signature);
	assert_int_equal(nr_note_add_line(n->bytes, &n->length, sizeof n->bytes, name,
				 nr_note_id(name, NR_NOTE_ED25519, s->public, 32), signature, 64, NULL),
		0);
}

static void add_cosignature(struct note_text *n, const struct signer *s, const char *name, uint64_t time)
{
	char message[1024];
	uint8_t signature[72];
	size_t length = nr_cosignature_message(time, n->bytes, n->text_length, message, sizeof message);
	for (unsigned i = 0; i < 8; i++)
		signature[i] = (uint8_t)(time >> (56 - 8 * i));
	sign(s, message, length, signature + 8);
	assert_int_equal(nr_note_add_line(n->bytes, &n->length, sizeof n->bytes, name,
				 nr_note_id(name, NR_NOTE_COSIGNATURE, s->public, 32), signature, 72, NULL),
		0);
}

static void spoil_last_line(struct note_text *n)
{
	char *c = &n->bytes[n->length - 20];
	*c = *c == 'A' ? 'B' : 'A';
}

/* Opens with keys: 0 or -errno. */
static int open_note(const char *bytes, size_t length, const char *const *vkeys, size_t count,
	struct nr_note_verdict *verdicts)
{
	struct nr_note note;
	struct nr_note_key keys[4] = {0};
	int e = nr_note_parse(bytes, length, &note, NULL);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(nr_note_key_parse(vkeys[i], strlen(vkeys[i]), &keys[i], NULL), 0);
	if (!e)
		e = nr_note_verify(&note, keys, count, verdicts, NULL);
	for (size_t i = 0; i < count; i++)
		nr_note_key_fini(&keys[i]);
	return e;
}

static int open_with(const struct note_text *n, const char *vkey)
{
	struct nr_note_verdict verdict;
	return open_note(n->bytes, n->length, &vkey, 1, &verdict);
}

static void vkey_of(
	const struct signer *s, const char *name, uint8_t type, char text[static NR_NOTE_VKEY_TEXT])
{
	assert_int_equal(nr_note_vkey_write(name, type, s->public, text, NULL), 0);
}

static void test_published_notes(void **state)
{
	(void)state;
	struct json_object *file = vector_read("notes/notes.json");
	if (!file)
		return;
	struct json_object *notes = member(file, "notes");
	size_t count = json_object_array_length(notes), valid = 0;
	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(notes, i);
		const char *vkey = text_of(item, "vkey"), *note = text_of(item, "note");
		struct nr_note_verdict verdict;
		bool wanted = !strcmp(text_of(item, "verdict"), "valid");
		bool got = open_note(note, strlen(note), &vkey, 1, &verdict) == 0;
		if (got != wanted)
			print_message("%s: %s\n", text_of(item, "id"), got ? "accepted" : "rejected");
		assert_true(got == wanted);
		valid += got;
	}
	assert_int_equal(count, 20);
	assert_true(valid > 0 && valid < count);
	char vkey[NR_NOTE_VKEY_TEXT];
	struct signer log = signer_new(0), witness = signer_new(1);
	struct json_object *keys = member(file, "computed_keys");
	vkey_of(&log, "log.example/vectors", NR_NOTE_ED25519, vkey);
	assert_string_equal(vkey, text_of(member(keys, "log"), "vkey"));
	vkey_of(&witness, "witness.example/w1", NR_NOTE_COSIGNATURE, vkey);
	assert_string_equal(vkey, text_of(member(keys, "witness"), "vkey"));
	EVP_PKEY_free(log.key);
	EVP_PKEY_free(witness.key);
	json_object_put(file);
}

static void test_names(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool ok;
	} cases[] = {
		{"log.example/x", true}, {"\xe7\x8b\xbc\xe7\x85\x99", true}, /* the house's own */
		{"", false}, {"a b", false}, {"a+b", false},
		{"a\xe3\x80\x80"
		 "b",
			false}, /* ideographic space */
		{"a\xc2\xa0"
		 "b",
			false}, /* no-break space */
		{"a\nb", false}, {"\xff", false}, {"\xc0\x80", false},
		{"\xed\xa0\x80", false}, /* surrogate */
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		assert_int_equal(nr_note_name_ok(cases[i].name, strlen(cases[i].name)), cases[i].ok);
	char text[NR_NOTE_VKEY_TEXT];
	struct nr_error error;
	uint8_t key[32] = {0};
	assert_int_equal(nr_note_vkey_write("a+b", NR_NOTE_ED25519, key, text, &error), -EINVAL);
	assert_non_null(strstr(error.text, "a+b"));
}

/* The base64 of a key may hold "+": only the first two divide. */
static void test_plus_in_a_key(void **state)
{
	(void)state;
	struct nr_note_key key;
	char text[NR_NOTE_VKEY_TEXT];
	uint8_t public[32];
	memset(public, 0xfb, sizeof public); /* "+/v7..." */
	assert_int_equal(nr_note_vkey_write("a", NR_NOTE_COSIGNATURE, public, text, NULL), 0);
	assert_non_null(strchr(strchr(strchr(text, '+') + 1, '+') + 1, '+'));
	struct nr_vkey vkey;
	assert_int_equal(nr_vkey_parse(text, strlen(text), &vkey, NULL), 0);
	assert_memory_equal(vkey.key, public, 32);
	text[2] = text[2] == '0' ? '1' : '0'; /* another id */
	assert_int_equal(nr_note_key_parse(text, strlen(text), &key, NULL), -EBADMSG);
	static const char *const bad[] = {"", "a", "a+12345678", "a+1234567+AAAA", "a+1234567g+AAAA",
		"a+12345678+", "a+12345678+A", "a+12345678+AA==", "a+12345678+AAA=AAAA", "+12345678+AAAA"};
	for (size_t i = 0; i < NR_COUNT(bad); i++)
		assert_int_equal(nr_note_key_parse(bad[i], strlen(bad[i]), &key, NULL), -EBADMSG);
}

static void test_a_type_that_is_not_known(void **state)
{
	(void)state;
	char text[NR_NOTE_VKEY_TEXT];
	struct signer s = signer_new(0);
	struct nr_note_key key;
	vkey_of(&s, "a", 0x06, text);
	assert_int_equal(nr_note_key_parse(text, strlen(text), &key, NULL), 0);
	assert_null(key.key);
	struct note_text n;
	begin(&n, "text\n");
	uint8_t signature[64] = {0};
	nr_note_add_line(n.bytes, &n.length, sizeof n.bytes, "a", key.id, signature, 64, NULL);
	assert_int_equal(open_with(&n, text), -ENOKEY);
	EVP_PKEY_free(s.key);
}

static void test_empty_lines_in_the_text(void **state)
{
	(void)state;
	struct signer s = signer_new(0);
	struct note_text n;
	struct nr_note note;
	char vkey[NR_NOTE_VKEY_TEXT];
	begin(&n, "a\n\n\nb\n");
	add_plain(&n, &s, "k");
	vkey_of(&s, "k", NR_NOTE_ED25519, vkey);
	assert_int_equal(open_with(&n, vkey), 0);
	assert_int_equal(nr_note_parse(n.bytes, n.length, &note, NULL), 0);
	assert_int_equal(note.text_length, strlen("a\n\n\nb\n"));
	EVP_PKEY_free(s.key);
}

static void test_known_and_unknown_keys(void **state)
{
	(void)state;
	struct signer a = signer_new(0), b = signer_new(1);
	struct note_text n;
	char vkey_a[NR_NOTE_VKEY_TEXT], vkey_b[NR_NOTE_VKEY_TEXT];
	vkey_of(&a, "a", NR_NOTE_ED25519, vkey_a);
	vkey_of(&b, "b", NR_NOTE_ED25519, vkey_b);
	begin(&n, "text\n");
	add_plain(&n, &a, "a");
	add_plain(&n, &b, "b");
	spoil_last_line(&n);
	assert_int_equal(open_with(&n, vkey_a), 0); /* b is not known: nothing is said by it */
	assert_int_equal(open_with(&n, vkey_b), -EKEYREJECTED);
	const char *both[] = {vkey_a, vkey_b};
	struct nr_note_verdict verdicts[2];
	assert_int_equal(open_note(n.bytes, n.length, both, 2, verdicts), -EKEYREJECTED);
	begin(&n, "text\n"); /* one key twice, one of them wrong */
	add_plain(&n, &a, "a");
	add_plain(&n, &a, "a");
	assert_int_equal(open_with(&n, vkey_a), 0);
	spoil_last_line(&n);
	assert_int_equal(open_with(&n, vkey_a), -EKEYREJECTED);
	EVP_PKEY_free(a.key);
	EVP_PKEY_free(b.key);
}

static void test_cosignatures(void **state)
{
	(void)state;
	struct signer log = signer_new(0), witness = signer_new(1);
	struct note_text n;
	char vkey[NR_NOTE_VKEY_TEXT], as_plain[NR_NOTE_VKEY_TEXT], text[NR_CHECKPOINT_TEXT];
	struct nr_hash root;
	nr_merkle_leaf("x", 1, &root);
	nr_checkpoint_write("log.example", 1, &root, text);
	vkey_of(&witness, "w", NR_NOTE_COSIGNATURE, vkey);
	vkey_of(&witness, "w", NR_NOTE_ED25519, as_plain);
	begin(&n, text);
	add_plain(&n, &log, "log.example");
	add_cosignature(&n, &witness, "w", 1767225600);
	const char *only = vkey;
	struct nr_note_verdict verdict;
	assert_int_equal(open_note(n.bytes, n.length, &only, 1, &verdict), 0);
	assert_int_equal(verdict.time, 1767225600);
	assert_int_equal(open_with(&n, as_plain), -ENOKEY);
	begin(&n, text); /* beyond what a time can be */
	add_cosignature(&n, &witness, "w", UINT64_C(1) << 63);
	assert_int_equal(open_with(&n, vkey), -EKEYREJECTED);
	begin(&n, "not a checkpoint\n");
	add_cosignature(&n, &witness, "w", 1);
	assert_int_equal(open_with(&n, vkey), -EKEYREJECTED);
	EVP_PKEY_free(log.key);
	EVP_PKEY_free(witness.key);
}

static void test_an_altered_extension_line(void **state)
{
	(void)state;
	struct signer log = signer_new(0), witness = signer_new(1);
	struct note_text n;
	char vkey[NR_NOTE_VKEY_TEXT], text[NR_CHECKPOINT_TEXT + 16];
	struct nr_hash root;
	nr_merkle_leaf("x", 1, &root);
	size_t length = nr_checkpoint_write("log.example", 1, &root, text);
	snprintf(text + length, sizeof text - length, "extra\n");
	vkey_of(&witness, "w", NR_NOTE_COSIGNATURE, vkey);
	begin(&n, text);
	add_cosignature(&n, &witness, "w", 7);
	assert_int_equal(open_with(&n, vkey), 0);
	memcpy(strstr(n.bytes, "extra"), "extrb", 5);
	assert_int_equal(open_with(&n, vkey), -EKEYREJECTED);
	EVP_PKEY_free(log.key);
	EVP_PKEY_free(witness.key);
}

static void test_limits(void **state)
{
	(void)state;
	struct nr_note note;
	NR_AUTO(nr_freep) char *bytes = malloc(NR_NOTE_MAX + 2);
	size_t length = (size_t)sprintf(bytes, "text\n\n");
	for (unsigned i = 0; i < NR_NOTE_SIGNATURES_MAX; i++)
		length += (size_t)sprintf(bytes + length, "\xe2\x80\x94 k AAAAAAAA\n");
	assert_int_equal(nr_note_parse(bytes, length, &note, NULL), 0);
	assert_int_equal(note.count, NR_NOTE_SIGNATURES_MAX);
	length += (size_t)sprintf(bytes + length, "\xe2\x80\x94 k AAAAAAAA\n");
	assert_int_equal(nr_note_parse(bytes, length, &note, NULL), -E2BIG);
	memset(bytes, 'a', NR_NOTE_MAX + 1);
	assert_int_equal(nr_note_parse(bytes, NR_NOTE_MAX + 1, &note, NULL), -E2BIG);
	static const char *const bad[] = {"", "\n", "\n\n", "a\n\n\xe2\x80\x94 k AAAA\n",
		"a\n\n\xe2\x80\x94 k AAAAAA==\n", "a\n\n\xe2\x80\x94 k  AAAAAAAA\n", "a\n\n- k AAAAAAAA\n",
		"\n\n\xe2\x80\x94 k AAAAAAAA", "a\r\n\n\xe2\x80\x94 k AAAAAAAA\n"};
	for (size_t i = 0; i < NR_COUNT(bad); i++)
		assert_int_equal(nr_note_parse(bad[i], strlen(bad[i]), &note, NULL), -EBADMSG);
}

static void test_checkpoints(void **state)
{
	(void)state;
#define ROOT "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{"o\n0\n" ROOT "\n", true},
		{"o\n18446744073709551615\n" ROOT "\n", true},
		{"o\n18446744073709551616\n" ROOT "\n", false},
		{"o\n1\n" ROOT "\nextension\nanother\n", true},
		{"o\n1\n" ROOT "\nextension\n\nanother\n", false},
		{"o\n01\n" ROOT "\n", false},
		{"o\n+1\n" ROOT "\n", false},
		{"o\n-1\n" ROOT "\n", false},
		{"o\n \n" ROOT "\n", false},
		{"\n1\n" ROOT "\n", false},
		{"o\n1\n" ROOT, false},
		{"o\n1\nAAAA\n", false},
		{"o\n1\n\n", false},
		{"o\n1\n", false},
		{"", false},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_checkpoint c;
		int e = nr_checkpoint_parse(cases[i].text, strlen(cases[i].text), &c, NULL);
		assert_int_equal(e, cases[i].ok ? 0 : -EBADMSG);
	}
}

static void test_base64(void **state)
{
	(void)state;
	static const struct {
		const char *plain, *text, *url;
	} cases[] = {{"", "", ""}, {"f", "Zg==", "Zg"}, {"fo", "Zm8=", "Zm8"}, {"foo", "Zm9v", "Zm9v"},
		{"foob", "Zm9vYg==", "Zm9vYg"}, {"\xfb\xff", "+/8=", "-_8"}};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		char text[32], back[32];
		size_t n = strlen(cases[i].plain);
		assert_int_equal(nr_base64_write(cases[i].plain, n, text), strlen(cases[i].text));
		assert_string_equal(text, cases[i].text);
		assert_int_equal(nr_base64_read(text, strlen(text), back, n), n);
		assert_memory_equal(back, cases[i].plain, n);
		nr_base64url_write(cases[i].plain, n, text);
		assert_string_equal(text, cases[i].url);
		assert_int_equal(nr_base64url_read(text, strlen(text), back, n), n);
		assert_memory_equal(back, cases[i].plain, n);
	}
	static const char *const bad[] = {
		"Zg", "Zg=", "Z===", "====", "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "Zg==Zg=="};
	for (size_t i = 0; i < NR_COUNT(bad); i++)
		assert_int_equal(nr_base64_read(bad[i], strlen(bad[i]), NULL, 0), -EINVAL);
	char two[2];
	assert_int_equal(nr_base64_read("Zm9v", 4, two, 2), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_notes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_plus_in_a_key),
		cmocka_unit_test(test_a_type_that_is_not_known),
		cmocka_unit_test(test_empty_lines_in_the_text),
		cmocka_unit_test(test_known_and_unknown_keys),
		cmocka_unit_test(test_cosignatures),
		cmocka_unit_test(test_an_altered_extension_line),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_checkpoints),
		cmocka_unit_test(test_base64),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

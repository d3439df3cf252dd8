/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers made anew: a keyed function per host, and the rules that tools are known by kept true. */
#include "base/hash.h"
#include "base/pages.h"
#include "sense/telescope/anonymise_inside.h"

#include <assert.h>
#include <errno.h>

#define TRIES         64
#define TRIES_FIXED   8  /* so long a sequence number or identification of 0 stays 0 */
#define TRIES_SAME_ID 16 /* so long equal identifications stay equal */
#define FIRST_SLOTS   (2 * (size_t)NR_ANONYMISE_SOURCES)

int nr_numbers_init(struct nr_anonymiser *a, const uint8_t secret[static 32], struct nr_error *error)
{
	a->cipher = EVP_CIPHER_CTX_new();
	if (!a->cipher || EVP_EncryptInit_ex(a->cipher, EVP_aes_128_ecb(), NULL, secret, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(a->cipher, 0) != 1)
		return nr_fail(error, -EIO, "AES: the cryptographic library refused");
	memcpy(a->hash_key, secret + 16, sizeof a->hash_key);
	return nr_pages_resize(NULL, (void **)&a->first, 0, FIRST_SLOTS * sizeof *a->first, error);
}

void nr_numbers_fini(struct nr_anonymiser *a)
{
	EVP_CIPHER_CTX_free(a->cipher);
	nr_pages_unmap(NULL, a->first, FIRST_SLOTS * sizeof *a->first);
}

static void encrypt(struct nr_anonymiser *a, uint8_t block[static 16])
{
	int out = 0;
	int ok = EVP_EncryptUpdate(a->cipher, block, &out, block, 16);
	assert(ok == 1 && out == 16);
}

/* CBC-MAC over two blocks: all inputs have one length, so it is a pseudo-random function. */
uint32_t nr_renumber(struct nr_anonymiser *a, const struct nr_address *who, enum nr_domain domain,
	uint32_t value, uint32_t try)
{
	if (!a->has_last || !nr_address_equal(who, &a->last_who)) {
		a->last_who = *who;
		memcpy(a->last_block, who->octets, 16);
		encrypt(a, a->last_block);
		a->has_last = true;
	}
	uint8_t block[16];
	uint32_t words[4] = {domain, value, try, 0};
	memcpy(block, words, sizeof block);
	for (size_t i = 0; i < sizeof block; i++)
		block[i] ^= a->last_block[i];
	encrypt(a, block);
	return nr_u32_at(block);
}

uint64_t nr_anonymise_random(struct nr_anonymiser *a, uint64_t limit)
{
	static const struct nr_address nobody;
	uint64_t past = UINT64_MAX - UINT64_MAX % limit, n;
	do { /* values of the last, incomplete round would make small numbers likelier */
		uint64_t i = a->randoms++;
		n = (uint64_t)nr_renumber(a, &nobody, NR_DOMAIN_RANDOM, (uint32_t)i, (uint32_t)(i >> 32))
		    << 32;
		n |= nr_renumber(a, &nobody, NR_DOMAIN_RANDOM, (uint32_t)i, ~(uint32_t)(i >> 32));
	} while (n >= past);
	return n % limit;
}

uint16_t nr_renumber_id(
	struct nr_anonymiser *a, const struct nr_address *who, enum nr_domain domain, uint16_t id)
{
	if (id == 0 || id == NR_ZMAP_ID)
		return id;
	uint16_t n = 0;
	for (uint32_t try = 0; n == 0 || n == NR_ZMAP_ID; try++)
		n = (uint16_t)nr_renumber(a, who, domain, id, try);
	return n;
}

/* ---- TCP over IPv4: sequence and identification belong together ---- */

/* The place of the source's first SYN, or where it would be; NULL: no room for another source. */
static struct nr_first_syn *find_first(struct nr_anonymiser *a, const struct nr_address *source)
{
	uint64_t hash = nr_siphash(source, sizeof *source, a->hash_key[0], a->hash_key[1]);
	for (size_t i = hash % FIRST_SLOTS;; i = (i + 1) % FIRST_SLOTS) {
		if (!a->first[i].order)
			return a->first_count < NR_ANONYMISE_SOURCES ? &a->first[i] : NULL;
		if (nr_address_equal(&a->first[i].source, source))
			return &a->first[i];
	}
}

/* A TCP packet over IPv4 and what is true of it. */
struct target {
	const struct nr_address *source;
	uint32_t from, to, sequence;
	uint16_t port, id;
	bool mirai, masscan, zmap;
	const struct nr_first_syn *first; /* the source's first SYN, where this is a later one */
};

static uint16_t formula(uint32_t destination, uint16_t port, uint32_t sequence)
{
	return (uint16_t)(destination ^ port ^ sequence);
}

/* Keeps what is equal equal, and (high ^ low) equal where it was: Nmap mirrors a number into both halves. */
static uint32_t renumber_sequence(struct nr_anonymiser *a, const struct target *t, uint32_t try)
{
	uint32_t mirror = (t->sequence >> 16) ^ (t->sequence & 0xffff);
	uint32_t high = nr_renumber(a, t->source, NR_DOMAIN_SEQUENCE, t->sequence, try) & 0xffff;
	uint32_t low = high ^ (nr_renumber(a, t->source, NR_DOMAIN_MIRROR, mirror, 0) & 0xffff);
	return high << 16 | low;
}

static bool follows_sequence(const struct target *t)
{
	return t->first && (t->sequence ^ t->from) == (t->first->sequence ^ t->first->from);
}

/* Identification and destination, port and sequence have the sum that they had in the first SYN. */
static uint16_t sum_of(const struct nr_first_syn *f, bool after)
{
	return after ? f->new_id ^ formula(f->to, f->port, f->new_sequence)
		     : f->id ^ formula(f->from, f->port, f->sequence);
}

static bool follows_id(const struct target *t)
{
	return t->first && (t->id ^ formula(t->from, t->port, t->sequence)) == sum_of(t->first, false);
}

static uint32_t choose_sequence(struct nr_anonymiser *a, const struct target *t, uint32_t try)
{
	if (t->mirai)
		return t->to;
	if (try == 0 && follows_sequence(t))
		return t->first->new_sequence ^ t->first->to ^ t->to;
	uint32_t sequence = t->sequence == 0 && try < TRIES_FIXED ? 0 : renumber_sequence(a, t, try);
	if (t->masscan && t->zmap) /* both by chance: the identification stays, so the sequence must fit */
		sequence = (sequence & 0xffff0000u) | formula(t->to, t->port, NR_ZMAP_ID);
	return sequence;
}

static uint16_t choose_id(struct nr_anonymiser *a, const struct target *t, uint32_t sequence, uint32_t try)
{
	if (t->zmap)
		return NR_ZMAP_ID;
	if (t->masscan)
		return formula(t->to, t->port, sequence);
	if (try == 0 && follows_id(t))
		return (uint16_t)(sum_of(t->first, true) ^ formula(t->to, t->port, sequence));
	if (t->id == 0 && try < TRIES_FIXED)
		return 0;
	uint32_t again = t->mirai || try >= TRIES_SAME_ID ?
	try:
		0;
	return again ? (uint16_t)nr_renumber(a, t->source, NR_DOMAIN_ID, t->id, again)
		     : nr_renumber_id(a, t->source, NR_DOMAIN_ID, t->id);
}

static bool keeps_rules(const struct target *t, uint32_t sequence, uint16_t id)
{
	return (sequence == t->to) == t->mirai && (id == formula(t->to, t->port, sequence)) == t->masscan &&
	       (id == NR_ZMAP_ID) == t->zmap;
}

static void remember(struct nr_anonymiser *a, struct nr_first_syn *place, const struct target *t,
	uint32_t sequence, uint16_t id)
{
	*place = (struct nr_first_syn){
		*t->source, t->from, t->to, t->sequence, sequence, ++a->first_count, t->id, id, t->port};
}

bool nr_renumber_tcp(struct nr_anonymiser *a, struct nr_rewrite *r, uint32_t sequence, uint32_t *ret_sequence)
{
	const struct nr_packet *p = &r->in->packet;
	struct target t = {&p->source, nr_address_ipv4(&p->destination), nr_address_ipv4(&r->destination),
		sequence, p->destination_port, p->id, .zmap = p->id == NR_ZMAP_ID};
	t.mirai = sequence == t.from;
	t.masscan = p->id == formula(t.from, t.port, sequence);
	struct nr_first_syn *place = nr_is_syn(p) ? find_first(a, &p->source) : NULL;
	if (nr_is_syn(p) && !place)
		a->counts.rewritten[NR_REWRITTEN_SOURCES_BEYOND]++;
	if (place && place->order)
		t.first = place;
	for (uint32_t try = 0; try < TRIES; try++) {
		uint32_t new_sequence = choose_sequence(a, &t, try);
		uint16_t id = choose_id(a, &t, new_sequence, try);
		if (!keeps_rules(&t, new_sequence, id))
			continue;
		if (t.mirai || t.masscan || (try == 0 && (follows_sequence(&t) || follows_id(&t))))
			a->counts.rewritten[NR_REWRITTEN_DERIVED]++;
		if (place && !place->order)
			remember(a, place, &t, new_sequence, id);
		*ret_sequence = new_sequence;
		r->new_id = id;
		return true;
	}
	return false;
}

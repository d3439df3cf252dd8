/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What carriers and collectors send each other: descriptions of groups, heads of offers, replies (as they are
 * behind their signature), entries of lists and findings. The first byte says which.
 */
#include "sense/flow/exchange/open.h"

#include <string.h>

/* Fixed, so that the seeds are of this group. Verifier keys of the private keys 1.., of no use to anybody. */
static const char description[] = "noroshi exchange group v1\nname fuzz\npurpose c2-detection\nthreshold "
				  "2\ncandidates 3\nretention 30\n"
				  "collector @0\nparty @1\nparty @2\nparty @3\n";

static void group_make(struct nr_exchange_group *group)
{
	char text[NR_EXCHANGE_GROUP_MAX];
	size_t used = 0;
	for (const char *c = description; *c; c++) {
		if (*c != '@') {
			text[used++] = *c;
			continue;
		}
		uint8_t secret[32] = {(uint8_t) * ++c}, public[32];
		char name[32], vkey[NR_NOTE_VKEY_TEXT];
		size_t length = sizeof public;
		EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, sizeof secret);
		if (!key || EVP_PKEY_get_raw_public_key(key, public, &length) != 1)
			abort();
		EVP_PKEY_free(key);
		snprintf(name, sizeof name, "p%c.example", *c);
		if (nr_note_vkey_write(name, NR_NOTE_ED25519, public, vkey, NULL))
			abort();
		used += (size_t)snprintf(text + used, sizeof text - used, "%s", vkey);
	}
	if (nr_exchange_group_parse(text, used, group, NULL))
		abort();
}

static void open_reply(const struct nr_exchange_group *group, const uint8_t *data, size_t size)
{
	struct nr_exchange_candidate items[3];
	struct nr_exchange_candidates candidates = {.items = items, .count = 3};
	const struct nr_exchange_trust trust = {4, 1};
	struct nr_exchange_opened opened;
	struct nr_exchange_secret secret = {.day = 20780, .key = {1}};
	memcpy(secret.group, group->id, sizeof secret.group);
	for (unsigned i = 0; i < 3; i++)
		items[i] = (struct nr_exchange_candidate){
			.address = nr_address_from_ipv4(0x14000000 + i), .port = 443, .protocol = 6};
	if (nr_exchange_reply_open(group, &secret, &candidates, &trust, data, size, &opened, NULL))
		return;
	for (size_t i = 0; i < opened.count; i++) /* what the judge of an alarm relies on */
		if (opened.joints[i].others > 12 || opened.joints[i].candidate >= 3 ||
			(unsigned)__builtin_popcount(opened.joints[i].holders) < group->threshold)
			abort();
	nr_exchange_opened_fini(&opened);
}

static void read_finding(const char *line, size_t length)
{
	static struct nr_c2_list *list;
	struct nr_exchange_candidates candidates = {.items = NULL};
	if (!list && nr_c2_list_new(NULL, 0, &list, NULL))
		abort();
	if (nr_exchange_candidates_add(&candidates, line, length, list, 20780, NULL) == 0 &&
		candidates.lines != candidates.count + candidates.unreadable + candidates.refused +
					    candidates.other_kinds + candidates.other_days)
		abort();
	nr_exchange_candidates_fini(&candidates);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nr_exchange_group group;
	struct nr_exchange_group other;
	struct nr_exchange_head head;
	if (!group.party_count)
		group_make(&group);
	if (!size)
		return 0;
	switch (data[0]) {
	case 'g':
		if (nr_exchange_group_parse((const char *)data + 1, size - 1, &other, NULL) == 0)
			nr_exchange_group_fini(&other);
		break;
	case 'o':
		nr_exchange_head_parse(&group, NR_EXCHANGE_OFFER, data + 1, size - 1, &head, NULL);
		break;
	case 'r':
		open_reply(&group, data + 1, size - 1);
		break;
	case 'f':
		read_finding((const char *)data + 1, size - 1);
		break;
	default:
		break;
	}
	return 0;
}

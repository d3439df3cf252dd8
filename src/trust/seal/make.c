/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/seal/form.h"

#include <errno.h>

const char *const nr_seal_level_names[] = {"none", "B-B", "B-T", "B-LT", "B-LTA", NULL};

static const struct nr_seal_format *format_of(enum nr_seal_form form)
{
	switch (form) {
	case NR_SEAL_JADES_COMPACT:
	case NR_SEAL_JADES_JSON:
		return &nr_jades_format;
	case NR_SEAL_PADES:
		return &nr_pades_format;
	default:
		return &nr_cades_format;
	}
}

static void note(struct nr_seal_work *work, int code, const struct nr_error *error)
{
	work->code = code;
	if (code)
		snprintf(work->why, sizeof work->why, "%.150s", error->text);
}

/* One call of the signer for all whose draft could be made. */
static int sign_all(const struct nr_seal_maker *maker, const struct nr_seal_format *format,
	struct nr_seal_work *works, struct nr_seal_draft *drafts, size_t count, struct nr_error *error)
{
	struct nr_signer_item items[NR_SIGNER_BATCH_MAX];
	struct nr_signed made[NR_SIGNER_BATCH_MAX];
	size_t of[NR_SIGNER_BATCH_MAX], used = 0;
	for (size_t i = 0; i < count; i++) {
		if (works[i].code)
			continue;
		items[used] = (struct nr_signer_item){drafts[i].to_sign.bytes, drafts[i].to_sign.length};
		of[used++] = i;
	}
	int e = used ? nr_keys_sign(maker->keys, format->purpose, items, used, made, NULL, error) : 0;
	for (size_t k = 0; !e && k < used; k++) {
		drafts[of[k]].signature = made[k];
		struct nr_error why = {0};
		if (made[k].code)
			nr_fail(&why, made[k].code, "%s", nr_signed_reason(made[k].code));
		note(&works[of[k]], made[k].code, &why);
	}
	return e;
}

/* From the signature to the level that is wanted. */
static void complete(const struct nr_seal_maker *maker, const struct nr_seal_format *format,
	enum nr_seal_form form, struct nr_seal_work *work, struct nr_seal_draft *draft)
{
	struct nr_error error = {0};
	NR_AUTO(nr_freep) uint8_t *first = NULL;
	size_t length;
	int e = format->finish(maker, form, work->data, draft, &first, &length, &error);
	if (!e && maker->level > NR_SEAL_BB) {
		e = format->lift(maker, first, length, work->data, &work->seal, &work->length, &error);
	} else if (!e) {
		work->seal = nr_steal(&first);
		work->length = length;
	}
	note(work, e, &error);
}

static int make_batch(const struct nr_seal_maker *maker, enum nr_seal_form form, struct nr_seal_work *works,
	size_t count, struct nr_error *error)
{
	const struct nr_seal_format *format = format_of(form);
	struct nr_seal_draft *drafts = calloc(count, sizeof *drafts);
	if (!drafts)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		struct nr_error why = {0};
		note(&works[i], format->draft(maker, form, works[i].data, &drafts[i], &why), &why);
	}
	int e = sign_all(maker, format, works, drafts, count, error);
	for (size_t i = 0; i < count; i++) {
		if (!e && !works[i].code)
			complete(maker, format, form, &works[i], &drafts[i]);
		nr_pile_fini(&drafts[i].to_sign);
		nr_pile_fini(&drafts[i].rest);
	}
	free(drafts);
	return e;
}

/* What the signer takes in one call: of large structures fewer (signer.h). */
static size_t batch_of(enum nr_seal_form form)
{
	return form == NR_SEAL_JADES_COMPACT || form == NR_SEAL_JADES_JSON ? 1 : 64;
}

int nr_seal_make(const struct nr_seal_maker *maker, enum nr_seal_form form, struct nr_seal_work *works,
	size_t count, struct nr_error *error)
{
	if (maker->level > NR_SEAL_BB && !maker->tsa)
		return nr_fail(error, -EINVAL, "a seal from B-T on needs a time-stamp authority: --tsa URL");
	int e = 0;
	for (size_t done = 0; !e && done < count;) {
		size_t batch = NR_MIN(count - done, batch_of(form));
		e = make_batch(maker, form, works + done, batch, error);
		done += batch;
	}
	return e;
}

int nr_seal_extend(const struct nr_seal_maker *maker, const uint8_t *seal, size_t length,
	const struct nr_seal_data *data, uint8_t **ret_seal, size_t *ret_length, struct nr_error *error)
{
	enum nr_seal_form form;
	int e = nr_seal_recognise(seal, length, &form, error);
	return e ? e : format_of(form)->lift(maker, seal, length, data, ret_seal, ret_length, error);
}

bool nr_seal_holds_data(const uint8_t *seal, size_t length)
{
	enum nr_seal_form form;
	return nr_seal_recognise(seal, length, &form, NULL) == 0 && form != NR_SEAL_CADES;
}

int nr_seal_recognise(
	const uint8_t *bytes, size_t length, enum nr_seal_form *ret_form, struct nr_error *error)
{
	size_t space = 0;
	while (space < length &&
		(bytes[space] == ' ' || bytes[space] == '\n' || bytes[space] == '\r' || bytes[space] == '\t'))
		space++;
	size_t left = length - space;
	if (length > 0 && bytes[0] == NR_DER_SEQUENCE)
		*ret_form = NR_SEAL_CADES;
	else if (left >= 5 && memcmp(bytes + space, "%PDF-", 5) == 0)
		*ret_form = NR_SEAL_PADES;
	else if (left >= 1 && bytes[space] == '{')
		*ret_form = NR_SEAL_JADES_JSON;
	else if (left >= 3 && memcmp(bytes + space, "eyJ", 3) == 0) /* {" in base64url */
		*ret_form = NR_SEAL_JADES_COMPACT;
	else
		return nr_fail(error, -EBADMSG,
			"neither CMS (CAdES) nor JWS (JAdES) nor PDF (PAdES): not a seal in DER, JSON or "
			"PDF");
	return 0;
}

int nr_seal_verify(const struct nr_seal_question *question, struct nr_seal_verdict *ret_verdicts, size_t room,
	size_t *ret_count, struct nr_error *error)
{
	enum nr_seal_form form;
	int e = nr_seal_recognise(question->seal, question->length, &form, error);
	return e ? e : format_of(form)->verify(question, ret_verdicts, room, ret_count, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Are there seals in this PDF, whose, over which revision of it, and what came after? EN 319 142-1. */
#include "trust/certificate/signature.h"
#include "trust/seal/pades.h"
#include "trust/seal/verify.h"

#include <errno.h>
#include <string.h>

struct work {
	const struct nr_seal_question *question;
	struct nr_seal_verdict *verdict;
	struct nr_pdf_reader *reader;
	struct nr_pades_seal seal;
};

static void fail(struct work *work, const char *en, const char *ja, const char *detail)
{
	nr_judge_with(&work->verdict->judgement, NR_FAILED, "FORMAT_FAILURE", en, ja, detail);
}

static bool digest(void *context, enum nr_oid digest, uint8_t ret_hash[64])
{
	const struct work *work = context;
	return nr_pades_digest(work->question->seal, &work->seal, digest, ret_hash);
}

/* ---- time ---- */

/* Two digits of a date string; -1: none. */
static int digits(const struct nr_pdf *text, size_t at)
{
	if (at + 2 >= text->length || text->start[at] < '0' || text->start[at] > '9' ||
		text->start[at + 1] < '0' || text->start[at + 1] > '9')
		return -1;
	return (text->start[at] - '0') * 10 + (text->start[at + 1] - '0');
}

/* (D:YYYYMMDDHHmmSSOHH'mm') of section 7.9.4, written whole. */
static nr_time read_time(const struct nr_pdf *text)
{
	int part[7];
	char rfc3339[64];
	nr_time time;
	if (text->kind != NR_PDF_STRING || text->length < 18 || memcmp(text->start, "(D:", 3) != 0)
		return NR_TIME_MIN;
	for (size_t i = 0; i < 7; i++) {
		part[i] = digits(text, 3 + 2 * i);
		if (part[i] < 0)
			return NR_TIME_MIN;
	}
	char sign = (char)text->start[17];
	int hours = sign == '+' || sign == '-' ? digits(text, 18) : 0,
	    minutes = sign == '+' || sign == '-' ? digits(text, 21) : 0;
	snprintf(rfc3339, sizeof rfc3339, "%02d%02d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d", part[0], part[1],
		part[2], part[3], part[4], part[5], part[6], sign == '-' ? '-' : '+', NR_MAX(hours, 0),
		NR_MAX(minutes, 0));
	return nr_time_parse(rfc3339, &time, NULL) == 0 ? time : NR_TIME_MIN;
}

/* ---- the message ---- */

static void check_dictionary(struct work *work)
{
	struct nr_pdf filter = nr_pdf_get(&work->seal.dictionary, "SubFilter"),
		      time = nr_pdf_get(&work->seal.dictionary, "M");
	if (!nr_pdf_name_is(&filter, "ETSI.CAdES.detached"))
		fail(work, "/SubFilter is not ETSI.CAdES.detached: not PAdES (EN 319 142-1 clause 6.3)%s",
			"/SubFilterがETSI.CAdES.detachedでなく、PAdESではありません（EN 319 142-1 6.3）%s",
			"");
	if (work->verdict->claimed != NR_TIME_MIN)
		nr_judge_note(&work->verdict->judgement, "SIGNING_TIME",
			"the message has a signing time, which PAdES keeps in /M alone (EN 319 142-1 clause "
			"6.3)",
			"PAdESでは/Mだけに置く署名時刻がCMSにもあります（EN 319 142-1 6.3）", NULL);
	nr_time said = read_time(&time);
	if (said != NR_TIME_MIN)
		work->verdict->claimed = said;
}

/* The message is judged as CAdES, detached, over the ranges. */
static int check_message(struct work *work, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *message = NULL;
	struct nr_error why = {0};
	struct nr_seal_data data = {.digest = digest, .context = work};
	struct nr_seal_question inner = *work->question;
	struct nr_cms cms;
	size_t length, count = 0;
	int e = nr_pades_message(work->question->seal, &work->seal, &message, &length, &why);
	if (!e)
		e = nr_cms_read(message, length, &cms, &why);
	if (!e && (cms.content.value || cms.signer_count != 1))
		e = nr_fail(&why, -EBADMSG, "the message must have one signer and no content of its own");
	inner.seal = message;
	inner.length = e ? 0 : length;
	inner.data = &data;
	if (!e)
		e = nr_cades_verify(&inner, work->verdict, 1, &count, &why);
	if (e == -ENOMEM)
		return nr_fail(error, e, "%s", why.text);
	if (e)
		fail(work, "/Contents: %s", "/Contents: %s", why.text);
	return 0;
}

/* ---- revisions ---- */

static bool is_followed(const struct work *work)
{
	for (size_t i = work->seal.end; i < work->question->length; i++) {
		uint8_t octet = work->question->seal[i];
		if (octet != '\r' && octet != '\n' && octet != ' ' && octet != '\t' && octet != 0)
			return true;
	}
	return false;
}

static void say_changes(struct work *work, size_t added)
{
	char text[64];
	snprintf(text, sizeof text, "%u of %u", work->verdict->revision, work->verdict->revisions);
	nr_judge_note(&work->verdict->judgement, "LATER_CHANGES",
		"the seal covers revision %s; what was added later is not covered",
		"シールの対象は版%sです。その後の追加は対象外です", text);
	if (added == 0)
		return;
	snprintf(text, sizeof text, "%zu", added);
	nr_judge_note(&work->verdict->judgement, "LATER_CHANGES", "objects that were added later: %s",
		"後から追加されたオブジェクト: %s", text);
}

/* What is covered must be a PDF that ends where the ranges do, and that has this very signature. */
static int check_revision(struct work *work, struct nr_error *error)
{
	struct nr_pdf_reader covered;
	struct nr_error why = {0};
	size_t added = 0;
	nr_seal_checked(work->verdict, "revision");
	int e = nr_pdf_reader_open(work->question->seal, work->seal.end, &covered, &why);
	if (e == -ENOMEM)
		return nr_fail(error, e, "out of memory");
	work->verdict->later_changes = is_followed(work);
	if (e) {
		fail(work, "/ByteRange does not end where a revision ends: %s",
			"/ByteRangeの終わりが版の終わりと一致しません: %s", why.text);
		return 0;
	}
	const struct nr_pdf_entry *then = nr_pdf_reader_entry(&covered, work->seal.number),
				  *now = nr_pdf_reader_entry(work->reader, work->seal.number);
	work->verdict->revision = covered.revisions;
	if (!then || !now || then->place != now->place)
		fail(work, "the signature is not part of the revision that it covers%s",
			"署名が対象の版に含まれていません%s", "");
	if (work->verdict->later_changes) {
		nr_seal_checked(work->verdict, "later-changes");
		e = nr_pades_judge_changes(&covered, work->reader, &work->verdict->judgement, &added, error);
		say_changes(work, added);
	}
	nr_pdf_reader_fini(&covered);
	return e;
}

static int judge(struct work *work, struct nr_error *error)
{
	struct nr_error why = {0};
	*work->verdict =
		(struct nr_seal_verdict){.claimed = NR_TIME_MIN, .proven = NR_TIME_MIN, .renew = NR_TIME_MAX};
	int e = nr_pades_ranges(work->reader, &work->seal, &why);
	if (!e)
		e = check_message(work, error);
	work->verdict->form = NR_SEAL_PADES;
	work->verdict->revisions = work->reader->revisions;
	if (*why.text)
		fail(work, "%s", "%s", why.text);
	if (*why.text || e)
		return *why.text ? 0 : e;
	check_dictionary(work);
	return check_revision(work, error);
}

int nr_pades_verify(const struct nr_seal_question *question, struct nr_seal_verdict *ret_verdicts,
	size_t room, size_t *ret_count, struct nr_error *error)
{
	struct nr_pades_seal seals[NR_PADES_SEALS_MAX];
	struct nr_pdf_reader reader;
	size_t count = 0;
	const struct nr_seal_data *data = question->data;
	bool same = data && data->bytes && data->length == question->length &&
		    memcmp(data->bytes, question->seal, data->length) == 0;
	if (data && !same)
		return nr_fail(error, -EBADMSG,
			"a PDF holds its seals and seals nothing beside it: verify it alone");
	int e = nr_pdf_reader_open(question->seal, question->length, &reader, error);
	if (e)
		return e;
	e = nr_pades_find(&reader, seals, NR_MIN(room, NR_COUNT(seals)), &count, error);
	if (!e && count == 0)
		e = nr_fail(error, -EBADMSG, "a PDF without a seal");
	for (size_t i = 0; !e && i < count; i++) {
		struct work work = {.question = question,
			.verdict = &ret_verdicts[i],
			.reader = &reader,
			.seal = seals[i]};
		e = judge(&work, error);
	}
	nr_pdf_reader_fini(&reader);
	*ret_count = count;
	return e;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/file/write.h"
#include "sense/flow/file/write_inside.h"

static const struct nr_flow_writing *const writings[] = {
	[NR_FLOW_OUT_NFDUMP] = &nr_flow_writing_nfdump,
	[NR_FLOW_OUT_IPFIX] = &nr_flow_writing_ipfix,
};

int nr_flow_out_open(
	struct nr_flow_out *out, enum nr_flow_out_kind kind, const char *path, struct nr_error *error)
{
	if (!path)
		return 0;
	int e = nr_file_create(&out->file, path, error);
	if (e)
		return e;
	out->kind = kind;
	e = writings[kind]->begin(out->file.stream, &out->writer, error);
	return e ? nr_error_prefix(error, "%s", path) : 0;
}

int nr_flow_out_take(struct nr_flow_out *out, const struct nr_flow_block *block, const uint32_t *rows,
	uint32_t count, struct nr_error *error)
{
	return out->writer ? writings[out->kind]->take(out->writer, block, rows, count, error) : 0;
}

int nr_flow_out_finish(struct nr_flow_out *out, struct nr_error *error)
{
	if (!out->writer)
		return 0;
	int e = writings[out->kind]->finish(out->writer, error);
	return e ? e : nr_file_commit(&out->file, error);
}

void nr_flow_out_fini(struct nr_flow_out *out)
{
	if (out->writer)
		writings[out->kind]->end(out->writer);
	nr_file_fini(&out->file);
	out->writer = NULL;
}

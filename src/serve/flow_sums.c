/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/flow_sums.h"

static int take(struct nr_flow_sink *sink, const struct nr_flow_block *block, struct nr_error *error)
{
	struct nr_flow_sums_live *sums = (struct nr_flow_sums_live *)sink;
	(void)error;
	pthread_mutex_lock(&sums->lock);
	nr_flow_traffic_take(sums->traffic, block);
	pthread_mutex_unlock(&sums->lock);
	return 0;
}

int nr_flow_sums_open(
	struct nr_flow_sums_live *sums, const struct nr_flow_traffic_conf *conf, struct nr_error *error)
{
	int rc = nr_flow_traffic_new(conf, &sums->traffic, error);
	if (rc)
		return rc;
	sums->sink.take = take;
	pthread_mutex_init(&sums->lock, NULL);
	return 0;
}

void nr_flow_sums_close(struct nr_flow_sums_live *sums)
{
	if (!sums->traffic)
		return;
	nr_flow_traffic_free(sums->traffic);
	sums->traffic = NULL;
	pthread_mutex_destroy(&sums->lock);
}

int nr_flow_sums_write(struct nr_flow_sums_live *sums, nr_time end, const char *report, struct nr_sink *sink,
	struct nr_error *error)
{
	pthread_mutex_lock(&sums->lock);
	int rc = nr_flow_traffic_flush(sums->traffic, end, sink, error);
	pthread_mutex_unlock(&sums->lock);
	if (rc == 0 && report)
		rc = nr_flow_traffic_exporters(sums->traffic, report, sink, error);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of evidence, added; of terms that depend on each other the strongest. */
#include "sense/flow/detect/judge/calibration.h"

#include <math.h>

double nr_flow_sigmoid(double x)
{
	return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

double nr_flow_fuse_which(const struct nr_flow_weights *weights, enum nr_flow_model model,
	const struct nr_flow_evidence *evidence, double ret_weights[static NR_FLOW_TERMS_MAX],
	bool ret_counts[static NR_FLOW_TERMS_MAX])
{
	size_t count;
	const struct nr_flow_term *terms = nr_flow_terms(model, &count);
	int strongest[NR_FLOW_GROUPS];
	double sum = 0;
	for (unsigned g = 0; g < NR_FLOW_GROUPS; g++)
		strongest[g] = -1;
	for (size_t i = 0; i < count; i++) {
		double value = (double)evidence->values[i];
		enum nr_flow_group g = terms[i].group;
		ret_counts[i] = !isnan(value);
		ret_weights[i] = isnan(value) ? 0 : weights->terms[i][nr_flow_term_bin(&terms[i], value)];
		if (ret_counts[i] && g != NR_FLOW_ALONE &&
			(strongest[g] < 0 || ret_weights[i] > ret_weights[strongest[g]]))
			strongest[g] = (int)i;
	}
	for (size_t i = 0; i < count; i++) {
		enum nr_flow_group g = terms[i].group;
		if (g != NR_FLOW_ALONE && strongest[g] != (int)i)
			ret_counts[i] = false;
		/* what is said of the comb says nothing where another view of the beat counts */
		if (terms[i].with >= 0 && strongest[terms[terms[i].with].group] != terms[i].with)
			ret_counts[i] = false;
		if (!ret_counts[i])
			ret_weights[i] = 0;
		sum += ret_weights[i];
	}
	return sum;
}

double nr_flow_fuse(const struct nr_flow_weights *weights, enum nr_flow_model model,
	const struct nr_flow_evidence *evidence, double ret_weights[static NR_FLOW_TERMS_MAX])
{
	bool counts[NR_FLOW_TERMS_MAX];
	return nr_flow_fuse_which(weights, model, evidence, ret_weights, counts);
}

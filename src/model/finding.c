/* SPDX-License-Identifier: Apache-2.0 */
#include "model/finding.h"

#define COLUMN(name, type, key, en, ja)                                                                      \
	{                                                                                                    \
#name, type, offsetof(struct nr_finding, name), key, false, en, ja                           \
	}

static const struct nr_column columns[] = {
	COLUMN(sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(sense, NR_TYPE_TEXT, true, "sense", "観測機能"),
	COLUMN(kind, NR_TYPE_TEXT, true, "kind", "種類"),
	COLUMN(subject, NR_TYPE_ADDRESS, true, "subject", "対象"),
	COLUMN(first, NR_TYPE_TIME, true, "first seen", "最初の観測"),
	COLUMN(last, NR_TYPE_TIME, false, "last seen", "最後の観測"),
	COLUMN(count, NR_TYPE_UINT64, false, "count", "件数"),
	COLUMN(confidence, NR_TYPE_REAL, false, "confidence, 0 to 1", "確信度（0〜1）"),
	COLUMN(severity, NR_TYPE_UINT8, false, "severity, 1 info to 5 critical",
		"重大度（1: 情報〜5: 緊急）"),
	COLUMN(reason_en, NR_TYPE_TEXT, false, "reason", "理由（英語）"),
	COLUMN(reason_ja, NR_TYPE_TEXT, false, "reason (Japanese)", "理由"),
	COLUMN(evidence, NR_TYPE_TEXT, false, "evidence, JSON", "根拠（JSON）"),
};

const struct nr_table nr_finding_table = {"finding", columns, NR_COUNT(columns), sizeof(struct nr_finding),
	"last", "Judged facts, with their reasons", "判定された事実とその理由"};

const char *nr_severity_name(uint8_t severity)
{
	static const char *const names[] = {"", "info", "low", "medium", "high", "critical"};
	return severity < NR_COUNT(names) ? names[severity] : "";
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the countries and regions that scans usually come from; ISO 3166-1. Others keep their code. */
#include "sense/telescope/yearbook_inside.h"

#include <string.h>

static const struct {
	char code[3];
	const char *en, *ja;
} countries[] = {
	{"AE", "United Arab Emirates", "アラブ首長国連邦"},
	{"AR", "Argentina", "アルゼンチン"},
	{"AT", "Austria", "オーストリア"},
	{"AU", "Australia", "オーストラリア"},
	{"BD", "Bangladesh", "バングラデシュ"},
	{"BE", "Belgium", "ベルギー"},
	{"BG", "Bulgaria", "ブルガリア"},
	{"BR", "Brazil", "ブラジル"},
	{"CA", "Canada", "カナダ"},
	{"CH", "Switzerland", "スイス"},
	{"CL", "Chile", "チリ"},
	{"CN", "China", "中国"},
	{"CO", "Colombia", "コロンビア"},
	{"CZ", "Czechia", "チェコ"},
	{"DE", "Germany", "ドイツ"},
	{"DK", "Denmark", "デンマーク"},
	{"DZ", "Algeria", "アルジェリア"},
	{"EC", "Ecuador", "エクアドル"},
	{"EG", "Egypt", "エジプト"},
	{"ES", "Spain", "スペイン"},
	{"FI", "Finland", "フィンランド"},
	{"FR", "France", "フランス"},
	{"GB", "United Kingdom", "英国"},
	{"GR", "Greece", "ギリシャ"},
	{"HK", "Hong Kong", "香港"},
	{"HU", "Hungary", "ハンガリー"},
	{"ID", "Indonesia", "インドネシア"},
	{"IE", "Ireland", "アイルランド"},
	{"IL", "Israel", "イスラエル"},
	{"IN", "India", "インド"},
	{"IQ", "Iraq", "イラク"},
	{"IR", "Iran", "イラン"},
	{"IT", "Italy", "イタリア"},
	{"JP", "Japan", "日本"},
	{"KE", "Kenya", "ケニア"},
	{"KR", "South Korea", "韓国"},
	{"KZ", "Kazakhstan", "カザフスタン"},
	{"LT", "Lithuania", "リトアニア"},
	{"MA", "Morocco", "モロッコ"},
	{"MX", "Mexico", "メキシコ"},
	{"MY", "Malaysia", "マレーシア"},
	{"NG", "Nigeria", "ナイジェリア"},
	{"NL", "Netherlands", "オランダ"},
	{"NO", "Norway", "ノルウェー"},
	{"NZ", "New Zealand", "ニュージーランド"},
	{"PE", "Peru", "ペルー"},
	{"PH", "Philippines", "フィリピン"},
	{"PK", "Pakistan", "パキスタン"},
	{"PL", "Poland", "ポーランド"},
	{"PT", "Portugal", "ポルトガル"},
	{"RO", "Romania", "ルーマニア"},
	{"RS", "Serbia", "セルビア"},
	{"RU", "Russia", "ロシア"},
	{"SA", "Saudi Arabia", "サウジアラビア"},
	{"SC", "Seychelles", "セーシェル"},
	{"SE", "Sweden", "スウェーデン"},
	{"SG", "Singapore", "シンガポール"},
	{"SK", "Slovakia", "スロバキア"},
	{"TH", "Thailand", "タイ"},
	{"TN", "Tunisia", "チュニジア"},
	{"TR", "Türkiye", "トルコ"},
	{"TW", "Taiwan", "台湾"},
	{"UA", "Ukraine", "ウクライナ"},
	{"US", "United States", "米国"},
	{"UZ", "Uzbekistan", "ウズベキスタン"},
	{"VE", "Venezuela", "ベネズエラ"},
	{"VN", "Vietnam", "ベトナム"},
	{"ZA", "South Africa", "南アフリカ"},
};

const char *nr_yearbook_country(const struct nr_yearbook *y, const char *code, char text[static 64])
{
	size_t i = 0;
	while (i < NR_COUNT(countries) && strcmp(countries[i].code, code) != 0)
		i++;
	if (!*code)
		snprintf(text, 64, "%s", SAY(y, "not known", "不明"));
	else if (i == NR_COUNT(countries))
		snprintf(text, 64, "%s", code);
	else
		snprintf(text, 64, SAY(y, "%s (%s)", "%s（%s）"), SAY(y, countries[i].en, countries[i].ja),
			code);
	return text;
}

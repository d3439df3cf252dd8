// SPDX-License-Identifier: Apache-2.0
import tseslint from 'typescript-eslint';

export default tseslint.config(
	{ ignores: ['dist/', 'node_modules/'] },
	{
		files: ['src/**/*.ts', 'src/**/*.tsx'],
		extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
		languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
		rules: {
			eqeqeq: 'error',
			'no-console': 'error',
			// Fails on generic functions in this version.
			'@typescript-eslint/unified-signatures': 'off',
			// Numbers inside templates are meant: addresses, coordinates, URLs.
			'@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
			'@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
		},
	},
	{
		// Everything a reader sees stands in the dictionary: no words between tags.
		files: ['src/**/*.tsx'],
		rules: {
			'no-restricted-syntax': [
				'error',
				{ selector: 'JSXText[value=/[A-Za-z\\u3040-\\u30ff\\u4e00-\\u9fff]/]', message: 'Put words into src/text/.' },
			],
		},
	},
);

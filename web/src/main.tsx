// SPDX-License-Identifier: Apache-2.0
import { render } from 'preact';
import { App } from './app';
import { applyPreferences, language } from './preferences';
import { followLinks } from './route';
import './style/index.css';
import { speak } from './text/index';

applyPreferences();
followLinks();
const root = document.getElementById('app');
if (root)
	void speak(language.get()).then(() => render(<App />, root));

// SPDX-License-Identifier: Apache-2.0
import { render } from 'preact';
import { App } from './app';
import { applyPreferences } from './preferences';
import { followLinks } from './route';
import './style/index.css';

applyPreferences();
followLinks();
const root = document.getElementById('app');
if (root)
	render(<App />, root);

// SPDX-License-Identifier: Apache-2.0
// What was judged, in words first: the sign and the colour only repeat them.
import type { ComponentChildren, VNode } from 'preact';
import { useLanguage } from '../preferences';
import { named, useSpeech, type Speech } from '../text/index';
import type { Reason, Signature, TokenVerdict, Verdict } from './types';

type Look = 'good' | 'bad' | 'open';

const SIGNS: Record<Look, string> = { good: '✓', bad: '✕', open: '?' };

const lookOf = (indication: string): Look => (indication === 'TOTAL-PASSED' ? 'good' : indication === 'TOTAL-FAILED' ? 'bad' : 'open');

function lookOfAll(verdict: Verdict): Look {
	if (verdict.kind !== 'seal')
		return lookOf(verdict.indication);
	const looks = verdict.signatures.map((signature) => lookOf(signature.indication));
	return looks.includes('bad') ? 'bad' : verdict.valid ? 'good' : 'open';
}

function Reasons({ reasons }: { reasons: Reason[] }): VNode | null {
	const { t } = useSpeech();
	const language = useLanguage();
	if (reasons.length === 0)
		return null;
	return (
		<ul class="reasons">
			{[...reasons].sort((a, b) => Number(b.fatal) - Number(a.fatal)).map((reason) => (
				<li key={reason.code + reason.text_en} class={reason.fatal ? 'fatal' : undefined}>
					<strong>{reason.fatal ? t.trust.against : t.trust.note}</strong>{' '}
					{language === 'ja' ? reason.text_ja : reason.text_en} <code class="quiet">{reason.code}</code>
				</li>
			))}
		</ul>
	);
}

type Fact = [name: string, value: ComponentChildren] | null;

function Facts({ facts }: { facts: Fact[] }): VNode {
	return (
		<dl class="facts">
			{facts.map((fact) => fact && <div key={fact[0]}><dt>{fact[0]}</dt><dd>{fact[1]}</dd></div>)}
		</dl>
	);
}

const at = ({ moment, zone }: Speech, time: string): string => `${moment(time, true)} ${zone}`;

function factsOf(signature: Signature, speech: Speech): Fact[] {
	const { t } = speech;
	const number = signature.corporate_number;
	return [
		signature.signer === null ? null : [t.trust.signer, signature.signer],
		signature.organisation === null ? null : [t.trust.organisation, signature.organisation],
		number === undefined ? null : [t.trust.number, `${number}${signature.corporate_number_valid === false ? ` (${t.trust.numberWrong})` : ''}`],
		signature.level === 'none' ? null : [t.trust.level, `${signature.level}: ${named(t.trust.levels, signature.level)}`],
		[t.trust.proven, signature.proven_time === null ? t.trust.provenNot : at(speech, signature.proven_time)],
		signature.claimed_time === null ? null : [t.trust.claimed, at(speech, signature.claimed_time)],
		signature.renew_by === null ? null : [t.trust.renew, speech.day(signature.renew_by)],
		signature.checked.length === 0 ? null : [t.trust.checked, signature.checked.map((check) => named(t.trust.checks, check)).join(t.trust.listComma)],
		...signature.time_stamps.map((stamp): Fact => [
			named(t.trust.stamps, stamp.kind),
			`${SIGNS[lookOf(stamp.indication)]} ${named(t.trust.indications, stamp.indication)}, ${at(speech, stamp.time)}${stamp.authority === null ? '' : `, ${stamp.authority}`}`,
		]),
	];
}

function SignatureView({ signature, head }: { signature: Signature; head: string | null }): VNode {
	const speech = useSpeech();
	return (
		<section class="signature">
			{head !== null && <h4>{`${head}: ${named(speech.t.trust.indications, signature.indication)}`}</h4>}
			{signature.later_changes && <p><strong>{speech.t.trust.laterChanges}</strong></p>}
			<Reasons reasons={signature.reasons} />
			<Facts facts={factsOf(signature, speech)} />
		</section>
	);
}

function TokenView({ verdict }: { verdict: TokenVerdict }): VNode {
	const speech = useSpeech();
	const { t } = speech;
	return (
		<>
			<Reasons reasons={verdict.reasons} />
			<Facts facts={[
				verdict.time === undefined ? null : [t.trust.proven, at(speech, verdict.time) + (verdict.accuracy_us === undefined ? '' : ` ± ${speech.milliseconds(verdict.accuracy_us / 1000)}`)],
				verdict.authority === undefined || verdict.authority === null ? null : [t.trust.authority, verdict.authority],
				verdict.policy === undefined ? null : [t.trust.policy, verdict.policy],
			]} />
		</>
	);
}

/** `open` also stands for what could not be judged at all. */
export function Outcome({ look, head, children }: { look: Look; head: string; children?: ComponentChildren }): VNode {
	return (
		<div class={`outcome outcome-${look}`}>
			<p class="outcome-head"><span class="sign" aria-hidden="true">{SIGNS[look]}</span>{head}</p>
			{children}
		</div>
	);
}

export function VerdictView({ verdict, name }: { verdict: Verdict; name: string }): VNode {
	const { t } = useSpeech();
	const look = lookOfAll(verdict);
	return (
		<Outcome look={look} head={t.trust.outcomes[look](named(t.trust.proofs, verdict.kind), name)}>
			{verdict.kind === 'seal'
				? verdict.signatures.map((signature, index) => (
					<SignatureView key={index} signature={signature} head={verdict.signatures.length > 1 ? t.trust.signature(String(index + 1)) : null} />
				))
				: <TokenView verdict={verdict} />}
		</Outcome>
	);
}

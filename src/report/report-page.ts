/** A report as one page that needs nothing else: no script, no font, no picture from anywhere; for screens, light and dark, and for paper. */
import { type Html, html } from '../html/html.ts';
import { makePage } from '../html/page.ts';
import { SECTION_TITLES, type SectionId } from './control.ts';
import type { Evidence } from './evidence.ts';
import { FRAMEWORKS, type FrameworkId } from './frameworks.ts';
import { table, timeText } from './page-parts.ts';
import {
  accessSection,
  administrationSections,
  approvalsSection,
  denialsSection,
  figuresSection,
  gapsSection,
  personalDataSection,
  privilegedSection,
  summarySection,
  verifiedText,
  verifySection,
} from './page-sections.ts';

const STYLE = `
body { max-width: 64rem; }
header { border-bottom: 1px solid var(--line); padding-bottom: 1.4rem; margin-bottom: 1.6rem; }
header .quiet { margin: 0; }
section { margin-top: 3rem; }
h2 { font-size: 1.25rem; margin: 0 0 .2rem; }
.lead { color: var(--quiet); margin: 0 0 1rem; max-width: 44rem; }
.none { color: var(--quiet); font-style: italic; }
.small { font-size: .85rem; }
table { font-size: .86rem; margin: .8rem 0 .4rem; }
thead th { font-size: .75rem; letter-spacing: .04em; text-transform: uppercase; border-bottom: 1px solid var(--quiet); white-space: normal; }
td, th { overflow-wrap: break-word; }
td { padding-right: 1rem; font-variant-numeric: tabular-nums; }
td:first-child, .time { white-space: nowrap; }
td:nth-child(2) { min-width: 6.5rem; }
.what { overflow-wrap: anywhere; }
.seq { color: var(--accent); font-variant-numeric: tabular-nums; white-space: nowrap; }
.deny, .bad { color: var(--bad); }
.hold { color: var(--warn); }
code { overflow-wrap: anywhere; }
.query { display: block; color: var(--quiet); font-size: .72rem; line-height: 1.35; margin-top: .3rem; }
details > summary { cursor: pointer; list-style: none; text-decoration: underline dotted var(--quiet); text-underline-offset: .2em; }
details > summary::-webkit-details-marker { display: none; }
.summary { display: grid; grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr)); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
.summary > div { box-shadow: 0 0 0 1px var(--line); padding: .9rem 1rem; }
.summary strong { display: block; font-size: 1.7rem; line-height: 1.15; font-weight: 600; font-variant-numeric: tabular-nums; letter-spacing: -.02em; }
.summary strong .query { font-weight: 400; letter-spacing: 0; margin-bottom: .4rem; }
.summary span { color: var(--quiet); font-size: .86rem; }
.summary summary { text-decoration: none; }
.counts { display: flex; flex-wrap: wrap; gap: .4rem 2rem; margin: .4rem 0 1rem; }
.counts div { min-width: 5rem; }
.counts dt { color: var(--quiet); font-size: .8rem; }
.counts dd { margin: 0; font-size: 1.15rem; font-variant-numeric: tabular-nums; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.4rem; margin: .6rem 0; }
.facts dt { color: var(--quiet); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
nav { columns: 3 12rem; margin: 1.4rem 0 0; font-size: .9rem; }
nav a { display: block; padding: .1rem 0; text-decoration: none; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; color: var(--quiet); font-size: .85rem; }
@media print {
  @page { size: A4; margin: 16mm 14mm; }
  :root { --text: #000; --quiet: #555; --line: #ccc; --paper: #fff; --soft: #f5f5f5; --accent: #0b6e5f; --bad: #a8321f; --warn: #8a5a00; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  section { margin-top: 1.6rem; }
  thead { display: table-header-group; }
  tr, .summary > div, .counts, pre { break-inside: avoid; }
  h2, .lead { break-after: avoid; }
  details > summary { text-decoration: none; }
  .query { font-size: 7pt; }
}
`;

/** The whole page, as text. */
export function reportPage(evidence: Evidence): string {
  const body = html`${heading(evidence)}
${summarySection(evidence)}
${navigation(evidence)}
${evidence.framework === undefined ? undefined : controlsSection(evidence.framework)}
${accessSection(evidence)}
${privilegedSection(evidence)}
${approvalsSection(evidence)}
${denialsSection(evidence)}
${personalDataSection(evidence)}
${administrationSections(evidence)}
${gapsSection(evidence)}
${verifySection(evidence)}
${figuresSection(evidence)}
<footer>Made by sluice ${evidence.version} for ${evidence.madeBy} on ${timeText(evidence.madeAt)} UTC. All times are UTC. The same as data: the JSON file beside
this one.</footer>`;
  return makePage({ title: `Evidence ${periodText(evidence)}`, style: STYLE, body }).text;
}

function heading(evidence: Evidence): Html {
  const { database, framework, log } = evidence;
  const about = [
    database === undefined ? 'all databases' : `database ${database}`,
    framework === undefined ? '' : FRAMEWORKS[framework].name,
  ];
  return html`<header>
<h1>Evidence of database access</h1>
<p class="quiet">${periodText(evidence)} UTC · ${about.filter((text) => text !== '').join(' · ')} · ${verifiedText(log)}</p>
</header>`;
}

function periodText({ from, to }: Evidence): string {
  return `${timeText(from)} to ${timeText(to)}`;
}

function navigation({ framework }: Evidence): Html {
  const links = Object.entries(SECTION_TITLES).map(([id, title]) => html`<a href="#${id}">${title}</a>`);
  const controls =
    framework === undefined ? undefined : html`<a href="#controls">${FRAMEWORKS[framework].name}</a>`;
  return html`<nav>${controls}${links}</nav>`;
}

function controlsSection(id: FrameworkId): Html {
  const { name, edition, controls } = FRAMEWORKS[id];
  const rows = controls.map((one) => [
    html`<strong>${one.id}</strong>`,
    one.about,
    html`${one.shows}`,
    one.sections.map((to) => html`<div>${sectionLink(to)}</div>`),
  ]);
  return html`<section id="controls">
<h2>${name}</h2>
<p class="lead">${edition}. What the sections below can show of each control. Whether a control is met depends on much that no record of a gate
shows, and is for an auditor to judge.</p>
${table(['Control', 'About', 'What is shown', 'Where'], rows, '')}
</section>`;
}

const sectionLink = (id: SectionId): Html => html`<a href="#${id}">${SECTION_TITLES[id]}</a>`;

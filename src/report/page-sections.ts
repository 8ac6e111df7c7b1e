/** The sections of a report, one function each. */
import { type Html, html } from '../html/html.ts';
import type { ApprovalRow, ChangeRow, Evidence, Figure, Listed, StatementRow } from './evidence.ts';
import { shellText } from './filter-text.ts';
import {
  figure,
  names,
  numberText,
  place,
  recount,
  remainder,
  section,
  table,
  timeText,
} from './page-parts.ts';

export function accessSection({ access }: Evidence): Html {
  const rows = access.rows.map((row) => [
    html`<strong>${row.principal}</strong><br><span class="quiet">${row.kind.toLowerCase()}</span>`,
    names(row.onBehalfOf),
    names(row.databases),
    figure(row.sessions),
    figure(row.statements),
    names(row.policies),
    html`<span class="time">${timeText(row.firstAt)}<br>${timeText(row.lastAt)}</span>`,
  ]);
  return section(
    'access',
    'Everybody who connected in the period, and the policies by which what they asked was let through.',
    table(
      ['Principal', 'For', 'Databases', 'Sessions', 'Statements', 'Let through by', 'First and last'],
      rows,
      'Nobody connected.',
    ),
  );
}

export function privilegedSection({ privileged }: Evidence): Html {
  return section(
    'privileged',
    'Statements that change structure, rights or the server, take data out in bulk, or write without a bound.',
    privileged.byAction.length === 0
      ? undefined
      : html`<dl class="counts">${privileged.byAction.map((one) => html`<div><dt>${one.label}</dt><dd>${figure(one)}</dd></div>`)}</dl>`,
    statementTable(privileged, 'There were none.'),
  );
}

export function approvalsSection({ approvals }: Evidence): Html {
  const { byState, selfApproved, automatic } = approvals;
  return section(
    'approvals',
    'Statements that were held until somebody agreed: who asked, who answered, and what came of it.',
    html`<dl class="counts">${byState.map(({ label, value }) => html`<div><dt>${label}</dt><dd>${numberText(value)}</dd></div>`)}
<div><dt>approved by whoever asked</dt><dd class="${selfApproved === 0 ? 'good' : 'bad'}">${numberText(selfApproved)}</dd></div>
<div><dt>answers without a person</dt><dd>${numberText(automatic)}</dd></div></dl>`,
    table(
      ['Entry', 'Asked', 'By', 'Answers', 'State'],
      approvals.rows.map(approvalCells),
      'Nothing was held.',
    ),
    remainder(approvals),
  );
}

function approvalCells(row: ApprovalRow) {
  const answers = row.answers.map(({ by, verdict, via, isAutomatic, reason, seq }) => {
    const how = [via ?? '', isAutomatic ? 'automatic' : ''].filter((text) => text !== '').join(', ');
    return html`<div>${verdict} by <strong>${by}</strong>${how === '' ? undefined : html` <span class="quiet">(${how})</span>`}${reason === undefined ? '' : `: ${reason}`} ${place(seq)}</div>`;
  });
  return [
    html`${place(row.seq)}<br><span class="quiet">${row.request}</span>`,
    html`<span class="time">${timeText(row.at)}</span>`,
    html`${row.askedBy}${row.database === undefined ? undefined : html`<br><span class="quiet">${row.database}</span>`}`,
    answers,
    row.isSelfApproved ? html`<span class="bad">${row.state}, by whoever asked</span>` : row.state,
  ];
}

export function denialsSection({ denials }: Evidence): Html {
  const rows = denials.byPolicy.map(({ policy, statements, principals }) => [
    policy,
    figure(statements),
    names(principals),
  ]);
  return section(
    'denials',
    'What was refused, by which policy, and to whom. Names that begin with sluice: are rules of the gate itself.',
    table(['Policy', 'Statements', 'Principals'], rows, 'Nothing was denied.'),
    denials.rows.length === 0 ? undefined : statementTable(denials, ''),
  );
}

function statementTable(list: Listed<StatementRow>, none: string): Html {
  const rows = list.rows.map((row) => [
    html`${place(row.seq)}<br><span class="quiet">${timeText(row.at)}</span>`,
    html`${row.who}<br><span class="quiet">${row.database}</span>`,
    html`<code>${row.text}</code>`,
    html`<span class="${row.decision}">${row.decision}</span>${row.approval === undefined ? undefined : html`<br><span class="quiet">${row.approval}</span>`}<br><span class="quiet">${names(row.policies)}</span>`,
  ]);
  return html`${table(['Entry', 'Who', 'Statement', 'Decision'], rows, none)}${rows.length === 0 ? undefined : remainder(list)}`;
}

export function personalDataSection({ labels }: Evidence): Html {
  const rows = labels.map((row) => [
    html`<strong>${row.label}</strong>`,
    numberText(row.maskedRows),
    figure(row.maskedStatements),
    numberText(row.unmaskedRows),
    figure(row.unmaskedStatements),
    html`${row.readers.rows.map(({ principal, rows: count }) => html`<div>${principal} <span class="quiet">${numberText(count)} rows</span></div>`)}${row.readers.rows.length < row.readers.total ? html`<div class="quiet">and ${row.readers.total - row.readers.rows.length} more</div>` : undefined}`,
  ]);
  return section(
    'personal-data',
    'Reads of labelled columns. A row counts for each label it was read with; rows that a statement only filtered, counted or sorted by are not returned and not counted.',
    table(
      ['Label', 'Rows masked', 'Statements', 'Rows as they are', 'Statements', 'Read as it is by'],
      rows,
      'No labelled column was read.',
    ),
  );
}

export function administrationSections(evidence: Evidence): Html[] {
  return [
    section(
      'changes',
      'Which policies and which configuration came into force or were rejected, what changed, and who had it read. The texts before and after are in the entries.',
      changeTable(evidence.changes, 'Nothing was changed.'),
    ),
    section(
      'credentials',
      'Tokens that were issued and revoked, and rights that were granted for a time.',
      changeTable(evidence.credentials, 'None.'),
    ),
    section('logins', 'Attempts to log in that failed.', changeTable(evidence.logins, 'None.')),
    section(
      'audit-access',
      'Who read the record or sealed values of it, destroyed keys, pruned entries or held them back, or ended sessions of others.',
      changeTable(evidence.auditAccess, 'Nobody did.'),
    ),
  ];
}

function changeTable(list: Listed<ChangeRow>, none: string): Html {
  const rows = list.rows.map((row) => [
    html`${place(row.seq)}<br><span class="quiet">${timeText(row.at)}</span>`,
    row.kind,
    row.by,
    html`<span class="what">${row.what}</span>`,
  ]);
  return html`${table(['Entry', 'Kind', 'By', 'What'], rows, none)}${rows.length === 0 ? undefined : remainder(list)}`;
}

export function gapsSection({ gaps, log }: Evidence): Html {
  const { pending = 0, pruned = 0 } = log.verified ?? {};
  return section(
    'gaps',
    'What the record cannot say. A statement without an outcome was in flight when its session or the gate ended, or is still running: what became of it, only the database knows.',
    pending === 0
      ? undefined
      : html`<p>${numberText(pending)} entries were not covered by a checkpoint yet when this report was made.</p>`,
    pruned === 0
      ? undefined
      : html`<p>${numberText(pruned)} entries of the log were pruned: their hashes are proven, but no number here knows what they said.</p>`,
    table(
      ['Entry', 'What'],
      gaps.rows.map((row) => [
        html`${place(row.seq)}<br><span class="quiet">${timeText(row.at)}</span>`,
        row.what,
      ]),
      'None.',
    ),
    remainder(gaps),
  );
}

export function verifySection({ log, entries }: Evidence): Html {
  const example = entries.first ?? 0;
  const key = log.vkey === undefined ? '' : ` --vkey ${shellText(log.vkey)}`;
  return section(
    'verify',
    'Nothing here has to be believed. Each number opens to a search that counts it again; each #number is the place of an entry in the ledger.',
    html`<dl class="facts">
<dt>Log</dt><dd><code>${log.vkey ?? 'unknown'}</code></dd>
<dt>Checkpoint</dt><dd>${log.checkpoint === undefined ? 'none' : html`${numberText(log.checkpoint.size)} entries, root <code>${log.checkpoint.root}</code>`}</dd>
${log.checkpoint === undefined || log.checkpoint.cosigners.length === 0 ? undefined : html`<dt>Witnesses</dt><dd>${names(log.checkpoint.cosigners)}</dd>`}
${log.anchors === undefined ? undefined : html`<dt>Second place</dt><dd>${anchorsText(log.anchors)}</dd>`}
<dt>Verified</dt><dd>${verifiedText(log)}</dd>
</dl>
<p>The whole log, with nothing but its public key:</p>
<pre>${`sluice ledger verify${key}`}</pre>
<p>One entry, as a file that anybody can check without the gate, and the check:</p>
<pre>${`sluice ledger prove ${example} --out entry-${example}.tlog-proof\nsluice ledger verify-proof entry-${example}.tlog-proof${key}`}</pre>
<p>All entries of the period:</p>
<pre>${`sluice ledger show --from ${example} --limit ${Math.max(1, (entries.last ?? 0) - example + 1)}`}</pre>
<p class="quiet">Compare the key and the checkpoint with ones that were noted elsewhere before: witnesses, anchors, an earlier report. A report can only
be as good as the key it is checked with.</p>`,
  );
}

function anchorsText({ kept, unfit, unread = [] }: NonNullable<Evidence['log']['anchors']>): Html {
  const found =
    unfit > 0
      ? html`<span class="bad">${numberText(unfit)} of ${numberText(kept)} checkpoints do not fit the log</span>`
      : html`${numberText(kept)} checkpoints, all of this log`;
  return html`${found}${unread.map((one) => html`<br><span class="bad">not read: ${one}</span>`)}`;
}

export function verifiedText({ verified }: Evidence['log']): Html {
  if (verified === undefined) return html`<span class="quiet">not when this report was made</span>`;
  if (verified.ok)
    return html`<span class="good">${numberText(verified.entries)} entries, all as they were signed</span>`;
  return html`<span class="bad">the log does not verify: ${verified.fault ?? 'no reason given'}</span>`;
}

export function summarySection({ summary }: Evidence): Html {
  return html`<div class="summary">${summary.map(
    (one) => html`<div><strong>${figure(one)}</strong><span>${one.label}</span></div>`,
  )}</div>`;
}

/** Every number of the page that can be counted again, with the command. */
export function figuresSection(evidence: Evidence): Html {
  const { summary, access, privileged, denials, labels } = evidence;
  const named = (what: string, one: Figure): readonly [string, Figure] => [what, one];
  const all = [
    ...summary.map((one) => named(one.label, one)),
    ...access.rows.flatMap(({ principal, sessions, statements }) => [
      named(`sessions of ${principal}`, sessions),
      named(`statements of ${principal}`, statements),
    ]),
    ...privileged.byAction.map((one) => named(`privileged: ${one.label}`, one)),
    ...denials.byPolicy.map(({ policy, statements }) => named(`denied by ${policy}`, statements)),
    ...labels.flatMap(({ label, maskedStatements, unmaskedStatements }) => [
      named(`reads of ${label}, masked`, maskedStatements),
      named(`reads of ${label}, as it is`, unmaskedStatements),
    ]),
  ].filter(([, { filter }]) => filter !== undefined);
  return html`<section id="figures">
<h2>The numbers, and how to count them again</h2>
<p class="lead">Rows of personal data are sums over the outcomes of those statements, which the search shows one by one.</p>
${table(
  ['Number', 'What', 'Command'],
  all.map(([what, one]) => [numberText(one.value), what, recount(one.filter, '--count')]),
  'There are none.',
)}
</section>`;
}

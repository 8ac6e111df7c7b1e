/**
 * A request as an Adaptive Card. Whatever somebody else wrote stands in `TextRun` elements, which know no markup: no link or formatting
 * comes out of it.
 *
 * Spec: https://adaptivecards.io/explorer/
 */
import type { RequestWords } from './request-words.ts';

export const APPROVE_VERB = 'sluice_approve';
export const DENY_VERB = 'sluice_deny';
/** The name of the input that holds the reason of a denial. */
export const REASON_FIELD = 'reason';

const MAX_REASON_LENGTH = 500;

export function teamsCard(words: RequestWords): object {
  return {
    ...card([
      { ...runs([{ ...run(words.title), weight: 'Bolder', size: 'Medium' }]) },
      ...words.rows.map(([label, text]) => ({
        ...runs([
          ...(label === '' ? [] : [{ ...run(`${label}  `), isSubtle: true }]),
          ...(text === '' ? [] : [run(text)]),
        ]),
        spacing: 'None',
      })),
      ...statement(words),
      ...(words.isOpen
        ? [runs([{ ...run(`Waits until ${dateText(words.expiresAt)}`), isSubtle: true }])]
        : []),
    ]),
    actions: [
      ...(words.isOpen ? [approve(words.id), deny(words.id)] : []),
      ...(words.link === undefined ? [] : [{ type: 'Action.OpenUrl', title: 'Open', url: words.link }]),
    ],
  };
}

const approve = (request: string) => ({
  ...{ type: 'Action.Execute', title: 'Approve', style: 'positive' },
  ...{ verb: APPROVE_VERB, data: { request } },
});

const deny = (request: string) => ({
  ...{ type: 'Action.ShowCard', title: 'Deny …' },
  card: {
    ...card([
      {
        ...{ type: 'Input.Text', id: REASON_FIELD, label: 'Reason', maxLength: MAX_REASON_LENGTH },
        ...{ isRequired: true, errorMessage: 'A denial needs a reason.' },
        placeholder: 'Whoever asked sees it, and so does the record.',
      },
    ]),
    actions: [
      {
        ...{ type: 'Action.Execute', title: 'Deny', style: 'destructive' },
        ...{ verb: DENY_VERB, data: { request } },
      },
    ],
  },
});

function statement({ statement: text }: RequestWords): object[] {
  if (text === undefined || text === '') return [];
  const lines = text.split('\n').filter((line) => line !== '');
  const style = { type: 'Container', style: 'emphasis', spacing: 'Medium' };
  return [
    {
      ...style,
      items: lines.map((line) => ({ ...runs([{ ...run(line), fontType: 'Monospace' }]), spacing: 'None' })),
    },
  ];
}

const card = (body: readonly object[]) => ({
  ...{ type: 'AdaptiveCard', $schema: 'http://adaptivecards.io/schemas/adaptive-card.json', version: '1.4' },
  body,
});

const runs = (inlines: readonly object[]) => ({ type: 'RichTextBlock', inlines });

const run = (text: string) => ({ type: 'TextRun', text });

const dateText = (at: number) => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

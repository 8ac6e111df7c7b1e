/**
 * A request as a message of Slack. Whatever somebody else wrote stands in `plain_text` and `rich_text` elements only, which Slack
 * shows as they are: no mention, link or formatting comes out of them.
 *
 * Spec: https://docs.slack.dev/reference/block-kit/
 */
import type {
  ActionsBlock,
  Button,
  ContextBlock,
  KnownBlock,
  ModalView,
  PlainTextElement,
  RichTextBlock,
  RichTextText,
} from '@slack/types';
import type { RequestWords } from './request-words.ts';

/** What a click on a button of a message, or a filled-in form, is called. */
export const APPROVE_ACTION = 'sluice_approve';
export const DENY_ACTION = 'sluice_deny';
export const DENY_FORM = 'sluice_deny_form';
/** Names of the form's one field. */
export const REASON_BLOCK = 'reason';
export const REASON_INPUT = 'reason';

const MAX_HEADER_LENGTH = 150;
const MAX_CONFIRM_LENGTH = 300;
const MAX_REASON_LENGTH = 500;

/** `text` and `blocks` of `chat.postMessage` and `chat.update`. */
export function slackMessage(
  words: RequestWords,
  hasButtons: boolean,
): { readonly text: string; readonly blocks: readonly KnownBlock[] } {
  return {
    text: escapeMrkdwn(words.title),
    blocks: [
      { type: 'header', text: plain(words.title.slice(0, MAX_HEADER_LENGTH)) },
      { type: 'rich_text', elements: richText(words) },
      ...(words.isOpen ? [deadline(words)] : []),
      ...actions(words, hasButtons),
    ],
  };
}

/** The form that asks why. */
export function denialForm(request: string): ModalView {
  return {
    type: 'modal',
    callback_id: DENY_FORM,
    private_metadata: request,
    title: plain('Deny'),
    submit: plain('Deny'),
    close: plain('Cancel'),
    blocks: [
      {
        type: 'input',
        block_id: REASON_BLOCK,
        label: plain('Reason'),
        hint: plain('Whoever asked sees it, and so does the record.'),
        element: { type: 'plain_text_input', action_id: REASON_INPUT, max_length: MAX_REASON_LENGTH },
      },
    ],
  };
}

/** What Slack reads as markup, as text. For what cannot be said without markup. */
export function escapeMrkdwn(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

function richText({ rows, statement }: RequestWords): RichTextBlock['elements'] {
  const section = {
    type: 'rich_text_section' as const,
    elements: rows.flatMap(([label, text], index) => [
      ...(index === 0 ? [] : [textElement('\n')]),
      ...(label === '' ? [] : [{ ...textElement(label), style: { bold: true } }, textElement('  ')]),
      ...(text === '' ? [] : [textElement(text)]),
    ]),
  };
  if (statement === undefined || statement === '') return [section];
  return [section, { type: 'rich_text_preformatted', elements: [textElement(statement)] }];
}

function deadline({ expiresAt }: RequestWords): ContextBlock {
  const seconds = Math.floor(expiresAt / 1000);
  const fallback = `${new Date(expiresAt).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return {
    type: 'context',
    elements: [
      { type: 'mrkdwn', text: `Waits until <!date^${seconds}^{date_short_pretty} {time}|${fallback}>` },
    ],
  };
}

function actions({ id, title, isOpen, link }: RequestWords, hasButtons: boolean): ActionsBlock[] {
  const elements: Button[] = [
    ...(isOpen && hasButtons ? [approveButton(id, title), denyButton(id)] : []),
    ...(link === undefined ? [] : [{ ...button('sluice_open', 'Open', id), url: link }]),
  ];
  return elements.length === 0 ? [] : [{ type: 'actions', elements }];
}

function approveButton(id: string, title: string): Button {
  const confirm = {
    title: plain('Approve?'),
    text: plain(title.slice(0, MAX_CONFIRM_LENGTH)),
    confirm: plain('Approve'),
    deny: plain('Back'),
  };
  return { ...button(APPROVE_ACTION, 'Approve', id), style: 'primary', confirm };
}

const denyButton = (id: string): Button => ({ ...button(DENY_ACTION, 'Deny …', id), style: 'danger' });

const button = (action: string, label: string, value: string): Button => ({
  type: 'button',
  action_id: action,
  text: plain(label),
  value,
});

const plain = (text: string): PlainTextElement => ({ type: 'plain_text', text, emoji: false });

const textElement = (text: string): RichTextText => ({ type: 'text', text });

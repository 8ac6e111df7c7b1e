/**
 * What can be found by: an entry → the terms that stand for it in the index. Pure.
 *
 * Nothing that the ledger seals becomes a term, and no value at all: of a statement only its form is read, which has no literals.
 */
import type { Action } from '../model/facts.ts';
import type { LedgerEvent, StatementForm } from '../model/ledger-entry.ts';
import { fold, type TermField, wordsOf } from './filter/filter.ts';

/** `field` and `value`; the value is folded but for what a reader is confined to. */
export interface Term {
  readonly field: TermField;
  readonly value: string;
}

export type SessionOpened = Extract<LedgerEvent, { kind: 'session-opened' }>;

/** Of one form: words, columns and so on beyond this many cannot be found. */
const MAX_TERMS_OF_FORM = 2000;
const MAX_WORDS = 500;

const WRITES: ReadonlySet<Action> = new Set<Action>(['Insert', 'Update', 'Delete', 'Truncate']);
const DEFINES: ReadonlySet<Action> = new Set<Action>(['Create', 'Alter', 'Drop', 'Grant']);

class Terms {
  readonly #seen = new Set<string>();
  readonly list: Term[] = [];

  add(field: TermField, value: string | undefined): void {
    if (value !== undefined && value !== '') this.addExactly(field, fold(value));
  }

  /** Without folding. */
  addExactly(field: TermField, value: string): void {
    const key = `${field}\n${value}`;
    if (this.#seen.has(key) || this.list.length >= MAX_TERMS_OF_FORM) return;
    this.#seen.add(key);
    this.list.push({ field, value });
  }

  addWords(field: 'word' | 'purpose', text: string | undefined): void {
    if (text === undefined) return;
    for (const word of new Set(wordsOf(text.slice(0, 64_000)).slice(0, MAX_WORDS * 4))) this.add(field, word);
  }
}

/** What all askings of a statement have in common. `hash` is the form's. */
export function formTerms(form: StatementForm, hash: string): readonly Term[] {
  const terms = new Terms();
  const { actions, decision, masked = [], unmasked = [], lookups = [] } = form;
  terms.addExactly('form', fold(hash));
  terms.add('command', form.command);
  terms.add('decision', decision);
  for (const action of actions) terms.add('action', action);
  for (const policy of form.policies) terms.add('policy', policy);
  terms.add('version', form.policyVersion);
  for (const state of statesOf(form)) terms.add('is', state);
  for (const use of form.relations) addUse(terms, use);
  for (const name of form.functions ?? []) addName(terms, ['function'], name);
  for (const label of unmasked) terms.add('unmasked', label);
  for (const label of unmasked) terms.add('label', label);
  for (const one of [...masked, ...lookups]) addHidden(terms, one);
  // Last: if a form has too many terms, words are what is left out.
  terms.addWords('word', form.text.join(' '));
  return terms.list;
}

function statesOf(form: StatementForm): string[] {
  const writes = form.actions.some((action) => WRITES.has(action));
  const defines = form.actions.some((action) => DEFINES.has(action));
  return [
    ...(writes || defines ? ['write'] : []),
    ...(!writes && !defines && form.actions.some((action) => action === 'Read' || action === 'Export')
      ? ['read']
      : []),
    ...(defines ? ['ddl'] : []),
    ...(form.bounded === false ? ['unbounded'] : []),
    ...(form.masked === undefined ? [] : ['masked']),
    ...(form.rewritten === true ? ['rewritten'] : []),
    ...(form.opaque === undefined ? [] : ['opaque']),
    ...(form.lookups === undefined ? [] : ['lookup']),
  ];
}

/**
 * `Update public.customers(balance,plan)`. A name may hold parentheses, commas and dots itself: then every way to read it is kept,
 * so that nothing can hide behind a strange name.
 */
function addUse(terms: Terms, use: string): void {
  const space = use.indexOf(' ');
  const action = use.slice(0, space) as Action;
  const isWrite = WRITES.has(action) || DEFINES.has(action);
  const fields: readonly TermField[] = isWrite
    ? ['writes']
    : action === 'Read' || action === 'Export'
      ? ['reads']
      : [];
  const rest = use.slice(space + 1).replace(/\)$/, '');
  for (
    let open = rest.indexOf('('), read = 0;
    open >= 0 && read < 4;
    open = rest.indexOf('(', open + 1), read++
  ) {
    const relation = rest.slice(0, open);
    addName(terms, ['relation', ...fields], relation);
    const list = rest.slice(open + 1);
    for (const column of list === '' ? [] : list.split(',')) addColumn(terms, fields, relation, column);
  }
}

/** With its schema and without. */
function addName(terms: Terms, fields: readonly TermField[], name: string): void {
  for (const one of suffixes(name)) for (const field of fields) terms.add(field, one);
}

function addColumn(terms: Terms, fields: readonly TermField[], relation: string, column: string): void {
  for (const name of [column, ...suffixes(relation).map((one) => `${one}.${column}`)]) {
    terms.add('column', name);
    for (const field of fields) terms.add(field, name);
  }
}

/** `a.b.c` → itself, `b.c`, `c`. */
function suffixes(name: string): string[] {
  const found = [name];
  for (let dot = name.indexOf('.'); dot >= 0 && found.length < 4; dot = name.indexOf('.', dot + 1)) {
    if (dot + 1 < name.length) found.push(name.slice(dot + 1));
  }
  return found;
}

/** `relation.column:label` of a column that is hidden. */
function addHidden(terms: Terms, text: string): void {
  const colon = text.lastIndexOf(':');
  const [name, label] = [text.slice(0, colon), text.slice(colon + 1)];
  terms.add('label', label);
  terms.add('masked', label);
  addName(terms, ['masked', 'column'], name);
}

/** What all that happens in a session has in common. */
export function sessionTerms(opened: SessionOpened): readonly Term[] {
  const terms = new Terms();
  const { principal, onBehalfOf, principalKind, database } = opened;
  terms.add('session', opened.session);
  addChain(terms, principal, onBehalfOf);
  terms.add('is', principalKind);
  if (principalKind === 'Agent') terms.add('agent', principal);
  terms.add('database', database);
  terms.addExactly('=database', database);
  terms.add('environment', opened.environment);
  terms.add('client', hostOf(opened.client));
  terms.add('application', opened.application);
  terms.add('token', opened.token);
  terms.addWords('purpose', opened.purpose);
  return terms.list;
}

function addChain(terms: Terms, principal: string, onBehalfOf: readonly string[]): void {
  const chain = [principal, ...onBehalfOf];
  terms.add('principal', principal);
  for (const one of chain) terms.add('who', one);
  for (const one of onBehalfOf) terms.add('for', one);
  terms.add('chain', chain.join(' for '));
  if (onBehalfOf.length > 0) terms.add('is', 'delegated');
  // Readers are confined by these: exactly, or Bob would read what bob did.
  terms.addExactly('=actor', actorKey(principal, onBehalfOf));
  for (const one of onBehalfOf) terms.addExactly('=for', one);
}

/** One text for one actor. */
export function actorKey(principal: string, onBehalfOf: readonly string[]): string {
  return JSON.stringify([principal, ...onBehalfOf]);
}

/** The address without its port; `unix` as it is. */
export function hostOf(client: string): string {
  const match = /^\[?([^\]]*?)\]?:\d+$/.exec(client);
  return (match?.[1] ?? client).replace(/^::ffff:(?=\d+\.)/i, '');
}

/** What an entry has of its own that is neither a statement nor an outcome. */
export function eventTerms(event: LedgerEvent): readonly Term[] {
  const terms = new Terms();
  switch (event.kind) {
    case 'authentication-failed':
      addChain(terms, event.user, []);
      terms.add('database', event.database);
      terms.addExactly('=database', event.database);
      terms.add('client', hostOf(event.client));
      terms.addWords('word', event.code);
      break;
    case 'approval':
      terms.add('approval', event.request);
      if (event.by !== undefined) terms.add('principal', event.by);
      if (event.by !== undefined) terms.add('who', event.by);
      terms.addWords('word', `${event.step} ${event.verdict ?? ''} ${event.reason ?? ''}`);
      break;
    case 'policy-loaded':
      terms.add('version', event.version);
      terms.addWords('word', event.files.join(' '));
      break;
    case 'policy-rejected':
      terms.addWords('word', `${event.error} ${event.files.join(' ')}`);
      break;
    case 'config-rejected':
      terms.addWords('word', event.error);
      break;
    case 'token-issued':
      addChain(terms, event.principal, event.onBehalfOf);
      terms.add('token', event.token);
      terms.addWords('purpose', event.purpose);
      break;
    case 'token-revoked':
      terms.add('token', event.token);
      break;
    case 'audit-read':
      // Not by its words: whoever looks for a word would find that they looked for it.
      addBy(terms, event.by);
      break;
    case 'keys-destroyed':
      addBy(terms, event.by);
      terms.add('database', event.database);
      terms.addExactly('=database', event.database);
      terms.addWords('word', event.reason);
      break;
    case 'finding':
      // Whom it is about finds it only with the right to read the audit.
      addBy(terms, event.principal);
      terms.add('database', event.database);
      terms.addExactly('=database', event.database);
      terms.addWords('word', `${event.rule} ${event.what}`);
      break;
    case 'taint-cleared':
      terms.addWords('word', event.reason);
      break;
    case 'session-killed':
      if (event.by !== undefined) addBy(terms, event.by);
      terms.addWords('word', event.reason);
      break;
    default:
      addUnknown(terms, event);
  }
  return terms.list;
}

function addBy(terms: Terms, by: string): void {
  terms.add('principal', by);
  terms.add('who', by);
}

/** Members that kinds of entries have in common, whatever the kind: new kinds can be found by them at once. */
function addUnknown(terms: Terms, event: object): void {
  const { principal, onBehalfOf, by, database, client, purpose, request, token, reason } = event as Record<
    string,
    unknown
  >;
  const chain = Array.isArray(onBehalfOf) ? onBehalfOf.filter((one) => typeof one === 'string') : [];
  if (typeof principal === 'string') addChain(terms, principal, chain);
  if (typeof by === 'string') addBy(terms, by);
  if (typeof database === 'string') terms.add('database', database);
  if (typeof database === 'string') terms.addExactly('=database', database);
  if (typeof client === 'string') terms.add('client', hostOf(client));
  if (typeof purpose === 'string') terms.addWords('purpose', purpose);
  if (typeof request === 'string') terms.add('approval', request);
  if (typeof token === 'string') terms.add('token', token);
  if (typeof reason === 'string') terms.addWords('word', reason);
}

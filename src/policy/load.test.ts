import { describe, expect, test } from 'vitest';
import { shippedPolicies } from '../../tests/support/sample-facts.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import { loadPolicies } from './load.ts';

const load = (...texts: string[]) =>
  loadPolicies(texts.map((text, index) => ({ file: `f${index}.cedar`, text })));

function failure(...texts: string[]): SluiceError {
  try {
    load(...texts);
  } catch (thrown) {
    if (thrown instanceof SluiceError) return thrown;
    throw thrown;
  }
  throw new Error('it loaded');
}

describe('loadPolicies', () => {
  test('reads ids, effects, places and annotations', () => {
    const set = load(
      '// é\n@id("a")\npermit (principal, action, resource);\npermit (principal, action, resource);',
      '@id("b") @approval("groups=dba")\nforbid (principal, action == Action::"Read", resource);',
    );
    expect(
      set.policies.map(({ id, effect, file, line, approval }) => ({ id, effect, file, line, approval })),
    ).toEqual([
      { id: 'a', effect: 'permit', file: 'f0.cedar', line: 2, approval: undefined },
      { id: 'f0.cedar#2', effect: 'permit', file: 'f0.cedar', line: 4, approval: undefined },
      {
        id: 'b',
        effect: 'forbid',
        file: 'f1.cedar',
        line: 1,
        approval: { groups: ['dba'], quorum: 1, expiresMs: 900_000 },
      },
    ]);
  });

  test('no policies are a set too: nothing is allowed', () => {
    expect(load().policies).toEqual([]);
    expect(load('// nothing').policies).toEqual([]);
  });

  test('the version stands for the sources', () => {
    const one = 'permit (principal, action, resource);';
    expect(load(one).version).toMatch(/^[0-9a-f]{16}$/);
    expect(load(one).version).toBe(load(one).version);
    expect(load(one).version).not.toBe(load(`${one} `).version);
    expect(load(one, '').version).not.toBe(load('', one).version);
  });

  test('the operator fills in what @approval leaves out, and that is part of the version', () => {
    const source = [{ file: 'f', text: '@approval forbid (principal, action == Action::"Read", resource);' }];
    const [one, other] = [{ groups: ['a'] }, { groups: ['b'] }].map(({ groups }) =>
      loadPolicies(source, { groups, quorum: 1, expiresMs: 60_000 }),
    );
    expect(one?.policies[0]?.approval).toEqual({ groups: ['a'], quorum: 1, expiresMs: 60_000 });
    expect(one?.version).not.toBe(other?.version);
  });

  test.each<[string, string, RegExp | undefined]>([
    // Syntax.
    [
      '// é\npermit (principal, action = Action::"Read", resource);',
      `f0.cedar:2:20: '=' is not a valid operator`,
      /'=='/,
    ],
    ['permit (principal, action, resource)', 'f0.cedar:1:37: unexpected end of input', undefined],
    [
      'permit (principal, action, resource);\n\nforbid',
      'f0.cedar:3:7: unexpected end of input: expected `(`',
      undefined,
    ],
    [
      '@id("a") @id("b") permit (principal, action, resource);',
      'f0.cedar:1:10: duplicate annotation: @id',
      undefined,
    ],
    ['/* no */ permit (principal, action, resource);', 'f0.cedar:1:1: unexpected token `/`', undefined],
    // Templates have nobody to fill them in.
    [
      'permit (principal, action, resource);\npermit (principal == ?principal, action, resource);',
      'f0.cedar:2:22: expected a static policy, got a template',
      /template slot/,
    ],
    // Schema.
    [
      'permit (principal, action == Action::"Reed", resource);',
      'f0.cedar:1:30: unrecognized action `Action::"Reed"`',
      /did you mean `Action::"Read"`/,
    ],
    [
      '// é\n// é\npermit (principal, action == Action::"Read", resource)\nwhen { context.bouned };',
      'f0.cedar:4:8: attribute `bouned` in context for Action::"Read" not found',
      /did you mean `bounded`/,
    ],
    [
      'permit (principal, action, resource) when { context.bounded };',
      'f0.cedar:1:45: attribute `bounded` in context for Action::"Connect" not found',
      undefined,
    ],
    [
      'permit (principal, action == Action::"Read", resource) when { resource.labels.contains("x") };',
      'f0.cedar:1:63: attribute `labels` on entity type `Database` not found',
      undefined,
    ],
    [
      'permit (principal, action == Action::"Read", resource) when { context.purpose like "x*" };',
      'f0.cedar:1:63: unable to guarantee safety of access to optional attribute `purpose`',
      /context has purpose/,
    ],
    [
      'permit (principal is Robot, action, resource);',
      'f0.cedar:1:22: unrecognized entity type `Robot',
      undefined,
    ],
    [
      'permit (principal, action == Action::"Read", resource) when { context.command == 3 };',
      'f0.cedar:1:63: the types Long and String are not compatible',
      undefined,
    ],
    // What can never apply, or misleads the eye, is a mistake.
    [
      'forbid (principal, action == Action::"Connect", resource is Table);',
      'f0.cedar:1:1: unable to find an applicable action',
      undefined,
    ],
    [
      'forbid (principal, action == Action::"Read", resource) when { resource.name == "\u0430bc" };',
      'f0.cedar:1:80: string `"\u0430bc"` contains mixed scripts',
      undefined,
    ],
    // Annotations.
    [
      '@aproval("x") forbid (principal, action, resource);',
      'f0.cedar:1:1: there is no annotation @aproval',
      undefined,
    ],
    [
      '@approval("groups=a") permit (principal, action, resource);',
      'f0.cedar:1:1: @approval has no effect',
      undefined,
    ],
    [
      '\n @approval("groups=a") forbid (principal, action == Action::"Unmask", resource);',
      'f0.cedar:2:2: @approval has no effect on Unmask',
      undefined,
    ],
    [
      '@lookups("9/h") permit (principal, action, resource);',
      'f0.cedar:1:1: @lookups belongs on a permit whose scope says action == Action::"Match"',
      undefined,
    ],
    [
      '@lookups("9/h") forbid (principal, action == Action::"Match", resource);',
      'f0.cedar:1:1: @lookups has no effect on a forbid',
      undefined,
    ],
    ...['0/h', '9', '9/m', '1000000/h', 'many'].map((text): [string, string, undefined] => [
      `@lookups("${text}") permit (principal, action == Action::"Match", resource);`,
      'f0.cedar:1:1: @lookups must be 1 to 100000 an hour',
      undefined,
    ]),
    [
      '@id("a") permit (principal, action, resource);\n@id("a") forbid (principal, action, resource);',
      'f0.cedar:2:1: the id "a" is taken by f0.cedar:1',
      undefined,
    ],
  ])('refuses %j', (text, message, hint) => {
    const error = failure(text);
    expect(error.code).toBe('policy_invalid');
    expect(error.message.slice(0, message.length)).toBe(message);
    if (hint !== undefined) expect(error.hint).toMatch(hint);
  });

  test('names the file and every problem', () => {
    const error = failure('permit (principal, action, resource);', 'permit (', 'forbid (');
    expect(error.message).toMatch(/^f1\.cedar:1:9: /);
    expect(error.detail?.split('\n').map((line) => line.slice(0, 13))).toEqual([
      'f1.cedar:1:9:',
      'f2.cedar:1:9:',
    ]);
  });

  test('lists ten problems and counts the rest', () => {
    const error = failure(...Array.from({ length: 12 }, () => 'permit ('));
    expect(error.detail?.split('\n')).toHaveLength(11);
    expect(error.detail).toMatch(/\nand 2 more$/);
  });

  test('an id may not look like one of ours, nor come from elsewhere', () => {
    expect(failure('@id("sluice:not-understood") permit (principal, action, resource);').message).toMatch(
      /@id must be/,
    );
    expect(failure('@id("f0.cedar#1") permit (principal, action, resource);').message).toMatch(/@id must be/);
  });
});

test('the shipped policies load', () => {
  expect(shippedPolicies().policies.length).toBeGreaterThan(30);
});

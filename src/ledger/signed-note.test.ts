import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseCheckpoint } from './checkpoint.ts';
import { checkCheckpoint } from './signed-checkpoint.ts';
import {
  formatVkey,
  isSignedBy,
  noteKey,
  parseNote,
  parseVkey,
  signatureLine,
  signNote,
} from './signed-note.ts';

// The example of golang.org/x/mod/sumdb/note, which every implementation is tried on.
const PETER_VKEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const PETER_TEXT =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER_NOTE = `${PETER_TEXT}\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`;

describe('a signed note', () => {
  it('of another implementation verifies', () => {
    const key = parseVkey(PETER_VKEY);
    const note = parseNote(PETER_NOTE);
    expect(note?.text).toBe(PETER_TEXT);
    expect(key && note && isSignedBy(note, key)).toBe(true);
    expect(key && formatVkey(key)).toBe(PETER_VKEY);
  });

  it('is not signed if any byte was changed', () => {
    const key = parseVkey(PETER_VKEY)!;
    for (let at = 0; at < PETER_NOTE.length; at++) {
      const changed = `${PETER_NOTE.slice(0, at)}${PETER_NOTE[at] === 'x' ? 'y' : 'x'}${PETER_NOTE.slice(at + 1)}`;
      const note = parseNote(changed);
      expect(note !== undefined && isSignedBy(note, key)).toBe(false);
    }
  });

  it.each([
    ['', 'empty'],
    ['text\n', 'no signatures'],
    [PETER_NOTE.slice(0, -1), 'no final newline'],
    [PETER_NOTE.replace('\u2014', '-'), 'a hyphen'],
    [`${PETER_NOTE}x`, 'a line that is no signature'],
    [PETER_NOTE.replace('If', 'I\tf'), 'a control character'],
    [PETER_NOTE.replace('BwJnAM=', 'BwJnAM'), 'base64 without its padding'],
  ])('is refused: %j (%s)', (text) => {
    expect(parseNote(text)).toBeUndefined();
  });

  it('with a forged signature of a known key is worth nothing, whatever else it carries', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const key = noteKey('log.example/1', 'log', publicKey);
    const good = signNote('text\n', key, privateKey);
    const forged = `${good}${signatureLine({ name: key.name, id: key.id, signature: Buffer.alloc(64) })}`;
    expect(isSignedBy(parseNote(good)!, key)).toBe(true);
    expect(isSignedBy(parseNote(forged)!, key)).toBe(false);
    const foreign = `${good}${signatureLine({ name: 'other', id: key.id, signature: Buffer.alloc(64) })}`;
    expect(isSignedBy(parseNote(foreign)!, key)).toBe(true);
  });

  it.each([
    '',
    'x',
    'name+00000000+AAAA',
    PETER_VKEY.replace('c74f20a3', 'c74f20a4'),
    PETER_VKEY.replace('+AR', '+BR'),
  ])('has no key %j', (vkey) => {
    expect(parseVkey(vkey)).toBeUndefined();
  });
});

describe('a checkpoint', () => {
  const root = Buffer.alloc(32, 7).toString('base64');

  it.each([
    [`log\n5\n${root}\n`, true],
    [`log\n5\n${root}\nextension\n`, true],
    [`log\n0\n${root}\n`, true],
    [`log\n05\n${root}\n`, false],
    [`log\n-5\n${root}\n`, false],
    [`log\n5\n${root.slice(0, -1)}\n`, false],
    [`log\n5\n${root}AAAA\n`, false],
    [`\n5\n${root}\n`, false],
    [`log\n9007199254740993\n${root}\n`, false],
    ['log\n5\n', false],
  ])('%j is one: %s', (text, good) => {
    expect(parseCheckpoint(text) !== undefined).toBe(good);
  });

  it('names the witnesses whose cosignatures are good', () => {
    const log = generateKeyPairSync('ed25519');
    const witness = generateKeyPairSync('ed25519');
    const key = noteKey('log', 'log', log.publicKey);
    const witnessKey = noteKey('witness.example/w1', 'witness', witness.publicKey);
    const text = `log\n5\n${root}\n`;
    const time = 1_700_000_000;
    const stamp = Buffer.alloc(8);
    stamp.writeBigUInt64BE(BigInt(time));
    const cosign = (signed: string) =>
      Buffer.concat([stamp, sign(null, Buffer.from(signed), witness.privateKey)]);
    const withCosignature = (signature: Buffer) =>
      signNote(text, key, log.privateKey) +
      signatureLine({ name: witnessKey.name, id: witnessKey.id, signature });
    const good = withCosignature(cosign(`cosignature/v1\ntime ${time}\n${text}`));
    expect(checkCheckpoint(good, key, [witnessKey])).toMatchObject({
      size: 5,
      cosigners: ['witness.example/w1'],
    });
    expect(checkCheckpoint(withCosignature(cosign(text)), key, [witnessKey])).toMatchObject({
      cosigners: [],
    });
    expect(
      checkCheckpoint(
        good,
        noteKey(
          'log',
          'log',
          createPublicKey(createPrivateKey(witness.privateKey.export({ type: 'pkcs8', format: 'pem' }))),
        ),
        [],
      ),
    ).toHaveProperty('reason');
    const other = noteKey('other', 'log', log.publicKey);
    expect(checkCheckpoint(signNote(text, other, log.privateKey), other)).toMatchObject({
      reason: 'the checkpoint is of the log log',
    });
  });
});

// Checks the proof of one ledger entry, without Sluice and without dependencies:
//
//     node verify-proof.mjs <verifier key> <proof file>
//
// The verifier key is the line in the ledger's `vkey`, which you noted when the gateway was set up. The proof file is what
// `sluice ledger prove` writes (https://c2sp.org/tlog-proof). Prints what was proven; exits with 1 if anything is wrong.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [vkey, file] = process.argv.slice(2);
const base64 = (text) => Buffer.from(text, 'base64');
const hex = (text) => Buffer.from(text, 'hex');
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
// Whoever wrote the file may want to paint on your terminal: what cannot be seen is shown by its number.
const unseen = /[\p{C}\p{Zl}\p{Zp}\p{DI}\u2800]/gu;
const shown = (string) => string.replace(unseen, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);
const insist = (holds, problem) => {
  if (holds) return;
  console.error(shown(`NOT PROVEN: ${problem}`));
  process.exit(1);
};
process.on('uncaughtException', ({ message }) => insist(false, message));

// 1. The file: the entry, its place, the hashes beside its way to the root; a blank line; the checkpoint.
const text = readFileSync(file, 'utf8');
const end = text.indexOf('\n\n');
const [format, extra, place, ...hashes] = text.slice(0, end).split('\n');
insist(format === 'c2sp.org/tlog-proof@v1' && extra.startsWith('extra '), 'this is no proof file');
const { entry, leaf, form, part } = JSON.parse(base64(extra.slice(6)).toString());
const texts = [entry ?? leaf, form ?? '', part ?? ''].every((one) => typeof one === 'string');
insist(texts && (entry === undefined) === /^[0-9a-f]{64}$/.test(leaf), 'it has no entry, or more than one');
insist(/^index \d{1,15}$/.test(place), 'the entry has no place');
const index = Number(place.slice(6));

// 2. The checkpoint: name, size and root of the log, a blank line, signatures. Signed is the text before the blank line.
const note = text.slice(end + 2);
const signed = note.slice(0, note.lastIndexOf('\n\n') + 1);
const [name, size, root] = signed.split('\n');
const [keyName, keyId, ...key] = vkey.trim().split('+');
insist(name === keyName, `the checkpoint is of the log ${name}`);
const lines = note.slice(signed.length + 1).split('\n');
const named = lines.filter((line) => line.startsWith(`\u2014 ${keyName} `));
const signatures = named.map((line) => base64(line.split(' ')[2]));
const own = signatures.filter((one) => one.toString('hex', 0, 4) === keyId);
const der = Buffer.concat([hex('302a300506032b6570032100'), base64(key.join('+')).subarray(1)]);
const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' });
const isGood = (one) => verify(null, Buffer.from(signed), publicKey, one.subarray(4));
insist(own.length > 0 && own.every(isGood), 'the checkpoint is not signed by this key');

// 3. From the entry to the root (RFC 9162, section 2.1.3.2).
let hash = entry === undefined ? hex(leaf) : sha256(Buffer.from([0]), Buffer.from(entry));
let [at, last] = [index, Number(size) - 1];
insist(index <= last, 'the entry is not in the log');
for (const sibling of hashes.map(base64)) {
  insist(last > 0, 'the way to the root is too long');
  if (at % 2 === 1 || at === last) {
    hash = sha256(Buffer.from([1]), sibling, hash);
    while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
  } else hash = sha256(Buffer.from([1]), hash, sibling);
  [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
}
insist(last === 0 && hash.toString('base64') === root, 'the way does not lead to the root that was signed');

// 4. What the entry commits to by hash: a part that was too large for it, and the form of its statement.
const { of = part && JSON.parse(part).of, part: partHash } = entry === undefined ? {} : JSON.parse(entry);
insist(part === undefined || sha256(Buffer.from(part)).toString('hex') === partHash, 'another part');
insist(form === undefined || sha256(Buffer.from(form)).toString('base64url') === of, 'another form');
console.log(shown(`PROVEN: entry ${index} of ${size} of ${name}`));
console.log(shown(entry ?? `pruned, hash ${leaf}`));
if (form !== undefined) console.log(shown(form));

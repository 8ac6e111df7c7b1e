/** FunctionCall, and large objects as libpq's lo_* functions use them: by OID, outside of any statement. */
import { encodeFrontendMessage as encode } from '../../../../src/wire/postgres/index.ts';
import { parse, query as q, run, sync } from '../../../support/frames.ts';
import { ask, type Step } from '../conversation.ts';

/** Of pg_proc.dat: they are the same in every server. */
const OID = {
  int4pl: 177,
  int4div: 154,
  lo_open: 952,
  lo_close: 953,
  loread: 954,
  lowrite: 955,
  lo_lseek: 956,
  lo_tell: 958,
  lo_unlink: 964,
  lo_create: 715,
  lo_truncate: 1004,
  sum: 2108,
  generate_series: 1067,
  concat: 3058,
  set_config: 2078,
} as const;

type Value = Buffer | string | null;
const int4 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
/** A call with binary values, as libpq's PQfn makes it. */
const call = (oid: number, ...values: Value[]): Buffer => callAs(oid, [1], 1, values);
const callAs = (
  functionOid: number,
  argumentFormats: number[],
  resultFormat: number,
  values: Value[],
): Buffer =>
  encode({
    type: 'FunctionCall',
    functionOid,
    argumentFormats,
    arguments: values.map((value) => (typeof value === 'string' ? Buffer.from(value) : value)),
    resultFormat,
  });

const OBJECT = int4(4711);
const READ_WRITE = int4(0x60000);
const FIRST = int4(0);

export const FUNCTION_CALLS: Readonly<Record<string, readonly Step[]>> = {
  'in binary and in text': [
    ask(call(OID.int4pl, int4(40), int4(2))),
    ask(callAs(OID.int4pl, [], 0, ['40', '2'])),
    ask(callAs(OID.int4pl, [0, 1], 0, ['40', int4(2)])),
    ask(callAs(OID.int4pl, [0], 1, ['40', '2'])),
    ask(call(OID.int4pl, int4(40), null)),
  ],
  'that fail': [
    ask(call(OID.int4div, int4(1), int4(0))),
    ask(callAs(OID.int4pl, [0], 0, ['x', '2'])),
    ask(call(OID.int4pl, int4(1))),
    ask(call(OID.int4pl, Buffer.from([1]), int4(1))),
    ask(callAs(OID.int4pl, [0, 0, 0], 0, ['1', '2'])),
    ask(callAs(OID.int4pl, [7], 0, ['1', '2'])),
    ask(call(999_999_999)),
    ask(call(0)),
    ask(call(OID.sum, int4(1))),
    ask(call(OID.generate_series, int4(1), int4(3))),
    ask(q('SELECT 1')),
  ],
  'in a transaction, and in one that has failed': [
    ask(q('BEGIN')),
    ask(call(OID.int4pl, int4(1), int4(2))),
    ask(call(OID.int4div, int4(1), int4(0))),
    ask(call(OID.int4pl, int4(1), int4(2))),
    ask(call(999_999_999)),
    ask(q('ROLLBACK')),
  ],
  'in a pipeline': [
    {
      send: [run('SELECT 1'), call(OID.int4pl, int4(1), int4(2)), run('SELECT 2'), sync],
      until: 2,
    },
    ask(parse('SELECT nosuch'), call(OID.int4pl, int4(1), int4(2)), sync),
    {
      send: [call(OID.int4div, int4(1), int4(0)), call(OID.int4pl, int4(1), int4(2)), q('SELECT 1')],
      until: 3,
    },
  ],
  'that change settings': [
    ask(callAs(OID.set_config, [0], 0, ['standard_conforming_strings', 'off', 'f'])),
    ask(q(`SELECT 'a\\nb'`)),
    ask(callAs(OID.set_config, [0], 0, ['client_encoding', 'LATIN1', 'f'])),
    ask(encode({ type: 'Query', text: Buffer.from(`SELECT 'é'`, 'latin1') })),
  ],
  'of large objects, as lo_creat, lo_write and lo_read make them': [
    ask(call(OID.lo_create, OBJECT)),
    ask(call(OID.lo_open, OBJECT, READ_WRITE)),
    ask(q('BEGIN')),
    ask(call(OID.lo_open, OBJECT, READ_WRITE)),
    ask(call(OID.lowrite, FIRST, 'x'.repeat(8_192))),
    ask(call(OID.lowrite, FIRST, Buffer.from([0, 255, 1]))),
    ask(call(OID.lo_lseek, FIRST, int4(8_190), int4(0))),
    ask(call(OID.loread, FIRST, int4(10))),
    ask(call(OID.lo_tell, FIRST)),
    ask(call(OID.lo_truncate, FIRST, int4(3))),
    ask(call(OID.lo_lseek, FIRST, int4(0), int4(2))),
    ask(call(OID.lo_close, FIRST)),
    ask(call(OID.lo_close, FIRST)),
    ask(q('ROLLBACK')),
    ask(call(OID.lo_unlink, OBJECT)),
    ask(call(OID.lo_unlink, OBJECT)),
  ],
  'of a large object of 20 MB': [
    ask(call(OID.lo_create, OBJECT)),
    ask(q('BEGIN')),
    ask(call(OID.lo_open, OBJECT, READ_WRITE)),
    ask(call(OID.lowrite, FIRST, Buffer.alloc(20_000_000, 'large '))),
    ask(call(OID.lo_lseek, FIRST, int4(0), int4(0))),
    ask(call(OID.loread, FIRST, int4(20_000_000))),
    ask(q('ROLLBACK')),
    ask(call(OID.lo_unlink, OBJECT)),
  ],
  'that are variadic, or take any type': [
    ask(callAs(OID.concat, [0], 0, ['{a,b}'])),
    ask(callAs(OID.concat, [0], 0, ['a', 'b'])),
  ],
};

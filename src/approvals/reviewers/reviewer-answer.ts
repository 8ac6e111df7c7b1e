/**
 * What an automatic reviewer answered → a verdict with a reason, or an error. Its text is shown and recorded, and never decides anything
 * beside the verdict: it may come from a model that somebody has talked to.
 */
import { Ajv } from 'ajv';
import type { AutomaticAnswer } from '../voting.ts';

const MAX_REASON_LENGTH = 500;

const validate = new Ajv({ allowUnionTypes: true }).compile<{
  verdict: AutomaticAnswer['verdict'];
  reason?: string;
}>({
  type: 'object',
  required: ['verdict'],
  additionalProperties: false,
  properties: { verdict: { enum: ['approve', 'deny', 'escalate'] }, reason: { type: 'string' } },
});

/** @throws {Error} if it is anything else than `{"verdict": "approve" | "deny" | "escalate", "reason": "…"}` */
export function readAnswer(text: string): AutomaticAnswer {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error('its answer is no JSON');
  }
  if (!validate(answer)) throw new Error('its answer is no verdict');
  const { verdict, reason = '' } = answer;
  return { verdict, reason: lineOf(reason) || 'no reason given' };
}

/** One line without what could forge others on a terminal. */
function lineOf(reason: string): string {
  const plain = reason
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
  return plain.length <= MAX_REASON_LENGTH
    ? plain
    : `${plain.slice(0, MAX_REASON_LENGTH - 1).toWellFormed()}…`;
}

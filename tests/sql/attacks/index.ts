/**
 * Ways to learn something about masked values: what an attacker with a prompt, a driver or a socket would try. Each must tell
 * the twin databases apart when it is played on the databases themselves.
 */
import type { Attack } from '../attack-play.ts';
import { DISGUISES } from './disguises.ts';
import { FINE_PRINT } from './fine-print.ts';
import { FIRST_STEPS } from './first-steps.ts';
import { NEWER_WORDS } from './newer-words.ts';
import { ORDERS } from './orders.ts';
import { OWN_TOOLS } from './own-tools.ts';
import { QUESTIONS } from './questions.ts';
import { SECOND_THOUGHTS } from './second-thoughts.ts';
import { STRUCTURES } from './structures.ts';
import { WRITES_AND_WIRE } from './writes-and-wire.ts';

export const ATTACKS: Readonly<Record<string, readonly Attack[]>> = {
  ...FIRST_STEPS,
  ...DISGUISES,
  ...QUESTIONS,
  ...SECOND_THOUGHTS,
  ...STRUCTURES,
  ...WRITES_AND_WIRE,
  ...NEWER_WORDS,
  ...OWN_TOOLS,
  ...ORDERS,
  ...FINE_PRINT,
};

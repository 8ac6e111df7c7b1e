/**
 * Settings that a statement names by a parameter, as SQLAlchemy does (`current_setting($1)`): looked at when the value is bound. Those that
 * hold secrets stay hidden from who sees masks, and the gate's own from everybody.
 */
import { SluiceError } from '../../errors/sluice-error.ts';
import type { Plan } from '../../session/plan.ts';
import { SECRET_SETTINGS } from '../../sql/postgres/builtin-functions.ts';
import { refuseOwnSetting } from '../../sql/postgres/mask-key.ts';
import type { BoundValues } from './own-questions.ts';

/** Left to the database, text, varchar, name: of any other type, the database may make another name of a value. */
const TEXT_OIDS: ReadonlySet<number> = new Set([0, 25, 1043, 19]);
const NAME = /^[a-z0-9_.]{1,63}$/;

/** Why a plan may not run with these values, if so. */
export function settingRefusal(
  { statements }: Plan,
  values: BoundValues | undefined,
): SluiceError | undefined {
  for (const { namedSettings } of statements)
    for (const number of namedSettings?.parameters ?? []) {
      const name = nameOf(values, number);
      try {
        if (name !== undefined) refuseOwnSetting(name);
      } catch (refusal) {
        return refusal as SluiceError;
      }
      if (namedSettings?.restricted && (name === undefined || SECRET_SETTINGS.includes(name)))
        return hidden(number);
    }
  return undefined;
}

/** Lower case; undefined if nobody can tell which it is. */
function nameOf(values: BoundValues | undefined, number: number): string | undefined {
  const value = values?.parameters[number - 1];
  if (value === undefined || !TEXT_OIDS.has(values?.parameterTypes[number - 1] ?? 0)) return undefined;
  if (value === null) return '';
  const name = value.toString('latin1').toLowerCase();
  return NAME.test(name) ? name : undefined;
}

function hidden(number: number): SluiceError {
  return new SluiceError('not_understood', `the setting that $${number} names is hidden, or cannot be told`, {
    hint: 'Write the name of the setting into the statement, or ask for another one.',
  });
}

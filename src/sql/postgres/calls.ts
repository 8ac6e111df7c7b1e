/**
 * Function calls: whether they can be seen through, and what they do besides computing.
 */
import { type Binder, noteType, type Place } from './binder.ts';
import { EFFECTS, isAdministering, SECRET_SETTINGS } from './builtin-functions.ts';
import { bindFunctions } from './function-calls.ts';
import { judgeFunction } from './judgement.ts';
import { refuseOwnSetting } from './mask-key.ts';
import { parseSearchPath } from './search-path.ts';
import { noteSetting } from './settings.ts';
import { as, constantOf, type Node, type ParamRef, stringsOf, type TypeCast } from './tree.ts';

/**
 * Notes a call.
 * @param names the function's name as written
 * @param argumentCount undefined if it cannot be told
 * @param place where it stands; undefined if it is not called here and now
 * @returns whether its arguments decide how many rows there are
 */
export function noteCall(
  b: Binder,
  names: readonly string[],
  argumentCount: number | undefined,
  args: readonly Node[],
  place?: Place,
): boolean {
  const judged = judgeFunction(b.scope, names, argumentCount);
  const bare = names.at(-1) ?? '';
  if (!judged.found) {
    b.sheet.miss(names.join('.'));
    // `name(x)` may also be a cast.
    if (b.scope.catalog.typesNamed(bare).length > 0)
      noteType(b, { names: names.map((sval) => ({ String: { sval } })) });
  }
  const isSeen = !judged.transparent && place !== undefined && bindFunctions(b, judged.candidates, place);
  const transparent = isSeen || (judged.transparent && !hidesSecret(b, bare, args));
  b.sheet.call(judged.name, transparent);
  if (!transparent) {
    b.sheet.act('Execute');
    b.sheet.hide('function', `function ${judged.name}`);
    if (judged.builtin && isAdministering(bare)) b.sheet.act('Administer');
  }
  if (judged.writes && !isSeen) b.sheet.writes = true;
  if (judged.builtin && judged.found) noteEffects(b, bare, args);
  return judged.candidates.some(({ returnsSet }) => returnsSet);
}

function noteEffects(b: Binder, name: string, args: readonly Node[]): void {
  const effect = EFFECTS[name];
  if (effect) b.sheet.act(effect);
  if (name === 'nextval' || name === 'setval')
    b.sheet.touch('Update', 'sequence', sequenceName(b, textOf(args[0])));
  if (name === 'set_config') {
    const local = constantOf(unwrapped(args[2]));
    noteSetting(
      b,
      textOf(args[0]),
      textOf(args[1]) ?? null,
      local !== false && local !== 'false' && local !== 'f',
    );
  }
}

/** The sequence that a literal names, read as `regclass` does. */
function sequenceName(b: Binder, text: string | undefined): string {
  const [name, schema] = parseSearchPath(text?.replaceAll('.', ',') ?? '').toReversed();
  if (name === undefined) return '';
  return b.scope.relation(schema, name)?.id ?? text!;
}

/** `current_setting` of a secret, or of a name that is computed. One that is a parameter shows when that is bound. */
function hidesSecret(b: Binder, name: string, args: readonly Node[]): boolean {
  if (name !== 'current_setting') return false;
  const parameter = settingParameter(args[0]);
  if (parameter !== undefined && b.calling?.size === 0) {
    b.settingParameters.push(parameter);
    return false;
  }
  const setting = textOf(args[0])?.toLowerCase();
  if (setting !== undefined) refuseOwnSetting(setting);
  return setting === undefined || SECRET_SETTINGS.includes(setting);
}

const TEXT_TYPES: ReadonlySet<string> = new Set(['text', 'varchar', 'name']);

/** The number of a parameter, as it is or cast to a text of any length: nothing else leaves a name as it is. */
function settingParameter(node: Node | undefined): number | undefined {
  let inner = node;
  for (let cast = as<TypeCast>(inner, 'TypeCast'); cast; cast = as<TypeCast>(inner, 'TypeCast')) {
    const { names, typmods, arrayBounds } = cast.typeName ?? {};
    const isText = TEXT_TYPES.has(stringsOf(names).at(-1) ?? '') && !typmods && !arrayBounds;
    if (!isText) return undefined;
    inner = cast.arg;
  }
  return as<ParamRef>(inner, 'ParamRef')?.number;
}

/** A literal's text, whatever it is cast to. */
function textOf(node: Node | undefined): string | undefined {
  const value = constantOf(unwrapped(node));
  return typeof value === 'string' ? value : undefined;
}

function unwrapped(node: Node | undefined): Node | undefined {
  let inner = node;
  for (let cast = as<TypeCast>(inner, 'TypeCast'); cast; cast = as<TypeCast>(inner, 'TypeCast'))
    inner = cast.arg;
  return inner;
}

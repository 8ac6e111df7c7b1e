/**
 * `FROM pg_show_all_settings()`, as pgAdmin asks when it connects: a list of all settings, secrets among them. As long as only their names and
 * what is said about them is looked at, there is nothing to hide.
 */
import type { Binder } from './binder.ts';
import { judgeFunction } from './judgement.ts';
import { type Item, NO_OUTPUT } from './namespace.ts';
import { as, type FuncCall, itemsOf, type RangeFunction, stringsOf } from './tree.ts';

const FUNCTION = 'pg_show_all_settings';

/** Columns of the function that hold no value of a setting. */
const HARMLESS: ReadonlySet<string> = new Set([
  ...['name', 'unit', 'category', 'short_desc', 'extra_desc', 'context', 'vartype', 'source'],
  ...['min_val', 'max_val', 'enumvals', 'sourceline', 'pending_restart'],
]);

/** The item, if it is that function as it is; undefined for all else. */
export function settingsItem(b: Binder, node: RangeFunction): Item | undefined {
  const { functions = [], alias, coldeflist, ordinality } = node;
  const [call, definitions, ...more] = itemsOf(functions[0]);
  const { funcname, args } = as<FuncCall>(call, 'FuncCall') ?? {};
  const names = stringsOf(funcname);
  const isPlain = !coldeflist && !ordinality && !alias?.colnames && !args && more.length === 0;
  if (functions.length !== 1 || names.at(-1) !== FUNCTION || !isPlain) return undefined;
  if (itemsOf(definitions).some((each) => as(each, 'ColumnDef'))) return undefined;
  const { builtin, candidates } = judgeFunction(b.scope, names, 0);
  if (!builtin || candidates.length === 0) return undefined;
  b.sheet.call(`pg_catalog.${FUNCTION}`, true);
  const hide = (): void => b.sheet.hide('function', `function pg_catalog.${FUNCTION}`);
  return {
    ...{ name: alias?.aliasname ?? FUNCTION, schema: undefined, reference: undefined, open: false },
    ...{ relationVisible: true, columnsVisible: true },
    find: (column) => {
      if (!HARMLESS.has(column)) hide();
      return [];
    },
    output: () => {
      hide();
      return NO_OUTPUT;
    },
    direct: () => [],
  };
}

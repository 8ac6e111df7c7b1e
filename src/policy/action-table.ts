/**
 * The actions a policy speaks of: what each applies to, which groups it belongs to, and how sentences name it. Pure table; the
 * Cedar schema and the explanations are made from it.
 */
import type { Action } from '../model/facts.ts';

/** What an action can be done to. */
export type ResourceType = 'Database' | 'Table' | 'Column' | 'Routine' | 'Object' | 'Setting';

/** Groups of actions, for `action in Action::"Write"`. */
export type ActionGroup = 'Statement' | 'Write' | 'Define';

export type ContextType = 'ConnectContext' | 'UnmaskContext' | 'StatementContext';

export interface ActionRow {
  /** The direct groups; `Write` and `Define` are themselves in `Statement`. */
  readonly group?: ActionGroup;
  readonly resources: readonly ResourceType[];
  readonly context: ContextType;
  /** `Dropping`, to go before what is dropped. */
  readonly doing: string;
}

/**
 * Every action on a thing applies to relations, to other objects and to the database as a whole, whether or not an engine has
 * such a statement today: facts that the schema had no place for would have to be dropped or refused.
 */
const THINGS: readonly ResourceType[] = ['Table', 'Object', 'Database'];

function statement(
  doing: string,
  group: ActionGroup = 'Statement',
  more: readonly ResourceType[] = [],
): ActionRow {
  return { group, resources: [...THINGS, ...more], context: 'StatementContext', doing };
}

export const ACTION_TABLE: Readonly<Record<Action, ActionRow>> = {
  Connect: { resources: ['Database'], context: 'ConnectContext', doing: 'Connecting to' },
  Unmask: { resources: ['Column'], context: 'UnmaskContext', doing: 'Seeing the values of' },
  Match: { resources: ['Column'], context: 'UnmaskContext', doing: 'Looking values up in' },

  ReadAudit: { resources: ['Database'], context: 'UnmaskContext', doing: 'Reading the record of' },

  Read: statement('Reading'),
  Export: statement('Exporting'),
  Insert: statement('Inserting into', 'Write'),
  Update: statement('Updating', 'Write'),
  Delete: statement('Deleting from', 'Write'),
  Truncate: statement('Truncating', 'Write'),
  Create: statement('Creating', 'Define'),
  Alter: statement('Altering', 'Define'),
  Drop: statement('Dropping', 'Define'),
  Grant: statement('Changing privileges on', 'Define'),
  Execute: statement('Calling', 'Statement', ['Routine']),
  Set: statement('Changing', 'Statement', ['Setting']),
  Lock: statement('Locking'),
  Maintain: statement('Maintaining'),
  Notify: statement('Notifying or listening on'),
  Transaction: statement('Controlling transactions on'),
  Administer: statement('Administering'),
};

export const ACTIONS = Object.keys(ACTION_TABLE) as readonly Action[];

/** The actions a group holds, itself excluded. */
export function actionsIn(group: string): readonly Action[] {
  return ACTIONS.filter((action) => {
    const direct = ACTION_TABLE[action].group;
    return direct !== undefined && (direct === group || group === 'Statement');
  });
}

export const isAction = (name: string): name is Action => Object.hasOwn(ACTION_TABLE, name);

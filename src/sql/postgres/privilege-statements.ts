/**
 * Statements about who may do what: roles, memberships, privileges, ownership.
 *
 * @see https://www.postgresql.org/docs/18/user-manag.html
 */
import type { Action } from '../../model/facts.ts';
import type { Binder } from './binder.ts';
import type { StatementHandler } from './ddl-statements.ts';
import { define, mention } from './definitions.ts';
import { objectKind, objectName } from './object-names.ts';
import { as, type Body, type Node, type RangeVar } from './tree.ts';

const nodes = (body: Body, field: string): readonly Node[] => (body[field] ?? []) as Node[];

function grant(b: Binder, body: Body): void {
  b.sheet.command = body.is_grant ? 'GRANT' : 'REVOKE';
  b.sheet.act('Grant');
  const type = String(body.objtype ?? '');
  const direct = String(body.targtype ?? '') === 'ACL_TARGET_OBJECT';
  for (const object of nodes(body, 'objects')) {
    const node = as<RangeVar>(object, 'RangeVar');
    if (direct && node) mention(b, node, 'Grant');
    else define(b, 'Grant', direct ? objectKind(type) : 'schema', objectName(object));
  }
}

function grantRole(b: Binder, body: Body): void {
  b.sheet.command = body.is_grant ? 'GRANT ROLE' : 'REVOKE ROLE';
  for (const node of nodes(body, 'granted_roles')) {
    define(b, 'Grant', 'role', as<{ priv_name?: string }>(node, 'AccessPriv')?.priv_name ?? '');
  }
  for (const node of nodes(body, 'grantee_roles')) define(b, 'Grant', 'role', objectName(node));
}

function dropRoles(b: Binder, body: Body): void {
  b.sheet.command = 'DROP ROLE';
  for (const node of nodes(body, 'roles')) define(b, 'Grant', 'role', objectName(node));
}

function ownedObjects(command: string, action: Action): StatementHandler {
  return (b, body) => {
    b.sheet.command = command;
    b.sheet.act('Administer');
    for (const node of nodes(body, 'roles')) define(b, action, 'role', objectName(node));
  };
}

const role = (command: string): StatementHandler => {
  return (b, body) => {
    b.sheet.command = command;
    const name =
      typeof body.role === 'string' ? body.role : objectName({ RoleSpec: body.role ?? {} } as Node);
    define(b, 'Grant', 'role', name);
  };
};

export const PRIVILEGE_STATEMENTS: Readonly<Record<string, StatementHandler>> = {
  AlterDefaultPrivilegesStmt: (b) => {
    b.sheet.command = 'ALTER DEFAULT PRIVILEGES';
    define(b, 'Grant', 'default privileges', '');
  },
  AlterRoleSetStmt: role('ALTER ROLE'),
  AlterRoleStmt: role('ALTER ROLE'),
  CreateRoleStmt: role('CREATE ROLE'),
  DropOwnedStmt: ownedObjects('DROP OWNED', 'Drop'),
  DropRoleStmt: dropRoles,
  GrantRoleStmt: grantRole,
  GrantStmt: grant,
  ReassignOwnedStmt: ownedObjects('REASSIGN OWNED', 'Grant'),
};

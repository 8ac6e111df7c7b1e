/**
 * Makes `node_modules/.bin/node` if it is missing, so that `npm run …` uses the Node.js that came as a package, whatever
 * the machine has.
 *
 * npm 10 links the package that fits the platform, then removes the ones that do not, and with them the link of the same
 * name. Later versions keep it; there is nothing to do then.
 */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const modules = fileURLToPath(new URL('../node_modules', import.meta.url));
const { platform, arch } = process;
const runtime = [`node-${platform}-${arch}`, `node-bin-${platform}-${arch}`]
  .map((name) => join(name, 'bin', 'node'))
  .find((path) => existsSync(join(modules, path)));

const link = join(modules, '.bin', 'node');
if (runtime !== undefined && !existsSync(link)) {
  mkdirSync(join(modules, '.bin'), { recursive: true });
  symlinkSync(join('..', runtime), link);
}
